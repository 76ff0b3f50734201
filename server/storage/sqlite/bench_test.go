package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/sqlite"
	"github.com/relaishq/relais/server/store"
)

// BenchmarkApplyBatch measures what an import costs the database, encoding and the commit on disk included: batches of
// 100 orders with documents of about 2 kB.
func BenchmarkApplyBatch(b *testing.B) {
	const size = 100
	for _, bench := range []struct {
		name  string
		batch func(n int) []order.Order // the n-th batch
	}{
		{"new", func(n int) []order.Order { return orders(n*size, size, 0) }},
		{"unchanged", func(int) []order.Order { return orders(0, size, 0) }},
		{"changed", func(n int) []order.Order { return orders(0, size, n+1) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			ctx := context.Background()
			db := open(b, filepath.Join(b.TempDir(), "relais.db"))
			connect(b, db, "shop")
			start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
			run := order.Import{ID: "i", StoreID: "shop", Start: start, Windows: []order.Window{{Axis: order.Created, Since: start, Until: start}}}
			if _, _, err := db.StartImport(ctx, run); err != nil {
				b.Fatal(err)
			}
			ref := store.Ref{StoreID: "shop", Adapter: "alpha"}
			apply := func(orders []order.Order, importID string) {
				if _, err := db.ApplyBatch(ctx, order.Batch{Ref: ref, ImportID: importID, Orders: orders, Time: start}); err != nil {
					b.Fatal(err)
				}
			}
			if bench.name != "new" {
				for i := range 100 {
					apply(orders(i*size, size, 0), "")
				}
			}
			n := 0
			for b.Loop() {
				apply(bench.batch(n), "i")
				n++
			}
			b.ReportMetric(float64(n*size)/b.Elapsed().Seconds(), "orders/s")
		})
	}
}

// orders makes orders first … first+n-1 as they look in a revision.
func orders(first, n, revision int) []order.Order {
	all := make([]order.Order, n)
	for i := range all {
		all[i] = sample(fmt.Sprintf("26030%08d", first+i), revision)
	}
	return all
}

func sample(number string, revision int) order.Order {
	bought := time.Date(2026, 2, 27, 18, 30, 12, 0, time.UTC)
	price := &order.Money{Currency: "EUR", Units: 24, Nanos: 990_000_000}
	address := &order.Address{
		Civility: "MRS", FirstName: "Camille", LastName: "Exemple", Lines: []string{"12 rue des Essais", "Bâtiment C"},
		PostalCode: "69003", City: "Lyon", CountryCode: "FR", Phone: "+33600000000", Email: "camille@example.com",
	}
	line := order.Line{
		ID: "1", SKU: "LAMP-0042", ProductID: "AUC2009999999999", EAN: "2009999999999", Title: "Lampe de bureau articulée, laiton",
		Quantity: 1, UnitPrice: price, TotalPrice: price, Status: order.ReadyToShip, NativeStatus: "ShippedBySeller",
		Condition: "New", ShipBy: bought.AddDate(0, 0, 3), DeliverFrom: bought.AddDate(0, 0, 4), DeliverBy: bought.AddDate(0, 0, 6),
	}
	o := order.Order{
		Number: number, NativeID: number, Reference: "MP-" + number, Status: order.ReadyToShip,
		NativeStatus: "WaitingForShipmentAcceptation", Fulfillment: order.FulfilledBySeller, SalesChannel: "shop",
		PurchaseTime: bought, UpdateTime: bought.Add(time.Duration(revision) * time.Second), ShipBy: line.ShipBy,
		Customer: order.Customer{ID: "900001", FirstName: "Camille", LastName: "Exemple", Email: "camille@example.com"},
		ShipTo:   address, BillTo: address,
		PickupPoint:  &order.PickupPoint{Network: order.MondialRelay, RawID: "12345", ID: "012345", Name: "Tabac de la Gare", Address: *address},
		DeliveryKind: order.DeliveryPickup, NativeDelivery: "REL", Lines: []order.Line{line, line},
		Fees:  []order.Fee{{Code: "INTERETBCA", Label: "Frais de traitement", Amount: price}},
		Total: price, Shipping: price, Commission: price,
	}
	o.AdapterContext = []byte(strings.Repeat("x", 60))
	return o
}

func open(t testing.TB, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func connect(t testing.TB, db *sqlite.DB, id string) {
	t.Helper()
	s := store.Store{ID: id, Adapter: "alpha", Marketplace: "market", AccountID: id}
	if err := db.CreateStore(context.Background(), s, store.AccountKeys{"login:" + id}, store.Sealed{KeyID: "1", Ciphertext: []byte("sealed")}); err != nil {
		t.Fatal(err)
	}
}
