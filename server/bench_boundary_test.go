package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"google.golang.org/grpc"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterserve "github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/adapter"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// boundary streams the orders from a process to this one, through everything that lies between: gRPC over the socket, and
// the facade's conversion and distrust.
func (b *bench) boundary() {
	n := 0
	b.stream(func(p order.Page) error { n += len(p.Orders); return nil })
	if n != b.orders {
		b.t.Fatalf("%d of %d orders came over the boundary", n, b.orders)
	}
}

// stream starts this test binary as an adapter that sends the prepared orders, and receives them.
func (b *bench) stream(receive func(order.Page) error) {
	ctx := b.t.Context()
	self, err := os.Executable()
	b.fatal(err)
	process, err := launch.Start(ctx, launch.Config{Path: self, Env: []string{benchOrdersFile + "=" + b.encoded}})
	b.fatal(err)
	defer func() { b.fatal(process.Stop(ctx)) }()
	b.fatal(benchFacade(process.Conn()).ListOrders(ctx, benchRef, benchQuery(), receive))
}

// benchRef is the store of the benchmarks.
var benchRef = store.Ref{StoreID: "bench", Adapter: "bench"}

// benchQuery asks for everything.
func benchQuery() order.Query {
	now := time.Now()
	return order.Query{Axis: order.Created, Since: now.Add(-time.Hour), Until: now, Statuses: order.Statuses()}
}

// benchFacade is the facade on one connection.
func benchFacade(conn grpc.ClientConnInterface) *adapter.Facade {
	return adapter.New(func(context.Context, string, string) (adapter.Lease, error) { return benchLease{conn}, nil },
		benchVault{}, adapter.Timeouts{Call: time.Minute, StreamIdle: time.Minute}, adapter.Rate{}, slog.New(slog.DiscardHandler))
}

// benchLease lends the connection to the test binary's own adapter.
type benchLease struct{ conn grpc.ClientConnInterface }

func (l benchLease) Conn() grpc.ClientConnInterface           { return l.conn }
func (l benchLease) Description() *adapterv1.DescribeResponse { return sdktest.Description("bench") }
func (l benchLease) Binary() string                           { return "bench@" }
func (l benchLease) Generation() int64                        { return 1 }
func (l benchLease) Retiring() <-chan struct{}                { return nil }
func (l benchLease) Gone() <-chan struct{}                    { return nil }
func (l benchLease) Suspect() bool                            { return false }
func (l benchLease) Share() float64                           { return 1 }
func (l benchLease) Release()                                 {}

// benchVault has nothing to hide.
type benchVault struct{}

func (benchVault) Access(_ context.Context, ref store.Ref, _ []store.EnvironmentKey) (store.Access, error) {
	return store.Access{Ref: ref}, nil
}
func (benchVault) SaveState(context.Context, store.Ref, []byte) error { return nil }

// serveBenchAdapter runs this process as an adapter that streams the orders of a file.
func serveBenchAdapter(path string) {
	orders, err := readOrders(path)
	if err != nil {
		panic(err)
	}
	adapterserve.Main(benchAdapter(orders))
}

// benchAdapter streams these orders, and gets the first one.
func benchAdapter(orders []*adapterv1.Order) sdk.Adapter {
	return &sdktest.Adapter{
		Description: sdktest.Description("bench"),
		OnListOrders: func(_ context.Context, _ *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
			for _, o := range orders {
				if err := out.Send(o); err != nil {
					return err
				}
			}
			return nil
		},
		OnGetOrders: func(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
			return &adapterv1.GetOrdersResponse{Orders: orders[:1]}, nil
		},
	}
}
