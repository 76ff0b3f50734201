package api_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
)

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
