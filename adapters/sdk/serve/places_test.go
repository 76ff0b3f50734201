package serve_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Places are how many calls of each kind one process works on at once.
const (
	unaryPlaces  = 128
	streamPlaces = 64
)

// crowd is an adapter whose GetOrders and ListOrders keep their places until release is closed.
type crowd struct {
	client  adapterv1.MarketplaceAdapterServiceClient
	entered chan struct{} // one entry for each call that got a place
	release chan struct{}
	results chan error // of the calls of fill
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{
		entered: make(chan struct{}, 2*(unaryPlaces+streamPlaces)),
		release: make(chan struct{}),
		results: make(chan error, unaryPlaces+streamPlaces),
	}
	c.client = dial(t, &sdktest.Adapter{
		Description: sdktest.Description("good"),
		OnGetOrders: func(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
			c.entered <- struct{}{}
			<-c.release
			return &adapterv1.GetOrdersResponse{}, nil
		},
		OnListOrders: func(context.Context, *adapterv1.ListOrdersRequest, sdk.OrderSink) error {
			c.entered <- struct{}{}
			<-c.release
			return nil
		},
	})
	return c
}

// get and list are one call each.
func (c *crowd) get(ctx context.Context) error {
	_, err := c.client.GetOrders(ctx, &adapterv1.GetOrdersRequest{})
	return err
}

func (c *crowd) list(ctx context.Context) error {
	stream, err := c.client.ListOrders(ctx, &adapterv1.ListOrdersRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	return err
}

// fill takes n places and returns when they are taken.
func (c *crowd) fill(n int, call func(context.Context) error) {
	for range n {
		go func() { c.results <- call(context.Background()) }()
	}
	for range n {
		<-c.entered
	}
}

// TestPlaces fills every place of one kind: one more of that kind waits within its deadline, the other kind does not notice,
// and the host's question whether the process is alive is answered at once.
func TestPlaces(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		places int
		full   func(*crowd, context.Context) error
		free   func(*crowd, context.Context) error
	}{
		{name: "unary", places: unaryPlaces, full: (*crowd).get, free: (*crowd).list},
		{name: "streams", places: streamPlaces, full: (*crowd).list, free: (*crowd).get},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCrowd(t)
			c.fill(tt.places, func(ctx context.Context) error { return tt.full(c, ctx) })
			if _, err := c.client.Describe(t.Context(), &adapterv1.DescribeRequest{}); err != nil {
				t.Errorf("Describe: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if err := tt.full(c, ctx); status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("call beyond the limit = %v, want DEADLINE_EXCEEDED", err)
			}
			if len(c.entered) != 0 {
				t.Error("the call beyond the limit ran")
			}
			other := make(chan error, 1)
			go func() { other <- tt.free(c, context.Background()) }()
			select {
			case <-c.entered:
			case <-time.After(10 * time.Second):
				t.Error("a call of the other kind waits behind them")
			}
			close(c.release)
			for range tt.places {
				if err := <-c.results; err != nil {
					t.Errorf("call within the limit: %v", err)
				}
			}
			if err := <-other; err != nil {
				t.Errorf("call of the other kind: %v", err)
			}
			// The places were given back.
			if err := tt.full(c, t.Context()); err != nil {
				t.Errorf("a later call: %v", err)
			}
		})
	}
}
