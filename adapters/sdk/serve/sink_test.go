package serve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// at returns an instant of the test's window, which ends at at(60).
func at(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }

// list runs ListOrders through gRPC and describes each message in one line, such as "100 orders, until 12:30, state s1, complete".
func list(t *testing.T, produce func(out sdk.OrderSink) error) (messages []string, orders int, err error) {
	t.Helper()
	client := dial(t, &sdktest.Adapter{OnListOrders: func(_ context.Context, _ *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
		return produce(out)
	}})
	stream, err := client.ListOrders(t.Context(), &adapterv1.ListOrdersRequest{Until: timestamppb.New(at(60))})
	if err != nil {
		t.Fatal(err)
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return messages, orders, nil
		}
		if err != nil {
			return messages, orders, err
		}
		for i, o := range message.GetOrders() {
			if want := fmt.Sprint(orders + i); !strings.HasPrefix(o.GetOrderNumber(), want) {
				t.Errorf("order %d is %.20q", orders+i, o.GetOrderNumber())
			}
		}
		orders += len(message.GetOrders())
		line := fmt.Sprintf("%d orders", len(message.GetOrders()))
		if c := message.GetCheckpoint(); c != nil {
			line += ", until " + c.GetFinishedUntil().AsTime().Format("15:04")
			if c.GetComplete() {
				line += ", complete"
			}
		}
		if update := message.GetStateUpdate(); update != nil {
			line += ", state " + string(update.GetState())
		}
		messages = append(messages, line)
	}
}

// send hands over n numbered orders of about size bytes each.
func send(out sdk.OrderSink, from, n, size int) error {
	for i := from; i < from+n; i++ {
		number := fmt.Sprint(i)
		if size > len(number) {
			number += strings.Repeat(".", size-len(number))
		}
		if err := out.Send(&adapterv1.Order{OrderNumber: number}); err != nil {
			return err
		}
	}
	return nil
}

func TestOrderSinkPacks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		produce func(out sdk.OrderSink) error
		want    []string
	}{
		{
			name:    "nothing",
			produce: func(sdk.OrderSink) error { return nil },
			want:    []string{"0 orders, until 13:00, complete"},
		},
		{
			name:    "fewer than a message",
			produce: func(out sdk.OrderSink) error { return send(out, 0, 99, 0) },
			want:    []string{"99 orders, until 13:00, complete"},
		},
		{
			name:    "exactly a message",
			produce: func(out sdk.OrderSink) error { return send(out, 0, 100, 0) },
			want:    []string{"100 orders", "0 orders, until 13:00, complete"},
		},
		{
			name:    "more than two messages",
			produce: func(out sdk.OrderSink) error { return send(out, 0, 201, 0) },
			want:    []string{"100 orders", "100 orders", "1 orders, until 13:00, complete"},
		},
		{
			name:    "large orders are cut by size",
			produce: func(out sdk.OrderSink) error { return send(out, 0, 7, 300<<10) },
			want:    []string{"3 orders", "3 orders", "1 orders, until 13:00, complete"},
		},
		{
			name: "one order beyond the size travels alone",
			produce: func(out sdk.OrderSink) error {
				return errors.Join(send(out, 0, 1, 0), send(out, 1, 1, 3<<20), send(out, 2, 1, 0))
			},
			want: []string{"1 orders", "1 orders", "1 orders, until 13:00, complete"},
		},
		{
			name: "a checkpoint sends what is pending",
			produce: func(out sdk.OrderSink) error {
				return errors.Join(send(out, 0, 3, 0), out.Checkpoint(at(10)), send(out, 3, 2, 0), out.Checkpoint(at(20)))
			},
			want: []string{"3 orders, until 12:10", "2 orders, until 12:20", "0 orders, until 13:00, complete"},
		},
		{
			name: "a checkpoint without orders is told as well",
			produce: func(out sdk.OrderSink) error {
				return errors.Join(out.Checkpoint(at(10)), out.Checkpoint(at(20)))
			},
			want: []string{"0 orders, until 12:10", "0 orders, until 12:20", "0 orders, until 13:00, complete"},
		},
		{
			name: "checkpoints never move back nor beyond the window",
			produce: func(out sdk.OrderSink) error {
				return errors.Join(out.Checkpoint(at(20)), send(out, 0, 1, 0), out.Checkpoint(at(10)), out.Checkpoint(at(20)), out.Checkpoint(at(90)))
			},
			want: []string{"0 orders, until 12:20", "1 orders", "0 orders, until 13:00", "0 orders, until 13:00, complete"},
		},
		{
			name: "state rides on the next message, the latest wins",
			produce: func(out sdk.OrderSink) error {
				out.State([]byte("s1"))
				out.State([]byte("s2"))
				err := send(out, 0, 100, 0)
				out.State([]byte("s3"))
				return err
			},
			want: []string{"100 orders, state s2", "0 orders, until 13:00, complete, state s3"},
		},
		{
			name: "state is copied",
			produce: func(out sdk.OrderSink) error {
				state := []byte("s1")
				out.State(state)
				copy(state, "xx")
				return nil
			},
			want: []string{"0 orders, until 13:00, complete, state s1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _, err := list(t, tt.produce)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestOrderSinkFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		produce func(out sdk.OrderSink) error
		want    []string
		code    codes.Code
		text    string
	}{
		{
			name: "a failure never looks complete",
			produce: func(out sdk.OrderSink) error {
				return errors.Join(send(out, 0, 150, 0), sdk.MarketplaceDown(0, "cut"))
			},
			want: []string{"100 orders"}, code: codes.Unavailable, text: "cut",
		},
		{
			name: "state survives a failure",
			produce: func(out sdk.OrderSink) error {
				out.State([]byte("token"))
				return sdk.MarketplaceDown(0, "cut")
			},
			want: []string{"0 orders, state token"}, code: codes.Unavailable, text: "cut",
		},
		{
			name: "state too large",
			produce: func(out sdk.OrderSink) error {
				out.State(bytes.Repeat([]byte("s"), 64<<10+1))
				return nil
			},
			code: codes.Internal, text: "at most 65536",
		},
		{
			name:    "order that is nil, error ignored by the adapter",
			produce: func(out sdk.OrderSink) error { _ = out.Send(nil); return nil },
			code:    codes.Internal, text: "nil",
		},
		{
			name:    "order that no message can hold",
			produce: func(out sdk.OrderSink) error { return send(out, 0, 1, 8<<20) },
			code:    codes.Internal, text: "more than",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _, err := list(t, tt.produce)
			if status.Code(err) != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("ended with %v, want %v with %q", err, tt.code, tt.text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestOrderSinkStopsWithItsCaller checks that an adapter notices a caller who left, instead of reading on.
func TestOrderSinkStopsWithItsCaller(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	client := dial(t, &sdktest.Adapter{OnListOrders: func(_ context.Context, _ *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
		for i := 0; ; i++ {
			if err := send(out, i, 1, 10<<10); err != nil {
				ended <- err
				return err
			}
		}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.ListOrders(ctx, &adapterv1.ListOrdersRequest{Until: timestamppb.New(at(60))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Error("the adapter reads on")
	}
}
