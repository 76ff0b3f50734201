package example

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// subWindow is how much of a window is read before a checkpoint.
const subWindow = 5 * 24 * time.Hour

// ListOrders implements sdk.Adapter.
func (a *Adapter) ListOrders(ctx context.Context, req *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
	w, err := windowOf(req.GetCreatedSince(), req.GetModifiedSince(), req.GetUntil(), req.GetStatuses())
	if err != nil {
		return err
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return err
	}
	for begin := w.since; begin.Before(w.until); {
		end := begin.Add(subWindow)
		if end.After(w.until) {
			end = w.until
		}
		if err := s.pages(ctx, w.query(begin, end), req.GetStatuses(), out); err != nil {
			return err
		}
		if s.update() != nil {
			out.State(s.encode())
		}
		if err := out.Checkpoint(end); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		begin = end
	}
	return nil
}

// window is what a list or a count asks for.
type window struct {
	by           string
	since, until time.Time
}

// windowOf checks a window. Errors: INVALID_REQUEST.
func windowOf(created, modified, until *timestamppb.Timestamp, statuses []adapterv1.OrderStatus) (window, error) {
	w := window{by: "made", since: created.AsTime(), until: until.AsTime()}
	if modified != nil {
		w.by, w.since = "changed", modified.AsTime()
	}
	switch {
	case created == nil && modified == nil:
		return w, sdk.InvalidRequest("since", "is missing")
	case until == nil:
		return w, sdk.InvalidRequest("until", "is missing")
	case w.until.Before(w.since):
		return w, sdk.InvalidRequest("until", "lies before the begin")
	case len(statuses) == 0:
		return w, sdk.InvalidRequest("statuses", "is empty")
	}
	return w, nil
}

// query asks for a part of the window.
func (w window) query(begin, end time.Time) url.Values {
	return url.Values{"by": {w.by}, "since": {rfc3339(begin)}, "until": {rfc3339(end)}}
}

// pages reads all pages of a question. Pages follow the order numbers, which never change, so that none shifts.
func (s *session) pages(ctx context.Context, query url.Values, statuses []adapterv1.OrderStatus, out sdk.OrderSink) error {
	for {
		var page struct {
			Orders []wireOrder
			Next   *string
		}
		if err := s.read(ctx, "/"+s.api.orders, query, &page); err != nil {
			return err
		}
		if page.Next == nil {
			return sdk.MalformedAnswer("a page does not say whether it is the last")
		}
		for i := range page.Orders {
			o, err := page.Orders[i].order()
			if err != nil {
				return err
			}
			if o.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED && !slices.Contains(statuses, o.GetStatus()) {
				continue
			}
			if err := out.Send(o); err != nil {
				return fmt.Errorf("send: %w", err)
			}
		}
		if *page.Next == "" {
			return nil
		}
		if *page.Next <= query.Get("after") {
			return sdk.MalformedAnswer("the pages do not end")
		}
		query.Set("after", *page.Next)
	}
}

// CountOrders implements sdk.Counter.
func (a *Adapter) CountOrders(ctx context.Context, req *adapterv1.CountOrdersRequest) (*adapterv1.CountOrdersResponse, error) {
	w, err := windowOf(req.GetCreatedSince(), req.GetModifiedSince(), req.GetUntil(), req.GetStatuses())
	if err != nil {
		return nil, err
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	query := w.query(w.since, w.until)
	if !slices.Contains(req.GetStatuses(), adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED) {
		var words []string
		for _, word := range statusWords() {
			if slices.Contains(req.GetStatuses(), word.status) {
				words = append(words, word.word)
			}
		}
		query.Set("states", strings.Join(words, ","))
	}
	var got struct{ Count *int64 }
	if err := s.read(ctx, "/"+a.api.orders+"/count", query, &got); err != nil {
		return nil, err
	}
	if got.Count == nil {
		return nil, sdk.MalformedAnswer("the answer holds no count")
	}
	return &adapterv1.CountOrdersResponse{Count: *got.Count, StateUpdate: s.update()}, nil
}

// GetOrders implements sdk.Adapter.
func (a *Adapter) GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	if len(req.GetOrderNumbers()) > maxNumbers {
		return nil, sdk.InvalidRequest("order_numbers", "holds more than %d numbers", maxNumbers)
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	resp := &adapterv1.GetOrdersResponse{}
	for _, asked := range req.GetOrderNumbers() {
		o, err := s.find(ctx, asked)
		if err != nil {
			return nil, err
		}
		if o != nil {
			resp.Orders = append(resp.Orders, o)
		}
	}
	resp.StateUpdate = s.update()
	return resp, nil
}

// find reads one order by its number or, in the second version, by its former one; nil when there is none.
func (s *session) find(ctx context.Context, asked string) (*adapterv1.Order, error) {
	if !number.MatchString(asked) {
		return nil, nil
	}
	var got struct{ Order *wireOrder }
	err := s.call(ctx, http.MethodGet, "/"+s.api.orders+"/"+asked, nil, &got)
	var no *refusedError
	switch {
	case errors.As(err, &no) && no.status == http.StatusNotFound:
		return s.findFormer(ctx, asked)
	case err != nil:
		return nil, failure(err)
	case got.Order == nil || got.Order.Number != asked:
		return nil, sdk.MalformedAnswer("another order came than was asked for")
	}
	return got.Order.order()
}

// findFormer reads an order of the second version by the number that the first one gave it.
func (s *session) findFormer(ctx context.Context, asked string) (*adapterv1.Order, error) {
	if s.api.name != V2().name {
		return nil, nil
	}
	var page struct{ Orders []wireOrder }
	if err := s.read(ctx, "/"+s.api.orders, url.Values{"former_number": {asked}}, &page); err != nil {
		return nil, err
	}
	if len(page.Orders) == 0 {
		return nil, nil
	}
	if page.Orders[0].FormerNumber != asked {
		return nil, sdk.MalformedAnswer("another order came than was asked for")
	}
	return page.Orders[0].order()
}
