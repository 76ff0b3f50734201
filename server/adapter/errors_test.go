package adapter_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/adapter"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// failing is an adapter whose GetOrders fails with err.
func failing(err error) *sdktest.Adapter {
	return &sdktest.Adapter{OnGetOrders: func(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
		return nil, err
	}}
}

// TestErrorReasons: what an adapter says on purpose.
func TestErrorReasons(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err    error
		reason adapterv1.ErrorReason
		kind   problem.Kind
		want   string
		retry  time.Duration
		fields []problem.Field
	}{
		{err: sdk.CredentialsRejected("said 1"), kind: problem.Precondition, want: problem.ReasonCredentialsRejected},
		{err: sdk.SellerNotAuthorized("said 1"), kind: problem.Precondition, want: problem.ReasonSellerNotAuthorized},
		{err: sdk.SellerInactive("said 1"), kind: problem.Precondition, want: problem.ReasonSellerInactive},
		{err: sdk.MarketplaceRefused("said 1"), kind: problem.Precondition, want: problem.ReasonMarketplaceRefused},
		{err: sdk.Throttled(90*time.Second, "said 1"), kind: problem.Exhausted, want: problem.ReasonThrottled, retry: 90 * time.Second},
		{err: sdk.MarketplaceDown(0, "said 1"), kind: problem.Unavailable, want: problem.ReasonMarketplaceDown},
		{err: sdk.MarketplaceDown(time.Hour, "said 1"), kind: problem.Unavailable, want: problem.ReasonMarketplaceDown, retry: time.Hour},
		{err: sdk.MarketplaceDown(1000*time.Hour, "said 1"), kind: problem.Unavailable, want: problem.ReasonMarketplaceDown, retry: problem.LongestRetryAfter},
		{err: sdk.MalformedAnswer("said 1"), kind: problem.Internal, want: problem.ReasonMalformedAnswer},
		{
			err: sdk.InvalidRequest("store.environment.service_url", "said 1"), kind: problem.Invalid, want: problem.ReasonInvalidField,
			fields: []problem.Field{{Path: "store.environment.service_url", Message: "said 1"}},
		},
		{err: sdk.Internal("said 1"), kind: problem.Internal, want: problem.ReasonInternal},
	}
	untested := make(map[string]bool)
	for _, name := range adapterv1.ErrorReason_name {
		untested[name] = name != "ERROR_REASON_UNSPECIFIED"
	}
	for _, tt := range tests {
		reason := sdk.AsError(tt.err).Reason
		untested[reason.String()] = false
		t.Run(reason.String(), func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, failing(tt.err), quick)
			_, err := f.GetOrders(t.Context(), fakeRef, []string{"A"})
			p := wantProblem(t, err, tt.kind, tt.want)
			if p.RetryAfter != tt.retry {
				t.Errorf("retry after %s, want %s", p.RetryAfter, tt.retry)
			}
			if diff := cmp.Diff(tt.fields, p.Fields); diff != "" {
				t.Errorf("fields (-want +got)\n%s", diff)
			}
			// What went wrong inside an adapter may quote what it was reading.
			if shown := strings.Contains(p.Error(), "said 1"); shown == (tt.want == problem.ReasonInternal) {
				t.Errorf("the adapter's text in %q: %v", p.Error(), shown)
			}
		})
	}
	for name, left := range untested {
		if left {
			t.Errorf("%s is not tested", name)
		}
	}
}

// rawFailing is an adapter that answers with statuses of its own making.
type rawFailing struct {
	adapterv1.UnimplementedMarketplaceAdapterServiceServer
	err error
}

func (r *rawFailing) GetOrders(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	return nil, r.err
}

// TestForeignErrors: errors that no adapter made on purpose. Their text is of unknown origin and never shown.
func TestForeignErrors(t *testing.T) {
	t.Parallel()
	const private = "Ada Invented, 5 rue Imaginaire"
	with := func(code codes.Code, domain, reason string) error {
		st, err := status.New(code, private).WithDetails(protoadapt.MessageV1(&errdetails.ErrorInfo{Domain: domain, Reason: reason}))
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	tests := []struct {
		name   string
		err    error
		kind   problem.Kind
		reason string
		retry  time.Duration
	}{
		{"unavailable", status.Error(codes.Unavailable, private), problem.Unavailable, problem.ReasonAdapterDown, time.Second},
		{"cancelled by the adapter", status.Error(codes.Canceled, private), problem.Unavailable, problem.ReasonAdapterDown, time.Second},
		{"deadline", status.Error(codes.DeadlineExceeded, private), problem.Unavailable, problem.ReasonMarketplaceDown, 0},
		{"message too large", status.Error(codes.ResourceExhausted, private), problem.Internal, problem.ReasonMalformedAnswer, 0},
		{"unknown", status.Error(codes.Unknown, private), problem.Internal, problem.ReasonInternal, 0},
		{"unimplemented", status.Error(codes.Unimplemented, private), problem.Internal, problem.ReasonInternal, 0},
		{"not a status", errors.New(private), problem.Internal, problem.ReasonInternal, 0},
		{"a reason of the future", with(codes.FailedPrecondition, "relais.adapter", "MOON_PHASE"), problem.Internal, problem.ReasonInternal, 0},
		{"no reason", with(codes.FailedPrecondition, "relais.adapter", ""), problem.Internal, problem.ReasonInternal, 0},
		{"a reason of the wrong form", with(codes.FailedPrecondition, "relais.adapter", "ERROR_REASON_THROTTLED"), problem.Internal, problem.ReasonInternal, 0},
		{"another domain", with(codes.FailedPrecondition, "marketplace.example", "CREDENTIALS_REJECTED"), problem.Internal, problem.ReasonInternal, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := overRaw(t, &rawFailing{err: tt.err})
			_, err := f.GetOrders(t.Context(), fakeRef, []string{"A"})
			p := wantProblem(t, err, tt.kind, tt.reason)
			if strings.Contains(p.Error(), "Imaginaire") || strings.Contains(f.log.String(), "Imaginaire") {
				t.Errorf("%q or the log shows the text", p.Error())
			}
			if p.RetryAfter != tt.retry {
				t.Errorf("retry after %s, want %s", p.RetryAfter, tt.retry)
			}
		})
	}
}

// TestMessagesAreFitToShow: whatever an adapter says reaches a person short, on one line and without the credentials.
func TestMessagesAreFitToShow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		credentials map[string]string
		said        string
		want        string // the problem's message begins with it
		never       string
	}{
		{name: "plain", said: "no such account.", want: "no such account"},
		{
			name: "a credential", credentials: map[string]string{"login": "demo-api", "password": password},
			said: "login demo-api with " + password + "/" + password + " failed", want: "login *** with ***/*** failed", never: "battery",
		},
		{
			name: "one credential inside the other", credentials: map[string]string{"a": "demo", "b": "demo-api", "c": "demo-api-secret", "d": "api-secret"},
			said: "tried demo-api-secret, demo-api, demo", want: "tried ***, ***, ***", never: "secret",
		},
		{name: "nothing secret is that short", credentials: map[string]string{"pin": "no", "empty": ""}, said: "no such account", want: "no such account"},
		{name: "several lines", said: "first\n\tsecond\x00third\x1b[31m\u202e", want: "first second third [31m"},
		{name: "long", said: strings.Repeat("é", 600), want: strings.Repeat("é", 500) + "…"},
		{
			name: "a credential across the cut", credentials: map[string]string{"password": password},
			said: strings.Repeat("x", 490) + password, want: strings.Repeat("x", 490) + "***", never: "correct",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, failing(sdk.CredentialsRejected("%s", tt.said)), quick)
			if tt.credentials != nil {
				f.vault.access.Credentials = tt.credentials
			}
			for range 20 { // the order of a map must not matter
				_, err := f.GetOrders(t.Context(), fakeRef, []string{"A"})
				p := wantProblem(t, err, problem.Precondition, problem.ReasonCredentialsRejected)
				if advice, ok := strings.CutPrefix(p.Message, tt.want+"; "); !ok || advice == "" {
					t.Fatalf("message %q, want %q and an advice", p.Message, tt.want)
				}
				if tt.never != "" && strings.Contains(p.Message, tt.never) {
					t.Fatalf("message %q holds a part of a credential", p.Message)
				}
				if strings.ContainsAny(p.Message, "\n\t\x00\x1b\u202e") {
					t.Fatalf("message %q holds control characters", p.Message)
				}
			}
		})
	}
}

// TestFieldsAreFitToShow: the same for what an adapter says of a field.
func TestFieldsAreFitToShow(t *testing.T) {
	t.Parallel()
	f := overSDK(t, failing(sdk.InvalidRequest("store.credentials.password\x1b", "%s\nis too short", password)), quick)
	_, err := f.GetOrders(t.Context(), fakeRef, []string{"A"})
	p := wantProblem(t, err, problem.Invalid, problem.ReasonInvalidField)
	if diff := cmp.Diff([]problem.Field{{Path: "store.credentials.password", Message: "*** is too short"}}, p.Fields); diff != "" {
		t.Errorf("fields (-want +got)\n%s", diff)
	}
}

// TestCallsEnd: a call ends with its deadline, its caller or its process, and each says so.
func TestCallsEnd(t *testing.T) {
	t.Parallel()
	hang := func(entered chan<- struct{}) *sdktest.Adapter {
		return &sdktest.Adapter{OnGetOrders: func(ctx context.Context, _ *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
			entered <- struct{}{}
			<-ctx.Done()
			return nil, sdk.MarketplaceDown(0, "request failed: %w", ctx.Err())
		}}
	}
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		f := overSDK(t, hang(make(chan struct{}, 1)), adapter.Timeouts{Call: 200 * time.Millisecond, StreamIdle: quick.StreamIdle})
		_, err := f.GetOrders(t.Context(), fakeRef, []string{"A"})
		wantProblem(t, err, problem.Unavailable, problem.ReasonMarketplaceDown, "did not answer in time")
	})
	t.Run("the caller's earlier deadline", func(t *testing.T) {
		t.Parallel()
		f := overSDK(t, hang(make(chan struct{}, 1)), quick)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := f.GetOrders(ctx, fakeRef, []string{"A"})
		wantProblem(t, err, problem.Unavailable, problem.ReasonMarketplaceDown, "did not answer in time")
	})
	t.Run("the caller gives up", func(t *testing.T) {
		t.Parallel()
		entered := make(chan struct{}, 1)
		f := overSDK(t, hang(entered), quick)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-entered
			cancel()
		}()
		_, err := f.GetOrders(ctx, fakeRef, []string{"A"})
		if !errors.Is(err, context.Canceled) || problem.As(err) != nil {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
	t.Run("the process ends", func(t *testing.T) {
		t.Parallel()
		entered := make(chan struct{}, 1)
		f := overSDK(t, hang(entered), quick)
		go func() {
			for range 2 { // it is a read, which is repeated once
				<-entered
				f.cut()
			}
		}()
		_, err := f.GetOrders(t.Context(), fakeRef, []string{"A"})
		wantProblem(t, err, problem.Unavailable, problem.ReasonAdapterDown, "adapter fake")
	})
}

// TestNothingIsSentWithoutLeaseAndSecrets: errors before the call are the caller's to see as they are.
func TestNothingIsSentWithoutLeaseAndSecrets(t *testing.T) {
	t.Parallel()
	f := overSDK(t, &sdktest.Adapter{OnGetOrders: func(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
		t.Error("the adapter was called")
		return &adapterv1.GetOrdersResponse{}, nil
	}}, quick)
	_, err := f.GetOrders(t.Context(), store.Ref{StoreID: "demo", Adapter: "missing"}, []string{"A"})
	wantProblem(t, err, problem.NotFound, problem.ReasonAdapterNotFound)

	f.vault.accessErr = store.Disconnected("demo")
	_, err = f.GetOrders(t.Context(), fakeRef, []string{"A"})
	wantProblem(t, err, problem.Precondition, problem.ReasonStoreDisconnected)
}
