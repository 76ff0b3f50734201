package octopia

import (
	"slices"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Short names of the normalised statuses, for the tables.
const (
	pending      = adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE
	processing   = adapterv1.OrderStatus_ORDER_STATUS_PROCESSING
	ready        = adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP
	shipped      = adapterv1.OrderStatus_ORDER_STATUS_SHIPPED
	delivered    = adapterv1.OrderStatus_ORDER_STATUS_DELIVERED
	cancelled    = adapterv1.OrderStatus_ORDER_STATUS_CANCELLED
	refused      = adapterv1.OrderStatus_ORDER_STATUS_REFUSED
	unrecognized = adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED
)

// Words of the marketplace with rules of their own; lineCancelRequest is a line's only (octopia-rest.md 5.4).
const (
	wordWaiting       = "WaitingAcceptance"
	wordInPreparation = "InPreparation"
	lineCancelRequest = "CancelRequest"
)

// orderWord is a value of an order's status and what it means here.
type orderWord struct {
	word   string
	status adapterv1.OrderStatus
}

// orderWords are all values of an order's status (octopia-rest.md 5.4). A filter by another one is answered 400.
//
// Not obvious: Accepted waits for the marketplace's last controls and is not yet to ship; Rejected was ended by those controls,
// Refused by the seller, and neither was ever a sale. InPreparation is to ship only while a line says so too (orderStatus).
var orderWords = [...]orderWord{
	{"Processing", processing},
	{wordWaiting, pending},
	{"Refused", refused},
	{"Accepted", processing},
	{wordInPreparation, ready},
	{"Shipped", shipped},
	{"Delivered", delivered},
	{"Cancelled", cancelled},
	{"Rejected", cancelled},
}

// statusOf returns the status of an order's word; unrecognized for one that is not known, and for none at all.
func statusOf(word string) adapterv1.OrderStatus {
	for _, w := range orderWords {
		if w.word == word {
			return w.status
		}
	}
	return unrecognized
}

// open reports whether an order in this status can still change at the seller's side.
func open(s adapterv1.OrderStatus) bool { return s == pending || s == processing || s == ready }

// lineStatus is the table of a line's status: rows are the line's word, columns the status of its order's word.
//
//	line \ order                 pending   processing  ready        shipped  delivered  cancelled  refused
//	Processing                   follows   follows     PROCESSING   follows  follows    follows    follows
//	WaitingAcceptance            follows   follows     PROCESSING   follows  follows    follows    follows
//	Accepted, InPreparation      follows   follows     READY (1)    follows  follows    follows    follows
//	CancelRequest                follows the order, and the buyer asks to cancel (2)
//	Shipped                      SHIPPED, and DELIVERED in a delivered order
//	Delivered                    DELIVERED
//	Refused                      REFUSED
//	Cancelled, Rejected          CANCELLED
//	any other word, or none      UNRECOGNIZED: nobody ships it
//
// (1) Only a line that the seller ships: in a warehouse of the marketplace the same words are PROCESSING. The word of a line to
// ship was Accepted until 3 November 2025 and has been InPreparation since, while the order's word stayed the same
// (octopia-rest.md 5.4): both are taken, the order's word decides.
// (2) A line to ship stays READY_TO_SHIP, like in the SOAP adapter; the open request is a fact of its own, which the host weighs.
//
// A line of an order whose own word is unknown is UNRECOGNIZED wherever it follows.
func lineStatus(word string, order adapterv1.OrderStatus, ours bool) (status adapterv1.OrderStatus, cancelRequested bool) {
	follows := order
	if order == ready && !ours {
		follows = processing
	}
	switch word {
	case "Processing", wordWaiting:
		if order == ready {
			return processing, false
		}
		return follows, false
	case "Accepted", wordInPreparation:
		return follows, false
	case lineCancelRequest:
		return follows, true
	case "Shipped":
		if order == delivered {
			return delivered, false
		}
		return shipped, false
	case "Delivered":
		return delivered, false
	case "Refused":
		return refused, false
	case "Cancelled", "Rejected":
		return cancelled, false
	}
	return unrecognized, false
}

// orderStatus is the table of an order's status, from that of its own word and those of its lines. The first row that fits
// counts.
//
//	own word        lines                                         order
//	unknown         any                                           UNRECOGNIZED
//	any             one is UNRECOGNIZED                           UNRECOGNIZED
//	not open        any                                           own
//	open            all refused                                   REFUSED
//	open            all refused or cancelled                      CANCELLED
//	open            all delivered, refused or cancelled           DELIVERED
//	open            all shipped, delivered, refused or cancelled  SHIPPED
//	ready           none is READY_TO_SHIP, or there is none       PROCESSING
//	open            any                                           own
func orderStatus(own adapterv1.OrderStatus, lines []*adapterv1.OrderLine) adapterv1.OrderStatus {
	var counts [unrecognized + 1]int // by status, of which unrecognized is the last
	for _, l := range lines {
		counts[l.GetStatus()]++
	}
	ended := counts[cancelled] + counts[refused]
	left := ended + counts[shipped] + counts[delivered]
	switch {
	case own == unrecognized || counts[unrecognized] > 0:
		return unrecognized
	case !open(own):
		return own
	case len(lines) > 0 && counts[refused] == len(lines):
		return refused
	case len(lines) > 0 && ended == len(lines):
		return cancelled
	case len(lines) > 0 && ended+counts[delivered] == len(lines):
		return delivered
	case len(lines) > 0 && left == len(lines):
		return shipped
	case own == ready && counts[ready] == 0:
		return processing
	}
	return own
}

// wordsFor returns the words whose own status is one of these, for counting; none means no filter, which the API takes for all
// orders (octopia-rest.md 3).
func wordsFor(statuses []adapterv1.OrderStatus) []string {
	if slices.Contains(statuses, unrecognized) {
		return nil
	}
	var words []string
	for _, w := range orderWords {
		if slices.Contains(statuses, w.status) {
			words = append(words, w.word)
		}
	}
	if len(words) == len(orderWords) {
		return nil
	}
	return words
}
