package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/sqlite"
	"github.com/relaishq/relais/server/store"
)

// BenchmarkCreateShipment measures what the wake-up adds to a shipment that is on disk when the call returns: without one, with
// one that the shipments of a grain share, and with a job for each shipment.
func BenchmarkCreateShipment(b *testing.B) {
	for _, bench := range []struct {
		name string
		next func(now time.Time, n int) time.Time // the next attempt of the n-th shipment
	}{
		{"bare", func(time.Time, int) time.Time { return time.Time{} }},
		{"shared", func(now time.Time, _ int) time.Time { return now }},
		{"each", func(now time.Time, n int) time.Time { return now.Add(time.Duration(n) * time.Minute) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			db := open(b, filepath.Join(b.TempDir(), "relais.db"))
			connect(b, db, "shop")
			n := 0
			for b.Loop() {
				if n%1000 == 0 {
					b.StopTimer()
					addOrders(b, db, n, 1000)
					b.StartTimer()
				}
				now := time.Now()
				createShipment(b, db, n, bench.next(now, n))
				n++
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "shipments/s")
		})
	}
}

// addOrders stores orders first … first+n-1 of the shop.
func addOrders(t testing.TB, db *sqlite.DB, first, n int) {
	t.Helper()
	const size = 100
	for i := first; i < first+n; i += size {
		batch := order.Batch{Ref: store.Ref{StoreID: "shop", Adapter: "alpha"}, Time: time.Now()}
		for j := i; j < min(i+size, first+n); j++ {
			batch.Orders = append(batch.Orders, order.Order{Number: number(j), Status: order.ReadyToShip})
		}
		if _, err := db.ApplyBatch(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
}

func number(n int) string { return fmt.Sprintf("o%06d", n) }

// newShipment is a shipment of the n-th order.
func newShipment(n int, next time.Time) shipment.New {
	return shipment.New{
		Shipment: shipment.Shipment{
			ID: fmt.Sprintf("p%06d", n), StoreID: "shop", Adapter: "alpha", RequestID: fmt.Sprint(n),
			Request:  shipment.Request{OrderNumber: number(n), Carrier: "Colissimo", TrackingNumber: "6A00000000000"},
			Delivery: delivery.Delivery{State: delivery.Queued, NextAttempt: next},
		},
		Event: shipment.Event{State: delivery.Queued, Kind: shipment.KindAccepted},
	}
}

// createShipment stores a shipment of the n-th order.
func createShipment(t testing.TB, db *sqlite.DB, n int, next time.Time) {
	t.Helper()
	created, err := db.CreateShipments(context.Background(), []shipment.New{newShipment(n, next)})
	if err != nil || created[0].Err != nil || created[0].Result != shipment.CreatedNew {
		t.Fatal(created, err)
	}
}
