package api_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
)

// TestDeadlines: a call without a deadline gets one, a caller's own stays as it is, and a stream needs none.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	left := make(chan time.Duration, 1) // until the deadline that the handler sees; zero without one
	tell := func(ctx context.Context) {
		deadline, ok := ctx.Deadline()
		if !ok {
			left <- 0
			return
		}
		left <- time.Until(deadline)
	}
	r := serve(t, &fakeService{
		getStore: func(ctx context.Context, _ *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error) {
			tell(ctx)
			return &marketplacev1.Store{}, nil
		},
		watchImport: func(_ *marketplacev1.WatchImportRequest, stream grpc.ServerStreamingServer[marketplacev1.Import]) error {
			tell(stream.Context())
			return nil
		},
	})
	get := func(ctx context.Context) error {
		_, err := r.client.GetStore(ctx, &marketplacev1.GetStoreRequest{})
		return err
	}
	watch := func(ctx context.Context) error {
		stream, err := r.client.WatchImport(ctx, &marketplacev1.WatchImportRequest{})
		if err != nil {
			return err
		}
		if _, err = stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	tests := []struct {
		name     string
		call     func(context.Context) error
		own      time.Duration // the caller's deadline; zero for none
		min, max time.Duration
	}{
		{name: "none", call: get, min: 2 * time.Minute, max: 3 * time.Minute},
		{name: "shorter", call: get, own: 20 * time.Second, min: time.Nanosecond, max: 20 * time.Second},
		{name: "longer", call: get, own: time.Hour, min: 50 * time.Minute, max: time.Hour},
		{name: "stream", call: watch},
	}
	for _, tt := range tests {
		ctx := t.Context()
		if tt.own > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, tt.own)
			defer cancel()
		}
		if err := tt.call(ctx); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := <-left; got < tt.min || got > tt.max {
			t.Errorf("%s: the handler has %s, want %s to %s", tt.name, got, tt.min, tt.max)
		}
	}
}

// TestRequestSize: a request over 4 MiB does not reach a handler.
func TestRequestSize(t *testing.T) {
	t.Parallel()
	r := serve(t, &fakeService{getStore: func(_ context.Context, req *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error) {
		return &marketplacev1.Store{ShopName: strings.Repeat("x", len(req.GetName()))}, nil
	}})
	const envelope = 16 // of a message with one long field
	tests := []struct {
		name string
		size int
		code codes.Code
	}{
		{"under the limit", 4<<20 - envelope, codes.OK},
		{"over the limit", 4<<20 + 1, codes.ResourceExhausted},
		{"far over the limit", 12 << 20, codes.ResourceExhausted},
	}
	for _, tt := range tests {
		_, err := r.client.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: strings.Repeat("x", tt.size)})
		if status.Code(err) != tt.code {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
		}
	}
}

// TestLogsHoldNoPayload: the log tells method and code of each call, at the level that it deserves, and nothing that was said.
func TestLogsHoldNoPayload(t *testing.T) {
	t.Parallel()
	const secret, name, text = "correct-horse-battery", "Invented-Shop", "what-the-caller-did-wrong"
	r := serve(t, &fakeService{connectStore: func(_ context.Context, req *marketplacev1.ConnectStoreRequest) (*marketplacev1.Store, error) {
		switch req.GetStoreId() {
		case "refused":
			return nil, problem.New(problem.Precondition, problem.ReasonCredentialsRejected, "%s", text)
		case "down":
			return nil, problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "%s", text)
		}
		return &marketplacev1.Store{ShopName: name}, nil
	}})
	tests := []struct{ storeID, level, code, reason string }{
		{"good", "DEBUG", "OK", ""},
		{"refused", "INFO", "FailedPrecondition", `"reason":"` + problem.ReasonCredentialsRejected + `"`},
		{"down", "WARN", "Unavailable", `"reason":"` + problem.ReasonMarketplaceDown + `"`},
	}
	for _, tt := range tests {
		_, _ = r.client.ConnectStore(t.Context(), &marketplacev1.ConnectStoreRequest{
			StoreId: tt.storeID, Credentials: &marketplacev1.Credentials{Values: map[string]string{"password": secret}},
		})
	}
	r.stop() // the log is written after the caller has its answer
	log := r.log.String()
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if len(lines) != len(tests) {
		t.Fatalf("%d lines in the log, want one for each call\n%s", len(lines), log)
	}
	for i, tt := range tests {
		for _, want := range []string{`"level":"` + tt.level + `"`, `"grpc.code":"` + tt.code + `"`, `"grpc.method":"ConnectStore"`, tt.reason} {
			if !strings.Contains(lines[i], want) {
				t.Errorf("line %d lacks %s\n%s", i, want, lines[i])
			}
		}
	}
	for _, payload := range []string{secret, name, text} {
		if strings.Contains(log, payload) {
			t.Errorf("the log holds %q\n%s", payload, log)
		}
	}
}

// slow is a server whose GetStore waits until release is closed or its caller is gone.
func slow(t *testing.T) (r *running, entered chan struct{}, release chan struct{}) {
	t.Helper()
	entered, release = make(chan struct{}, 1), make(chan struct{})
	r = serve(t, &fakeService{getStore: func(ctx context.Context, _ *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error) {
		entered <- struct{}{}
		select {
		case <-release:
			return &marketplacev1.Store{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	return r, entered, release
}

// call calls GetStore and returns where its end will be told.
func (r *running) call() <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := r.client.GetStore(context.Background(), &marketplacev1.GetStoreRequest{})
		ended <- err
	}()
	return ended
}

// TestStopWaitsForCalls: a call under way ends well, a new one is not taken.
func TestStopWaitsForCalls(t *testing.T) {
	t.Parallel()
	r, entered, release := slow(t)
	ended := r.call()
	<-entered
	stopped := make(chan struct{})
	go func() {
		r.stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		t.Error("Stop did not wait for the call")
	case err := <-ended:
		t.Errorf("the call was cut: %v", err)
	case <-time.After(500 * time.Millisecond): // more than Stop grants to late calls
	}
	close(release)
	if err := <-ended; err != nil {
		t.Errorf("the call ended with %v", err)
	}
	<-stopped
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := r.client.GetStore(ctx, &marketplacev1.GetStoreRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("a call after the stop: %v, want UNAVAILABLE", err)
	}
}

// TestStopCutsCallsInTheEnd: the end of its context bounds the wait.
func TestStopCutsCallsInTheEnd(t *testing.T) {
	t.Parallel()
	r, entered, _ := slow(t)
	ended := r.call()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r.Drain()
	r.Stop(ctx)
	select {
	case err := <-ended:
		if status.Code(err) != codes.Unavailable {
			t.Errorf("the call ended with %v, want UNAVAILABLE", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the call goes on")
	}
}

// TestHealth: serving until Drain, which an open watch is told; the watch itself does not hold up the stop.
func TestHealth(t *testing.T) {
	t.Parallel()
	r := serve(t, &fakeService{})
	for _, service := range []string{"", marketplacev1.MarketplaceService_ServiceDesc.ServiceName} {
		answer, err := r.health.Check(t.Context(), &healthgrpc.HealthCheckRequest{Service: service})
		if err != nil || answer.GetStatus() != healthgrpc.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, answer.GetStatus(), err)
		}
	}
	if _, err := r.health.Check(t.Context(), &healthgrpc.HealthCheckRequest{Service: marketplacev1.AdapterService_ServiceDesc.ServiceName}); status.Code(err) != codes.NotFound {
		t.Errorf("health of a service that is not served here: %v, want NOT_FOUND", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	watch, err := r.health.Watch(ctx, &healthgrpc.HealthCheckRequest{Service: marketplacev1.MarketplaceService_ServiceDesc.ServiceName})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want healthgrpc.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if got, err := watch.Recv(); err != nil || got.GetStatus() != want {
			t.Errorf("the watch says %v, %v, want %s", got.GetStatus(), err, want)
		}
	}
	expect(healthgrpc.HealthCheckResponse_SERVING)
	r.Drain()
	expect(healthgrpc.HealthCheckResponse_NOT_SERVING)
	begin := time.Now()
	r.Stop(ctx)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("Stop took %s beside a watch that never ends", took)
	}
	if _, err := watch.Recv(); err == nil {
		t.Error("the watch goes on after the stop")
	}
}
