package broken

import (
	"context"
	"net/http"
	"time"

	"github.com/relaishq/relais/adapters/conformance/internal/example"
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// hooks are the places at which a correct adapter is made wrong. All may be nil.
type hooks struct {
	// transport carries the requests to the marketplace; never nil.
	transport http.RoundTripper
	// describe changes what Describe answers.
	describe func(*adapterv1.DescribeResponse)
	// begin changes the context and the store of every call but Describe; its error fails the call.
	begin func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error)
	// fail changes the error of a read, or swallows it.
	fail func(error) error
	// account changes what CheckConnection answers, and its error.
	account func(*adapterv1.CheckConnectionResponse, error) (*adapterv1.CheckConnectionResponse, error)
	// window changes the request of a list.
	window func(*adapterv1.ListOrdersRequest) error
	// keep says whether an order of a list is handed over; it may call out itself. started is when the list began, given how many
	// orders came before.
	keep func(req *adapterv1.ListOrdersRequest, o *adapterv1.Order, started time.Time, given int) bool
	// ahead is called before the first order of a list.
	ahead func(req *adapterv1.ListOrdersRequest, out sdk.OrderSink) error
	// order changes every order.
	order func(*adapterv1.Order)
	// get replaces GetOrders.
	get func(ctx context.Context, a *example.Adapter, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error)
	// count changes what CountOrders answers.
	count func(*adapterv1.CountOrdersResponse)
	// carriers changes what ListCarriers answers.
	carriers func(*adapterv1.ListCarriersResponse)
	// products replaces GetProducts.
	products func(ctx context.Context, a *example.Adapter, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error)
	// ship and decide stand around the writes: send makes the correct call for some of the items.
	ship, decide func(ctx context.Context, items []item, send sender) ([]*adapterv1.WriteResult, error)
	// notification changes what is shipped.
	notification func(*adapterv1.ShipmentNotification)
	// preview changes what PreviewShipment answers.
	preview func(ctx context.Context, req *adapterv1.PreviewShipmentRequest, resp *adapterv1.PreviewShipmentResponse)
}

// item is one item of a write, by its place in the request.
type item struct {
	key    string
	number string
	index  int
}

// sender makes the correct call for some items, which may have other keys by then.
type sender func(ctx context.Context, items ...item) ([]*adapterv1.WriteResult, error)

// adapter is the correct adapter with hooks.
type adapter struct {
	*hooks
	right *example.Adapter
}

var (
	_ sdk.Adapter       = (*adapter)(nil)
	_ sdk.Decider       = (*adapter)(nil)
	_ sdk.Counter       = (*adapter)(nil)
	_ sdk.Previewer     = (*adapter)(nil)
	_ sdk.ProductReader = (*adapter)(nil)
)

// start runs the begin hook.
func (a *adapter) start(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
	if a.begin == nil {
		return ctx, nil
	}
	return a.begin(ctx, store)
}

// failed runs the fail hook.
func (a *adapter) failed(err error) error {
	if err == nil || a.fail == nil {
		return err
	}
	return a.fail(err)
}

// Describe implements sdk.Adapter.
func (a *adapter) Describe() *adapterv1.DescribeResponse {
	d := a.right.Describe()
	d.Adapter, d.DisplayName = "broken", "Broken"
	if a.describe != nil {
		a.describe(d)
	}
	return d
}

// CheckConnection implements sdk.Adapter.
func (a *adapter) CheckConnection(
	ctx context.Context, req *adapterv1.CheckConnectionRequest,
) (*adapterv1.CheckConnectionResponse, error) {
	ctx, err := a.start(ctx, req.GetStore())
	if err != nil {
		return nil, err
	}
	resp, err := a.right.CheckConnection(ctx, req)
	if a.account != nil {
		return a.account(resp, err)
	}
	if err = a.failed(err); err == nil && resp == nil {
		resp = &adapterv1.CheckConnectionResponse{AccountId: "10001"}
	}
	return resp, err
}

// sink stands between the correct adapter and the host's sink.
type sink struct {
	sdk.OrderSink
	*adapter
	req     *adapterv1.ListOrdersRequest
	started time.Time
	given   int
}

// Send changes an order and hands it over, or does not.
func (s *sink) Send(o *adapterv1.Order) error {
	if s.order != nil {
		s.order(o)
	}
	if s.keep != nil && !s.keep(s.req, o, s.started, s.given) {
		return nil
	}
	s.given++
	return s.OrderSink.Send(o)
}

// ListOrders implements sdk.Adapter.
func (a *adapter) ListOrders(ctx context.Context, req *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
	ctx, err := a.start(ctx, req.GetStore())
	if err != nil {
		return err
	}
	if a.window != nil {
		if err := a.window(req); err != nil {
			return err
		}
	}
	if a.ahead != nil {
		if err := a.ahead(req, out); err != nil {
			return err
		}
	}
	return a.failed(a.right.ListOrders(ctx, req, &sink{OrderSink: out, adapter: a, req: req, started: time.Now()}))
}

// GetOrders implements sdk.Adapter.
func (a *adapter) GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	ctx, err := a.start(ctx, req.GetStore())
	if err != nil {
		return nil, err
	}
	get := a.get
	if get == nil {
		get = func(ctx context.Context, right *example.Adapter, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
			return right.GetOrders(ctx, req)
		}
	}
	resp, err := get(ctx, a.right, req)
	if err = a.failed(err); err == nil && resp == nil {
		resp = &adapterv1.GetOrdersResponse{}
	}
	for _, o := range resp.GetOrders() {
		if a.order != nil {
			a.order(o)
		}
	}
	return resp, err
}

// CountOrders implements sdk.Counter.
func (a *adapter) CountOrders(ctx context.Context, req *adapterv1.CountOrdersRequest) (*adapterv1.CountOrdersResponse, error) {
	ctx, err := a.start(ctx, req.GetStore())
	if err != nil {
		return nil, err
	}
	resp, err := a.right.CountOrders(ctx, req)
	if err = a.failed(err); err == nil && resp == nil {
		resp = &adapterv1.CountOrdersResponse{}
	}
	if a.count != nil && resp != nil {
		a.count(resp)
	}
	return resp, err
}

// ListCarriers implements sdk.Adapter.
func (a *adapter) ListCarriers(ctx context.Context, req *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error) {
	ctx, err := a.start(ctx, req.GetStore())
	if err != nil {
		return nil, err
	}
	resp, err := a.right.ListCarriers(ctx, req)
	if err = a.failed(err); err == nil && resp == nil {
		resp = &adapterv1.ListCarriersResponse{}
	}
	if a.carriers != nil && resp != nil {
		a.carriers(resp)
	}
	return resp, err
}

// GetProducts implements sdk.ProductReader.
func (a *adapter) GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
	ctx, err := a.start(ctx, req.GetStore())
	if err != nil {
		return nil, err
	}
	if a.products != nil {
		return a.products(ctx, a.right, req)
	}
	resp, err := a.right.GetProducts(ctx, req)
	if err = a.failed(err); err == nil && resp == nil {
		resp = &adapterv1.GetProductsResponse{}
	}
	return resp, err
}

// NotifyShipments implements sdk.Adapter.
func (a *adapter) NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	ctx, err := a.start(ctx, req.GetStore())
	if err != nil {
		return nil, err
	}
	if a.notification != nil {
		for _, n := range req.GetNotifications() {
			a.notification(n)
		}
	}
	if a.ship == nil {
		return a.right.NotifyShipments(ctx, req)
	}
	var items []item
	for i, n := range req.GetNotifications() {
		items = append(items, item{n.GetKey(), n.GetOrderNumber(), i})
	}
	results, err := a.ship(ctx, items, func(ctx context.Context, some ...item) ([]*adapterv1.WriteResult, error) {
		part := &adapterv1.NotifyShipmentsRequest{Store: req.GetStore()}
		for _, it := range some {
			n := clone(req.GetNotifications()[it.index])
			n.Key = it.key
			part.Notifications = append(part.Notifications, n)
		}
		resp, err := a.right.NotifyShipments(ctx, part)
		return resp.GetResults(), err
	})
	if err != nil {
		return nil, err
	}
	return &adapterv1.NotifyShipmentsResponse{Results: results}, nil
}

// AcceptOrders implements sdk.Decider.
func (a *adapter) AcceptOrders(ctx context.Context, req *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error) {
	results, err := a.decided(ctx, req.GetStore(), req.GetOrders(), func(ctx context.Context, orders []*adapterv1.DecidedOrder) ([]*adapterv1.WriteResult, error) {
		resp, err := a.right.AcceptOrders(ctx, &adapterv1.AcceptOrdersRequest{Store: req.GetStore(), Orders: orders})
		return resp.GetResults(), err
	})
	if err != nil {
		return nil, err
	}
	return &adapterv1.AcceptOrdersResponse{Results: results}, nil
}

// RefuseOrders implements sdk.Decider.
func (a *adapter) RefuseOrders(ctx context.Context, req *adapterv1.RefuseOrdersRequest) (*adapterv1.RefuseOrdersResponse, error) {
	results, err := a.decided(ctx, req.GetStore(), req.GetOrders(), func(ctx context.Context, orders []*adapterv1.DecidedOrder) ([]*adapterv1.WriteResult, error) {
		resp, err := a.right.RefuseOrders(ctx, &adapterv1.RefuseOrdersRequest{Store: req.GetStore(), Orders: orders})
		return resp.GetResults(), err
	})
	if err != nil {
		return nil, err
	}
	return &adapterv1.RefuseOrdersResponse{Results: results}, nil
}

// decided makes one of the two decisions.
func (a *adapter) decided(
	ctx context.Context, store *adapterv1.StoreContext, orders []*adapterv1.DecidedOrder,
	send func(context.Context, []*adapterv1.DecidedOrder) ([]*adapterv1.WriteResult, error),
) ([]*adapterv1.WriteResult, error) {
	ctx, err := a.start(ctx, store)
	if err != nil {
		return nil, err
	}
	if a.decide == nil {
		return send(ctx, orders)
	}
	var items []item
	for i, o := range orders {
		items = append(items, item{o.GetKey(), o.GetOrderNumber(), i})
	}
	return a.decide(ctx, items, func(ctx context.Context, some ...item) ([]*adapterv1.WriteResult, error) {
		var part []*adapterv1.DecidedOrder
		for _, it := range some {
			o := clone(orders[it.index])
			o.Key = it.key
			part = append(part, o)
		}
		return send(ctx, part)
	})
}

// PreviewShipment implements sdk.Previewer.
func (a *adapter) PreviewShipment(ctx context.Context, req *adapterv1.PreviewShipmentRequest) (*adapterv1.PreviewShipmentResponse, error) {
	resp, err := a.right.PreviewShipment(ctx, req)
	if a.preview != nil && err == nil {
		a.preview(ctx, req, resp)
	}
	return resp, err
}
