package octopia

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/sync/errgroup"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// GetOrders implements sdk.Adapter with GET /orders/{orderId}, one by one: there is no call for several (octopia-rest.md 12.2). A
// number that the API does not know is tried as a reference, since an order taken over from the older API may be known by that
// (12.1, 13.1). What neither finds is left out.
func (a *Adapter) GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	if n := len(req.GetOrderNumbers()); n > maxOrdersPerGet {
		return nil, sdk.InvalidRequest("order_numbers", "holds %d numbers, at most %d are allowed", n, maxOrdersPerGet)
	}
	var numbers []string
	asked := make(map[string]bool, len(req.GetOrderNumbers()))
	for i, n := range req.GetOrderNumbers() {
		if n = clean(text(n)); n == "" {
			return nil, sdk.InvalidRequest(fmt.Sprintf("order_numbers[%d]", i), "is empty")
		}
		if !asked[n] {
			asked[n] = true
			numbers = append(numbers, n)
		}
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	found := make([]*adapterv1.Order, len(numbers))
	err = inParallel(ctx, len(numbers), func(ctx context.Context, i int) (err error) {
		found[i], err = s.order(ctx, numbers[i])
		return err
	})
	if err != nil {
		return nil, readFailure(ctx, routeOrder, err)
	}
	resp := &adapterv1.GetOrdersResponse{StateUpdate: s.stateUpdate()}
	given := make(map[string]bool, len(found))
	for _, o := range found {
		// A number and a reference may lead to the same order.
		if o != nil && !given[o.GetOrderNumber()] {
			given[o.GetOrderNumber()] = true
			resp.Orders = append(resp.Orders, o)
		}
	}
	return resp, nil
}

// inParallel calls do for 0 to n-1, a few at a time, and waits for all. The first error ends the others' contexts.
func inParallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for i := range n {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx, i)
		})
	}
	return group.Wait()
}

// order reads one order, nil when there is none. Errors are the SDK's.
func (s *session) order(ctx context.Context, number string) (*adapterv1.Order, error) {
	path, ok := orderPath(number)
	if !ok {
		return nil, nil
	}
	var order *adapterv1.Order
	err := s.try(ctx, s.get(routeOrder, path, nil), func(r *answerReader) (err error) {
		order, err = readOrder(r)
		return err
	})
	var refused *apiError
	switch {
	case errors.As(err, &refused) && refused.missing():
		return s.orderByReference(ctx, number)
	case err != nil:
		return nil, readFailure(ctx, routeOrder, err)
	case order.GetOrderNumber() != number:
		return nil, sdk.MalformedAnswer("%s: the answer is another order", routeOrder)
	}
	return order, nil
}

// orderByReference reads the order whose reference is number, nil when there is none. Orders that have another reference are not
// looked at: what the filter compares is not known. Errors are the SDK's.
func (s *session) orderByReference(ctx context.Context, number string) (*adapterv1.Order, error) {
	orders, err := s.orders(ctx, url.Values{"reference": {number}, "pageIndex": {"1"}}, maxPageSize)
	if err != nil {
		return nil, readFailure(ctx, routeOrders, err)
	}
	for _, o := range orders {
		if o.GetReference() == number {
			return o, nil
		}
	}
	return nil, nil
}
