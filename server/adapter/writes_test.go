package adapter_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// writer answers a write about the item with this key.
type writer func(ctx context.Context, key string) ([]*adapterv1.WriteResult, error)

// writing is an adapter that answers every kind of write alike. Each answer brings new state.
func writing(answer writer) sdk.Adapter {
	update := &adapterv1.StateUpdate{State: []byte("state-1")}
	fake := &sdktest.Adapter{
		OnNotifyShipments: func(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
			results, err := answer(ctx, req.GetNotifications()[0].GetKey())
			return &adapterv1.NotifyShipmentsResponse{Results: results, StateUpdate: update}, err
		},
		OnAcceptOrders: func(ctx context.Context, req *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error) {
			results, err := answer(ctx, req.GetOrders()[0].GetKey())
			return &adapterv1.AcceptOrdersResponse{Results: results, StateUpdate: update}, err
		},
		OnRefuseOrders: func(ctx context.Context, req *adapterv1.RefuseOrdersRequest) (*adapterv1.RefuseOrdersResponse, error) {
			results, err := answer(ctx, req.GetOrders()[0].GetKey())
			return &adapterv1.RefuseOrdersResponse{Results: results, StateUpdate: update}, err
		},
	}
	return fake.Full()
}

// notify prepares a notification and sends it.
func notify(ctx context.Context, f *fixture, ref store.Ref, n shipment.Notification) (delivery.Result, error) {
	p, err := f.PrepareShipment(ctx, ref, n)
	if err != nil {
		return delivery.Result{}, err
	}
	defer p.Close()
	return p.Send(ctx)
}

// writes is every kind of write.
var writes = []struct {
	name string
	do   func(ctx context.Context, f *fixture, ref store.Ref) (delivery.Result, error)
}{
	{"notify", func(ctx context.Context, f *fixture, ref store.Ref) (delivery.Result, error) {
		return notify(ctx, f, ref, shipment.Notification{Key: "shipment-1", Order: order.Order{Number: "N1"}})
	}},
	{"accept", func(ctx context.Context, f *fixture, ref store.Ref) (delivery.Result, error) {
		return f.Decide(ctx, ref, decision.Accept, order.Order{Number: "N1"})
	}},
	{"refuse", func(ctx context.Context, f *fixture, ref store.Ref) (delivery.Result, error) {
		return f.Decide(ctx, ref, decision.Refuse, order.Order{Number: "N1"})
	}},
}

// TestWriteResults: what an adapter says of one item, and what is made of an answer that does not say it.
func TestWriteResults(t *testing.T) {
	t.Parallel()
	result := func(key string, outcome adapterv1.Outcome) *adapterv1.WriteResult {
		return &adapterv1.WriteResult{Key: key, Outcome: outcome}
	}
	tests := []struct {
		name   string
		answer func(key string) []*adapterv1.WriteResult
		want   delivery.Result
	}{
		{"applied", func(key string) []*adapterv1.WriteResult {
			return []*adapterv1.WriteResult{result(key, adapterv1.Outcome_OUTCOME_APPLIED)}
		}, delivery.Result{Outcome: delivery.Applied}},
		{"already applied", func(key string) []*adapterv1.WriteResult {
			return []*adapterv1.WriteResult{result(key, adapterv1.Outcome_OUTCOME_ALREADY_APPLIED)}
		}, delivery.Result{Outcome: delivery.AlreadyApplied}},
		{"rejected", func(key string) []*adapterv1.WriteResult {
			return []*adapterv1.WriteResult{{
				Key: key, Outcome: adapterv1.Outcome_OUTCOME_REJECTED, NativeReason: "OrderStateIncoherent " + password, Message: "not\n now, " + password,
			}}
		}, delivery.Result{Outcome: delivery.Refused, NativeReason: "OrderStateIncoherent ***", Message: "not now, ***"}},
		{"retry", func(key string) []*adapterv1.WriteResult {
			return []*adapterv1.WriteResult{{Key: key, Outcome: adapterv1.Outcome_OUTCOME_RETRY, RetryAfter: durationpb.New(time.Minute)}}
		}, delivery.Result{Outcome: delivery.Retry, RetryAfter: time.Minute}},
		{"retry in a year", func(key string) []*adapterv1.WriteResult {
			return []*adapterv1.WriteResult{{Key: key, Outcome: adapterv1.Outcome_OUTCOME_RETRY, RetryAfter: durationpb.New(8760 * time.Hour)}}
		}, delivery.Result{Outcome: delivery.Retry, RetryAfter: problem.LongestRetryAfter}},
		{"unknown", func(key string) []*adapterv1.WriteResult {
			return []*adapterv1.WriteResult{result(key, adapterv1.Outcome_OUTCOME_UNKNOWN)}
		}, delivery.Result{Outcome: delivery.Unknown}},
		{"no outcome", func(key string) []*adapterv1.WriteResult {
			return []*adapterv1.WriteResult{result(key, adapterv1.Outcome_OUTCOME_UNSPECIFIED)}
		}, delivery.Result{Outcome: delivery.Unknown}},
		{"an outcome of the future", func(key string) []*adapterv1.WriteResult { return []*adapterv1.WriteResult{result(key, 99)} },
			delivery.Result{Outcome: delivery.Unknown}},
		{"no result", func(string) []*adapterv1.WriteResult { return nil },
			delivery.Result{Outcome: delivery.Unknown, Message: "the adapter's answer does not mention the order"}},
		{"a result of something else", func(key string) []*adapterv1.WriteResult {
			return []*adapterv1.WriteResult{result(key+"x", adapterv1.Outcome_OUTCOME_APPLIED), result("", adapterv1.Outcome_OUTCOME_REJECTED)}
		}, delivery.Result{Outcome: delivery.Unknown, Message: "the adapter's answer does not mention the order"}},
	}
	for _, w := range writes {
		for _, tt := range tests {
			t.Run(w.name+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				f := overSDK(t, writing(func(_ context.Context, key string) ([]*adapterv1.WriteResult, error) { return tt.answer(key), nil }), quick)
				got, err := w.do(t.Context(), f, fakeRef)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if diff := cmp.Diff([]string{"state-1"}, f.vault.states()); diff != "" {
					t.Errorf("states kept (-want +got)\n%s", diff)
				}
			})
		}
	}
}

// TestWritesThatFail: an error says that certainly nothing was sent. Everything else may have been applied.
func TestWritesThatFail(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ string) ([]*adapterv1.WriteResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	fail := func(err error) func(*fixture) writer {
		return func(*fixture) writer {
			return func(context.Context, string) ([]*adapterv1.WriteResult, error) { return nil, err }
		}
	}
	tests := []struct {
		name    string
		answer  func(*fixture) writer
		timeout time.Duration
		reason  string // an error; empty: Unknown
	}{
		{name: "marketplace down", answer: fail(sdk.MarketplaceDown(0, "no connection")), reason: problem.ReasonMarketplaceDown},
		{name: "throttled", answer: fail(sdk.Throttled(time.Second, "slow")), reason: problem.ReasonThrottled},
		{name: "credentials", answer: fail(sdk.CredentialsRejected("no")), reason: problem.ReasonCredentialsRejected},
		{name: "malformed answer of the token service", answer: fail(sdk.MalformedAnswer("html")), reason: problem.ReasonMalformedAnswer},
		{name: "invalid request", answer: fail(sdk.InvalidRequest("orders", "too many")), reason: problem.ReasonInvalidField},
		{name: "the adapter's own defect", answer: fail(sdk.Internal("bug"))},
		{name: "any other error", answer: fail(context.DeadlineExceeded)},
		{name: "panic", answer: func(*fixture) writer {
			return func(context.Context, string) ([]*adapterv1.WriteResult, error) { panic("told to") }
		}},
		{name: "deadline", answer: func(*fixture) writer { return hang }, timeout: 200 * time.Millisecond},
		{name: "the process ends", answer: func(f *fixture) writer {
			return func(ctx context.Context, key string) ([]*adapterv1.WriteResult, error) {
				f.cut()
				return hang(ctx, key)
			}
		}},
	}
	for _, w := range writes {
		for _, tt := range tests {
			t.Run(w.name+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				timeouts := quick
				if tt.timeout > 0 {
					timeouts.Call = tt.timeout
				}
				var f *fixture
				f = overSDK(t, writing(func(ctx context.Context, key string) ([]*adapterv1.WriteResult, error) { return tt.answer(f)(ctx, key) }), timeouts)
				got, err := w.do(t.Context(), f, fakeRef)
				if tt.reason != "" {
					if !problem.HasReason(err, tt.reason) || got != (delivery.Result{}) {
						t.Errorf("result %+v, error %v, want %s", got, err, tt.reason)
					}
					return
				}
				if err != nil || got.Outcome != delivery.Unknown || strings.Contains(got.Message, "told to") {
					t.Errorf("result %+v, error %v, want an unknown outcome", got, err)
				}
			})
		}
	}
}

// TestWritesThatNeverLeave: without a lease or the store's secrets nothing was sent, and the error says so.
func TestWritesThatNeverLeave(t *testing.T) {
	t.Parallel()
	for _, w := range writes {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, writing(func(context.Context, string) ([]*adapterv1.WriteResult, error) {
				t.Error("the adapter was called")
				return nil, nil
			}), quick)
			_, err := w.do(t.Context(), f, store.Ref{StoreID: "demo", Adapter: "missing"})
			wantProblem(t, err, problem.NotFound, problem.ReasonAdapterNotFound)
			f.vault.accessErr = store.Disconnected("demo")
			_, err = w.do(t.Context(), f, fakeRef)
			wantProblem(t, err, problem.Precondition, problem.ReasonStoreDisconnected)
		})
	}
}

// TestForeignStatusOfAWrite: only an error that the adapter made on purpose proves that nothing was sent.
func TestForeignStatusOfAWrite(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{codes.Unavailable, codes.ResourceExhausted, codes.FailedPrecondition, codes.InvalidArgument, codes.Internal} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			f := overRaw(t, &rawFailing{err: status.Error(code, "no")})
			got, err := notify(t.Context(), f, fakeRef, shipment.Notification{Key: "k"})
			if err != nil || got.Outcome != delivery.Unknown {
				t.Errorf("result %+v, error %v, want an unknown outcome", got, err)
			}
		})
	}
}

// NotifyShipments fails like GetOrders.
func (r *rawFailing) NotifyShipments(context.Context, *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	return nil, r.err
}

// TestWriteRequests: every part of a write reaches the adapter.
func TestWriteRequests(t *testing.T) {
	t.Parallel()
	sold := order.Order{Number: "N1", NativeID: "native", AdapterContext: []byte("context")}
	t.Run("notify", func(t *testing.T) {
		t.Parallel()
		got := make(chan *adapterv1.NotifyShipmentsRequest, 1)
		f := overSDK(t, &sdktest.Adapter{OnNotifyShipments: func(_ context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
			got <- req
			return &adapterv1.NotifyShipmentsResponse{}, nil
		}}, quick)
		want := &adapterv1.NotifyShipmentsRequest{Store: storeContext("state-0"), Notifications: []*adapterv1.ShipmentNotification{{
			Key: "key", OrderNumber: "N1", NativeId: "native", AdapterContext: []byte("context"),
			Lines:   []*adapterv1.ShippedLine{{LineId: "l1", Sku: "sku", Quantity: 2}, {LineId: "l2", Quantity: 1}},
			Carrier: "Colissimo", TrackingNumber: "6A1", TrackingUrl: "https://t.example/", Service: "home",
			CarrierFee: eur(6, 500_000_000), ShipTime: timestamppb.New(since),
		}}}
		for _, missing := range unset(want.GetNotifications()[0].ProtoReflect()) {
			if missing != "relais.adapter.v1.ShippedLine.sku" { // of the second line, on purpose
				t.Errorf("this test does not know %s", missing)
			}
		}
		_, err := notify(t.Context(), f, fakeRef, shipment.Notification{
			Key: "key", Order: sold, Lines: []order.Line{{ID: "l1", SKU: "sku", Quantity: 2}, {ID: "l2", Quantity: 1}},
			Carrier: "Colissimo", TrackingNumber: "6A1", TrackingURL: "https://t.example/", Service: "home",
			CarrierFee: &order.Money{Currency: "EUR", Units: 6, Nanos: 500_000_000}, ShipTime: since,
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, received(t, got), protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("decide", func(t *testing.T) {
		t.Parallel()
		accepted, refused := make(chan *adapterv1.AcceptOrdersRequest, 1), make(chan *adapterv1.RefuseOrdersRequest, 1)
		fake := &sdktest.Adapter{
			OnAcceptOrders: func(_ context.Context, req *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error) {
				accepted <- req
				return &adapterv1.AcceptOrdersResponse{}, nil
			},
			OnRefuseOrders: func(_ context.Context, req *adapterv1.RefuseOrdersRequest) (*adapterv1.RefuseOrdersResponse, error) {
				refused <- req
				return &adapterv1.RefuseOrdersResponse{}, nil
			},
		}
		f := overSDK(t, fake.Full(), quick)
		orders := []*adapterv1.DecidedOrder{{Key: "N1", OrderNumber: "N1", NativeId: "native", AdapterContext: []byte("context")}}
		for _, kind := range []decision.Kind{decision.Accept, decision.Refuse} {
			if _, err := f.Decide(t.Context(), fakeRef, kind, sold); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(&adapterv1.AcceptOrdersRequest{Store: storeContext("state-0"), Orders: orders}, received(t, accepted), protocmp.Transform()); diff != "" {
			t.Errorf("accepted (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(&adapterv1.RefuseOrdersRequest{Store: storeContext("state-0"), Orders: orders}, received(t, refused), protocmp.Transform()); diff != "" {
			t.Errorf("refused (-want +got)\n%s", diff)
		}
	})
}
