package storagetest

import (
	"testing"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// giveUp ends the shop's migration although the adapter that it leaves does not come back.
func giveUp(t *testing.T, r Repositories, leaving string, minute int) {
	t.Helper()
	done, err := r.Stores.CompleteMigration(t.Context(), shop, leaving, at(minute), true)
	noError(t, err)
	if !done {
		t.Fatalf("%s was not given up", leaving)
	}
}

// givenUpCases: an adapter that does not come back does not keep a migration from its end.
var givenUpCases = []testCase{
	{"what is left on the adapter does not count, and it goes like one where nothing is", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, r.Stores.SaveAdapterState(t.Context(), shopRef, sealed("alpha's state")))
		apply(t, r, shop, at(1), newOrder("1", order.ReadyToShip))
		move(t, r, alpha, beta, 10)
		want := take(t, r)
		giveUp(t, r, alpha, 20)
		want.Alpha, want.StateA, want.Store.Adapters = store.Sealed{}, store.Sealed{}, []string{beta}
		want.Bindings.Adapters, want.Bindings.Former, want.Migration.Completed = []store.Binding{{Adapter: beta}}, []string{alpha}, at(20)
		same(t, "after", take(t, r), want)
		// The order stays bound to it until another adapter shows it.
		boundTo(t, r, alpha, "1")
		same(t, "read through the other adapter", applyBatch(t, r, through(beta, 30, newOrder("1", order.Shipped))), order.Counts{Read: 1, Changed: 1})
		boundTo(t, r, beta, "1")
	}},
	{"open shipments and decisions that are left need attention", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		ended := ship(t, r, "p1", "1")
		ended.State = delivery.Rejected
		ended = update(t, r, ended)
		open := create(t, r, newShipment("p2", "1"))
		open.State, open.SendCount, open.FailureCount = delivery.Sending, 1, 2
		open = update(t, r, open, shipment.Event{Time: at(8), State: delivery.Sending, Message: "sending"})
		decided, confirmed := decide(t, r, "2"), decide(t, r, "4")
		confirmed.State = delivery.Confirmed
		confirmed = updateDecision(t, r, confirmed)
		move(t, r, alpha, beta, 10)
		applyBatch(t, r, through(beta, 11, newOrder("5", order.ReadyToShip), newOrder("6", order.PendingAcceptance)))
		betas, betaDecided := newShipment("p5", "5"), newDecision("6", decision.Accept)
		betas.Adapter, betaDecided.Adapter = beta, beta
		betas, betaDecided = create(t, r, betas), put(t, r, betaDecided)
		apply(t, r, "other", at(11), newOrder("1", order.ReadyToShip))
		others := newShipment("p1", "1")
		others.StoreID = "other"
		others = create(t, r, others)

		giveUp(t, r, alpha, 20)
		abandoned, err := r.Shipments.GetShipment(t.Context(), shop, "p2")
		noError(t, err)
		if abandoned.Message == "" {
			t.Error("the shipment does not say why it needs attention")
		}
		want := open
		want.State, want.Reason, want.Message = delivery.NeedsAttention, problem.ReasonAdapterNotConnected, abandoned.Message
		want.NextAttempt, want.UpdateTime, want.Revision = abandoned.NextAttempt, at(20), open.Revision+1
		same(t, "shipment", abandoned, want)
		same(t, "next attempt", abandoned.NextAttempt.IsZero(), true)
		events, err := r.Shipments.ShipmentEvents(t.Context(), shop, "p2")
		noError(t, err)
		same(t, "last event", events[len(events)-1:],
			once(shipment.Event{Time: at(20), State: delivery.NeedsAttention, Message: abandoned.Message}))
		d := getDecision(t, r, "2")
		wantDecision := decided
		wantDecision.State, wantDecision.Reason, wantDecision.Message = delivery.NeedsAttention, problem.ReasonAdapterNotConnected, d.Message
		wantDecision.NextAttempt, wantDecision.UpdateTime, wantDecision.Revision = d.NextAttempt, at(20), decided.Revision+1
		same(t, "decision", d, wantDecision)
		same(t, "it says why, and is not due", []bool{d.Message != "", d.NextAttempt.IsZero()}, []bool{true, true})

		// Nothing else is touched.
		for _, want := range []shipment.Shipment{ended, betas, others} {
			got, err := r.Shipments.GetShipment(t.Context(), want.StoreID, want.ID)
			noError(t, err)
			same(t, "shipment "+want.ID, got, want)
		}
		for _, want := range []decision.Decision{confirmed, betaDecided} {
			same(t, "decision "+want.OrderNumber, getDecision(t, r, want.OrderNumber), want)
		}
		open.SendCount++
		wantError(t, second(r.Shipments.UpdateShipment(t.Context(), open)), shipment.ErrConflict)
	}},
	{"what an order says again goes through its new adapter", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ship(t, r, "p1", "1")
		move(t, r, alpha, beta, 10)
		giveUp(t, r, alpha, 20)
		applyBatch(t, r, through(beta, 30, newOrder("1", order.ReadyToShip)))
		s := newShipment("p2", "1")
		s.Adapter = beta
		create(t, r, s)
	}},
	{"an import that runs stops it all the same", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ship(t, r, "p1", "1")
		move(t, r, alpha, beta, 10)
		begin(t, r, runOf("i1", 20, beta, alpha))
		incompleteWhen(t, r, alpha, true)
		shipments, _ := dueNow(t, r)
		same(t, "due shipments", shipments, []string{"p1"})
		finish(t, r, "i1", order.Succeeded)
		giveUp(t, r, alpha, 30)
	}},
	{"only the adapter that the store leaves is given up", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		wantError(t, second(r.Stores.CompleteMigration(t.Context(), shop, alpha, at(5), true)), store.ErrNoMigration)
		move(t, r, alpha, beta, 10)
		before := take(t, r)
		wantError(t, second(r.Stores.CompleteMigration(t.Context(), shop, beta, at(20), true)), store.ErrNotMoving)
		same(t, "after", take(t, r), before)
		giveUp(t, r, alpha, 30)
		wantError(t, second(r.Stores.CompleteMigration(t.Context(), shop, alpha, at(40), true)), store.ErrNotMoving)
	}},
}
