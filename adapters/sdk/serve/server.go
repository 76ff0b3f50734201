package serve

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// NewServer returns a gRPC server that serves the adapter exactly as its plugin binary does, without a process around it. It is
// for tests: of an adapter, and of a host's code that talks to one.
func NewServer(a sdk.Adapter, opts ...grpc.ServerOption) *grpc.Server {
	s := grpc.NewServer(append(serverOptions(), opts...)...)
	Register(s, a)
	return s
}

// Register adds the adapter's service to a server. The server should have been made with the options of this package, which
// NewServer and Main see to: recovery and error mapping are part of them.
func Register(s grpc.ServiceRegistrar, a sdk.Adapter) {
	adapterv1.RegisterMarketplaceAdapterServiceServer(s, &service{adapter: a})
}

// serverOptions are the limits of the connection and the interceptors of the adapter's service.
func serverOptions() []grpc.ServerOption {
	i := newInterceptors()
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(handshake.MaxMessageBytes),
		grpc.MaxSendMsgSize(handshake.MaxMessageBytes),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: handshake.KeepaliveMinTime, PermitWithoutStream: true,
		}),
		grpc.ChainUnaryInterceptor(i.unary),
		grpc.ChainStreamInterceptor(i.stream),
	}
}

// service is the generated service on top of an sdk.Adapter.
type service struct {
	adapterv1.UnimplementedMarketplaceAdapterServiceServer
	adapter sdk.Adapter
}

func (s *service) Describe(context.Context, *adapterv1.DescribeRequest) (*adapterv1.DescribeResponse, error) {
	return answered(s.adapter.Describe(), nil)
}

func (s *service) CheckConnection(ctx context.Context, req *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
	return answered(s.adapter.CheckConnection(ctx, req))
}

func (s *service) ListOrders(req *adapterv1.ListOrdersRequest, stream grpc.ServerStreamingServer[adapterv1.ListOrdersResponse]) error {
	out := newOrderSink(req.GetUntil().AsTime(), stream.Send)
	if err := s.adapter.ListOrders(stream.Context(), req, out); err != nil {
		return out.abandon(err)
	}
	return out.complete()
}

func (s *service) GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	return answered(s.adapter.GetOrders(ctx, req))
}

func (s *service) ListCarriers(ctx context.Context, req *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error) {
	return answered(s.adapter.ListCarriers(ctx, req))
}

func (s *service) NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	return answered(s.adapter.NotifyShipments(ctx, req))
}

func (s *service) AcceptOrders(ctx context.Context, req *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error) {
	d, ok := s.adapter.(sdk.Decider)
	if !ok {
		return nil, notOffered("AcceptOrders")
	}
	return answered(d.AcceptOrders(ctx, req))
}

func (s *service) RefuseOrders(ctx context.Context, req *adapterv1.RefuseOrdersRequest) (*adapterv1.RefuseOrdersResponse, error) {
	d, ok := s.adapter.(sdk.Decider)
	if !ok {
		return nil, notOffered("RefuseOrders")
	}
	return answered(d.RefuseOrders(ctx, req))
}

func (s *service) GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
	r, ok := s.adapter.(sdk.ProductReader)
	if !ok {
		return nil, notOffered("GetProducts")
	}
	return answered(r.GetProducts(ctx, req))
}

func (s *service) CountOrders(ctx context.Context, req *adapterv1.CountOrdersRequest) (*adapterv1.CountOrdersResponse, error) {
	c, ok := s.adapter.(sdk.Counter)
	if !ok {
		return nil, notOffered("CountOrders")
	}
	return answered(c.CountOrders(ctx, req))
}

func (s *service) PreviewShipment(ctx context.Context, req *adapterv1.PreviewShipmentRequest) (*adapterv1.PreviewShipmentResponse, error) {
	p, ok := s.adapter.(sdk.Previewer)
	if !ok {
		return nil, notOffered("PreviewShipment")
	}
	return answered(p.PreviewShipment(ctx, req))
}

// answered refuses "no answer and no error", which would otherwise reach the host as an empty answer that looks like a yes.
func answered[T any](response *T, err error) (*T, error) {
	if err == nil && response == nil {
		return nil, sdk.Internal("the adapter returned neither an answer nor an error")
	}
	return response, err
}
