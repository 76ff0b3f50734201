package shipment_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// TestOrderBearsAnother: a shipment that was taken up again while another one of its order was confirmed is told so, and nobody is
// asked which number is right; unless it may have arrived too.
func TestOrderBearsAnother(t *testing.T) {
	t.Parallel()
	unsent := func(*shipment.Shipment) {}
	unanswered := func(s *shipment.Shipment) {
		s.State, s.SendCount, s.LastOutcome, s.Uncertain = delivery.Sending, 1, delivery.Unknown, true
	}
	for _, c := range []struct {
		name    string
		with    func(*shipment.Shipment)
		parcels []order.Parcel // that the order shows
		other   delivery.State // of the order's other shipment
		want    []string       // state, reason
		message string         // a part of it
	}{
		{"confirmed with its number", unsent, []order.Parcel{parcel("6A2")}, delivery.Confirmed, []string{"REJECTED", problem.ReasonOrderNotShippable}, "bears shipment p2 (6A2)"},
		{"confirmed without a number", unsent, nil, delivery.Confirmed, []string{"REJECTED", problem.ReasonOrderNotShippable}, "bears shipment p2 (6A2)"},
		{"confirmed, and this one may be applied", unanswered, []order.Parcel{parcel("6A2")}, delivery.Confirmed, []string{"NEEDS_ATTENTION", problem.ReasonTrackingMismatch}, "bears shipment p2 (6A2)"},
		{"it bears this one", unanswered, []order.Parcel{parcel("6A1")}, delivery.Confirmed, []string{"CONFIRMED", ""}, "with this tracking number"},
		{"not confirmed: it did not ship the order", unsent, []order.Parcel{parcel("6A2")}, delivery.Rejected, []string{"NEEDS_ATTENTION", problem.ReasonTrackingMismatch}, "which one is right"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.with(&w.ship)
			other := w.ship
			other.ID, other.TrackingNumber, other.State = "p2", "6A2", c.other
			w.others = []shipment.Shipment{other}
			w.shown.Status, w.shown.Parcels = order.Shipped, c.parcels
			got := w.step(t)
			same(t, "state, reason", []string{string(got.State), got.Reason}, c.want)
			if !strings.Contains(got.Message, c.message) {
				t.Errorf("message %q, want %q in it", got.Message, c.message)
			}
			same(t, "sent", len(w.sent), 0)
		})
	}
}

// TestNotifyNamesWhatTheOrderBears: a statement about an order that left is refused with the shipment by which it did, where that is one
// of ours; nothing else of ours is named.
func TestNotifyNamesWhatTheOrderBears(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status order.Status
		states []delivery.State // of the shipments p1, p2, … of the order
		reason string
		named  string // in the metadata
	}{
		{"confirmed", order.Shipped, []delivery.State{delivery.Rejected, delivery.Confirmed}, problem.ReasonOrderNotShippable, "stores/shop/shipments/p2"},
		{"delivered since", order.Delivered, []delivery.State{delivery.Confirmed}, problem.ReasonOrderNotShippable, "stores/shop/shipments/p1"},
		{"about to be confirmed", order.Shipped, []delivery.State{delivery.Rejected, delivery.Acknowledged}, problem.ReasonShipmentAlreadyOpen, "stores/shop/shipments/p2"},
		{"confirmed, and one was taken up again", order.Shipped, []delivery.State{delivery.Queued, delivery.Confirmed}, problem.ReasonOrderNotShippable, "stores/shop/shipments/p2"},
		{"not by us", order.Shipped, []delivery.State{delivery.NeedsAttention, delivery.Rejected}, problem.ReasonOrderNotShippable, ""},
		{"cancelled", order.Cancelled, []delivery.State{delivery.Queued}, problem.ReasonOrderNotShippable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.shown.Status = c.status
			for i, state := range c.states {
				s := w.ship
				s.ID, s.State = fmt.Sprintf("p%d", i+1), state
				w.others = append(w.others, s)
			}
			w.ship = shipment.Shipment{}
			_, err := newService(w, nil).Notify(t.Context(), "shop", shipment.Statement{
				Request: shipment.Request{OrderNumber: "1", Carrier: "colissimo", TrackingNumber: "6A9"},
			})
			p := problem.As(err)
			if p == nil {
				t.Fatalf("error %v", err)
			}
			same(t, "reason, shipment", []string{p.Reason, p.Metadata["shipment"]}, []string{c.reason, c.named})
		})
	}
}
