package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/adapter"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

var (
	since = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	until = since.Add(24 * time.Hour)
)

// window is the query of these tests.
func window() order.Query {
	return order.Query{Axis: order.Created, Since: since, Until: until, Statuses: []order.Status{order.ReadyToShip, order.Cancelled}}
}

// small is an order with nothing but what every order needs.
func small(number string) *adapterv1.Order {
	return &adapterv1.Order{OrderNumber: number, PurchaseTime: timestamppb.New(since)}
}

func smalls(n int) []*adapterv1.Order {
	var orders []*adapterv1.Order
	for i := range n {
		orders = append(orders, small(fmt.Sprintf("N%03d", i)))
	}
	return orders
}

// checkpoint is a checkpoint some hours into the window.
func checkpoint(hours int, complete bool) *adapterv1.Checkpoint {
	return &adapterv1.Checkpoint{FinishedUntil: timestamppb.New(since.Add(time.Duration(hours) * time.Hour)), Complete: complete}
}

// rawLister answers ListOrders with these messages, whatever the protocol says, and then with err.
type rawLister struct {
	adapterv1.UnimplementedMarketplaceAdapterServiceServer
	messages []*adapterv1.ListOrdersResponse
	err      error
}

func (r *rawLister) ListOrders(_ *adapterv1.ListOrdersRequest, stream grpc.ServerStreamingServer[adapterv1.ListOrdersResponse]) error {
	for _, m := range r.messages {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return r.err
}

// TestListOrdersDistrustsTheAnswer: a list that is not proven to be complete is never taken for one.
func TestListOrdersDistrustsTheAnswer(t *testing.T) {
	t.Parallel()
	type message = adapterv1.ListOrdersResponse
	tests := []struct {
		name     string
		messages []*message
		err      error
		reason   string // empty: a complete answer
		text     string
		pages    int
	}{
		{
			name: "complete", pages: 3,
			messages: []*message{{Orders: smalls(100)}, {Orders: smalls(2), Checkpoint: checkpoint(5, false)}, {Checkpoint: checkpoint(24, true)}},
		},
		{
			name: "the same checkpoint again", pages: 3,
			messages: []*message{{Checkpoint: checkpoint(5, false)}, {Checkpoint: checkpoint(5, false)}, {Checkpoint: checkpoint(24, true)}},
		},
		{name: "no message", reason: problem.ReasonMalformedAnswer, text: "without the complete checkpoint"},
		{
			name: "no complete checkpoint", pages: 1, reason: problem.ReasonMalformedAnswer, text: "without the complete checkpoint",
			messages: []*message{{Orders: smalls(3), Checkpoint: checkpoint(24, false)}},
		},
		{
			name: "more than 100 orders", reason: problem.ReasonMalformedAnswer, text: "101 orders",
			messages: []*message{{Orders: smalls(101), Checkpoint: checkpoint(24, true)}},
		},
		{
			name: "a checkpoint goes back", pages: 1, reason: problem.ReasonMalformedAnswer, text: "goes back",
			messages: []*message{{Checkpoint: checkpoint(5, false)}, {Checkpoint: checkpoint(4, false)}, {Checkpoint: checkpoint(24, true)}},
		},
		{
			name: "a checkpoint before the window", reason: problem.ReasonMalformedAnswer, text: "outside of the window",
			messages: []*message{{Checkpoint: checkpoint(-1, false)}, {Checkpoint: checkpoint(24, true)}},
		},
		{
			name: "a checkpoint without a time", reason: problem.ReasonMalformedAnswer, text: "outside of the window",
			messages: []*message{{Checkpoint: &adapterv1.Checkpoint{Complete: true}}},
		},
		{
			name: "a checkpoint beyond the window", reason: problem.ReasonMalformedAnswer, text: "outside of the window",
			messages: []*message{{Checkpoint: checkpoint(25, false)}, {Checkpoint: checkpoint(25, true)}},
		},
		{
			name: "complete before the end", reason: problem.ReasonMalformedAnswer, text: "checkpoint",
			messages: []*message{{Orders: smalls(1), Checkpoint: checkpoint(23, true)}},
		},
		{
			name: "a message after the complete checkpoint", pages: 1, reason: problem.ReasonMalformedAnswer, text: "after the complete checkpoint",
			messages: []*message{{Checkpoint: checkpoint(24, true)}, {Orders: smalls(1)}},
		},
		{
			name: "an order nobody can keep", pages: 1, reason: problem.ReasonMalformedAnswer, text: "no number",
			messages: []*message{{Orders: smalls(1)}, {Orders: []*adapterv1.Order{small("A"), small("")}, Checkpoint: checkpoint(24, true)}},
		},
		{
			name: "a failure after the complete checkpoint, twice", pages: 2, reason: problem.ReasonAdapterDown,
			messages: []*message{{Checkpoint: checkpoint(24, true)}}, err: status.Error(codes.Unavailable, "gone"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := overRaw(t, &rawLister{messages: tt.messages, err: tt.err})
			pages := 0
			err := f.ListOrders(t.Context(), fakeRef, window(), func(order.Page) error {
				pages++
				return nil
			})
			if p := problem.As(err); tt.reason != "" && (p == nil || p.Reason != tt.reason || !strings.Contains(p.Message, tt.text)) {
				t.Errorf("error %v, want %s with %q", err, tt.reason, tt.text)
			} else if tt.reason == "" && err != nil {
				t.Errorf("error %v, want none", err)
			}
			if pages != tt.pages {
				t.Errorf("%d pages were received, want %d", pages, tt.pages)
			}
		})
	}
}

// TestListOrders checks what travels: the request, the pages in their order, and every new state.
func TestListOrders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		axis order.Axis
		want *adapterv1.ListOrdersRequest
	}{
		{order.Created, &adapterv1.ListOrdersRequest{Since: &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(since)}}},
		{order.Modified, &adapterv1.ListOrdersRequest{Since: &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(since)}}},
	}
	for _, tt := range tests {
		t.Run(string(tt.axis), func(t *testing.T) {
			t.Parallel()
			got := make(chan *adapterv1.ListOrdersRequest, 1)
			f := overSDK(t, &sdktest.Adapter{OnListOrders: func(_ context.Context, req *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
				got <- req
				out.State([]byte("state-1"))
				for _, o := range smalls(150) {
					if err := out.Send(o); err != nil {
						return err
					}
				}
				if err := out.Checkpoint(since.Add(time.Hour)); err != nil {
					return err
				}
				out.State([]byte("state-2"))
				return nil
			}}, quick)
			query := window()
			query.Axis = tt.axis
			var sizes []int
			var finished []time.Time
			err := f.ListOrders(t.Context(), fakeRef, query, func(p order.Page) error {
				sizes = append(sizes, len(p.Orders))
				finished = append(finished, p.Finished)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]int{100, 50, 0}, sizes); diff != "" {
				t.Errorf("orders per page (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff([]time.Time{{}, since.Add(time.Hour), until}, finished); diff != "" {
				t.Errorf("checkpoints (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff([]string{"state-1", "state-2"}, f.vault.states()); diff != "" {
				t.Errorf("states kept (-want +got)\n%s", diff)
			}
			tt.want.Until = timestamppb.New(until)
			tt.want.Statuses = []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, adapterv1.OrderStatus_ORDER_STATUS_CANCELLED}
			tt.want.Store = storeContext("state-0")
			if diff := cmp.Diff(tt.want, received(t, got), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got)\n%s", diff)
			}
		})
	}
}

// TestListOrdersEndsEarly: every way in which a list can end before its end.
func TestListOrdersEndsEarly(t *testing.T) {
	t.Parallel()
	errFull := errors.New("the database is full")
	// oneThen sends one finished sub-window and then does as it is told.
	oneThen := func(then func(context.Context) error) *sdktest.Adapter {
		return &sdktest.Adapter{OnListOrders: func(ctx context.Context, _ *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
			if err := out.Send(small("A")); err != nil {
				return err
			}
			if err := out.Checkpoint(since.Add(time.Hour)); err != nil {
				return err
			}
			out.State([]byte("bought"))
			return then(ctx)
		}}
	}
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}

	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		f := overSDK(t, oneThen(hang), adapter.Timeouts{Call: quick.Call, StreamIdle: 300 * time.Millisecond})
		pages := 0
		err := f.ListOrders(t.Context(), fakeRef, window(), func(order.Page) error {
			pages++
			return nil
		})
		wantProblem(t, err, problem.Unavailable, problem.ReasonMarketplaceDown, "for 300ms")
		if pages != 1 {
			t.Errorf("%d pages before the silence, want 1", pages)
		}
	})
	t.Run("a slow receiver is no silence", func(t *testing.T) {
		t.Parallel()
		stored := make(chan struct{}, 2) // the adapter goes on only when the receiver is done with the page before
		f := overSDK(t, &sdktest.Adapter{OnListOrders: func(ctx context.Context, _ *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
			if err := out.Checkpoint(since.Add(time.Hour)); err != nil {
				return err
			}
			select {
			case <-stored:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}, adapter.Timeouts{Call: quick.Call, StreamIdle: 400 * time.Millisecond})
		err := f.ListOrders(t.Context(), fakeRef, window(), func(order.Page) error {
			<-time.After(600 * time.Millisecond) // storing takes longer than an adapter may be silent
			stored <- struct{}{}
			return nil
		})
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
	})
	t.Run("the receiver fails", func(t *testing.T) {
		t.Parallel()
		f := overSDK(t, oneThen(hang), quick)
		err := f.ListOrders(t.Context(), fakeRef, window(), func(order.Page) error { return errFull })
		if err != errFull { //nolint:errorlint // it must come back as it is, for its own caller to know
			t.Errorf("error %v, want the receiver's own", err)
		}
	})
	t.Run("the caller gives up", func(t *testing.T) {
		t.Parallel()
		f := overSDK(t, oneThen(hang), quick)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := f.ListOrders(ctx, fakeRef, window(), func(order.Page) error {
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) || problem.As(err) != nil {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
	t.Run("the adapter fails", func(t *testing.T) {
		t.Parallel()
		f := overSDK(t, oneThen(func(context.Context) error { return sdk.MarketplaceDown(time.Minute, "HTTP 503") }), quick)
		err := f.ListOrders(t.Context(), fakeRef, window(), func(order.Page) error { return nil })
		if p := wantProblem(t, err, problem.Unavailable, problem.ReasonMarketplaceDown, "HTTP 503"); p.RetryAfter != time.Minute {
			t.Errorf("retry after %s, want 1m", p.RetryAfter)
		}
		if diff := cmp.Diff([]string{"bought"}, f.vault.states()); diff != "" {
			t.Errorf("a token that was bought before the failure must be kept (-want +got)\n%s", diff)
		}
	})
	t.Run("the process ends", func(t *testing.T) {
		t.Parallel()
		f := overSDK(t, oneThen(hang), quick)
		err := f.ListOrders(t.Context(), fakeRef, window(), func(order.Page) error {
			f.cut()
			return nil
		})
		wantProblem(t, err, problem.Unavailable, problem.ReasonAdapterDown, "adapter fake")
	})
}
