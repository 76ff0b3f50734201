package cdiscount

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// filterMargin widens the date that a read does not select by: clocks and copies of an order may differ by hours.
const filterMargin = 24 * time.Hour

// orderFilter is an OrderFilter, as far as it is used (cdiscount-soap.md 6.1).
type orderFilter struct {
	// By date: all four dates and states by name. Dates without states are not applied; a lone date was seen ignored.
	created, modified span
	states            []string
	// By number: then the service ignores everything else.
	numbers []string
}

// span is a stretch of time.
type span struct{ begin, end time.Time }

// write writes the parameter of GetOrderList in schema order.
func (f *orderFilter) write(w *requestWriter) {
	w.group("orderFilter", func() {
		if len(f.numbers) == 0 {
			w.text("BeginCreationDate", filterBegin(f.created.begin))
			w.text("BeginModificationDate", filterBegin(f.modified.begin))
			w.text("EndCreationDate", filterEnd(f.created.end))
			w.text("EndModificationDate", filterEnd(f.modified.end))
		}
		w.text("FetchOrderLines", "true")
		w.text("FetchParcels", "true")
		if len(f.numbers) > 0 {
			w.strings("OrderReferenceList", f.numbers)
			return
		}
		w.group("States", func() {
			for _, s := range f.states {
				w.text("OrderStateEnum", s)
			}
		})
	})
}

// orderListReader returns the reader of OrderList: it gives every order to yield as soon as it was read, so that memory
// does not grow with the answer. OperationSuccess comes before the list (cdiscount-soap.md 3.3); orders of a failed
// operation are not looked at.
func orderListReader(yield func(*adapterv1.Order) error) fieldReader {
	return func(r *answerReader, head *answer) error {
		if !head.success {
			return r.skip()
		}
		for {
			name, ok, err := r.child()
			if err != nil || !ok {
				return err
			}
			r.nextPiece()
			if string(name) != "Order" || r.isNil() {
				if err := r.skip(); err != nil {
					return err
				}
				continue
			}
			if err := r.order.read(r); err != nil {
				return err
			}
			r.settle()
			o, err := mapOrder(&r.order)
			if err != nil {
				return err
			}
			if err := yield(o); err != nil {
				return &consumerError{cause: err}
			}
		}
	}
}

// getOrderList makes one GetOrderList call. stall bounds each wait for the answer; zero for no bound but that of all waits.
// Errors are this package's own, for readFailure.
func (s *session) getOrderList(ctx context.Context, f *orderFilter, stall time.Duration, yield func(*adapterv1.Order) error) error {
	_, err := s.try(ctx, call{
		op: opOrderList, parameter: f.write, fields: map[string]fieldReader{"OrderList": orderListReader(yield)}, stall: stall,
	})
	return err
}

// ListOrders implements sdk.Adapter. The window is read in sub-windows of some days, oldest first, with a checkpoint after
// each: too wide a filter times out at the marketplace (cdiscount-soap.md 11). A sub-window whose answer does not come in
// time is halved, and those after it are no wider, down to a minimum; the smallest gets all the time that an exchange may
// take. What was handed over before the time-out comes again, which the protocol allows.
//
// What the service sends beyond the filter is handed over as well: a superset is allowed, and dropping by a date that the
// marketplace may leave out would lose orders.
func (a *Adapter) ListOrders(ctx context.Context, req *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
	w, err := a.window(req)
	if err != nil {
		return err
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return err
	}
	s.onState = out.State
	width := a.subWindow
	for begin := w.since; begin.Before(w.until); {
		end := begin.Add(width)
		if end.After(w.until) {
			end = w.until
		}
		stall := time.Duration(0)
		if end.Sub(begin) > a.minSubWindow {
			stall = a.stall
		}
		err := s.getOrderList(ctx, w.filter(span{begin, end}), stall, out.Send)
		if stall > 0 && ctx.Err() == nil && timedOut(err) {
			width = max(end.Sub(begin)/2, a.minSubWindow)
			s.log.WarnContext(ctx, "cdiscount took too long to list orders; asking for less",
				slog.String("store", s.storeID), slog.Duration("sub_window", width))
			continue
		}
		if err != nil {
			return readFailure(ctx, opOrderList, err)
		}
		if err := out.Checkpoint(end); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		begin = end
	}
	return nil
}

// window is what ListOrders was asked for.
type window struct {
	byModification bool
	since, until   time.Time
	now            time.Time
	reach          time.Duration // creation dates to look at, when reading by modification
	states         []string
}

// window checks the request. Errors: INVALID_REQUEST.
func (a *Adapter) window(req *adapterv1.ListOrdersRequest) (*window, error) {
	w := &window{now: a.clock(), reach: a.creationReach}
	switch since := req.GetSince().(type) {
	case *adapterv1.ListOrdersRequest_CreatedSince:
		w.since = since.CreatedSince.AsTime()
	case *adapterv1.ListOrdersRequest_ModifiedSince:
		w.byModification, w.since = true, since.ModifiedSince.AsTime()
	default:
		return nil, sdk.InvalidRequest("since", "is missing: created_since or modified_since is needed")
	}
	if req.GetUntil() == nil {
		return nil, sdk.InvalidRequest("until", "is missing")
	}
	w.until = req.GetUntil().AsTime()
	if w.until.Before(w.since) {
		return nil, sdk.InvalidRequest("until", "is before the begin of the window")
	}
	w.states = statesFor(req.GetStatuses())
	if len(w.states) == 0 {
		return nil, sdk.InvalidRequest("statuses", "names no status that Cdiscount knows")
	}
	return w, nil
}

// filter returns the filter of a sub-window: it selects by one date and holds the other one wide open. An order can change
// until now, whenever the window ends.
func (w *window) filter(sub span) *orderFilter {
	latest := w.until
	if w.now.After(latest) {
		latest = w.now
	}
	latest = latest.Add(filterMargin)
	if w.byModification {
		return &orderFilter{modified: sub, created: span{w.until.Add(-w.reach), latest}, states: w.states}
	}
	return &orderFilter{created: sub, modified: span{w.since.Add(-filterMargin), latest}, states: w.states}
}

// GetOrders implements sdk.Adapter with GetOrderList by number. The service drops unknown numbers in silence; orders that
// were not asked for are dropped here.
func (a *Adapter) GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	if n := len(req.GetOrderNumbers()); n > maxOrdersPerGet {
		return nil, sdk.InvalidRequest("order_numbers", "holds %d numbers, at most %d are allowed", n, maxOrdersPerGet)
	}
	wanted := make(map[string]bool, len(req.GetOrderNumbers()))
	f := &orderFilter{}
	for i, n := range req.GetOrderNumbers() {
		if n = clean(n); n == "" || illegalXML(n) >= 0 {
			return nil, sdk.InvalidRequest(fmt.Sprintf("order_numbers[%d]", i), "is not an order number")
		}
		if !wanted[n] {
			wanted[n] = true
			f.numbers = append(f.numbers, n)
		}
	}
	if len(f.numbers) == 0 {
		// Without numbers the same call would ask for every recent order.
		return &adapterv1.GetOrdersResponse{}, nil
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	resp := &adapterv1.GetOrdersResponse{}
	err = s.getOrderList(ctx, f, 0, func(o *adapterv1.Order) error {
		if wanted[o.GetOrderNumber()] {
			delete(wanted, o.GetOrderNumber()) // once each
			resp.Orders = append(resp.Orders, o)
		}
		return nil
	})
	if err != nil {
		return nil, readFailure(ctx, opOrderList, err)
	}
	resp.StateUpdate = s.stateUpdate()
	return resp, nil
}

// DecodeOrderList decodes an answer of GetOrderList exactly as ListOrders does and gives every order to emit as soon as it
// was read. For benchmarks and tools: it makes no call, and its errors are those of ListOrders.
func DecodeOrderList(r io.Reader, emit func(*adapterv1.Order) error) error {
	head, err := readAnswer(r, opOrderList, map[string]fieldReader{"OrderList": orderListReader(emit)}, nil)
	if err == nil && !head.success {
		err = newRefusal(head)
	}
	return readFailure(context.Background(), opOrderList, err)
}
