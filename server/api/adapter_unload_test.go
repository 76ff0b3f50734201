package api_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

func TestUnloadShowsTheAdapter(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	h.unload = func(context.Context) error {
		h.change(host.Unloaded)
		return nil
	}
	client, _ := operators(t, h)
	got, err := client.UnloadAdapter(t.Context(), &marketplacev1.UnloadAdapterRequest{Name: "adapters/one"})
	if err != nil || got.GetState() != marketplacev1.Adapter_STATE_UNLOADED {
		t.Errorf("adapter %v, %v; want UNLOADED", got, err)
	}
}

// TestUnloadEndsWithItsServer: one that waits for calls under way does not hold the server up.
func TestUnloadEndsWithItsServer(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	client, service := operators(t, h)
	h.unload = func(ctx context.Context) error {
		service.Stop()
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := client.UnloadAdapter(t.Context(), &marketplacev1.UnloadAdapterRequest{Name: "adapters/one"})
	if status.Code(err) != codes.Unavailable || detailsOf(err).info.GetReason() != problem.ReasonServerStopping {
		t.Errorf("unload while the server stops: %v, want SERVER_STOPPING", err)
	}
}
