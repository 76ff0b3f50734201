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

// horizons are told apart by their lengths.
var horizons = store.Horizons{Import: 30 * time.Minute, Probe: 40 * time.Minute, Attempt: 50 * time.Minute, Settle: 5 * time.Minute}

// reclaim reclaims what is planned too far ahead at a minute.
func reclaim(t *testing.T, r Repositories, minute int) int {
	t.Helper()
	n, err := r.Upkeep.Reclaim(t.Context(), at(minute), horizons)
	noError(t, err)
	return n
}

// planShipment gives a shipment of the shop another next attempt and settled time.
func planShipment(t *testing.T, r Repositories, id string, next, settled time.Time) shipment.Shipment {
	t.Helper()
	s := getShipment(t, r, id)
	s.NextAttempt, s.SettledTime = next, settled
	return update(t, r, s)
}

// planDecision is planShipment for a decision.
func planDecision(t *testing.T, r Repositories, number string, next, settled time.Time) decision.Decision {
	t.Helper()
	d := getDecision(t, r, number)
	d.NextAttempt, d.SettledTime = next, settled
	return updateDecision(t, r, d)
}

// abandonHeld ends what is held past a deadline before one minute, at another.
func abandonHeld(t *testing.T, r Repositories, before time.Time, minute int) int {
	t.Helper()
	n, err := r.Upkeep.AbandonHeld(t.Context(), before, at(minute))
	noError(t, err)
	return n
}

// afterDeadline is a moment after the deadline of every shipment and decision of these tests.
var afterDeadline = at(10000).Add(1)

var upkeepCases = []testCase{
	{"what is planned as far ahead as may be stays", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "never planned")
		plan(t, r, shop, 30)
		probeAt(t, r, shopRef, 40)
		ship(t, r, "p1", "1")
		decide(t, r, "2")
		s, d := planShipment(t, r, "p1", at(50), at(9999)), planDecision(t, r, "2", at(50), at(9999))
		same(t, "changed", reclaim(t, r, 0), 0)
		same(t, "stores due", dueStores(t, r, 29, 10), []string{"never planned"})
		same(t, "next probe", nextProbe(t, r), at(40))
		same(t, "shipment", getShipment(t, r, "p1"), s)
		same(t, "decision", getDecision(t, r, "2"), d)
	}},
	{"what is planned farther ahead is due now", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		ship(t, r, "p1", "1")
		ship(t, r, "p2", "2")
		decide(t, r, "3")
		far := at(60).Add(1)
		s, d := planShipment(t, r, "p1", far, at(4)), planDecision(t, r, "3", far, at(4))
		plan(t, r, shop, 41)
		plan(t, r, "other", 40)
		same(t, "changed", reclaim(t, r, 10), 3)
		s.NextAttempt, d.NextAttempt = at(10), at(10)
		s.Revision++
		d.Revision++
		same(t, "shipment", getShipment(t, r, "p1"), s)
		same(t, "decision", getDecision(t, r, "3"), d)
		shipments, decisions := dueNow(t, r)
		same(t, "due", append(shipments, decisions...), []string{"p1", "p2", "3"})
		same(t, "stores due", dueStores(t, r, 10, 10), []string{shop})
		probeAt(t, r, shopRef, 51)
		probeAt(t, r, of("other"), 50)
		same(t, "changed", reclaim(t, r, 10), 1)
		same(t, "probes due", dueProbes(t, r, 10, 10), []store.Ref{shopRef})
		same(t, "and then nothing is left", reclaim(t, r, 10), 0)
	}},
	{"what was changed by a clock that was ahead does not hold up what is due", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for _, ended := range []bool{true, false} {
			number := "1"
			if ended {
				number = "2"
			}
			ship(t, r, "waits-"+number, "waits-"+number)
			decide(t, r, "decided-"+number)
			s, d := ship(t, r, "p"+number, number), decide(t, r, "ahead-"+number)
			if ended {
				s.End(delivery.Confirmed, "", "")
				d.End(delivery.Confirmed, "", "")
			} else {
				s.NextAttempt, d.NextAttempt = at(700), at(700)
			}
			s.UpdateTime, d.UpdateTime = at(600), at(600)
			update(t, r, s)
			updateDecision(t, r, d)
			reclaim(t, r, 50)
			shipments, decisions := dueNow(t, r)
			same(t, "the shipment that waits is due", slices.Contains(shipments, "waits-"+number), true)
			same(t, "the decision that waits is due", slices.Contains(decisions, "decided-"+number), true)
		}
	}},
	{"what a wrong clock wrote beside the plan goes with it", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		ship(t, r, "p1", "1")
		ship(t, r, "p2", "2")
		decide(t, r, "3")
		planShipment(t, r, "p1", at(600), at(700))
		planShipment(t, r, "p2", at(600), at(3))
		planDecision(t, r, "3", at(600), at(700))
		setStanding(t, r, shopRef, store.Standing{Refusals: 2, Since: at(590), NextProbe: at(600)})
		setStanding(t, r, of("other"), store.Standing{Refusals: 2, Since: at(-5), NextProbe: at(600)})
		reclaim(t, r, 1)
		same(t, "changed", getShipment(t, r, "p1").UpdateTime, at(1))
		same(t, "shipment", getShipment(t, r, "p1").SettledTime, at(6))
		same(t, "one that settled before", getShipment(t, r, "p2").SettledTime, at(3))
		same(t, "decision", getDecision(t, r, "3").SettledTime, at(6))
		same(t, "standing", cursorOf(t, r, alpha).Standing, store.Standing{Refusals: 2, Since: at(1), NextProbe: at(1)})
		b, err := r.Stores.Bindings(t.Context(), "other")
		noError(t, err)
		same(t, "one that was refused before", b.Adapters[0].Standing.Since, at(-5))
	}},
	{"whoever works on a shipment or decision meanwhile reads it again", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ship(t, r, "p1", "1")
		decide(t, r, "2")
		s, d := planShipment(t, r, "p1", at(600), at(0)), planDecision(t, r, "2", at(600), at(0))
		reclaim(t, r, 1)
		_, err := r.Shipments.UpdateShipment(t.Context(), s)
		wantError(t, err, shipment.ErrConflict)
		_, err = r.Decisions.UpdateDecision(t.Context(), d)
		wantError(t, err, decision.ErrConflict)
	}},
	{"a policy that was changed by a clock that was ahead is judged by now", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		changePolicy(t, r, shop, 600)
		changePolicy(t, r, "other", 11)
		same(t, "changed", reclaim(t, r, 10), 1)
		same(t, "due", dueReviews(t, r, 11, 10), []decision.Review{{StoreID: shop, Change: at(10)}, {StoreID: "other", Change: at(11)}})
	}},
	{"what has ended is not due again", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s, d := ship(t, r, "p1", "1"), decide(t, r, "2")
		s.End(delivery.Confirmed, "", "")
		d.End(delivery.Confirmed, "", "")
		s, d = update(t, r, s), updateDecision(t, r, d)
		plan(t, r, shop, 600)
		disconnect(t, r, 1)
		same(t, "changed", reclaim(t, r, 1), 0)
		same(t, "shipment", getShipment(t, r, "p1"), s)
		same(t, "decision", getDecision(t, r, "2"), d)
	}},
	{"held shipments and decisions end when their deadline is past, and say why", func(t *testing.T, r Repositories) {
		for _, c := range []struct {
			name   string
			hold   func()
			reason string
		}{
			{"1", func() { setPaused(t, r, shop, true) }, problem.ReasonStorePaused},
			{"2", func() { setPaused(t, r, shop, false); setStanding(t, r, shopRef, suspected) }, problem.ReasonCredentialsRejected},
			{"3", func() { refuse(t, r, shopRef) }, problem.ReasonCredentialsRejected},
			{"4", func() { setStanding(t, r, shopRef, doubted) }, problem.ReasonMalformedAnswer},
			{"5", func() { setPaused(t, r, shop, true) }, problem.ReasonStorePaused}, // and doubted
		} {
			if c.name == "1" {
				connect(t, r, shop)
			}
			id, number := "p"+c.name, "decided-"+c.name
			before := ship(t, r, id, c.name)
			decide(t, r, number)
			c.hold()
			same(t, "ended at the deadline", abandonHeld(t, r, at(10000), 20), 0)
			same(t, "ended after the deadline", abandonHeld(t, r, afterDeadline, 20), 2)
			s, d := getShipment(t, r, id), getDecision(t, r, number)
			for what, got := range map[string]delivery.Delivery{"shipment": s.Delivery, "decision": d.Delivery} {
				same(t, what+" "+c.name, []string{string(got.State), got.Reason}, []string{string(delivery.NeedsAttention), c.reason})
				same(t, what+": next attempt", got.NextAttempt, time.Time{})
				same(t, what+": changed", got.UpdateTime, at(20))
				same(t, what+" says why", got.Message != "", true)
			}
			same(t, "events", eventsOf(t, r, id), once(queued, shipment.Event{Time: at(20), State: delivery.NeedsAttention, Message: s.Message}))
			_, err := r.Shipments.UpdateShipment(t.Context(), before)
			wantError(t, err, shipment.ErrConflict)
			same(t, "and then nothing is left", abandonHeld(t, r, afterDeadline, 21), 0)
		}
	}},
	{"what is not held, or has ended, is left alone", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		ship(t, r, "p1", "1")
		decide(t, r, "2")
		move(t, r, alpha, beta, 7)
		applyBatch(t, r, through(beta, 8, newOrder("3", order.ReadyToShip)))
		s := newShipment("p3", "3")
		s.Adapter = beta
		create(t, r, s)
		refuse(t, r, betaRef)
		refuse(t, r, of("other"))
		setStanding(t, r, shopRef, garbled)
		open := getShipment(t, r, "p1")
		same(t, "ended", abandonHeld(t, r, afterDeadline, 20), 1)
		same(t, "through the adapter that works", getShipment(t, r, "p1"), open)
		same(t, "decision", getDecision(t, r, "2").State, delivery.Queued)
		same(t, "through the one that does not", getShipment(t, r, "p3").State, delivery.NeedsAttention)
		setPaused(t, r, shop, true)
		ended := getShipment(t, r, "p3")
		same(t, "ended", abandonHeld(t, r, afterDeadline, 30), 2)
		same(t, "what had ended", getShipment(t, r, "p3"), ended)
	}},
}
