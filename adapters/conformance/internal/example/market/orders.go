package market

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// pageSize is how many orders one answer holds.
const pageSize = 50

// renamed precedes an order's former number in the second version.
const renamed = "BZ"

// selection is what a list or a count asks for.
type selection struct {
	since, until time.Time
	changed      bool
	states       []string // empty for all
	former       string
}

func selectionOf(q url.Values) (selection, bool) {
	s := selection{changed: q.Get("by") == "changed", former: q.Get("former_number")}
	if s.former != "" {
		return s, true
	}
	var errSince, errUntil error
	s.since, errSince = time.Parse(time.RFC3339Nano, q.Get("since"))
	s.until, errUntil = time.Parse(time.RFC3339Nano, q.Get("until"))
	if text := q.Get("states"); text != "" {
		s.states = strings.Split(text, ",")
	}
	return s, errSince == nil && errUntil == nil
}

// matches reports whether an order is asked for: begin included, end excluded.
func (s selection) matches(h world.Head) bool {
	if s.former != "" {
		return h.Number == s.former
	}
	at := h.Created
	if s.changed {
		at = h.LastChange()
	}
	return !at.Before(s.since) && at.Before(s.until) && (len(s.states) == 0 || slices.Contains(s.states, stateWord(h.State)))
}

// list gives a page of orders by number, behind ?after=. A number never changes, so that pages cannot shift. Clients who would
// rather count pass over ?skip= orders.
func (f *Face) list(c *call) face.Answer {
	s, ok := selectionOf(c.request.URL.Query())
	if !ok {
		return refused(http.StatusBadRequest, "dates", "since and until are needed.")
	}
	numbers := f.World.Find(c.seller.Account, s.matches)
	slices.Sort(numbers)
	after := strings.TrimPrefix(c.request.URL.Query().Get("after"), renamed)
	at, found := slices.BinarySearch(numbers, after)
	if found {
		at++
	}
	page := numbers[at:]
	if skip, err := strconv.Atoi(c.request.URL.Query().Get("skip")); err == nil {
		page = numbers[min(max(skip, 0), len(numbers)):]
	}
	next := ""
	if len(page) > pageSize {
		page = page[:pageSize]
		next = page[pageSize-1]
	}
	orders := []map[string]any{}
	for _, number := range page {
		if o, ok := f.World.Read(number); ok {
			orders = append(orders, f.order(c.version, o))
		}
	}
	return answer(map[string]any{"orders": orders, "next": next})
}

// count counts.
func (f *Face) count(c *call) face.Answer {
	s, ok := selectionOf(c.request.URL.Query())
	if !ok {
		return refused(http.StatusBadRequest, "dates", "since and until are needed.")
	}
	return answer(map[string]any{"count": len(f.World.Find(c.seller.Account, s.matches))})
}

// get gives one order. The second version knows its own names only.
func (f *Face) get(c *call) face.Answer {
	o, known := f.World.Read(c.order)
	if !known || o.Seller != c.seller.Account || c.version.next != strings.HasPrefix(c.request.PathValue("id"), renamed) {
		return refused(http.StatusNotFound, "order", "There is no such order.")
	}
	return answer(map[string]any{"order": f.order(c.version, o)})
}

// stateWord is an order's state in the bazaar's words; one that the world does not know goes out as it is.
func stateWord(s world.State) string {
	switch s {
	case world.WaitingForSellerAcceptation:
		return "to-accept"
	case world.AcceptedBySeller, world.PaymentInProgress:
		return "checking"
	case world.WaitingForShipmentAcceptation:
		return "to-ship"
	case world.Shipped:
		return "sent"
	case "PickedUp":
		return "collected"
	case world.RefusedBySeller, world.ShipmentRefusedBySeller:
		return "declined"
	case world.CancelledByCustomer, world.AutomaticCancellation, world.PaymentRefused:
		return "void"
	default:
		return string(s)
	}
}

// lineWord is a line's state; "as-order" says nothing of its own.
func lineWord(s world.LineState) string {
	switch s {
	case world.LineNone, world.LineAccepted, "":
		return "as-order"
	case world.LineCancelRequested:
		return "cancel-asked"
	case world.LineShipped:
		return "sent"
	case world.LineRefused, world.LineShipmentRefused, world.LineRefundedAfterRefusal:
		return "declined"
	case world.LineCancelledBeforePayment, world.LineCancelledAfterPayment, world.LineCancelledBeforeNotice, world.LinePaymentRefused:
		return "void"
	default:
		return string(s)
	}
}
