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
	facade := adapter.New(func(context.Context, string) (adapter.Lease, error) { return benchLease{process.Conn()}, nil },
		benchVault{}, adapter.Timeouts{Call: time.Minute, StreamIdle: time.Minute}, adapter.Rate{}, slog.New(slog.DiscardHandler))
	now := time.Now()
	b.fatal(facade.ListOrders(ctx, store.Ref{StoreID: "bench", Adapter: "bench"},
		order.Query{Axis: order.Created, Since: now.Add(-time.Hour), Until: now, Statuses: order.Statuses()}, receive))
}

// benchLease lends the connection to the test binary's own adapter.
type benchLease struct{ conn grpc.ClientConnInterface }

func (l benchLease) Conn() grpc.ClientConnInterface           { return l.conn }
func (l benchLease) Description() *adapterv1.DescribeResponse { return sdktest.Description("bench") }
func (l benchLease) Binary() string                           { return "bench@" }
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
	adapterserve.Main(&sdktest.Adapter{
		Description: sdktest.Description("bench"),
		OnListOrders: func(_ context.Context, _ *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
			for _, o := range orders {
				if err := out.Send(o); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
