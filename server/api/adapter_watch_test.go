package api_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

func TestWatchAdapters(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	client, service := operators(t, h)
	stream, err := client.WatchAdapters(t.Context(), &marketplacev1.WatchAdaptersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := wantAdapter()
	want.Releases = want.Releases[:2]
	want.Releases[1].Files = nil
	for _, state := range []marketplacev1.Adapter_State{marketplacev1.Adapter_STATE_SERVING, marketplacev1.Adapter_STATE_RESTARTING} {
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		want.State = state
		if diff := cmp.Diff([]*marketplacev1.Adapter{want}, got.GetAdapters(), protocmp.Transform()); diff != "" {
			t.Errorf("adapters (-want +got)\n%s", diff)
		}
		if state == marketplacev1.Adapter_STATE_SERVING {
			h.change(host.Restarting)
		}
	}
	service.Stop()
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable || detailsOf(err).info.GetReason() != problem.ReasonServerStopping {
		t.Errorf("end of the watch: %v, want SERVER_STOPPING", err)
	}
}

// TestHealthOfAdapters: what SetAdapterHealth says is told under the adapter's own name, until the server drains.
func TestHealthOfAdapters(t *testing.T) {
	t.Parallel()
	r := serve(t, &fakeService{})
	check := func() string {
		answer, err := r.health.Check(t.Context(), &healthgrpc.HealthCheckRequest{Service: "relais.adapter.one"})
		if err != nil {
			return status.Code(err).String()
		}
		return answer.GetStatus().String()
	}
	got := []string{check()}
	r.SetAdapterHealth("one", true)
	got = append(got, check())
	r.SetAdapterHealth("one", false)
	got = append(got, check())
	if diff := cmp.Diff([]string{"NotFound", "SERVING", "NOT_SERVING"}, got); diff != "" {
		t.Errorf("health (-want +got)\n%s", diff)
	}
}
