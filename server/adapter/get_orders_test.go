package adapter_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/problem"
)

func TestGetOrders(t *testing.T) {
	t.Parallel()
	var numbers []string
	for i := range 23 {
		numbers = append(numbers, fmt.Sprintf("N%03d", i))
	}
	tests := []struct {
		name    string
		perGet  int32
		answer  func(*adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error)
		batches []int
		found   int
		reason  string
		text    string
	}{
		{
			name: "in batches, unknown numbers left out", perGet: 10, batches: []int{10, 10, 3}, found: 20,
			answer: func(req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
				answer := &adapterv1.GetOrdersResponse{}
				for _, n := range req.GetOrderNumbers()[1:] {
					answer.Orders = append(answer.Orders, small(n))
				}
				return answer, nil
			},
		},
		{
			name: "an order that was not asked for", perGet: 30, batches: []int{23}, reason: problem.ReasonMalformedAnswer, text: "not asked for",
			answer: func(*adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
				return &adapterv1.GetOrdersResponse{Orders: []*adapterv1.Order{small("N001"), small("SOMEBODY-ELSES")}}, nil
			},
		},
		{
			name: "one batch fails", perGet: 10, batches: []int{10, 10}, reason: problem.ReasonThrottled,
			answer: func(req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
				if req.GetOrderNumbers()[0] == "N010" {
					return nil, sdk.Throttled(0, "slow down")
				}
				return &adapterv1.GetOrdersResponse{Orders: []*adapterv1.Order{small("N000")}}, nil
			},
		},
		{name: "no size declared", perGet: 0, reason: problem.ReasonMalformedAnswer, text: "max_orders_per_get"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			requests := make(chan *adapterv1.GetOrdersRequest, len(numbers))
			f := overSDK(t, &sdktest.Adapter{OnGetOrders: func(_ context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
				requests <- req
				answer, err := tt.answer(req)
				if err == nil {
					answer.StateUpdate = &adapterv1.StateUpdate{State: fmt.Appendf(nil, "state-%d", len(requests))}
				}
				return answer, err
			}}, quick)
			f.description.Capabilities.MaxOrdersPerGet = tt.perGet
			orders, err := f.GetOrders(t.Context(), fakeRef, numbers)
			if tt.reason == "" && err != nil {
				t.Errorf("error %v, want none", err)
			} else if tt.reason != "" {
				if p := problem.As(err); p == nil || p.Reason != tt.reason || !strings.Contains(p.Message, tt.text) {
					t.Errorf("error %v, want %s with %q", err, tt.reason, tt.text)
				}
			}
			if len(orders.Orders) != tt.found {
				t.Errorf("%d orders, want %d", len(orders.Orders), tt.found)
			}
			close(requests)
			var batches []int
			asked := 0
			for req := range requests {
				// Each call is given the state that the one before returned.
				if diff := cmp.Diff(storeContext(fmt.Sprintf("state-%d", len(batches))), req.GetStore(), protocmp.Transform()); diff != "" {
					t.Errorf("store of call %d (-want +got)\n%s", len(batches), diff)
				}
				batches = append(batches, len(req.GetOrderNumbers()))
				if diff := cmp.Diff(numbers[asked:asked+len(req.GetOrderNumbers())], req.GetOrderNumbers()); diff != "" {
					t.Errorf("numbers of a call (-want +got)\n%s", diff)
				}
				asked += len(req.GetOrderNumbers())
			}
			if diff := cmp.Diff(tt.batches, batches); diff != "" {
				t.Errorf("batches (-want +got)\n%s", diff)
			}
		})
	}
}

// TestGetOrdersByReference: an adapter that knows an order under another number may find it by its reference; it comes back under
// the number that was asked for, whichever call it was asked in.
func TestGetOrdersByReference(t *testing.T) {
	t.Parallel()
	f := overSDK(t, &sdktest.Adapter{OnGetOrders: func(_ context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
		answer := &adapterv1.GetOrdersResponse{}
		for _, n := range req.GetOrderNumbers() {
			o := small("B-" + n)
			o.Reference = n
			answer.Orders = append(answer.Orders, o)
		}
		return answer, nil
	}}, quick)
	f.description.Capabilities.MaxOrdersPerGet = 2
	orders, err := f.GetOrders(t.Context(), fakeRef, []string{"1", "2", "3"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range orders.Orders {
		got = append(got, o.Number+" "+o.NativeID+" "+o.Reference)
	}
	if diff := cmp.Diff([]string{"1 B-1 1", "2 B-2 2", "3 B-3 3"}, got); diff != "" {
		t.Errorf("orders (-want +got)\n%s", diff)
	}
}

// TestGetOrdersThatShareAReference: none of them is taken for the order that was asked for; one that has the number is.
func TestGetOrdersThatShareAReference(t *testing.T) {
	t.Parallel()
	f := overSDK(t, &sdktest.Adapter{OnGetOrders: func(_ context.Context, _ *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
		answer := &adapterv1.GetOrdersResponse{}
		for number, reference := range map[string]string{"B-1": "1", "B-2": "1", "B-3": "3", "3": "", "4": "1"} {
			o := small(number)
			o.Reference = reference
			answer.Orders = append(answer.Orders, o)
		}
		return answer, nil
	}}, quick)
	f.description.Capabilities.MaxOrdersPerGet = 10
	orders, err := f.GetOrders(t.Context(), fakeRef, []string{"1", "2", "3", "4"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range orders.Orders {
		got = append(got, o.Number)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"3", "4"}, got); diff != "" {
		t.Errorf("orders (-want +got)\n%s", diff)
	}
}
