package shipment

import (
	"strings"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// action is what to do with a shipment after a fresh read of its order.
type action int

const (
	wait      action = iota // read again later
	send                    // tell the marketplace
	confirm                 // done: the read proves it
	reject                  // ended: the marketplace will never take it
	attention               // a person must look
)

// verdict is an action, and what to tell a person about it.
type verdict struct {
	action   action
	evidence Evidence
	reason   string
	message  string
}

// decide is the state table of design section 6: what the fresh read o of the order means for the shipment s. o is nil when
// the marketplace does not show the order. repeatedReads is how many reads in a row must show "still ready" before anything
// is sent a second time. rules matter to a correction only.
//
// Queued means that certainly nothing was applied; Sending means that a request may have been.
func decide(s Shipment, o *order.Order, now time.Time, repeatedReads int32, rules Rules) verdict {
	late := now.After(s.Deadline)
	if o != nil && correctable(s, *o, rules) {
		return decideReady(s, *o, late, repeatedReads)
	}
	switch {
	case o == nil && late:
		return verdict{attention, "", problem.ReasonMarketplaceOrderGone,
			"the marketplace no longer shows this order; look it up in the seller portal"}
	case o == nil:
		return verdict{wait, "", problem.ReasonMarketplaceOrderGone, "the marketplace does not show this order; relais keeps reading"}

	case o.Status == order.Shipped || o.Status == order.Delivered:
		return decideShipped(s, *o)

	case o.Status == order.Cancelled || o.Status == order.Refused:
		return verdict{reject, "", problem.ReasonOrderNotShippable,
			"the order has ended on the marketplace (" + o.NativeStatus + "); do not ship it, or get the parcel back"}

	case o.Status != order.ReadyToShip && late:
		return verdict{attention, "", problem.ReasonOrderNotShippable,
			"the order did not become ready to ship in time (" + o.NativeStatus + "); look it up in the seller portal"}
	case o.Status != order.ReadyToShip:
		return verdict{wait, "", "", "the order is not ready to ship yet (" + o.NativeStatus + "); relais waits for it"}
	}
	return decideReady(s, *o, late, repeatedReads)
}

// decideShipped: the read shows the order shipped. By us? Another number that it shows is no evidence of this shipment.
func decideShipped(s Shipment, o order.Order) verdict {
	ours, replaced, other := s.shows(o)
	switch {
	case ours:
		return verdict{confirm, EvidenceTracking, "", "the marketplace shows the order shipped with this tracking number"}
	case other:
		return verdict{attention, "", problem.ReasonTrackingMismatch,
			"the marketplace shows the order shipped with another tracking number; check in the seller portal which one is right"}
	case replaced:
		return verdict{attention, "", problem.ReasonCorrectionUnsupported,
			"the marketplace had taken the tracking number that this shipment corrects, and takes no other; correct it in the seller portal"}
	case !s.MayBeApplied():
		return verdict{attention, EvidenceState, problem.ReasonShippedElsewhere,
			"the order was shipped on the marketplace, but not by relais; check in the seller portal that the tracking number is right"}
	case s.LastOutcome == delivery.AlreadyApplied && !s.Uncertain:
		return verdict{attention, EvidenceState, problem.ReasonShippedElsewhere,
			"the marketplace says that the order was shipped before relais told it to; check in the seller portal that the tracking number is right"}
	case s.ReplacedTracking != "" && (s.State != delivery.Acknowledged || s.LastOutcome != delivery.Applied):
		return verdict{attention, EvidenceState, problem.ReasonTrackingMismatch,
			"the order was shipped, and the marketplace does not show whether with this tracking number or with the one that it corrects; check in the seller portal"}
	}
	return verdict{confirm, EvidenceState, "", "the marketplace shows the order shipped; it shows no parcel to compare"}
}

// decideReady: the read shows the order still to be shipped.
func decideReady(s Shipment, o order.Order, late bool, repeatedReads int32) verdict {
	switch {
	case s.State == delivery.Acknowledged && late:
		return verdict{attention, "", problem.ReasonNotConfirmed,
			"the marketplace said yes, yet still shows the order as not shipped; look it up in the seller portal"}
	case s.State == delivery.Acknowledged:
		return verdict{wait, "", "", "the marketplace said yes; relais waits until it shows the order shipped"}

	case s.State == delivery.Sending && s.StillReady < repeatedReads: // an earlier request may still take effect
		return verdict{wait, "", "", "the marketplace's answer was lost; the order still reads as ready to ship, relais reads again before it sends again"}
	case s.State == delivery.Sending && s.LastOutcome == delivery.Refused:
		return verdict{reject, "", s.Reason, s.Message}
	case s.State == delivery.Sending && late:
		return verdict{attention, "", problem.ReasonMarketplaceDown,
			"the marketplace's answers were lost until the deadline, and it still shows the order as not shipped; look it up in the seller portal"}
	}
	return decideSend(s, o)
}

// decideSend: a request would be sent, the first or another one. What forbids it?
func decideSend(s Shipment, o order.Order) verdict {
	// After a lost answer even a clear no is for a person to see: something may have been applied.
	no := reject
	if s.MayBeApplied() {
		no = attention
	}
	switch {
	case o.CancelRequested && !s.OverCancel:
		return verdict{attention, "", problem.ReasonCancelRequested,
			"the buyer asks to cancel this order; answer the request in the seller portal, or retry the shipment with force"}
	case o.Fulfillment != order.FulfilledBySeller:
		return verdict{no, "", problem.ReasonOrderNotShippable, "the marketplace ships this order itself"}
	case len(o.Lines) == 0:
		return verdict{no, "", problem.ReasonOrderNotShippable, "the order has no goods to ship"}
	}
	return verdict{action: send, message: "the order is ready to ship"}
}

// sameTracking compares tracking numbers as people write them.
func sameTracking(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}
