// Package sdktest has a fake adapter for tests: of package serve, of hosts, and of the code behind a host that talks to adapters.
// It is a complete sdk.Adapter, so that tests go through the real protocol instead of around it.
package sdktest

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Adapter is a fake whose methods do what its fields say; without a field a method answers an empty success. Set the fields
// before the first call.
type Adapter struct {
	// Description is what Describe returns; see Description for a complete one.
	Description *adapterv1.DescribeResponse
	// OnDescribe replaces Description.
	OnDescribe func() *adapterv1.DescribeResponse
	// OnCheckConnection is CheckConnection.
	OnCheckConnection func(context.Context, *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error)
	// OnListOrders is ListOrders.
	OnListOrders func(context.Context, *adapterv1.ListOrdersRequest, sdk.OrderSink) error
	// OnGetOrders is GetOrders.
	OnGetOrders func(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error)
	// OnListCarriers is ListCarriers.
	OnListCarriers func(context.Context, *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error)
	// OnNotifyShipments is NotifyShipments.
	OnNotifyShipments func(context.Context, *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error)
	// OnAcceptOrders is AcceptOrders; only with Full.
	OnAcceptOrders func(context.Context, *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error)
	// OnRefuseOrders is RefuseOrders; only with Full.
	OnRefuseOrders func(context.Context, *adapterv1.RefuseOrdersRequest) (*adapterv1.RefuseOrdersResponse, error)
	// OnGetProducts is GetProducts; only with Full.
	OnGetProducts func(context.Context, *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error)
}

var _ sdk.Adapter = (*Adapter)(nil)

// Full returns the adapter with the optional interfaces that its fields ask for: sdk.Decider when OnAcceptOrders or
// OnRefuseOrders is set, sdk.ProductReader when OnGetProducts is. The Adapter itself implements neither, as an adapter of a
// marketplace that offers neither.
func (a *Adapter) Full() sdk.Adapter {
	decides, reads := a.OnAcceptOrders != nil || a.OnRefuseOrders != nil, a.OnGetProducts != nil
	switch {
	case decides && reads:
		return struct {
			*Adapter
			decider
			productReader
		}{a, decider{a}, productReader{a}}
	case decides:
		return struct {
			*Adapter
			decider
		}{a, decider{a}}
	case reads:
		return struct {
			*Adapter
			productReader
		}{a, productReader{a}}
	}
	return a
}

// decider implements sdk.Decider.
type decider struct{ fake *Adapter }

var _ sdk.Decider = decider{}

// AcceptOrders calls OnAcceptOrders.
func (d decider) AcceptOrders(ctx context.Context, req *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error) {
	if d.fake.OnAcceptOrders == nil {
		return &adapterv1.AcceptOrdersResponse{}, nil
	}
	return d.fake.OnAcceptOrders(ctx, req)
}

// RefuseOrders calls OnRefuseOrders.
func (d decider) RefuseOrders(ctx context.Context, req *adapterv1.RefuseOrdersRequest) (*adapterv1.RefuseOrdersResponse, error) {
	if d.fake.OnRefuseOrders == nil {
		return &adapterv1.RefuseOrdersResponse{}, nil
	}
	return d.fake.OnRefuseOrders(ctx, req)
}

// productReader implements sdk.ProductReader.
type productReader struct{ fake *Adapter }

var _ sdk.ProductReader = productReader{}

// GetProducts calls OnGetProducts.
func (r productReader) GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
	return r.fake.OnGetProducts(ctx, req)
}

// Description returns a complete description of an adapter with this name, for a marketplace that does not exist.
func Description(name string) *adapterv1.DescribeResponse {
	return &adapterv1.DescribeResponse{
		Adapter:     name,
		DisplayName: "Fake " + name,
		Version:     "1.0.0",
		Marketplace: "fake-marketplace",
		CredentialFields: []*adapterv1.CredentialField{
			{Key: "login", DisplayName: "Login", Description: "Invented for tests."},
			{Key: "password", DisplayName: "Password", Description: "Invented for tests.", Secret: true},
		},
		EnvironmentKeys: []*adapterv1.EnvironmentKey{
			{Key: "service_url", Description: "The fake service.", ProductionUrl: "https://fake.example/", SandboxPath: "/fake"},
		},
		Capabilities: &adapterv1.Capabilities{
			MaxShipmentsPerCall: 10,
			MaxOrdersPerGet:     10,
			LookBackLimit:       durationpb.New(365 * 24 * time.Hour),
			TrackingRules:       &adapterv1.TrackingRules{MaxNumberLength: 40},
		},
	}
}

// Describe answers a copy of Description.
func (a *Adapter) Describe() *adapterv1.DescribeResponse {
	if a.OnDescribe != nil {
		return a.OnDescribe()
	}
	return proto.CloneOf(a.Description)
}

// CheckConnection calls OnCheckConnection.
func (a *Adapter) CheckConnection(ctx context.Context, req *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
	if a.OnCheckConnection == nil {
		return &adapterv1.CheckConnectionResponse{AccountId: "fake-account"}, nil
	}
	return a.OnCheckConnection(ctx, req)
}

// ListOrders calls OnListOrders.
func (a *Adapter) ListOrders(ctx context.Context, req *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
	if a.OnListOrders == nil {
		return nil
	}
	return a.OnListOrders(ctx, req, out)
}

// GetOrders calls OnGetOrders.
func (a *Adapter) GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	if a.OnGetOrders == nil {
		return &adapterv1.GetOrdersResponse{}, nil
	}
	return a.OnGetOrders(ctx, req)
}

// ListCarriers calls OnListCarriers.
func (a *Adapter) ListCarriers(ctx context.Context, req *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error) {
	if a.OnListCarriers == nil {
		return &adapterv1.ListCarriersResponse{}, nil
	}
	return a.OnListCarriers(ctx, req)
}

// NotifyShipments calls OnNotifyShipments.
func (a *Adapter) NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	if a.OnNotifyShipments == nil {
		return &adapterv1.NotifyShipmentsResponse{}, nil
	}
	return a.OnNotifyShipments(ctx, req)
}
