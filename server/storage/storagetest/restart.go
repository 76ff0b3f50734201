package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
)

var restartCases = []testCase{
	{"everything survives", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, r.Stores.SaveAdapterState(t.Context(), shopRef, sealed("state")))
		noError(t, r.Shipments.SaveCarriers(t.Context(), shopRef, shipment.CarrierList{ReadTime: at(1)}))
		wantShipment := ship(t, r, "p1", "1")
		wantImport := startImport(t, r, "i1")
		wantOrder := getOrder(t, r, "1")
		wantDecision := decide(t, r, "2")
		wantProduct := order.Product{EAN: "e", Found: true, Options: []order.ItemOption{{Name: "size", Value: "M"}}, ReadTime: at(1)}
		noError(t, r.Products.SaveProducts(t.Context(), alpha, []order.Product{wantProduct}))

		r = r.Reopen(t)
		gotStore, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "store", gotStore, newStore(shop))
		credentials, err := r.Stores.Credentials(t.Context(), shopRef)
		noError(t, err)
		same(t, "credentials", credentials, sealed("credentials of shop"))
		state, err := r.Stores.AdapterState(t.Context(), shopRef)
		noError(t, err)
		same(t, "state", state, sealed("state"))
		same(t, "order", getOrder(t, r, "1"), wantOrder)
		gotImport, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "import", gotImport, wantImport)
		gotShipment, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "shipment", gotShipment, wantShipment)
		carriers, err := r.Shipments.Carriers(t.Context(), shopRef)
		noError(t, err)
		same(t, "carriers", carriers, shipment.CarrierList{ReadTime: at(1)})
		same(t, "decision", getDecision(t, r, "2"), wantDecision)
		next, err := r.Decisions.NextDecision(t.Context(), alpha, time.Time{})
		noError(t, err)
		same(t, "next decision", next, wantDecision.NextAttempt)
		products, err := r.Products.Products(t.Context(), alpha, []string{"e"})
		noError(t, err)
		same(t, "products", products, map[string]order.Product{"e": wantProduct})
	}},
	{"a move survives", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		importThrough(t, r, 5, order.Failed, alphaFailed)
		move(t, r, alpha, beta, 10)
		undo(t, r, 20)
		noError(t, r.Stores.SaveAdapterState(t.Context(), betaRef, sealed("beta's state")))
		apply(t, r, shop, at(21), named("1", "", "x"))
		want := take(t, r)
		r = r.Reopen(t)
		same(t, "after the restart", take(t, r), want)
		same(t, "matches", matched(t, r, id("b1", "", "x")), []string{"(alpha/1)"})
		complete(t, r, beta, 30)
	}},
	{"an older read is still older", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(3), newOrder("1", order.Processing))
		apply(t, r, shop, at(10), newOrder("1", order.Processing)) // shows no change
		r = r.Reopen(t)
		same(t, "counts", apply(t, r, shop, at(9), newOrder("1", order.Cancelled)), order.Counts{Read: 1, Unchanged: 1})
	}},
	{"an interrupted run can be told and followed by another", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		startImport(t, r, "i1")
		r = r.Reopen(t)
		if _, joined, err := r.Orders.StartImport(t.Context(), newImport(shop, "i2")); err != nil || !joined {
			t.Errorf("joined %t, error %v: the run before the restart is not known", joined, err)
		}
		n, err := r.Orders.InterruptImports(t.Context(), at(300), stopped)
		noError(t, err)
		same(t, "interrupted", n, 1)
		startImport(t, r, "i2")
	}},
	{"change times keep growing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(10), newOrder("1", order.ReadyToShip))
		r = r.Reopen(t)
		apply(t, r, shop, at(2), newOrder("2", order.ReadyToShip))
		if first, second := getOrder(t, r, "1"), getOrder(t, r, "2"); !second.ChangeTime.After(first.ChangeTime) {
			t.Errorf("changed at %s, not after %s", second.ChangeTime, first.ChangeTime)
		}
	}},
}
