// Package sdk is what the author of a marketplace adapter imports: the Adapter interface, the errors that the host
// understands, and small helpers. It knows nothing of processes; package serve turns an Adapter into a plugin binary.
package sdk

import (
	"context"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Adapter speaks one marketplace API. Its methods are called concurrently, for many stores at once. Everything that a call
// may depend on comes with it in the StoreContext; see the MarketplaceAdapterService contract in proto/relais/adapter/v1.
//
// Errors should be made with the functions of this package (CredentialsRejected, MarketplaceDown, …): any other error
// reaches the host as INTERNAL. An error text must never hold credentials, tokens or personal data.
type Adapter interface {
	// Describe tells what the adapter is and can do. It must not touch the network.
	Describe() *adapterv1.DescribeResponse
	// CheckConnection asks the marketplace whether the credentials work and which account they belong to.
	CheckConnection(ctx context.Context, req *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error)
	// ListOrders gives every order of the window to out, and calls out.Checkpoint after each finished sub-window. Returning
	// nil says that the window was delivered to its end.
	ListOrders(ctx context.Context, req *adapterv1.ListOrdersRequest, out OrderSink) error
	// GetOrders reads orders by number and leaves out the numbers that the marketplace does not know.
	GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error)
	// ListCarriers reads the marketplace's carriers.
	ListCarriers(ctx context.Context, req *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error)
	// NotifyShipments tells the marketplace that orders left. An error means that nothing was sent; whatever happens after
	// the first byte left is told per item, OUTCOME_UNKNOWN when the answer was lost.
	NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error)
}

// Decider is implemented by adapters whose marketplace lets the seller accept or refuse orders. They declare it with
// Capabilities.acceptance.
type Decider interface {
	// AcceptOrders tells the marketplace that the seller accepts whole orders, with the rules of NotifyShipments.
	AcceptOrders(ctx context.Context, req *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error)
	// RefuseOrders tells the marketplace that the seller refuses whole orders, with the rules of NotifyShipments.
	RefuseOrders(ctx context.Context, req *adapterv1.RefuseOrdersRequest) (*adapterv1.RefuseOrdersResponse, error)
}

// ProductReader is implemented by adapters whose marketplace tells colour and size of a product. They declare it with
// Capabilities.max_products_per_get.
type ProductReader interface {
	// GetProducts reads products by EAN and answers for each.
	GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error)
}

// Counter is implemented by adapters whose marketplace counts orders without sending them. They declare it with
// Capabilities.count.
type Counter interface {
	// CountOrders counts the orders of one window.
	CountOrders(ctx context.Context, req *adapterv1.CountOrdersRequest) (*adapterv1.CountOrdersResponse, error)
}

// Previewer is implemented by adapters that can show a shipment notification as they would send it. They declare it with
// Capabilities.preview.
type Previewer interface {
	// PreviewShipment answers without network, every secret masked.
	PreviewShipment(ctx context.Context, req *adapterv1.PreviewShipmentRequest) (*adapterv1.PreviewShipmentResponse, error)
}

// OrderSink takes the orders of one ListOrders call. It packs them into messages of the size that the protocol asks for and
// blocks while the host is busy, so that memory does not grow. It is not safe for concurrent use.
type OrderSink interface {
	// Send hands over one order. The sink owns it afterwards.
	Send(o *adapterv1.Order) error
	// Checkpoint says that everything of the window before finishedUntil has been handed over.
	Checkpoint(finishedUntil time.Time) error
	// State hands over new adapter state for the host to keep.
	State(state []byte)
}
