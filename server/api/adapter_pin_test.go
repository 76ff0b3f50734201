package api_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

func TestPinStore(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	var asked []host.PinRequest
	h.pin = func(_ context.Context, r host.PinRequest) error {
		asked = append(asked, r)
		return nil
	}
	client, _ := operators(t, h)
	until := timestamppb.New(started)
	for _, request := range []*marketplacev1.PinStoreRequest{
		{Name: "adapters/one", Store: "stores/s", Release: &marketplacev1.PinStoreRequest_File{File: "f"}, ExpireTime: until},
		{Name: "adapters/one", Store: "stores/s", Release: &marketplacev1.PinStoreRequest_Sha256{Sha256: "aa"}, ExpireTime: until},
		{Name: "adapters/one", Store: "stores/s"},
	} {
		got, err := client.PinStore(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantAdapter(), got, protocmp.Transform()); diff != "" {
			t.Errorf("adapter (-want +got)\n%s", diff)
		}
	}
	got, err := client.UnpinStore(t.Context(), &marketplacev1.UnpinStoreRequest{Name: "adapters/one", Store: "stores/s"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantAdapter(), got, protocmp.Transform()); diff != "" {
		t.Errorf("adapter (-want +got)\n%s", diff)
	}
	want := []host.PinRequest{
		{Adapter: "one", Store: "s", File: "f", ExpireTime: started}, {Adapter: "one", Store: "s", SHA256: "aa", ExpireTime: started},
		{Adapter: "one", Store: "s"}, {Adapter: "one", Store: "s"},
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("the host was asked (-want +got)\n%s", diff)
	}
}

func TestPinFails(t *testing.T) {
	t.Parallel()
	refused := problem.New(problem.Precondition, problem.ReasonReleaseRefused, "no").With("step", "probe")
	unpinned := problem.New(problem.NotFound, problem.ReasonPinNotFound, "no")
	for _, tt := range []struct {
		name           string
		adapter, store string
		err            error
		code           codes.Code
		reason         string
	}{
		{"no adapter", "", "stores/s", nil, codes.InvalidArgument, problem.ReasonInvalidField},
		{"no store", "adapters/one", "", nil, codes.InvalidArgument, problem.ReasonInvalidField},
		{"a store's path", "adapters/one", "stores/s/orders/1", nil, codes.InvalidArgument, problem.ReasonInvalidField},
		{"refused release", "adapters/one", "stores/s", refused, codes.FailedPrecondition, problem.ReasonReleaseRefused},
		{"no pin", "adapters/one", "stores/s", unpinned, codes.NotFound, problem.ReasonPinNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newFakeHost()
			h.pin = func(context.Context, host.PinRequest) error { return tt.err }
			client, _ := operators(t, h)
			_, pinErr := client.PinStore(t.Context(), &marketplacev1.PinStoreRequest{Name: tt.adapter, Store: tt.store})
			_, unpinErr := client.UnpinStore(t.Context(), &marketplacev1.UnpinStoreRequest{Name: tt.adapter, Store: tt.store})
			for what, err := range map[string]error{"pin": pinErr, "unpin": unpinErr} {
				if status.Code(err) != tt.code || detailsOf(err).info.GetReason() != tt.reason {
					t.Errorf("%s: %v, want %s %s", what, err, tt.code, tt.reason)
				}
			}
		})
	}
}

// TestPinEndsWithItsServer: a release that hangs at its start does not keep a server from stopping.
func TestPinEndsWithItsServer(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	began := make(chan struct{})
	h.pin = func(ctx context.Context, _ host.PinRequest) error {
		close(began)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(30 * time.Second):
			return errors.New("nobody told the host")
		}
	}
	client, service := operators(t, h)
	go func() {
		<-began
		service.Stop()
	}()
	_, err := client.PinStore(t.Context(), &marketplacev1.PinStoreRequest{Name: "adapters/one", Store: "stores/s"})
	if status.Code(err) != codes.Unavailable || detailsOf(err).info.GetReason() != problem.ReasonServerStopping {
		t.Errorf("pin: %v, want SERVER_STOPPING", err)
	}
}
