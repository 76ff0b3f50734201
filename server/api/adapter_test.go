package api_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/api"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// fakeHost is an api.AdapterHost with one adapter.
type fakeHost struct {
	files []host.File
	// swap answers Swap and Rollback, which has no file.
	swap   func(ctx context.Context, file string, report host.Report) error
	unload func(context.Context) error
	// pin answers Pin, and Unpin, which has an adapter and a store only.
	pin func(ctx context.Context, r host.PinRequest) error

	mu      sync.Mutex // guards the fields below
	status  host.Status
	changed chan struct{}
}

// change changes the adapter and tells it.
func (h *fakeHost) change(state host.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.State = state
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *fakeHost) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

func (h *fakeHost) Adapters() []host.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return []host.Status{h.status}
}

func (h *fakeHost) Adapter(name string) (host.Status, error) {
	if name != "one" {
		return host.Status{}, problem.New(problem.NotFound, problem.ReasonAdapterNotFound, "adapter %q is not installed", name)
	}
	return h.Adapters()[0], nil
}

func (h *fakeHost) Files(context.Context) ([]host.File, error) { return h.files, nil }

func (h *fakeHost) Swap(ctx context.Context, adapter, file string, report host.Report) error {
	if _, err := h.Adapter(adapter); err != nil {
		return err
	}
	return h.swap(ctx, file, report)
}

func (h *fakeHost) SwapRelease(ctx context.Context, adapter, sha256 string, report host.Report) error {
	return h.Swap(ctx, adapter, "sha256 "+sha256, report)
}

func (h *fakeHost) Rollback(ctx context.Context, _ string, report host.Report) error {
	return h.swap(ctx, "", report)
}

func (h *fakeHost) Unload(ctx context.Context, _ string) error { return h.unload(ctx) }

func (h *fakeHost) Pin(ctx context.Context, r host.PinRequest) error { return h.pin(ctx, r) }

func (h *fakeHost) Unpin(ctx context.Context, adapter, store string) error {
	return h.pin(ctx, host.PinRequest{Adapter: adapter, Store: store})
}

// started is when everything in these tests began.
var started = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func newFakeHost() *fakeHost {
	running := host.Generation{
		Number: 3, Release: release.Release{SHA256: "bb", Version: "2"}, PID: 42, Protocol: "relais.adapter.v1", StartTime: started, Leases: 5,
	}
	return &fakeHost{
		changed: make(chan struct{}),
		status: host.Status{
			Name: "one", DisplayName: "One", Marketplace: "market", State: host.Serving, Generation: running, Restarts: 1, RetryTime: started,
			LastRestart: host.Restart{Time: started, Reason: "it was killed"},
			Retiring:    []host.Generation{{Number: 2, Release: release.Release{SHA256: "aa", Version: "1"}, PID: 41, Leases: 1, RetireTime: started, RetireDeadline: started.Add(time.Minute)}}, Message: "m",
			Desired: release.Desired{Adapter: "one", Release: running.Release, Previous: release.Release{SHA256: "aa", Version: "1"}},
			Pins: []host.Pin{
				{
					Pin: release.Pin{Adapter: "one", Store: "back", Release: release.Release{SHA256: "aa", Version: "1"}, ExpireTime: started}, State: host.Serving,
					Generation: host.Generation{Number: 4, Release: release.Release{SHA256: "aa", Version: "1"}, PID: 43, Leases: 2}, Restarts: 6,
				},
				{
					Pin:     release.Pin{Adapter: "one", Store: "tried", Release: release.Release{SHA256: "dd", Version: "3"}, ExpireTime: started, Ended: "no good"},
					State:   host.Stopped,
					Message: "no good",
				},
			},
			Description: &adapterv1.DescribeResponse{CredentialFields: []*adapterv1.CredentialField{{Key: "login", Secret: true}}},
		},
		files: []host.File{
			{Name: "relais-adapter-one", Adapter: "one", SHA256: "cc"}, {Name: "relais-adapter-one@1", Adapter: "one", SHA256: "aa"},
			{Name: "relais-adapter-one@c", Adapter: "one", SHA256: "cc"},
			{Name: "relais-adapter-one@d", Adapter: "one", SHA256: "dd", Version: "3", Refusal: host.Refusal{Time: started, Reason: "no good"}},
			{Name: "relais-adapter-one@plain", Adapter: "one", SHA256: "cc", Fault: "not executable"},
			{Name: "relais-adapter-one@unreadable", Adapter: "one"},
			{Name: "relais-adapter-two", Adapter: "two", SHA256: "bb"},
		},
	}
}

// wantAdapter is how the API shows the fake host's adapter.
func wantAdapter() *marketplacev1.Adapter {
	return &marketplacev1.Adapter{
		Name: "adapters/one", DisplayName: "One", Marketplace: "market", State: marketplacev1.Adapter_STATE_SERVING, RestartCount: 1, Message: "m",
		Generation: &marketplacev1.Generation{
			Number: 3, Version: "2", Sha256: "bb", Pid: 42, Protocol: "relais.adapter.v1", StartTime: timestamppb.New(started), Leases: 5,
		},
		Retiring: []*marketplacev1.Generation{{
			Number: 2, Version: "1", Sha256: "aa", Pid: 41, Leases: 1, RetireTime: timestamppb.New(started), RetireDeadlineTime: timestamppb.New(started.Add(time.Minute)),
		}},
		CredentialFields: []*marketplacev1.CredentialField{{Key: "login", Secret: true}},
		Releases: []*marketplacev1.Release{
			{Sha256: "bb", Version: "2", Desired: true},
			{Sha256: "aa", Version: "1", Previous: true, Pinned: true, Files: []string{"relais-adapter-one@1"}},
			{
				Sha256: "cc", Files: []string{"relais-adapter-one", "relais-adapter-one@c"},
				UnusableFiles: []*marketplacev1.UnusableFile{{Name: "relais-adapter-one@plain", Fault: "not executable"}},
			},
			{
				Sha256: "dd", Version: "3", Files: []string{"relais-adapter-one@d"},
				Refusal: &marketplacev1.Refusal{Time: timestamppb.New(started), Message: "no good"},
			},
		},
		RetryTime:   timestamppb.New(started),
		LastRestart: &marketplacev1.Restart{Time: timestamppb.New(started), Reason: "it was killed"},
		Pins: []*marketplacev1.Pin{
			{
				Store: "stores/back", Sha256: "aa", Version: "1", ExpireTime: timestamppb.New(started), State: marketplacev1.Pin_STATE_SERVING,
				Generation: &marketplacev1.Generation{Number: 4, Version: "1", Sha256: "aa", Pid: 43, Leases: 2}, RestartCount: 6,
			},
			{
				Store: "stores/tried", Sha256: "dd", Version: "3", ExpireTime: timestamppb.New(started), State: marketplacev1.Pin_STATE_ENDED,
				Message: "no good",
			},
		},
	}
}

// operators serves an AdapterService over real gRPC.
func operators(t *testing.T, h *fakeHost) (marketplacev1.AdapterServiceClient, *api.Adapters) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service := api.NewAdapters(h)
	server := api.NewServer(api.Services{Adapters: service}, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		service.Stop()
		server.Drain()
		server.Stop(ctx)
		<-served
	})
	return marketplacev1.NewAdapterServiceClient(conn), service
}

func TestAdaptersAreShown(t *testing.T) {
	t.Parallel()
	client, _ := operators(t, newFakeHost())
	list, err := client.ListAdapters(t.Context(), &marketplacev1.ListAdaptersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*marketplacev1.Adapter{wantAdapter()}, list.GetAdapters(), protocmp.Transform()); diff != "" {
		t.Errorf("list (-want +got)\n%s", diff)
	}
	got, err := client.GetAdapter(t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/one"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantAdapter(), got, protocmp.Transform()); diff != "" {
		t.Errorf("adapter (-want +got)\n%s", diff)
	}
}

// TestPinsWhileTheServerStops: a pin that holds on when the server is back has not ended.
func TestPinsWhileTheServerStops(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	h.status.Pins[0].State = host.Stopped
	client, _ := operators(t, h)
	got, err := client.GetAdapter(t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/one"})
	if err != nil {
		t.Fatal(err)
	}
	states := []marketplacev1.Pin_State{got.GetPins()[0].GetState(), got.GetPins()[1].GetState()}
	if diff := cmp.Diff([]marketplacev1.Pin_State{marketplacev1.Pin_STATE_STOPPED, marketplacev1.Pin_STATE_ENDED}, states); diff != "" {
		t.Errorf("states (-want +got)\n%s", diff)
	}
}

// TestEveryStateHasAName: a state that the API does not know would be shown as none.
func TestEveryStateHasAName(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	client, _ := operators(t, h)
	for _, state := range []host.State{host.Starting, host.Serving, host.Restarting, host.CrashLooping, host.Unloaded, host.Stopped} {
		h.change(state)
		got, err := client.GetAdapter(t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/one"})
		if err != nil || got.GetState().String() != "STATE_"+state.String() {
			t.Errorf("%v is shown as %v, %v", state, got.GetState(), err)
		}
	}
}
