package shipment_test

import (
	"testing"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// TestCancel: what certainly has not left can be withdrawn, nothing else.
func TestCancel(t *testing.T) {
	t.Parallel()
	sent := func(o delivery.Outcome) func(*shipment.Shipment) {
		return func(s *shipment.Shipment) { s.State, s.SendCount, s.LastOutcome = delivery.Sending, 1, o }
	}
	for _, c := range []struct {
		name string
		with func(s *shipment.Shipment)
		ok   bool
	}{
		{"nothing was sent", func(*shipment.Shipment) {}, true},
		{"the marketplace did not take it", func(s *shipment.Shipment) { s.SendCount, s.LastOutcome = 3, delivery.Retry }, true},
		{"a person must look, nothing was sent", func(s *shipment.Shipment) { s.End(delivery.NeedsAttention, "R", "m") }, true},
		{"cancelled already", func(s *shipment.Shipment) { s.End(delivery.Cancelled, "", "m") }, true},
		{"on its way", sent(""), false},
		{"the answer was lost", func(s *shipment.Shipment) { sent(delivery.Unknown)(s); s.Uncertain = true }, false},
		{"the marketplace said yes", sent(delivery.Applied), false},
		{"it replaces one that may be on its way", func(s *shipment.Shipment) {
			s.Replaces = "p0"
			s.Inherit(delivery.Delivery{}, noon)
		}, false},
		{"confirmed", func(s *shipment.Shipment) { s.End(delivery.Confirmed, "", "m") }, false},
		{"superseded", func(s *shipment.Shipment) { s.End(delivery.Superseded, "", "m") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.with(&w.ship)
			before := w.ship
			got, err := newService(w, nil).Cancel(t.Context(), "shop", "p1")
			if !c.ok {
				if !problem.HasReason(err, problem.ReasonNotCancellable) {
					t.Errorf("error %v", err)
				}
				same(t, "shipment", w.ship, before)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			same(t, "state", []delivery.State{got.State, w.ship.State}, []delivery.State{delivery.Cancelled, delivery.Cancelled})
		})
	}
}

// TestRepeatedAfterCancel: a statement without an id of its own that says what a cancelled shipment said must not pass for that one
// in silence: nothing would be sent.
func TestRepeatedAfterCancel(t *testing.T) {
	t.Parallel()
	statement := shipment.Statement{Request: shipment.Request{OrderNumber: "1", Carrier: "colissimo", TrackingNumber: "6A1"}}
	w := newWorld()
	first, err := newService(w, func() {}).Notify(t.Context(), "shop", statement)
	if err != nil {
		t.Fatal(err)
	}
	w.ship = first
	w.ship.End(delivery.Cancelled, "", "m")
	if _, err := newService(w, nil).Notify(t.Context(), "shop", statement); !problem.HasReason(err, problem.ReasonShipmentCancelled) {
		t.Errorf("error %v", err)
	}
	statement.RequestID = first.RequestID // the id is the caller's own word for that very call
	if got, err := newService(w, nil).Notify(t.Context(), "shop", statement); err == nil || got.ID != "" {
		t.Errorf("got %v, error %v: the content of another statement", got.ID, err)
	}
}

// TestForceCoversWhatIsKnown: what comes up after somebody said force is not covered by it.
func TestForceCoversWhatIsKnown(t *testing.T) {
	t.Parallel()
	other := []shipment.Carrier{{Code: "6", Name: "Mondial Relay"}}
	for _, c := range []struct {
		name string
		with func(w *world)
		want shipment.Options
	}{
		{"nothing stands against it", func(*world) {}, shipment.Options{}},
		{"the buyer asks to cancel", func(w *world) { w.shown.CancelRequested = true }, shipment.Options{OverCancel: true}},
		{"the carrier does not serve the network", func(w *world) {
			w.shown.PickupPoint, w.lists["alpha"] = colissimoPoint(), other
		}, shipment.Options{OverNetwork: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.with(w)
			got, err := newService(w, func() {}).Notify(t.Context(), "shop", shipment.Statement{
				Request: shipment.Request{OrderNumber: "1", Carrier: w.lists["alpha"][0].Name, TrackingNumber: "6A1"}, Force: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "options", got.Options, c.want)
		})
	}
	t.Run("a cancel request that comes later", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.ship.OverNetwork, w.shown.CancelRequested = true, true
		got := w.step(t)
		same(t, "state, reason", []string{string(got.State), got.Reason}, []string{"NEEDS_ATTENTION", problem.ReasonCancelRequested})
		same(t, "sent", len(w.sent), 0)
	})
}

// TestRetryForce: a person overrules what stopped the shipment, and only that.
func TestRetryForce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, reason string
		cancel       bool
		want         shipment.Options
	}{
		{"a cancel request", problem.ReasonCancelRequested, true, shipment.Options{OverCancel: true}},
		{"a cancel request that only the marketplace has shown", problem.ReasonCancelRequested, false, shipment.Options{OverCancel: true}},
		{"a carrier of another network", problem.ReasonCarrierNotForPickup, false, shipment.Options{OverNetwork: true}},
		{"something else", problem.ReasonTrackingMismatch, false, shipment.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.ship.End(delivery.NeedsAttention, c.reason, "m")
			w.shown.CancelRequested = c.cancel
			got, err := newService(w, func() {}).Retry(t.Context(), "shop", "p1", true)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "options", got.Options, c.want)
			same(t, "state", got.State, delivery.Queued)
		})
	}
}
