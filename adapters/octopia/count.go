package octopia

import (
	"context"
	"net/url"
	"strconv"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// CountOrders implements sdk.Counter with GET /orders/count. Bounds are whole seconds; whether orders exactly on them count is not
// known (octopia-rest.md 13.17).
func (a *Adapter) CountOrders(
	ctx context.Context, req *adapterv1.CountOrdersRequest,
) (*adapterv1.CountOrdersResponse, error) {
	w, err := countWindow(req)
	if err != nil {
		return nil, err
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	if w.width() == 0 {
		return &adapterv1.CountOrdersResponse{}, nil
	}
	count, err := s.count(ctx, w.query(w.span, 0))
	if err != nil {
		return nil, err
	}
	return &adapterv1.CountOrdersResponse{Count: count, StateUpdate: s.stateUpdate()}, nil
}

// count asks how many orders a filter finds: a bare integer (octopia-rest.md 3). Errors are the SDK's.
func (s *session) count(ctx context.Context, q url.Values) (int64, error) {
	var count int64
	err := s.read(ctx, s.get(routeCount, "/orders/count", q), func(r *answerReader) (err error) {
		count, err = readCount(r)
		return err
	})
	return count, err
}

// readCount reads a bare integer.
func readCount(r *answerReader) (int64, error) {
	var number text
	if err := r.value("the count", &number); err != nil {
		return 0, err
	}
	count, err := strconv.ParseInt(clean(number), 10, 64)
	if err != nil || count < 0 {
		return 0, &malformedError{reason: "the count is not a whole number"}
	}
	return count, nil
}
