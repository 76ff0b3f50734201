package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relaishq/relais/server/shipment"
)

// BenchmarkCreateShipments measures how many shipments a second are on disk when their calls return: of one caller, of many at the
// same time, and in batches, each with its wake-up; beside it how often the same file takes a bare commit.
func BenchmarkCreateShipments(b *testing.B) {
	b.Run("bare commit", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "relais.db")
		open(b, path)
		beside, err := sql.Open("sqlite", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = beside.Close() }()
		beside.SetMaxOpenConns(1)
		ctx := context.Background()
		if _, err := beside.ExecContext(ctx, `CREATE TABLE bare (n INTEGER)`); err != nil {
			b.Fatal(err)
		}
		insert, err := beside.PrepareContext(ctx, `INSERT INTO bare VALUES (1)`)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = insert.Close() }()
		n := 0
		for b.Loop() {
			tx, err := beside.BeginTx(ctx, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := tx.StmtContext(ctx, insert).ExecContext(ctx); err != nil {
				b.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
			n++
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "commits/s")
	})
	for _, bench := range []struct{ callers, each int }{{1, 1}, {8, 1}, {64, 1}, {1, 200}} {
		b.Run(fmt.Sprintf("%d callers with %d", bench.callers, bench.each), func(b *testing.B) {
			db := open(b, filepath.Join(b.TempDir(), "relais.db"))
			connect(b, db, "shop")
			addOrders(b, db, 0, b.N*bench.each)
			var calls atomic.Int64
			var callers sync.WaitGroup
			b.ResetTimer()
			for range bench.callers {
				callers.Go(func() {
					for call := int(calls.Add(1)); call <= b.N; call = int(calls.Add(1)) {
						news := make([]shipment.New, bench.each)
						for i := range news {
							news[i] = newShipment((call-1)*bench.each+i, time.Now())
						}
						created, err := db.CreateShipments(context.Background(), news)
						for _, c := range created {
							if c.Err != nil || c.Result != shipment.CreatedNew {
								b.Errorf("%s: result %d, error %v", c.Shipment.ID, c.Result, c.Err)
							}
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			callers.Wait()
			b.ReportMetric(float64(b.N*bench.each)/b.Elapsed().Seconds(), "shipments/s")
		})
	}
}
