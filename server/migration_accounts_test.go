package main

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestAccountOfTwoAdapters: one account is one store, whichever of the marketplace's adapters it comes through.
func TestAccountOfTwoAdapters(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_MIGRATION_KEEP=1ms")
	s.connect()
	twin := connectRequest("twin")
	twin.Store.Adapter, twin.Credentials = "adapters/octopia", s.octopiaCredentials("demo")
	_, err := s.api.ConnectStore(t.Context(), twin)
	info, _, _ := wantError(t, err, codes.AlreadyExists, "ACCOUNT_ALREADY_CONNECTED")
	if info.GetMetadata()["store"] != "stores/demo" || !strings.Contains(err.Error(), "MigrateStore") {
		t.Errorf("the error does not lead to the move: %v", err)
	}

	// Once the store has moved, the old way in leads to it too.
	s.migrate()
	s.imported()
	waitFor(t, func() bool { return s.migration().GetState() == complete })
	_, err = s.api.ConnectStore(t.Context(), connectRequest("twin"))
	wantError(t, err, codes.AlreadyExists, "ACCOUNT_ALREADY_CONNECTED")

	// The other seller's account, connected through the other adapter, cannot be moved into.
	second := connectRequest("second")
	second.Credentials.Values["login"] = "demo2-api"
	if _, err := s.api.ConnectStore(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	req := s.migrateRequest()
	req.Name = "stores/second"
	req.SameAccount = true
	_, err = s.moves.MigrateStore(t.Context(), req)
	wantError(t, err, codes.AlreadyExists, "ACCOUNT_ALREADY_CONNECTED")
}

// TestRotateCredentialsOfMovingStore: each adapter's credentials of a moving store are replaced by themselves.
func TestRotateCredentialsOfMovingStore(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	s.migrate()
	secret := "rotated-secret"
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", ClientSecret: &secret, Password: &secret}); err != nil {
		t.Fatal(err)
	}
	for adapter, values := range map[string]map[string]string{
		"": s.octopiaCredentials("demo").GetValues(), "adapters/cdiscount": {"login": "demo-api", "password": secret},
	} {
		if _, err := s.api.RotateCredentials(t.Context(), &marketplacev1.RotateCredentialsRequest{
			Name: "stores/demo", Adapter: adapter, Credentials: &marketplacev1.Credentials{Values: values},
		}); err != nil {
			t.Errorf("RotateCredentials of %q: %v", adapter, err)
		}
	}
	_, err := s.api.RotateCredentials(t.Context(), &marketplacev1.RotateCredentialsRequest{
		Name: "stores/demo", Adapter: "adapters/none", Credentials: demoCredentials(),
	})
	wantError(t, err, codes.NotFound, "ADAPTER_NOT_FOUND")
	if _, err := s.api.CheckStore(t.Context(), &marketplacev1.CheckStoreRequest{Name: "stores/demo"}); err != nil {
		t.Errorf("CheckStore: %v", err)
	}
	s.imported()
}
