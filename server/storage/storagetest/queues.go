package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// look asks for what is due at a time through the first adapter, of any store.
func look(now time.Time, limit int) due.Look[store.Ref] {
	return due.Look[store.Ref]{Lane: alpha, Now: now, Limit: limit, PerGroup: limit}
}

// queue is shipments or decisions as they wait for their time. Each is about an order that has its name.
type queue struct {
	name   string
	status order.Status // of the orders
	// add stores one that is due at a time, with its order.
	add func(t *testing.T, r Repositories, ref store.Ref, id string, next time.Time)
	// step changes one as a step of work does.
	step func(t *testing.T, r Repositories, storeID, id string, change func(*delivery.Delivery))
	due  func(t *testing.T, r Repositories, l due.Look[store.Ref]) []string
	// next is of the first adapter, adapters of all.
	next     func(t *testing.T, r Repositories, after time.Time) time.Time
	adapters func(t *testing.T, r Repositories) []string
}

var shipmentQueue = queue{
	name: "shipments", status: order.ReadyToShip,
	add: func(t *testing.T, r Repositories, ref store.Ref, id string, next time.Time) {
		t.Helper()
		applyBatch(t, r, order.Batch{Ref: ref, Orders: []order.Order{newOrder(id, order.ReadyToShip)}, ReadTime: at(50), Time: at(50)})
		s := newShipment(id, id)
		s.StoreID, s.Adapter, s.NextAttempt = ref.StoreID, ref.Adapter, next
		create(t, r, s)
	},
	step: func(t *testing.T, r Repositories, storeID, id string, change func(*delivery.Delivery)) {
		t.Helper()
		s, err := r.Shipments.GetShipment(t.Context(), storeID, id)
		noError(t, err)
		change(&s.Delivery)
		_, err = r.Shipments.UpdateShipment(t.Context(), s)
		noError(t, err)
	},
	due: func(t *testing.T, r Repositories, l due.Look[store.Ref]) (ids []string) {
		t.Helper()
		shipments, err := r.Shipments.DueShipments(t.Context(), l)
		noError(t, err)
		for _, s := range shipments {
			ids = append(ids, s.ID)
		}
		return ids
	},
	next: func(t *testing.T, r Repositories, after time.Time) time.Time {
		t.Helper()
		next, err := r.Shipments.NextDue(t.Context(), alpha, after)
		noError(t, err)
		return next
	},
	adapters: func(t *testing.T, r Repositories) []string {
		t.Helper()
		adapters, err := r.Shipments.Adapters(t.Context())
		noError(t, err)
		return adapters
	},
}

var decisionQueue = queue{
	name: "decisions", status: order.PendingAcceptance,
	add: func(t *testing.T, r Repositories, ref store.Ref, id string, next time.Time) {
		t.Helper()
		applyBatch(t, r, order.Batch{Ref: ref, Orders: []order.Order{newOrder(id, order.PendingAcceptance)}, ReadTime: at(50), Time: at(50)})
		d := newDecision(id, decision.Accept)
		d.StoreID, d.Adapter, d.NextAttempt = ref.StoreID, ref.Adapter, next
		put(t, r, d)
	},
	step: func(t *testing.T, r Repositories, storeID, id string, change func(*delivery.Delivery)) {
		t.Helper()
		found, err := r.Decisions.Decisions(t.Context(), storeID, []string{id})
		noError(t, err)
		d := found[id]
		change(&d.Delivery)
		_, err = r.Decisions.UpdateDecision(t.Context(), d)
		noError(t, err)
	},
	due: func(t *testing.T, r Repositories, l due.Look[store.Ref]) (ids []string) {
		t.Helper()
		decisions, err := r.Decisions.DueDecisions(t.Context(), l)
		noError(t, err)
		for _, d := range decisions {
			ids = append(ids, d.OrderNumber)
		}
		return ids
	},
	next: func(t *testing.T, r Repositories, after time.Time) time.Time {
		t.Helper()
		next, err := r.Decisions.NextDecision(t.Context(), alpha, after)
		noError(t, err)
		return next
	},
	adapters: func(t *testing.T, r Repositories) []string {
		t.Helper()
		adapters, err := r.Decisions.Adapters(t.Context())
		noError(t, err)
		return adapters
	},
}

// queueCases: nobody waits for another store's work, and of a moving store not for what goes through the other adapter.
var queueCases = append(casesOf(shipmentQueue), casesOf(decisionQueue)...)

// waitUntil plans the next attempt of a delivery after a step.
func waitUntil(stepped, next time.Time) func(*delivery.Delivery) {
	return func(d *delivery.Delivery) { d.UpdateTime, d.NextAttempt = stepped, next }
}

func casesOf(q queue) []testCase {
	// backlog is three that are due of store a, one of store b and one of store c.
	backlog := func(t *testing.T, r Repositories) {
		t.Helper()
		connect(t, r, "a", "b", "c")
		for id, minute := range map[string]int{"a1": 10, "a2": 11, "a3": 20} {
			q.add(t, r, of("a"), id, at(minute))
		}
		q.add(t, r, of("b"), "b1", at(15))
		q.add(t, r, of("c"), "c1", at(12))
	}
	cases := []testCase{
		{"who waits longest comes first, and at most as many as asked for", func(t *testing.T, r Repositories) {
			backlog(t, r)
			same(t, "due", q.due(t, r, look(at(30), 9)), []string{"a1", "a2", "a3", "c1", "b1"})
			same(t, "the first four", q.due(t, r, look(at(30), 4)), []string{"a1", "a2", "a3", "c1"})
			for n, want := range map[int][]string{1: {"a1", "c1", "b1"}, 2: {"a1", "a2", "c1", "b1"}} {
				same(t, "so many of each", q.due(t, r, due.Look[store.Ref]{Lane: alpha, Now: at(30), Limit: 9, PerGroup: n}), want)
			}
		}},
		{"those of whom nothing is wanted are left out", func(t *testing.T, r Repositories) {
			backlog(t, r)
			l := look(at(30), 9)
			l.Without = []store.Ref{of("a")}
			same(t, "without one", q.due(t, r, l), []string{"c1", "b1"})
			l.Without = []store.Ref{of("c"), of("a"), {StoreID: "b", Adapter: beta}}
			same(t, "without two", q.due(t, r, l), []string{"b1"})
		}},
		{"whose turn it was goes behind those who wait", func(t *testing.T, r Repositories) {
			backlog(t, r)
			q.step(t, r, "a", "a1", waitUntil(at(14), at(90)))
			same(t, "after a step with a", q.due(t, r, look(at(30), 9)), []string{"c1", "a2", "a3", "b1"})
			q.step(t, r, "c", "c1", waitUntil(at(16), at(16)))
			same(t, "after a step with c", q.due(t, r, look(at(30), 9)), []string{"a2", "a3", "b1", "c1"})
			q.step(t, r, "a", "a2", waitUntil(at(25), at(90)))
			q.add(t, r, of("a"), "a4", at(26))
			same(t, "after another with a", q.due(t, r, look(at(30), 9)), []string{"b1", "c1", "a3", "a4"})
		}},
		{"what ended leaves the others their place", func(t *testing.T, r Repositories) {
			backlog(t, r)
			for _, id := range []string{"a1", "a2"} {
				q.step(t, r, "a", id, func(d *delivery.Delivery) { d.State = delivery.Confirmed })
			}
			q.step(t, r, "b", "b1", func(d *delivery.Delivery) { d.State = delivery.Confirmed })
			same(t, "due", q.due(t, r, look(at(30), 9)), []string{"c1", "a3"})
			q.add(t, r, of("b"), "b2", at(11))
			same(t, "with a new one of b", q.due(t, r, look(at(30), 9)), []string{"b2", "c1", "a3"})
		}},
		{"what is due next is told of those who wait and of those whose turn it is", func(t *testing.T, r Repositories) {
			backlog(t, r)
			setPaused(t, r, "c", true)
			for after, want := range map[int]time.Time{9: at(10), 10: at(11), 11: at(15), 15: at(20), 19: at(20), 20: {}} {
				same(t, "next", q.next(t, r, at(after)), want)
			}
			same(t, "just before", q.next(t, r, at(20).Add(-1)), at(20))
		}},
		{"a moving store has a queue for each adapter", func(t *testing.T, r Repositories) {
			connect(t, r, shop)
			q.add(t, r, shopRef, "1", at(60))
			q.add(t, r, shopRef, "2", at(61))
			move(t, r, alpha, beta, 51)
			q.add(t, r, betaRef, "3", at(62))
			same(t, "adapters", q.adapters(t, r), []string{alpha, beta})
			l, other := look(at(99), 9), look(at(99), 9)
			other.Lane = beta
			same(t, "of the one that it leaves", q.due(t, r, l), []string{"1", "2"})
			same(t, "of the other", q.due(t, r, other), []string{"3"})
			same(t, "what is next of the one that it leaves", q.next(t, r, at(60)), at(61))
			same(t, "and then", q.next(t, r, at(61)), time.Time{})
			over := through(beta, 63, newOrder("1", q.status))
			over.TakeOver = []string{alpha}
			applyBatch(t, r, over)
			same(t, "after an order went over", q.due(t, r, l), []string{"2"})
			same(t, "of the other", q.due(t, r, other), []string{"3", "1"})
			other.Without = []store.Ref{shopRef}
			same(t, "without the one that it leaves", q.due(t, r, other), []string{"3", "1"})
		}},
		{"a disconnected store has no turn any more", func(t *testing.T, r Repositories) {
			backlog(t, r)
			same(t, "adapters", q.adapters(t, r), []string{alpha})
			_, err := r.Stores.DisconnectStore(t.Context(), "a", at(30), true)
			noError(t, err)
			same(t, "due", q.due(t, r, look(at(99), 9)), []string{"c1", "b1"})
			same(t, "next", q.next(t, r, at(1)), at(12))
			same(t, "adapters that it was bound to", q.adapters(t, r), []string{alpha})
		}},
		{"a turn that a wrong clock gave is given again", func(t *testing.T, r Repositories) {
			backlog(t, r)
			q.step(t, r, "a", "a1", waitUntil(at(9000), at(12)))
			q.step(t, r, "b", "b1", waitUntil(at(9000), at(9001)))
			same(t, "before", q.due(t, r, look(at(30), 9)), []string{"c1"})
			reclaim(t, r, 30)
			same(t, "due", q.due(t, r, look(at(30), 9)), []string{"c1", "a2", "a1", "a3", "b1"})
		}},
		{"turns survive a restart", func(t *testing.T, r Repositories) {
			backlog(t, r)
			q.step(t, r, "a", "a1", waitUntil(at(14), at(90)))
			r = r.Reopen(t)
			same(t, "due", q.due(t, r, look(at(30), 9)), []string{"c1", "a2", "a3", "b1"})
		}},
	}
	for i := range cases {
		cases[i].name = q.name + ": " + cases[i].name
	}
	return cases
}
