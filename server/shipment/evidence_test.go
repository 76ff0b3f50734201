package shipment_test

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// TestEvidence: each step leaves what it sent or saw, when, and through which release of the adapter.
func TestEvidence(t *testing.T) {
	t.Parallel()
	read := shipment.Event{
		Time: noon, State: delivery.Queued, Kind: shipment.KindRead, Message: "the order is ready to ship", Adapter: "alpha", Release: "1.0.0@feed",
		Proof: shipment.Proof{Observed: &shipment.Observation{Found: true, NativeStatus: "Ready", TrackingNumbers: []string{"OTHER"}}},
	}
	sending := shipment.Event{
		Time: noon, State: delivery.Sending, Kind: shipment.KindSending, Message: "telling the marketplace", Adapter: "alpha", Release: "1.0.0@alpha",
		Proof: shipment.Proof{Requests: []shipment.MarketplaceRequest{{Method: "POST", Body: "alpha: Colissimo"}}},
	}
	sent := func(state delivery.State, message string, o delivery.Outcome, native string) shipment.Event {
		return shipment.Event{
			Time: noon, State: state, Kind: shipment.KindSent, Message: message, Adapter: "alpha", Release: "1.0.0@alpha",
			Proof: shipment.Proof{Outcome: o, NativeReason: native},
		}
	}
	failed := shipment.Event{Time: noon, State: delivery.Queued, Kind: shipment.KindFailed, Message: "down", Adapter: "alpha"}
	failedAfter := func(read shipment.Event) shipment.Event {
		read.Kind, read.Message = shipment.KindFailed, "down"
		return read
	}
	for _, c := range []struct {
		name string
		with func(w *world)
		want []shipment.Event
	}{
		{"yes", func(*world) {}, []shipment.Event{
			read, sending, sent(delivery.Acknowledged, "the marketplace said yes; relais reads the order to confirm it", delivery.Applied, ""),
		}},
		{"no", func(w *world) {
			w.result = delivery.Result{Outcome: delivery.Refused, NativeReason: "OrderStateNotAllowed", Message: "not now"}
		}, []shipment.Event{
			read, sending, sent(delivery.Sending, "the marketplace refused: OrderStateNotAllowed: not now", delivery.Refused, "OrderStateNotAllowed"),
		}},
		{"lost", func(w *world) { w.result = delivery.Result{Outcome: delivery.Unknown, Message: "time-out"} }, []shipment.Event{
			read, sending, sent(delivery.Sending, "the marketplace's answer was lost: time-out; relais reads the order before it does anything else", delivery.Unknown, ""),
		}},
		{"nothing was sent after all", func(w *world) { w.sendErr = down }, []shipment.Event{
			read, sending, sent(delivery.Queued, "nothing was sent: down", delivery.Retry, ""),
		}},
		{"it could not be made ready: nothing is announced", func(w *world) { w.prepareErr = down }, []shipment.Event{failedAfter(read)}},
		{"the order could not be read", func(w *world) { w.readErr = down }, []shipment.Event{failed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.shown.NativeStatus = "Ready"
			w.shown.Parcels = append(w.shown.Parcels, parcel("OTHER"), parcel(" "), parcel("OTHER"))
			c.with(w)
			got := w.step(t)
			same(t, "events", w.events, c.want)
			same(t, "leases held", w.leases, 0)
			same(t, "sent", len(w.sent) == 1, got.SendCount == 1)
		})
	}
}

// TestAnswerToAnEndedShipment: while the request was on its way a correction came in, or the shipment ended otherwise. The answer is
// kept as evidence; the shipment stays as it is.
func TestAnswerToAnEndedShipment(t *testing.T) {
	t.Parallel()
	for _, state := range []delivery.State{delivery.Superseded, delivery.NeedsAttention} {
		for _, outcome := range []delivery.Outcome{delivery.Applied, delivery.Refused, delivery.Unknown} {
			t.Run(string(state)+", "+string(outcome), func(t *testing.T) {
				t.Parallel()
				w := newWorld()
				w.result.Outcome = outcome
				w.onSend = func() {
					w.ship.End(state, "", "ended")
					w.ship.Revision++
				}
				got := w.step(t)
				same(t, "state, message", []string{string(got.State), got.Message}, []string{string(state), "ended"})
				same(t, "outcome", got.LastOutcome, outcome)
				same(t, "nothing is planned", got.NextAttempt, time.Time{})
				last := w.events[len(w.events)-1]
				same(t, "evidence", last.Outcome, outcome)
				same(t, "state in the evidence", last.State, state)
			})
		}
	}
}

// TestWhatCannotBeSent: an adapter that refuses the notification itself will refuse it again. The shipment ends, at once, and the
// store is not said to be ill.
func TestWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	wrong := problem.InvalidField("lines", "holds a line that the order does not have")
	for _, c := range []struct {
		name string
		with func(w *world)
		want delivery.State
	}{
		{"when it is made ready", func(w *world) { w.prepareErr = wrong }, delivery.Rejected},
		{"when it is sent", func(w *world) { w.sendErr = wrong }, delivery.Rejected},
		{"after an answer that was lost", func(w *world) {
			w.prepareErr = wrong
			w.ship.State, w.ship.Uncertain, w.ship.SendCount, w.ship.LastOutcome, w.ship.StillReady = delivery.Sending, true, 1, delivery.Unknown, policy.RepeatedReads
		}, delivery.NeedsAttention},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.with(w)
			got := w.step(t)
			same(t, "state, reason", []string{string(got.State), got.Reason}, []string{string(c.want), problem.ReasonInvalidField})
			same(t, "nothing is planned", got.NextAttempt, time.Time{})
			same(t, "reports", w.reports, []string{"alpha is well"})
			same(t, "last event", w.events[len(w.events)-1].Message, got.Message)
		})
	}
}

// TestDeadlineFollowsTheOrder: a ship-by time that is told only later puts the end off, never forward.
func TestDeadlineFollowsTheOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		shipBy time.Time
		want   time.Time
	}{
		{"not told", time.Time{}, noon.Add(24 * time.Hour)},
		{"earlier than what was planned", noon, noon.Add(24 * time.Hour)},
		{"later", noon.Add(48 * time.Hour), noon.Add(49 * time.Hour)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.shown.ShipBy, w.shown.Status = c.shipBy, order.Processing
			same(t, "deadline", w.step(t).Deadline, c.want)
		})
	}
}

// TestReadThatWaitedForItsAnswer: it may show the order as it was when the read began, before the request can have settled.
func TestReadThatWaitedForItsAnswer(t *testing.T) {
	t.Parallel()
	for name, takes := range map[string]time.Duration{"a quick one after the settled time": 0, "one that began before": -time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.ship.State, w.ship.Uncertain, w.ship.SendCount, w.ship.LastOutcome = delivery.Sending, true, 1, delivery.Unknown
			w.ship.SettledTime = noon.Add(-takes)
			w.readTakes = -2 * takes
			want := int32(1)
			if takes != 0 {
				want = 0
			}
			same(t, "reads that count", w.step(t).StillReady, want)
		})
	}
}

// TestForcedCarrierOfAnotherNetwork: what the caller forced stays forced when the carrier is chosen anew.
func TestForcedCarrierOfAnotherNetwork(t *testing.T) {
	t.Parallel()
	for name, force := range map[string]bool{"forced": true, "not forced": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.takeOver()
			w.ship.Carrier, w.ship.OverNetwork = "Mondial Relay", force
			w.lists["beta"] = []shipment.Carrier{{Code: "6", Name: "Mondial Relay"}}
			w.shown.PickupPoint = colissimoPoint()
			got := w.step(t)
			if force {
				same(t, "sent", w.sent, []string{"beta: Mondial Relay"})
				return
			}
			same(t, "state, reason", []string{string(got.State), got.Reason}, []string{"NEEDS_ATTENTION", problem.ReasonCarrierNotForPickup})
			same(t, "sent", len(w.sent), 0)
		})
	}
}
