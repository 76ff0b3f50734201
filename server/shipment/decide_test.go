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
		{"ready, never sent, buyer asks to cancel, forced", with(shipment(delivery.Queued), func(s *Shipment) { s.OverCancel = true }), cancelAsked, send, "", ""},
		{"ready, never sent, marketplace ships, forced", with(shipment(delivery.Queued), func(s *Shipment) { s.OverCancel = true }), marketplaceShips, reject, "", problem.ReasonOrderNotShippable},
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
		{"shipped, no parcel visible, the marketplace had been told before the first request", with(shipment(delivery.Acknowledged), func(s *Shipment) { s.SendCount, s.LastOutcome = 1, delivery.AlreadyApplied }), read(order.Shipped), attention, EvidenceState, problem.ReasonShippedElsewhere},
		{"shipped, no parcel visible, the marketplace had been told by an earlier request", with(shipment(delivery.Acknowledged), func(s *Shipment) { s.SendCount, s.LastOutcome, s.Uncertain = 2, delivery.AlreadyApplied, true }), read(order.Shipped), confirm, EvidenceState, ""},
		{"shipped, our tracking, the marketplace had been told before", with(shipment(delivery.Acknowledged), func(s *Shipment) { s.SendCount, s.LastOutcome = 1, delivery.AlreadyApplied }), read(order.Shipped, "6A0001"), confirm, EvidenceTracking, ""},
		{"shipped, another tracking, sent", shipment(delivery.Sending), read(order.Shipped, "OTHER"), attention, "", problem.ReasonTrackingMismatch},
		{"shipped, another tracking, never sent", shipment(delivery.Queued), read(order.Shipped, "OTHER"), attention, "", problem.ReasonTrackingMismatch},

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
			got := decide(tt.s, tt.o, now, reads, Rules{})
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

// TestDecideCorrection is what a read means for a shipment that corrects another one: which number the marketplace has is the
// question.
func TestDecideCorrection(t *testing.T) {
	t.Parallel()
	const reads, old, right = 3, "6A0000", "6A0001"
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	no, yes := Rules{}, Rules{TrackingCorrection: true}
	read := func(status order.Status, parcels ...string) *order.Order {
		o := &order.Order{Status: status, Fulfillment: order.FulfilledBySeller, Lines: []order.Line{{ID: "A"}}}
		for _, p := range parcels {
			o.Parcels = append(o.Parcels, order.Parcel{TrackingNumber: p})
		}
		return o
	}
	// fresh: the corrected shipment was never sent. inherited: it may have been. sent: this one was sent, the answer was lost.
	shipment := func(d delivery.Delivery) Shipment {
		d.Deadline = now.Add(time.Hour)
		return Shipment{Request: Request{TrackingNumber: right, Replaces: "p0"}, ReplacedTracking: old, Delivery: d}
	}
	fresh := shipment(delivery.Delivery{State: delivery.Queued})
	inherited := shipment(delivery.Delivery{State: delivery.Sending, Uncertain: true, LastOutcome: delivery.Unknown})
	settled := shipment(delivery.Delivery{State: delivery.Sending, Uncertain: true, LastOutcome: delivery.Unknown, StillReady: reads})
	sent := shipment(delivery.Delivery{State: delivery.Sending, Uncertain: true, LastOutcome: delivery.Unknown, SendCount: 1})
	toldBefore := shipment(delivery.Delivery{State: delivery.Acknowledged, SendCount: 1, LastOutcome: delivery.AlreadyApplied, Uncertain: true})
	acknowledged := shipment(delivery.Delivery{State: delivery.Acknowledged, SendCount: 1, LastOutcome: delivery.Applied})

	for _, tt := range []struct {
		name   string
		s      Shipment
		o      *order.Order
		rules  Rules
		want   action
		reason string
	}{
		{"ready, nothing was sent before", fresh, read(order.ReadyToShip), no, send, ""},
		{"ready, the old one may be on its way", inherited, read(order.ReadyToShip), no, wait, ""},
		{"ready, the old one did not arrive", settled, read(order.ReadyToShip), no, send, ""},
		{"shipped with the old number", inherited, read(order.Shipped, old), no, attention, problem.ReasonCorrectionUnsupported},
		{"shipped with the old number, after this one was sent", sent, read(order.Shipped, old), no, attention, problem.ReasonCorrectionUnsupported},
		{"shipped with our number", sent, read(order.Shipped, right), no, confirm, ""},
		{"shipped with both", sent, read(order.Shipped, old, right), no, confirm, ""},
		{"shipped with a third number", inherited, read(order.Shipped, "6A9999"), no, attention, problem.ReasonTrackingMismatch},
		{"shipped, no parcel visible: by the old one or this one", sent, read(order.Shipped), no, attention, problem.ReasonTrackingMismatch},
		{"shipped, no parcel visible, only the old one was sent", inherited, read(order.Shipped), no, attention, problem.ReasonTrackingMismatch},
		{"shipped, no parcel visible, nothing was sent", fresh, read(order.Shipped), no, attention, problem.ReasonShippedElsewhere},
		{"shipped, no parcel visible, the marketplace said yes to this one", acknowledged, read(order.Shipped), no, confirm, ""},

		{"shipped, no parcel visible, the marketplace had been told before: by the old one or this one", toldBefore, read(order.Shipped), no, attention, problem.ReasonTrackingMismatch},

		{"shipped with the old number, which may be corrected", fresh, read(order.Shipped, old), yes, send, ""},
		{"shipped with the old number, which may be corrected: this one may be on its way", sent, read(order.Shipped, old), yes, wait, ""},
		{"shipped with the old number, which may be corrected: this one did not arrive", settled, read(order.Shipped, old), yes, send, ""},
		{"shipped with the old number, which may be corrected: the marketplace said yes", acknowledged, read(order.Shipped, old), yes, wait, ""},
		{"shipped with our number, which may be corrected", sent, read(order.Shipped, right), yes, confirm, ""},
		{"shipped with a third number, which may be corrected: not by us", fresh, read(order.Shipped, "6A9999"), yes, attention, problem.ReasonTrackingMismatch},
		{"cancelled", fresh, read(order.Cancelled), yes, reject, problem.ReasonOrderNotShippable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := decide(tt.s, tt.o, now, reads, tt.rules)
			if got.action != tt.want || got.reason != tt.reason || got.message == "" {
				t.Errorf("decide = action %d reason %q message %q, want action %d reason %q and a message", got.action, got.reason, got.message, tt.want, tt.reason)
			}
		})
	}
}
