package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterserve "github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/adapter"
	"github.com/relaishq/relais/server/order"
)

const (
	boundaryOrders  = 10_000 // of the stream
	boundaryWarmUp  = 200    // unary calls that are not counted
	boundaryCalls   = 2000   // unary calls, of which the median counts
	boundaryStreams = 15     // streams, of which the fastest counts: they are few, and the machine has other things to do
)

// boundaryCost is what a call took.
type boundaryCost struct{ unary, stream time.Duration }

// boundaryRatios compares a call through the plugin boundary, to another process over its socket with TLS and through the facade, with
// the same facade and adapter in one process over a pipe, and with bare gRPC on a unix socket that sends the same messages and does
// nothing else.
type boundaryRatios struct {
	Unary           float64 `json:"boundary_unary_ratio"` // over bare gRPC
	Stream          float64 `json:"boundary_stream_ratio"`
	UnaryInProcess  float64 `json:"boundary_unary_in_process_ratio"`
	StreamInProcess float64 `json:"boundary_stream_in_process_ratio"`
}

// measureBoundary prints the costs and returns their ratios.
func measureBoundary(t *testing.T) boundaryRatios {
	t.Helper()
	b := newBench(t, boundaryOrders)
	orders, err := readOrders(b.encoded)
	b.fatal(err)
	self, err := os.Executable()
	b.fatal(err)
	process, err := launch.Start(t.Context(), launch.Config{Path: self, Env: []string{benchOrdersFile + "=" + b.encoded}})
	b.fatal(err)
	boundary := b.throughFacade(benchFacade(process.Conn()), orders)
	b.fatal(process.Stop(t.Context()))

	pipe := bufconn.Listen(1 << 20)
	conn, stop := b.serveOn(pipe, adapterserve.NewServer(benchAdapter(orders)), func(ctx context.Context, _ string) (net.Conn, error) {
		return pipe.DialContext(ctx)
	})
	inProcess := b.throughFacade(benchFacade(conn), orders)
	stop()

	dir, err := os.MkdirTemp("", "relais") // short: it holds a socket
	b.fatal(err)
	defer func() { _ = os.RemoveAll(dir) }()
	socket, err := net.Listen("unix", filepath.Join(dir, "echo"))
	b.fatal(err)
	server := grpc.NewServer()
	adapterv1.RegisterMarketplaceAdapterServiceServer(server, bareAdapter{orders: orders})
	conn, stop = b.serveOn(socket, server, func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket.Addr().String())
	})
	bare := b.bare(adapterv1.NewMarketplaceAdapterServiceClient(conn))
	stop()

	fmt.Printf("%-44s %14s %22s\n", "", "one unary call", fmt.Sprintf("a stream of %d", boundaryOrders))
	for _, line := range []struct {
		name string
		cost boundaryCost
	}{{"through the plugin boundary", boundary}, {"the same in one process, over a pipe", inProcess}, {"bare gRPC on a unix socket", bare}} {
		fmt.Printf("%-44s %11.0f µs %19.0f ms\n", line.name, float64(line.cost.unary)/1e3, float64(line.cost.stream)/1e6)
	}
	ratio := func(a, b time.Duration) float64 { return math.Round(100*float64(a)/float64(b)) / 100 }
	return boundaryRatios{
		Unary: ratio(boundary.unary, bare.unary), Stream: ratio(boundary.stream, bare.stream),
		UnaryInProcess: ratio(boundary.unary, inProcess.unary), StreamInProcess: ratio(boundary.stream, inProcess.stream),
	}
}

// throughFacade measures calls as the core makes them.
func (b *bench) throughFacade(f *adapter.Facade, orders []*adapterv1.Order) boundaryCost {
	ctx := b.t.Context()
	first := []string{orders[0].GetOrderNumber()}
	return boundaryCost{
		unary: median(boundaryWarmUp, boundaryCalls, func() {
			found, err := f.GetOrders(ctx, benchRef, first)
			b.fatal(err)
			b.whole(len(found.Orders), 1)
		}),
		stream: fastest(boundaryStreams, func() {
			n := 0
			b.fatal(f.ListOrders(ctx, benchRef, benchQuery(), func(p order.Page) error { n += len(p.Orders); return nil }))
			b.whole(n, len(orders))
		}),
	}
}

// bare measures calls of a generated client.
func (b *bench) bare(client adapterv1.MarketplaceAdapterServiceClient) boundaryCost {
	ctx := b.t.Context()
	return boundaryCost{
		unary: median(boundaryWarmUp, boundaryCalls, func() {
			found, err := client.GetOrders(ctx, &adapterv1.GetOrdersRequest{OrderNumbers: []string{"1"}})
			b.fatal(err)
			b.whole(len(found.GetOrders()), 1)
		}),
		stream: fastest(boundaryStreams, func() {
			stream, err := client.ListOrders(ctx, &adapterv1.ListOrdersRequest{})
			b.fatal(err)
			n := 0
			for {
				page, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					break
				}
				b.fatal(err)
				n += len(page.GetOrders())
			}
			b.whole(n, b.orders)
		}),
	}
}

func (b *bench) whole(got, want int) {
	if got != want {
		b.t.Helper()
		b.t.Fatalf("%d orders, want %d", got, want)
	}
}

// bareAdapter sends prepared messages and nothing else.
type bareAdapter struct {
	adapterv1.UnimplementedMarketplaceAdapterServiceServer
	orders []*adapterv1.Order
}

func (a bareAdapter) GetOrders(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	return &adapterv1.GetOrdersResponse{Orders: a.orders[:1]}, nil
}

func (a bareAdapter) ListOrders(_ *adapterv1.ListOrdersRequest, stream grpc.ServerStreamingServer[adapterv1.ListOrdersResponse]) error {
	for page := range slices.Chunk(a.orders, 100) {
		if err := stream.Send(&adapterv1.ListOrdersResponse{Orders: page}); err != nil {
			return err
		}
	}
	return nil
}

// serveOn serves on a listener and connects to it; stop ends both.
func (b *bench) serveOn(
	l net.Listener, server *grpc.Server, dial func(context.Context, string) (net.Conn, error),
) (conn *grpc.ClientConn, stop func()) {
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:boundary", grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(handshake.MaxMessageBytes)))
	b.fatal(err)
	return conn, func() {
		_ = conn.Close()
		server.Stop()
		b.fatal(<-served)
	}
}

// median returns the median time of n runs, after some that are not counted.
func median(warmUp, n int, run func()) time.Duration {
	times(warmUp, run)
	all := times(n, run)
	return all[len(all)/2]
}

// fastest returns the shortest time of n runs.
func fastest(n int, run func()) time.Duration { return times(n, run)[0] }

// times returns how long each of n runs took, the shortest first.
func times(n int, run func()) (all []time.Duration) {
	for range n {
		begin := time.Now()
		run()
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	return all
}
