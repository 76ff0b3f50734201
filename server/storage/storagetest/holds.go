package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// holdCases: nothing leaves for the marketplace in the name of a store that is paused or disconnected, even when that
// happened a moment before.
var holdCases = []testCase{
	{"a disconnected store takes no shipment", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip))
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(5), false)
		noError(t, err)
		_, _, err = createOne(t, r, newShipment("p1", "1"))
		wantError(t, err, store.ErrNoCredentials)
		_, err = r.Shipments.GetShipment(t.Context(), shop, "p1")
		wantError(t, err, shipment.ErrNotFound)
	}},
	{"a paused store takes shipments", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		setPaused(t, r, shop, true)
		ship(t, r, "p1", "1")
	}},
	{"a disconnected store takes no decision", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.PendingAcceptance))
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(5), false)
		noError(t, err)
		_, stored, err := r.Decisions.PutDecision(t.Context(), newDecision("1", decision.Accept))
		wantError(t, err, store.ErrNoCredentials)
		same(t, "stored", stored, false)
		found, err := r.Decisions.Decisions(t.Context(), shop, []string{"1"})
		noError(t, err)
		same(t, "decisions", found, map[string]decision.Decision{})
	}},
	{"a paused store takes decisions", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		setPaused(t, r, shop, true)
		decide(t, r, "1")
	}},
	{"of a paused store only the request of a shipment is held", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := ship(t, r, "p1", "1")
		s.State, s.SendCount = delivery.Sending, 1
		s = update(t, r, s)
		setPaused(t, r, shop, true)
		announced := s
		announced.SendCount, announced.Message = 2, "sending"
		_, err := r.Shipments.UpdateShipment(t.Context(), announced, shipment.Event{Time: at(20), State: delivery.Sending, Message: "sending"})
		wantError(t, err, shipment.ErrHeld)
		got, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "held shipment", got, s)
		events, err := r.Shipments.ShipmentEvents(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "events", events, once(queued))

		// The answer to the request that left before is noted all the same.
		s.State, s.LastOutcome, s.Message = delivery.Acknowledged, delivery.Applied, "yes"
		want := s
		want.Revision++
		s = update(t, r, s)
		same(t, "noted answer", s, want)
		setPaused(t, r, shop, false)
		s.SendCount = 2
		update(t, r, s)
	}},
	{"of a disconnected store only the request of a shipment is held", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := ship(t, r, "p1", "1")
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(20), true)
		noError(t, err)
		s.State, s.SendCount = delivery.Sending, 1
		_, err = r.Shipments.UpdateShipment(t.Context(), s) // as read before the store went away
		wantError(t, err, shipment.ErrConflict)
		ended, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		s = ended
		s.SendCount = 1
		_, err = r.Shipments.UpdateShipment(t.Context(), s)
		wantError(t, err, shipment.ErrHeld)
		got, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "held shipment", got, ended)
		ended.Message = "looked at"
		update(t, r, ended)
	}},
	{"of a paused store only the request of a decision is held", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		d := decide(t, r, "1")
		setPaused(t, r, shop, true)
		announced := d
		announced.State = delivery.Sending
		announced.SendCount++
		_, err := r.Decisions.UpdateDecision(t.Context(), announced)
		wantError(t, err, decision.ErrHeld)
		same(t, "held decision", getDecision(t, r, "1"), d)
		// The answer to the request that left before is noted all the same.
		d.State, d.LastOutcome = delivery.Acknowledged, delivery.Applied
		d = updateDecision(t, r, d)
		setPaused(t, r, shop, false)
		d.SendCount++
		updateDecision(t, r, d)
	}},
	{"of a disconnected store only the request of a decision is held", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		d := decide(t, r, "1")
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(20), true)
		noError(t, err)
		d.SendCount++
		_, err = r.Decisions.UpdateDecision(t.Context(), d) // as read before the store went away
		wantError(t, err, decision.ErrConflict)
		ended := getDecision(t, r, "1")
		d = ended
		d.SendCount++
		_, err = r.Decisions.UpdateDecision(t.Context(), d)
		wantError(t, err, decision.ErrHeld)
		same(t, "held decision", getDecision(t, r, "1"), ended)
		ended.Message = "looked at"
		updateDecision(t, r, ended)
	}},
	{"nothing is due through an adapter whose credentials do not work", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ship(t, r, "p1", "1")
		decide(t, r, "2")
		for _, c := range []struct {
			standing store.Standing
			due      bool
		}{
			{suspected, false},
			{refused, false},
			{store.Standing{Refusals: 1, Since: at(0), NextProbe: at(1)}, false}, // the probe is overdue
			{doubted, false},
			{garbled, true},
			{store.Standing{}, true},
		} {
			setStanding(t, r, shopRef, c.standing)
			shipments, decisions := dueNow(t, r)
			same(t, "due shipments", len(shipments) == 1, c.due)
			same(t, "due decisions", len(decisions) == 1, c.due)
			same(t, "due imports", len(dueStores(t, r, 10, 10)) == 1, c.due)
		}
	}},
	{"what is due through the other adapter of a moving store is not held up", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		ship(t, r, "p1", "1")
		decide(t, r, "2")
		move(t, r, alpha, beta, 7)
		applyBatch(t, r, through(beta, 8, newOrder("3", order.ReadyToShip), newOrder("4", order.PendingAcceptance)))
		s, d := newShipment("p3", "3"), newDecision("4", decision.Accept)
		s.Adapter, d.Adapter = beta, beta
		create(t, r, s)
		put(t, r, d)
		for _, c := range []struct {
			refused   store.Ref
			shipments []string
			decisions []string
		}{
			{shopRef, []string{"p3"}, []string{"4"}},
			{betaRef, []string{"p1"}, []string{"2"}},
			{store.Ref{StoreID: "other", Adapter: alpha}, []string{"p1", "p3"}, []string{"2", "4"}},
		} {
			refuse(t, r, c.refused)
			shipments, decisions := dueNow(t, r)
			same(t, "due shipments", shipments, c.shipments)
			same(t, "due decisions", decisions, c.decisions)
			restore(t, r, c.refused)
		}
	}},
	{"the health that a person sees holds nothing up", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ship(t, r, "p1", "1")
		decide(t, r, "2")
		setHealth(t, r, store.Health{State: store.AuthRequired, Reason: problem.ReasonCredentialsRejected})
		shipments, decisions := dueNow(t, r)
		same(t, "due", append(shipments, decisions...), []string{"p1", "2"})
	}},
}

// dueNow is the ids of the shipments and the order numbers of the decisions that are due; what is due next agrees.
func dueNow(t *testing.T, r Repositories) (shipments, decisions []string) {
	t.Helper()
	adapters, err := r.Shipments.Adapters(t.Context())
	noError(t, err)
	next := map[string]bool{} // of a kind, for any adapter
	for _, adapter := range adapters {
		l := look(at(50), 10)
		l.Lane = adapter
		dueShipments, err := r.Shipments.DueShipments(t.Context(), l)
		noError(t, err)
		for _, s := range dueShipments {
			shipments = append(shipments, s.ID)
		}
		dueDecisions, err := r.Decisions.DueDecisions(t.Context(), l)
		noError(t, err)
		for _, d := range dueDecisions {
			decisions = append(decisions, d.OrderNumber)
		}
		nextShipment, err := r.Shipments.NextDue(t.Context(), adapter, time.Time{})
		noError(t, err)
		nextDecision, err := r.Decisions.NextDecision(t.Context(), adapter, time.Time{})
		noError(t, err)
		next["shipment"] = next["shipment"] || !nextShipment.IsZero()
		next["decision"] = next["decision"] || !nextDecision.IsZero()
	}
	same(t, "there is a next shipment", next["shipment"], len(shipments) > 0)
	same(t, "there is a next decision", next["decision"], len(decisions) > 0)
	slices.Sort(shipments)
	slices.Sort(decisions)
	return shipments, decisions
}
