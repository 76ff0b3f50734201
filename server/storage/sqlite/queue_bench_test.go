package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// BenchmarkDueShipments measures a look for eight due shipments of a store behind which others wait, and one past that store to
// another whose shipment became due after all of them.
func BenchmarkDueShipments(b *testing.B) {
	for _, waiting := range []int{10, 6000} {
		db := open(b, filepath.Join(b.TempDir(), "relais.db"))
		connect(b, db, "shop")
		addOrders(b, db, 0, waiting)
		begin := time.Now()
		news := make([]shipment.New, waiting)
		for i := range news {
			news[i] = newShipment(i, begin.Add(time.Duration(i)))
		}
		last := newShipment(waiting, begin.Add(time.Second))
		last.Shipment.StoreID = "idle"
		connect(b, db, "idle")
		idle := store.Ref{StoreID: "idle", Adapter: "alpha"}
		if _, err := db.ApplyBatch(context.Background(), order.Batch{
			Ref: idle, Orders: []order.Order{{Number: number(waiting), Status: order.ReadyToShip}}, Time: begin,
		}); err != nil {
			b.Fatal(err)
		}
		if _, err := db.CreateShipments(context.Background(), append(news, last)); err != nil {
			b.Fatal(err)
		}
		for _, c := range []struct {
			name    string
			without []store.Ref
			want    int
		}{{"of the busy store", nil, 8}, {"past it", []store.Ref{{StoreID: "shop", Adapter: "alpha"}}, 1}} {
			b.Run(fmt.Sprintf("%d wait, %s", waiting, c.name), func(b *testing.B) {
				for b.Loop() {
					found, err := db.DueShipments(context.Background(), due.Look[store.Ref]{
						Lane: "alpha", Now: begin.Add(time.Minute), Limit: 8, PerGroup: 8, Without: c.without,
					})
					if err != nil || len(found) != c.want {
						b.Fatalf("%d due, %v", len(found), err)
					}
				}
			})
		}
	}
}
