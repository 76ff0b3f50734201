package storagetest

import (
	"fmt"
	"testing"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// through is a batch of orders that were read through an adapter of the shop and stored at a minute.
func through(adapter string, minute int, orders ...order.Order) order.Batch {
	return order.Batch{Ref: store.Ref{StoreID: shop, Adapter: adapter}, Orders: orders, ReadTime: at(minute), Time: at(minute)}
}

// boundTo checks which adapter orders of the shop belong to.
func boundTo(t *testing.T, r Repositories, adapter string, numbers ...string) {
	t.Helper()
	for _, n := range numbers {
		same(t, "adapter of order "+n, getOrder(t, r, n).Adapter, adapter)
	}
}

// noCredentials leaves the shop bound to beta, with orders of alpha, and without credentials for it.
func noCredentials(t *testing.T, r Repositories, orders ...order.Order) {
	t.Helper()
	connect(t, r, shop)
	apply(t, r, shop, at(1), orders...)
	disconnect(t, r, 2)
	reconnect(t, r, beta, 3)
}

var moveCases = []testCase{
	{"an order stays with an adapter that the store holds credentials for", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(1), newOrder("1", order.ReadyToShip), newOrder("2", order.ReadyToShip))
		before := getOrder(t, r, "1")
		move(t, r, alpha, beta, 10)
		begin(t, r, runOf("i1", 20, beta, alpha))
		b := through(beta, 21, newOrder("0", order.Processing), newOrder("1", order.Shipped), newOrder("2", order.ReadyToShip))
		b.ImportID = "i1"
		same(t, "counts", applyBatch(t, r, b), order.Counts{Read: 3, Created: 1, Elsewhere: 2})
		same(t, "order", getOrder(t, r, "1"), before)
		boundTo(t, r, beta, "0")
		run, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "counts of the import", run.Counts, order.Counts{Read: 3, Created: 1, Elsewhere: 2})
		// Nobody has read them yet: their own adapter still has to.
		unseen, err := r.Orders.UnseenOpenOrders(t.Context(), shop, []string{alpha}, "i1", "", 10)
		noError(t, err)
		same(t, "unseen by their adapter", unseen, []string{"1", "2"})
		undo(t, r, 30)
		same(t, "after undoing", applyBatch(t, r, through(alpha, 31, newOrder("0", order.Shipped))), order.Counts{Read: 1, Elsewhere: 1})
	}},
	{"an order whose adapter the store holds no credentials for is taken over", func(t *testing.T, r Repositories) {
		noCredentials(t, r, newOrder("1", order.Processing), newOrder("2", order.ReadyToShip))
		same(t, "counts", applyBatch(t, r, through(beta, 10, newOrder("1", order.ReadyToShip))), order.Counts{Read: 1, Changed: 1})
		got := getOrder(t, r, "1")
		same(t, "order", got, order.Stored{
			Order: newOrder("1", order.ReadyToShip), StoreID: shop, Adapter: beta, CreateTime: at(1), ChangeTime: at(10),
		})
		boundTo(t, r, alpha, "2")
	}},
	{"an order that looks the same is taken over too", func(t *testing.T, r Repositories) {
		noCredentials(t, r, newOrder("1", order.ReadyToShip))
		same(t, "counts", applyBatch(t, r, through(beta, 10, newOrder("1", order.ReadyToShip))), order.Counts{Read: 1, Changed: 1})
		boundTo(t, r, beta, "1")
		same(t, "counts", applyBatch(t, r, through(beta, 11, newOrder("1", order.ReadyToShip))), order.Counts{Read: 1, Unchanged: 1})
	}},
	{"a batch takes over from the adapters that it names", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(1), newOrder("1", order.ReadyToShip))
		move(t, r, alpha, beta, 10)
		b := through(beta, 20, newOrder("1", order.Shipped))
		b.TakeOver = []string{aaa}
		same(t, "named another", applyBatch(t, r, b), order.Counts{Read: 1, Elsewhere: 1})
		boundTo(t, r, alpha, "1")
		b.TakeOver = []string{aaa, alpha}
		same(t, "named it", applyBatch(t, r, b), order.Counts{Read: 1, Changed: 1})
		boundTo(t, r, beta, "1")
		same(t, "read by the old one", applyBatch(t, r, through(alpha, 30, newOrder("1", order.ReadyToShip))), order.Counts{Read: 1, Elsewhere: 1})
	}},
	{"what is open of shipment and decision goes with the order, is due at once and needs a carrier anew", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ended := ship(t, r, "p1", "1")
		ended.State = delivery.Rejected
		ended = update(t, r, ended)
		open := create(t, r, newShipment("p2", "1"))
		open.FailureCount, open.NextAttempt = 3, at(500) // waits long after several failures
		open = update(t, r, open)
		stays := ship(t, r, "p3", "3")
		decided := decide(t, r, "2")
		over := decide(t, r, "4")
		over.State = delivery.Superseded
		over = updateDecision(t, r, over)
		staysDecided := decide(t, r, "5")

		move(t, r, alpha, beta, 10)
		b := through(beta, 20, newOrder("1", order.ReadyToShip), newOrder("2", order.Processing), newOrder("4", order.Processing))
		b.TakeOver = []string{alpha}
		applyBatch(t, r, b)
		boundTo(t, r, beta, "1", "2", "4")
		boundTo(t, r, alpha, "3", "5")

		wantOpen, wantDecided := open, decided
		wantOpen.Adapter, wantOpen.Revision, wantOpen.Chosen = beta, open.Revision+1, shipment.ChosenCarrier{}
		wantOpen.NextAttempt, wantOpen.FailureCount = at(20), 0
		wantDecided.Adapter, wantDecided.Revision, wantDecided.NextAttempt, wantDecided.FailureCount = beta, decided.Revision+1, at(20), 0
		for _, want := range []shipment.Shipment{ended, wantOpen, stays} {
			got, err := r.Shipments.GetShipment(t.Context(), shop, want.ID)
			noError(t, err)
			same(t, "shipment "+want.ID, got, want)
		}
		for _, want := range []decision.Decision{wantDecided, over, staysDecided} {
			same(t, "decision "+want.OrderNumber, getDecision(t, r, want.OrderNumber), want)
		}
		// Whoever was about to send it through the other adapter finds it changed.
		open.SendCount++
		wantError(t, second(r.Shipments.UpdateShipment(t.Context(), open)), shipment.ErrConflict)
		decided.SendCount++
		wantError(t, second(r.Decisions.UpdateDecision(t.Context(), decided)), decision.ErrConflict)
	}},
	{"it is due by the clock, although the order changed by one that was ahead", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ship(t, r, "p1", "1")
		decide(t, r, "2")
		apply(t, r, shop, at(9000), newOrder("3", order.ReadyToShip))
		move(t, r, alpha, beta, 10)
		b := through(beta, 20, newOrder("1", order.ReadyToShip), newOrder("2", order.PendingAcceptance))
		b.TakeOver = []string{alpha}
		applyBatch(t, r, b)
		same(t, "shipment", getShipment(t, r, "p1").NextAttempt, at(20))
		same(t, "decision", getDecision(t, r, "2").NextAttempt, at(20))
	}},
	{"what is open of an order that stays is not touched", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := ship(t, r, "p1", "1")
		d := decide(t, r, "2")
		move(t, r, alpha, beta, 10)
		applyBatch(t, r, through(beta, 20, newOrder("1", order.Shipped), newOrder("2", order.Cancelled)))
		got, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "shipment", got, s)
		same(t, "decision", getDecision(t, r, "2"), d)
	}},
	{"a stale read takes nothing over", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := ship(t, r, "p1", "1")
		apply(t, r, shop, at(30), newOrder("1", order.Processing))
		before := getOrder(t, r, "1")
		move(t, r, alpha, beta, 31)
		b := through(beta, 29, newOrder("1", order.Processing)) // it began before the read that is stored
		b.TakeOver = []string{alpha}
		same(t, "counts", applyBatch(t, r, b), order.Counts{Read: 1, Unchanged: 1})
		same(t, "order", getOrder(t, r, "1"), before)
		got, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "shipment", got, s)
	}},
	{"an order that was taken over is an open order of its new adapter", func(t *testing.T, r Repositories) {
		noCredentials(t, r, newOrder("1", order.ReadyToShip), newOrder("2", order.ReadyToShip))
		applyBatch(t, r, through(beta, 10, newOrder("1", order.ReadyToShip)))
		for ref, want := range map[store.Ref]string{betaRef: "1", shopRef: "2"} {
			unseen, err := r.Orders.UnseenOpenOrders(t.Context(), shop, []string{ref.Adapter}, "none", "", 10)
			noError(t, err)
			same(t, "open orders of "+ref.Adapter, unseen, []string{want})
		}
	}},
	{"open orders of several adapters come in one order", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		move(t, r, alpha, beta, 1)
		for adapter, numbers := range map[string][]string{alpha: {"1", "4", "5"}, beta: {"2", "3", "6"}, aaa: {"0"}} {
			for _, n := range numbers {
				applyBatch(t, r, through(adapter, 2, newOrder(n, order.ReadyToShip)))
			}
		}
		applyBatch(t, r, through(beta, 2, newOrder("7", order.Cancelled)))
		apply(t, r, "other", at(2), newOrder("8", order.ReadyToShip))
		begin(t, r, runOf("i1", 3, beta, alpha))
		seen := through(beta, 4, newOrder("6", order.ReadyToShip))
		seen.ImportID = "i1"
		applyBatch(t, r, seen)
		for _, c := range []struct {
			adapters []string
			after    string
			limit    int
			want     []string
		}{
			{[]string{beta, alpha}, "", 10, []string{"1", "2", "3", "4", "5"}},
			{[]string{alpha, beta}, "", 3, []string{"1", "2", "3"}},
			{[]string{alpha, beta}, "3", 10, []string{"4", "5"}},
			{[]string{alpha, aaa, alpha}, "", 10, []string{"0", "1", "4", "5"}},
			{[]string{"none"}, "", 10, nil},
			{nil, "", 10, nil},
		} {
			got, err := r.Orders.UnseenOpenOrders(t.Context(), shop, c.adapters, "i1", c.after, c.limit)
			noError(t, err)
			same(t, fmt.Sprintf("open orders of %v after %q, at most %d", c.adapters, c.after, c.limit), got, c.want)
		}
	}},
	{"a shipment or decision for another adapter than its order's is not stored", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		kept := ship(t, r, "p0", "0")
		over := decide(t, r, "2")
		over.State = delivery.Rejected
		over = updateDecision(t, r, over)
		apply(t, r, shop, at(1), newOrder("1", order.ReadyToShip))
		move(t, r, alpha, beta, 10)
		b := through(beta, 20, newOrder("1", order.ReadyToShip), newOrder("2", order.PendingAcceptance), newOrder("0", order.Shipped))
		b.TakeOver = []string{alpha}
		applyBatch(t, r, b)

		_, _, err := createOne(t, r, newShipment("p1", "1")) // it was looked at before
		wantError(t, err, order.ErrMoved)
		wantError(t, second(r.Shipments.GetShipment(t.Context(), shop, "p1")), shipment.ErrNotFound)
		d := newDecision("2", decision.Refuse)
		d.Revision = over.Revision
		_, stored, err := r.Decisions.PutDecision(t.Context(), d)
		wantError(t, err, order.ErrMoved)
		same(t, "stored", stored, false)
		same(t, "decision", getDecision(t, r, "2"), over)

		s := newShipment("p1", "1")
		s.Adapter, d.Adapter = beta, beta
		create(t, r, s)
		same(t, "adapter of the decision", put(t, r, d).Adapter, beta)
		again, result, err := createOne(t, r, newShipment("p0", "0")) // what was said before is found
		noError(t, err)
		same(t, "repeated request", result, shipment.SameRequest)
		same(t, "its shipment", again.ID, kept.ID)
	}},
	{"a run that a turn overtakes takes nothing any more", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		refused := func(b order.Batch) {
			t.Helper()
			before, err := r.Orders.GetImport(t.Context(), shop, b.ImportID)
			noError(t, err)
			wantError(t, second(r.Orders.ApplyBatch(t.Context(), b)), order.ErrStoreMoved)
			after, err := r.Orders.GetImport(t.Context(), shop, b.ImportID)
			noError(t, err)
			same(t, "import", after, before)
			for _, o := range b.Orders {
				_, err := r.Orders.GetOrder(t.Context(), shop, o.Number)
				wantError(t, err, order.ErrNotFound)
			}
		}
		batch := func(id, adapter, number string) order.Batch {
			b := through(adapter, 90, newOrder(number, order.ReadyToShip))
			b.ImportID = id
			return b
		}
		begin(t, r, runOf("i1", 50, alpha))
		applyBatch(t, r, batch("i1", alpha, "before"))
		move(t, r, alpha, beta, 10) // by a clock that was set back
		refused(batch("i1", alpha, "1"))
		refused(order.Batch{Ref: shopRef, ImportID: "i1", Finished: at(20), Time: at(60)})
		applyBatch(t, r, through(alpha, 60, newOrder("single", order.ReadyToShip))) // a single read belongs to no plan
		finish(t, r, "i1", order.Interrupted)

		begin(t, r, runOf("i2", 60, beta, alpha))
		applyBatch(t, r, batch("i2", alpha, "2"))
		undo(t, r, 70)
		refused(batch("i2", beta, "3"))
		finish(t, r, "i2", order.Interrupted)

		complete(t, r, beta, 75) // no turn
		begin(t, r, runOf("i3", 80, alpha))
		applyBatch(t, r, batch("i3", alpha, "3"))
		finish(t, r, "i3", order.Succeeded)

		move(t, r, alpha, beta, 82)
		begin(t, r, runOf("i4", 85, alpha)) // planned before the turn, started after it
		refused(batch("i4", alpha, "4"))
	}},
}
