package storagetest

import (
	"context"
	"testing"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
)

// news is shipments to be stored, each with its first event.
func news(shipments ...shipment.Shipment) []shipment.New {
	all := make([]shipment.New, len(shipments))
	for i, s := range shipments {
		all[i] = shipment.New{Shipment: s, Event: queued}
	}
	return all
}

// createAll stores shipments with one call.
func createAll(t *testing.T, r Repositories, all ...shipment.New) []shipment.Created {
	t.Helper()
	created, err := r.Shipments.CreateShipments(t.Context(), all)
	noError(t, err)
	if len(created) != len(all) {
		t.Fatalf("%d results for %d shipments", len(created), len(all))
	}
	return created
}

// notStored checks that the shop has no shipment of this id.
func notStored(t *testing.T, r Repositories, id string) {
	t.Helper()
	wantError(t, second(r.Shipments.GetShipment(t.Context(), shop, id)), shipment.ErrNotFound)
}

var shipmentBatchCases = []testCase{
	{"nothing to store is nothing", func(t *testing.T, r Repositories) {
		same(t, "results", createAll(t, r), []shipment.Created{})
	}},
	{"each shipment is stored with its own event", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip), newOrder("2", order.ReadyToShip))
		apply(t, r, "other", at(0), newOrder("1", order.ReadyToShip))
		all := news(newShipment("p1", "1"), newShipment("p2", "2"), newShipment("p3", "1"))
		all[1].Event.Message = "another"
		all[2].Shipment.StoreID = "other"
		for i, c := range createAll(t, r, all...) {
			want := all[i].Shipment
			want.Revision = c.Shipment.Revision
			same(t, "result", c, shipment.Created{Shipment: want})
			got, err := r.Shipments.GetShipment(t.Context(), want.StoreID, want.ID)
			noError(t, err)
			same(t, "stored", got, want)
			events, err := r.Shipments.ShipmentEvents(t.Context(), want.StoreID, want.ID)
			noError(t, err)
			same(t, "events", events, once(all[i].Event))
		}
	}},
	{"each is judged after those before it", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip), newOrder("2", order.ReadyToShip))
		all := news(newShipment("p1", "1"), newShipment("p2", "1"), newShipment("p3", "2"))
		all[2].Shipment.RequestID = all[0].Shipment.RequestID
		created := createAll(t, r, all...)
		first := getShipment(t, r, "p1")
		same(t, "results", created, []shipment.Created{
			{Shipment: first}, {Shipment: first, Result: shipment.OrderHasOpen}, {Shipment: first, Result: shipment.SameRequest},
		})
		notStored(t, r, "p2")
		notStored(t, r, "p3")
	}},
	{"one that cannot be stored stops no other", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		known := ship(t, r, "p0", "0")
		for _, number := range []string{"1", "2", "3", "4", "5"} {
			apply(t, r, shop, at(0), newOrder(number, order.ReadyToShip))
		}
		elsewhere := newShipment("p3", "3")
		elsewhere.Adapter = beta
		again := newShipment("p4", "4")
		again.RequestID = known.RequestID
		taken := newShipment("p1", "5") // its id is another's: that never happens, but it must harm nobody
		taken.RequestID = "request-p6"
		all := news(newShipment("p1", "1"), newShipment("p2", "unknown"), elsewhere, again, newShipment("p5", "0"), taken, newShipment("p7", "2"))
		created := createAll(t, r, all...)
		wantError(t, created[1].Err, order.ErrNotFound)
		wantError(t, created[2].Err, order.ErrMoved)
		if created[5].Err == nil {
			t.Error("two shipments have one id")
		}
		for i := range created {
			created[i].Err = nil
		}
		same(t, "results", created, []shipment.Created{
			{Shipment: getShipment(t, r, "p1")}, {}, {}, {Shipment: known, Result: shipment.SameRequest},
			{Shipment: known, Result: shipment.OrderHasOpen}, {}, {Shipment: getShipment(t, r, "p7")},
		})
		same(t, "order of the first", getShipment(t, r, "p1").OrderNumber, "1")
		for _, id := range []string{"p2", "p3", "p4", "p5"} {
			notStored(t, r, id)
		}
		wantError(t, second(r.Shipments.FindRequest(t.Context(), shop, "request-p6")), shipment.ErrNotFound)
	}},
	{"a call that has ended stores nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		created, err := r.Shipments.CreateShipments(ctx, news(newShipment("p1", "1")))
		wantError(t, err, context.Canceled)
		same(t, "results", created, []shipment.Created{})
		notStored(t, r, "p1")
		create(t, r, newShipment("p1", "1"))
	}},
	{"callers at the same time each get their own results", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		const callers, each = 24, 3
		for i := range callers {
			for j := range each {
				apply(t, r, shop, at(0), newOrder(numbered("n", each*i+j), order.ReadyToShip))
			}
		}
		together(callers, func(i int) {
			all := news(newShipment(numbered("x", i), "unknown"))
			for j := range each {
				all = append(all, news(newShipment(numbered("p", each*i+j), numbered("n", each*i+j)))...)
			}
			created, err := r.Shipments.CreateShipments(t.Context(), all)
			if err != nil || len(created) != len(all) {
				t.Errorf("%d results, error %v", len(created), err)
				return
			}
			wantError(t, created[0].Err, order.ErrNotFound)
			for j, c := range created[1:] {
				if c.Err != nil || c.Result != shipment.CreatedNew || c.Shipment.ID != all[j+1].Shipment.ID {
					t.Errorf("result of %s: %s, %d, %v", all[j+1].Shipment.ID, c.Shipment.ID, c.Result, c.Err)
				}
			}
		})
		stored, err := r.Shipments.ListShipments(t.Context(), shipment.ListQuery{StoreID: shop, Limit: 1000, States: delivery.OpenStates()})
		noError(t, err)
		same(t, "stored", len(stored), callers*each)
	}},
}
