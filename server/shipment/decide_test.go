package shipment

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// TestDecide is the state table of design section 6, line by line.
func TestDecide(t *testing.T) {
	t.Parallel()
	const reads = 3
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	inTime, tooLate := now.Add(time.Hour), now.Add(-time.Second)

	read := func(status order.Status, parcels ...string) *order.Order {
		o := &order.Order{Status: status, Fulfillment: order.FulfilledBySeller, Lines: []order.Line{{ID: "A"}}}
		for _, p := range parcels {
			o.Parcels = append(o.Parcels, order.Parcel{TrackingNumber: p})
		}
		return o
	}
	shipment := func(state delivery.State) Shipment {
		return Shipment{Request: Request{TrackingNumber: "6A0001"}, Delivery: delivery.Delivery{State: state, Deadline: inTime}}
	}
	with := func(s Shipment, change func(*Shipment)) Shipment { change(&s); return s }
	stillReady := func(n int32) func(*Shipment) { return func(s *Shipment) { s.StillReady = n } }
	late := func(s *Shipment) { s.Deadline = tooLate }
	cancelAsked := read(order.ReadyToShip)
	cancelAsked.CancelRequested = true
	marketplaceShips := read(order.ReadyToShip)
	marketplaceShips.Fulfillment = order.FulfilledByMarketplace
	noGoods := read(order.ReadyToShip)
	noGoods.Lines = nil

	tests := []struct {
		name     string
		s        Shipment
		o        *order.Order
		want     action
		evidence Evidence
		reason   string
	}{
		{"ready, never sent", shipment(delivery.Queued), read(order.ReadyToShip), send, "", ""},
		{"ready, never sent, past the deadline: better late than never", with(shipment(delivery.Queued), late), read(order.ReadyToShip), send, "", ""},
		{"ready, never sent, buyer asks to cancel", shipment(delivery.Queued), cancelAsked, attention, "", problem.ReasonCancelRequested},
		{"ready, never sent, marketplace ships", shipment(delivery.Queued), marketplaceShips, reject, "", problem.ReasonOrderNotShippable},
		{"ready, never sent, no goods", shipment(delivery.Queued), noGoods, reject, "", problem.ReasonOrderNotShippable},

		{"ready, outcome unknown, no settled read yet", shipment(delivery.Sending), read(order.ReadyToShip), wait, "", ""},
		{"ready, outcome unknown, one read short", with(shipment(delivery.Sending), stillReady(reads-1)), read(order.ReadyToShip), wait, "", ""},
		{"ready, outcome unknown, repeatedly still ready", with(shipment(delivery.Sending), stillReady(reads)), read(order.ReadyToShip), send, "", ""},
		{"ready, outcome unknown, repeatedly still ready, past the deadline", with(with(shipment(delivery.Sending), stillReady(reads)), late), read(order.ReadyToShip), attention, "", problem.ReasonMarketplaceDown},
		{"ready, outcome unknown, buyer asks to cancel", with(shipment(delivery.Sending), stillReady(reads)), cancelAsked, attention, "", problem.ReasonCancelRequested},
		{"ready, outcome unknown, marketplace ships", with(shipment(delivery.Sending), stillReady(reads)), marketplaceShips, attention, "", problem.ReasonOrderNotShippable},
		{"ready, outcome unknown, no goods left", with(shipment(delivery.Sending), stillReady(reads)), noGoods, attention, "", problem.ReasonOrderNotShippable},
		{"ready, refused, repeatedly still ready", with(shipment(delivery.Sending), func(s *Shipment) {
			s.StillReady, s.LastOutcome, s.Reason, s.Message = reads, delivery.Refused, problem.ReasonMarketplaceWriteError, "refused: OrderTrackingInformationError"
		}), read(order.ReadyToShip), reject, "", problem.ReasonMarketplaceWriteError},
		{"ready, refused, but an earlier request may still show", with(shipment(delivery.Sending), func(s *Shipment) {
			s.StillReady, s.LastOutcome = 1, delivery.Refused
		}), read(order.ReadyToShip), wait, "", ""},

		{"ready, acknowledged", shipment(delivery.Acknowledged), read(order.ReadyToShip), wait, "", ""},
		{"ready, acknowledged, never shown: nothing is sent again", with(shipment(delivery.Acknowledged), stillReady(99)), read(order.ReadyToShip), wait, "", ""},
		{"ready, acknowledged, past the deadline", with(shipment(delivery.Acknowledged), late), read(order.ReadyToShip), attention, "", problem.ReasonNotConfirmed},

		{"shipped, our tracking, sent", shipment(delivery.Sending), read(order.Shipped, "6A0001"), confirm, EvidenceTracking, ""},
		{"shipped, our tracking, acknowledged", shipment(delivery.Acknowledged), read(order.Shipped, "6A0001"), confirm, EvidenceTracking, ""},
		{"shipped, our tracking, never sent", shipment(delivery.Queued), read(order.Shipped, "6A0001"), confirm, EvidenceTracking, ""},
		{"shipped, our tracking in another spelling", shipment(delivery.Acknowledged), read(order.Shipped, " 6a0001 "), confirm, EvidenceTracking, ""},
		{"shipped, our tracking beside another", shipment(delivery.Acknowledged), read(order.Shipped, "X", "6A0001"), confirm, EvidenceTracking, ""},
		{"delivered counts as shipped", shipment(delivery.Acknowledged), read(order.Delivered, "6A0001"), confirm, EvidenceTracking, ""},
		{"shipped, no parcel visible, sent", shipment(delivery.Sending), read(order.Shipped), confirm, EvidenceState, ""},
		{"shipped, parcel without number, acknowledged", shipment(delivery.Acknowledged), read(order.Shipped, ""), confirm, EvidenceState, ""},
		{"shipped, no parcel visible, never sent", shipment(delivery.Queued), read(order.Shipped), attention, EvidenceState, problem.ReasonShippedElsewhere},
		{"shipped, no parcel visible, our only request was refused", with(shipment(delivery.Sending), func(s *Shipment) { s.LastOutcome = delivery.Refused }), read(order.Shipped), attention, EvidenceState, problem.ReasonShippedElsewhere},
		{"shipped, no parcel visible, refused after a lost answer", with(shipment(delivery.Sending), func(s *Shipment) { s.LastOutcome, s.Uncertain = delivery.Refused, true }), read(order.Shipped), confirm, EvidenceState, ""},
		{"shipped, another tracking, sent", shipment(delivery.Sending), read(order.Shipped, "OTHER"), attention, EvidenceState, problem.ReasonTrackingMismatch},
		{"shipped, another tracking, never sent", shipment(delivery.Queued), read(order.Shipped, "OTHER"), attention, EvidenceState, problem.ReasonTrackingMismatch},

		{"not yet to ship: payment", shipment(delivery.Queued), read(order.Processing), wait, "", ""},
		{"not yet to ship: acceptance", shipment(delivery.Queued), read(order.PendingAcceptance), wait, "", ""},
		{"not yet to ship: unrecognized is never guessed", shipment(delivery.Queued), read(order.Unrecognized), wait, "", ""},
		{"not yet to ship, past the deadline", with(shipment(delivery.Queued), late), read(order.Processing), attention, "", problem.ReasonOrderNotShippable},

		{"cancelled, never sent", shipment(delivery.Queued), read(order.Cancelled), reject, "", problem.ReasonOrderNotShippable},
		{"cancelled, outcome unknown", shipment(delivery.Sending), read(order.Cancelled), reject, "", problem.ReasonOrderNotShippable},
		{"refused", shipment(delivery.Queued), read(order.Refused), reject, "", problem.ReasonOrderNotShippable},

		{"order not shown", shipment(delivery.Queued), nil, wait, "", problem.ReasonMarketplaceOrderGone},
		{"order not shown, past the deadline", with(shipment(delivery.Queued), late), nil, attention, "", problem.ReasonMarketplaceOrderGone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := decide(tt.s, tt.o, now, reads)
			if got.action != tt.want || got.evidence != tt.evidence || got.reason != tt.reason {
				t.Errorf("decide = action %d evidence %q reason %q, want action %d evidence %q reason %q",
					got.action, got.evidence, got.reason, tt.want, tt.evidence, tt.reason)
			}
			if got.action != send && got.message == "" {
				t.Error("a person is told nothing")
			}
		})
	}
}

func TestResolveCarrier(t *testing.T) {
	t.Parallel()
	list := []Carrier{{Code: "14", Name: "Colissimo"}, {Code: "15", Name: "Colis Privé"}, {Code: "6", Name: "Mondial Relay"}, {Code: "pcc", Name: "La Poste"}, {Code: "pcc", Name: "Chronopost"}}
	tests := []struct {
		name, written, want, near string
	}{
		{"exact", "Colissimo", "Colissimo", ""},
		{"case", "COLISSIMO", "Colissimo", ""},
		{"accent left out", "colis prive", "Colis Privé", ""},
		{"accent decomposed", "Colis Prive\u0301", "Colis Privé", ""},
		{"blanks and dashes", "mondial-relay", "Mondial Relay", ""},
		{"unique code", "14", "Colissimo", ""},
		{"code of several carriers", "pcc", "", ""},
		{"typing mistake", "Colisimo", "", "Colissimo"},
		{"part of a name", "Relay", "", "Mondial Relay"},
		{"nothing like it", "Pigeon Post Ltd", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := resolveCarrier(tt.written, list)
			if got.Name != tt.want {
				t.Errorf("resolveCarrier(%q) = %q, want %q", tt.written, got.Name, tt.want)
			}
			if tt.want != "" {
				return
			}
			if !problem.HasReason(err, problem.ReasonCarrierUnknown) {
				t.Fatalf("error %v, want %s", err, problem.ReasonCarrierUnknown)
			}
			if near := problem.As(err).Metadata["near_matches"]; near != tt.near {
				t.Errorf("near matches %q, want %q", near, tt.near)
			}
		})
	}
}
