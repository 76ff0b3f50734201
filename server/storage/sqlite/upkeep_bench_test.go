package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// BenchmarkHeldWork measures what 10,000 open shipments cost whose store's credentials do not work: a look for what is due, and each
// half of a round of upkeep that finds nothing to do.
func BenchmarkHeldWork(b *testing.B) {
	const held = 10_000
	ctx := context.Background()
	db := open(b, filepath.Join(b.TempDir(), "relais.db"))
	connect(b, db, "shop")
	addOrders(b, db, 0, held)
	begin := time.Now()
	news := make([]shipment.New, held)
	for i := range news {
		news[i] = newShipment(i, begin)
		news[i].Shipment.Deadline = begin.Add(24 * time.Hour)
	}
	if _, err := db.CreateShipments(ctx, news); err != nil {
		b.Fatal(err)
	}
	refused := store.Standing{Refusals: 3, Since: begin, Refused: true, NextProbe: begin.Add(time.Hour)}
	if _, err := db.ChangeStanding(ctx, store.Ref{StoreID: "shop", Adapter: "alpha"}, func(store.Standing) store.Standing { return refused }); err != nil {
		b.Fatal(err)
	}
	day := 24 * time.Hour
	for _, c := range []struct {
		name string
		do   func() (int, error)
	}{
		{"look", func() (int, error) {
			found, err := db.DueShipments(ctx, due.Look[store.Ref]{Lane: "alpha", Now: begin.Add(time.Minute), Limit: 8, PerGroup: 8})
			return len(found), err
		}},
		{"reclaim", func() (int, error) {
			return db.Reclaim(ctx, begin, store.Horizons{Import: day, Probe: day, Attempt: day, Settle: day})
		}},
		{"abandon", func() (int, error) { return db.AbandonHeld(ctx, begin, begin) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := c.do(); err != nil || n != 0 {
					b.Fatalf("%d, %v", n, err)
				}
			}
		})
	}
}
