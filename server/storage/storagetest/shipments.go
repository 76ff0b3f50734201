package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

var shipmentCases = []testCase{
	{"create stores every field and the first event", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		created := ship(t, r, "p1", "1")
		want := newShipment("p1", "1")
		want.Revision = created.Revision
		same(t, "returned", created, want)
		got, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "stored", got, want)
		events, err := r.Shipments.ShipmentEvents(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "events", events, once(queued))
	}},
	{"create returns the shipment with the same request id", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		first := ship(t, r, "p1", "1")
		apply(t, r, shop, at(0), newOrder("2", order.ReadyToShip))
		again := newShipment("p2", "2") // another order: the caller judges the digest
		again.RequestID = first.RequestID
		got, result, err := createOne(t, r, again)
		noError(t, err)
		same(t, "result", result, shipment.SameRequest)
		same(t, "shipment", got, first)
		_, err = r.Shipments.GetShipment(t.Context(), shop, "p2")
		wantError(t, err, shipment.ErrNotFound)
		events, err := r.Shipments.ShipmentEvents(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "events", events, once(queued))
	}},
	{"an ended shipment is still found by its request id", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		first := ship(t, r, "p1", "1")
		first.State = delivery.Rejected
		first = update(t, r, first)
		again := newShipment("p2", "1")
		again.RequestID = first.RequestID
		got, result, err := createOne(t, r, again)
		noError(t, err)
		same(t, "result", result, shipment.SameRequest)
		same(t, "shipment", got, first)
	}},
	{"create returns the order's open shipment, in every open state", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		open := ship(t, r, "p1", "1")
		for _, state := range []delivery.State{delivery.Queued, delivery.Sending, delivery.Acknowledged} {
			open.State = state
			open = update(t, r, open)
			got, result, err := createOne(t, r, newShipment("p2", "1"))
			noError(t, err)
			same(t, "result", result, shipment.OrderHasOpen)
			same(t, "shipment", got, open)
		}
	}},
	{"an order whose shipment ended takes another", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip))
		for i, state := range []delivery.State{
			delivery.Confirmed, delivery.Rejected, delivery.NeedsAttention, delivery.Superseded, delivery.Cancelled,
		} {
			s := create(t, r, newShipment(numbered("p", i), "1"))
			s.State = state
			update(t, r, s)
		}
	}},
	{"request ids and orders belong to their store", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		ship(t, r, "p1", "1")
		apply(t, r, "other", at(0), newOrder("1", order.ReadyToShip))
		s := newShipment("p1", "1")
		s.StoreID = "other"
		create(t, r, s)
	}},
	{"a shipment needs an order", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		apply(t, r, "other", at(0), newOrder("1", order.ReadyToShip))
		_, _, err := createOne(t, r, newShipment("p1", "1"))
		wantError(t, err, order.ErrNotFound)
		_, err = r.Shipments.GetShipment(t.Context(), shop, "p1")
		wantError(t, err, shipment.ErrNotFound)
	}},
	{"of several creates for one order one wins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip))
		ids, results := make([]string, 16), make([]shipment.CreateResult, 16)
		together(len(results), func(i int) {
			s, result, err := createOne(t, r, newShipment(numbered("p", i), "1"))
			if err != nil {
				t.Error(err)
			}
			ids[i], results[i] = s.ID, result
		})
		created := 0
		for i, result := range results {
			if result == shipment.CreatedNew {
				created++
			}
			if ids[i] != ids[0] {
				t.Errorf("shipments %s and %s for one order", ids[i], ids[0])
			}
		}
		if created != 1 {
			t.Errorf("%d shipments were created, want 1", created)
		}
	}},
	{"of several creates with one request id one wins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		const n = 8
		for i := range n {
			apply(t, r, shop, at(0), newOrder(numbered("n", i), order.ReadyToShip))
		}
		results := make([]shipment.CreateResult, n)
		together(n, func(i int) {
			s := newShipment(numbered("p", i), numbered("n", i))
			s.RequestID = "one"
			var err error
			if _, results[i], err = createOne(t, r, s); err != nil {
				t.Error(err)
			}
		})
		created := 0
		for _, result := range results {
			if result == shipment.CreatedNew {
				created++
			}
		}
		if created != 1 {
			t.Errorf("%d shipments were created, want 1", created)
		}
	}},
	{"update writes progress, counts the revision and appends events", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := ship(t, r, "p1", "1")
		want := s
		want.State, want.NotSentFields = delivery.Acknowledged, []string{"ship_time"}
		want.Chosen = shipment.ChosenCarrier{Name: "other code", Rule: carrier.RuleCode, ListAge: 1, TrackingURL: "https://other.example/"}
		want.Evidence, want.ReplacedBy, want.Reason, want.Message = shipment.EvidenceTracking, "p9", "R", "m"
		want.SendCount, want.SentTime, want.LastOutcome, want.StillReady, want.FailureCount = 1, at(11), delivery.Unknown, 2, 3
		want.Uncertain, want.SettledTime = true, at(15)
		want.NextAttempt, want.Deadline, want.UpdateTime = at(12), at(13), at(14)
		events := []shipment.Event{
			{Time: at(11), State: delivery.Sending, Message: "sent"}, {Time: at(11), State: delivery.Acknowledged, Message: "yes"},
		}
		got := update(t, r, want, events...)
		want.Revision = s.Revision + 1
		same(t, "returned", got, want)
		got, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "stored", got, want)
		stored, err := r.Shipments.ShipmentEvents(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "events", stored, append(once(queued), once(events...)...))
	}},
	{"update of an older revision changes nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		old := ship(t, r, "p1", "1")
		fresh := old
		fresh.Message = "fresh"
		fresh = update(t, r, fresh)
		old.Message = "old"
		_, err := r.Shipments.UpdateShipment(t.Context(), old, shipment.Event{Time: at(20), State: delivery.Sending})
		wantError(t, err, shipment.ErrConflict)
		got, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "shipment", got, fresh)
		events, err := r.Shipments.ShipmentEvents(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "events", events, once(queued))
	}},
	{"of several updates of one revision one wins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := ship(t, r, "p1", "1")
		errs := make([]error, 8)
		together(len(errs), func(i int) { _, errs[i] = r.Shipments.UpdateShipment(t.Context(), s) })
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantError(t, err, shipment.ErrConflict)
		}
		if won != 1 {
			t.Errorf("%d updates won, want 1", won)
		}
	}},
	{"update of an unknown shipment", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		_, err := r.Shipments.UpdateShipment(t.Context(), newShipment("p1", "1"))
		wantError(t, err, shipment.ErrNotFound)
	}},
	{"a shipment does not open again beside another", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		old := ship(t, r, "p1", "1")
		old.State = delivery.NeedsAttention
		old = update(t, r, old)
		create(t, r, newShipment("p2", "1"))
		old.State = delivery.Queued
		_, err := r.Shipments.UpdateShipment(t.Context(), old)
		wantError(t, err, shipment.ErrConflict)
	}},
	{"find by request id", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		want := ship(t, r, "p1", "1")
		got, err := r.Shipments.FindRequest(t.Context(), shop, "request-p1")
		noError(t, err)
		same(t, "shipment", got, want)
		_, err = r.Shipments.FindRequest(t.Context(), "other", "request-p1")
		wantError(t, err, shipment.ErrNotFound)
		_, err = r.Shipments.FindRequest(t.Context(), shop, "p1")
		wantError(t, err, shipment.ErrNotFound)
	}},
	{"get of an unknown shipment", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		ship(t, r, "p1", "1")
		for _, storeID := range []string{"other", "unknown"} {
			_, err := r.Shipments.GetShipment(t.Context(), storeID, "p1")
			wantError(t, err, shipment.ErrNotFound)
		}
	}},
	{"carriers are cached for a store and adapter", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		beta := store.Ref{StoreID: shop, Adapter: "beta"}
		for i, list := range [][]shipment.Carrier{
			{{Code: "1", Name: "Colissimo", TrackingURL: "https://tracking.example/@"}, {Code: "2", Name: "DPD"}},
			{{Code: "3", Name: "GLS"}},
		} {
			want := shipment.CarrierList{Carriers: list, ReadTime: at(i)}
			noError(t, r.Shipments.SaveCarriers(t.Context(), shopRef, want))
			got, err := r.Shipments.Carriers(t.Context(), shopRef)
			noError(t, err)
			same(t, "carriers", got, want)
		}
		for _, ref := range []store.Ref{beta, {StoreID: "other", Adapter: alpha}} {
			got, err := r.Shipments.Carriers(t.Context(), ref)
			noError(t, err)
			same(t, "carriers of another", got, shipment.CarrierList{})
		}
	}},
	{"a carrier list may be empty", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, r.Shipments.SaveCarriers(t.Context(), shopRef, shipment.CarrierList{ReadTime: at(1)}))
		got, err := r.Shipments.Carriers(t.Context(), shopRef)
		noError(t, err)
		same(t, "carriers", got, shipment.CarrierList{ReadTime: at(1)})
	}},
}

var shipmentPageCases = []testCase{
	{"list pages newest first with filters", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		states := []delivery.State{delivery.Queued, delivery.Confirmed, delivery.Rejected, delivery.NeedsAttention}
		for i := range 8 {
			s := ship(t, r, numbered("p", i), numbered("n", i))
			s.State = states[i%len(states)]
			update(t, r, s)
		}
		// A second shipment of order 1, whose first is confirmed.
		create(t, r, newShipment("p0008", "n0001"))
		for _, c := range []struct {
			name  string
			query shipment.ListQuery
			want  []string
		}{
			{"all", shipment.ListQuery{}, []string{"p0008", "p0007", "p0006", "p0005", "p0004", "p0003", "p0002", "p0001", "p0000"}},
			{"of an order", shipment.ListQuery{OrderNumber: "n0001"}, []string{"p0008", "p0001"}},
			{"in a state", shipment.ListQuery{States: []delivery.State{delivery.Rejected}}, []string{"p0006", "p0002"}},
			{"in several states, one named twice",
				shipment.ListQuery{States: []delivery.State{delivery.Queued, delivery.NeedsAttention, delivery.Queued}},
				[]string{"p0008", "p0007", "p0004", "p0003", "p0000"}},
			{"of an order in a state", shipment.ListQuery{OrderNumber: "n0001", States: []delivery.State{delivery.Confirmed, delivery.Rejected}},
				[]string{"p0001"}},
			{"of another store", shipment.ListQuery{StoreID: "other"}, nil},
		} {
			if c.query.StoreID == "" {
				c.query.StoreID = shop
			}
			for _, limit := range []int{1, 2, 100} {
				c.query.Limit, c.query.BeforeID = limit, ""
				var ids []string
				for {
					page, err := r.Shipments.ListShipments(t.Context(), c.query)
					noError(t, err)
					for _, s := range page {
						ids = append(ids, s.ID)
						c.query.BeforeID = s.ID
					}
					if len(page) < limit {
						break
					}
				}
				same(t, c.name, ids, c.want)
			}
		}
	}},
	{"due are open shipments of working stores, the most overdue first", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "paused", "gone")
		put := func(storeID, id string, state delivery.State, next time.Time) {
			t.Helper()
			apply(t, r, storeID, at(0), newOrder(id, order.ReadyToShip))
			s := newShipment(id, id)
			s.StoreID, s.State, s.NextAttempt = storeID, state, next
			create(t, r, s)
		}
		put(shop, "late", delivery.Queued, at(30))
		put(shop, "sending", delivery.Sending, at(20))
		put(shop, "acknowledged", delivery.Acknowledged, at(25))
		put(shop, "now", delivery.Queued, at(40))
		put(shop, "later", delivery.Queued, at(40).Add(time.Nanosecond))
		put(shop, "unplanned", delivery.Queued, time.Time{})
		put(shop, "ended", delivery.NeedsAttention, at(1))
		put("paused", "paused", delivery.Queued, at(10))
		put("gone", "gone", delivery.Queued, at(5))
		setPaused(t, r, "paused", true)
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(6), true)
		noError(t, err)
		due := func(now time.Time, limit int, want ...string) {
			t.Helper()
			shipments, err := r.Shipments.DueShipments(t.Context(), look(now, limit))
			noError(t, err)
			var ids []string
			for _, s := range shipments {
				ids = append(ids, s.ID)
			}
			same(t, "due", ids, want)
		}
		next := func(want time.Time) {
			t.Helper()
			got, err := r.Shipments.NextDue(t.Context(), alpha, time.Time{})
			noError(t, err)
			same(t, "next due", got, want)
		}
		due(at(40), 10, "sending", "acknowledged", "late", "now")
		due(at(40), 2, "sending", "acknowledged")
		due(at(19), 10)
		next(at(20))
		setPaused(t, r, "paused", false)
		due(at(20), 10, "paused", "sending")
		next(at(10))
	}},
	{"nothing is due when there are no shipments", func(t *testing.T, r Repositories) {
		got, err := r.Shipments.NextDue(t.Context(), alpha, time.Time{})
		noError(t, err)
		same(t, "next due", got, time.Time{})
		shipments, err := r.Shipments.DueShipments(t.Context(), look(at(0), 10))
		noError(t, err)
		same(t, "due", shipments, []shipment.Shipment{})
	}},
}
