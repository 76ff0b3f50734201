package octopia

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// span is a stretch of time: begin included, end excluded.
type span struct{ begin, end time.Time }

// width returns how long it is.
func (s span) width() time.Duration { return s.end.Sub(s.begin) }

// window is what ListOrders or CountOrders was asked for.
type window struct {
	span
	byModification bool
	words          []string // to filter by; none for no filter
	statuses       []adapterv1.OrderStatus
}

// windowRequest is what the requests of ListOrders and CountOrders have in common; their oneof types differ.
type windowRequest struct {
	created, modified interface{ AsTime() time.Time } // one of them is not nil
	until             interface{ AsTime() time.Time } // nil when missing
	statuses          []adapterv1.OrderStatus
}

// listWindow checks the request of ListOrders. No filter by status is sent: one goes by name, and would leave out the orders in a
// word that nobody here knows, which are always asked for. Errors: INVALID_REQUEST.
func listWindow(req *adapterv1.ListOrdersRequest) (*window, error) {
	r := windowRequest{statuses: req.GetStatuses()}
	switch since := req.GetSince().(type) {
	case *adapterv1.ListOrdersRequest_CreatedSince:
		r.created = since.CreatedSince
	case *adapterv1.ListOrdersRequest_ModifiedSince:
		r.modified = since.ModifiedSince
	}
	if req.GetUntil() != nil {
		r.until = req.GetUntil()
	}
	return r.window(nil)
}

// countWindow checks the request of CountOrders. Orders are counted by their own word: what their lines make of it only a read
// can tell. Errors: INVALID_REQUEST.
func countWindow(req *adapterv1.CountOrdersRequest) (*window, error) {
	r := windowRequest{statuses: req.GetStatuses()}
	switch since := req.GetSince().(type) {
	case *adapterv1.CountOrdersRequest_CreatedSince:
		r.created = since.CreatedSince
	case *adapterv1.CountOrdersRequest_ModifiedSince:
		r.modified = since.ModifiedSince
	}
	if req.GetUntil() != nil {
		r.until = req.GetUntil()
	}
	return r.window(wordsFor(req.GetStatuses()))
}

// window checks what was asked for.
func (r windowRequest) window(words []string) (*window, error) {
	w := &window{words: words, statuses: r.statuses}
	switch {
	case r.created != nil:
		w.begin = r.created.AsTime()
	case r.modified != nil:
		w.byModification, w.begin = true, r.modified.AsTime()
	default:
		return nil, sdk.InvalidRequest("since", "is missing: created_since or modified_since is needed")
	}
	if r.until == nil {
		return nil, sdk.InvalidRequest("until", "is missing")
	}
	w.end = r.until.AsTime()
	if w.end.Before(w.begin) {
		return nil, sdk.InvalidRequest("until", "is before the begin of the window")
	}
	for _, s := range r.statuses {
		if _, named := adapterv1.OrderStatus_name[int32(s)]; named && s != 0 {
			return w, nil
		}
	}
	return nil, sdk.InvalidRequest("statuses", "names no status")
}

// wants reports whether an order is asked for. One whose status is not known always is.
func (w *window) wants(o *adapterv1.Order) bool {
	return o.GetStatus() == unrecognized || slices.Contains(w.statuses, o.GetStatus())
}

// field is the date that the window goes by (octopia-rest.md 3).
func (w *window) field() string {
	if w.byModification {
		return "updatedAt"
	}
	return "createdAt"
}

// query returns the filter of a part of the window, widened by margin on both sides.
func (w *window) query(part span, margin time.Duration) url.Values {
	q := url.Values{}
	q.Set(w.field()+"Min", filterTime(floor(part.begin).Add(-margin)))
	q.Set(w.field()+"Max", filterTime(ceil(part.end).Add(margin)))
	if len(w.words) > 0 {
		q.Set("status", strings.Join(w.words, ","))
	}
	return q
}
