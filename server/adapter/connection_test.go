package adapter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/adapter"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

func TestCheckConnection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer *adapterv1.CheckConnectionResponse
		want   store.Account
		bad    bool
	}{
		{
			name: "all of it", want: store.Account{ID: "account-9", ShopName: "Invented Shop", State: []byte("token")},
			answer: &adapterv1.CheckConnectionResponse{
				AccountId: "account-9", ShopName: "Invented Shop", StateUpdate: &adapterv1.StateUpdate{State: []byte("token")},
			},
		},
		{name: "no state", answer: &adapterv1.CheckConnectionResponse{AccountId: "account-9"}, want: store.Account{ID: "account-9"}},
		{
			name: "too large a state", want: store.Account{ID: "account-9"},
			answer: &adapterv1.CheckConnectionResponse{AccountId: "account-9", StateUpdate: &adapterv1.StateUpdate{State: make([]byte, 64<<10+1)}},
		},
		{name: "no account", answer: &adapterv1.CheckConnectionResponse{ShopName: "Invented Shop"}, bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan *adapterv1.CheckConnectionRequest, 1)
			f := overSDK(t, &sdktest.Adapter{OnCheckConnection: func(_ context.Context, req *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
				asked <- req
				return tt.answer, nil
			}}, quick)
			got, err := f.CheckConnection(t.Context(), f.vault.access)
			if tt.bad {
				wantProblem(t, err, problem.Internal, problem.ReasonMalformedAnswer, "account id")
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(storeContext("state-0"), received(t, asked).GetStore(), protocmp.Transform()); diff != "" {
				t.Errorf("store (-want +got)\n%s", diff)
			}
			if states := f.vault.states(); len(states) != 0 {
				t.Errorf("%d states were kept for a store that may not exist yet", len(states))
			}
		})
	}
}

// TestAccountKeys: two stores are told apart by them, so that one of an unknown form is not taken.
func TestAccountKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		keys []string
		bad  bool
	}{
		{name: "none"},
		{name: "several", keys: []string{"seller:7", "login:some-shop", "legacy_id:Été 1", "x-1:a:b"}},
		{name: "the longest", keys: []string{"login:" + strings.Repeat("x", 200)}},
		{name: "too long", keys: []string{"login:" + strings.Repeat("x", 201)}, bad: true},
		{name: "without a kind", keys: []string{":7"}, bad: true},
		{name: "without a colon", keys: []string{"seller"}, bad: true},
		{name: "without a value", keys: []string{"seller:"}, bad: true},
		{name: "a value that begins with a space", keys: []string{"seller: 7"}, bad: true},
		{name: "a kind in upper case", keys: []string{"Seller:7"}, bad: true},
		{name: "a kind that begins with a digit", keys: []string{"7:7"}, bad: true},
		{name: "a name that only the server makes", keys: []string{"adapter/other:7"}, bad: true},
		{name: "two lines", keys: []string{"seller:7\nlogin:x"}, bad: true},
		{name: "one bad one among good ones", keys: []string{"seller:7", ""}, bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, &sdktest.Adapter{OnCheckConnection: func(context.Context, *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
				return &adapterv1.CheckConnectionResponse{AccountId: "account-9", AccountKeys: tt.keys}, nil
			}}, quick)
			got, err := f.CheckConnection(t.Context(), f.vault.access)
			if tt.bad {
				wantProblem(t, err, problem.Internal, problem.ReasonMalformedAnswer, "kind:value")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(store.AccountKeys(tt.keys), got.Keys); diff != "" {
				t.Errorf("names (-want +got)\n%s", diff)
			}
		})
	}
}

func TestAcceptanceMode(t *testing.T) {
	t.Parallel()
	for mode, want := range map[adapterv1.AcceptanceMode]store.Acceptance{
		adapterv1.AcceptanceMode_ACCEPTANCE_MODE_UNSPECIFIED: "",
		adapterv1.AcceptanceMode_ACCEPTANCE_MODE_MANUAL:      store.AcceptedBySeller,
		adapterv1.AcceptanceMode_ACCEPTANCE_MODE_AUTOMATIC:   store.AcceptedByMarketplace,
		99: "",
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, &sdktest.Adapter{OnCheckConnection: func(context.Context, *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
				return &adapterv1.CheckConnectionResponse{AccountId: "account-9", AcceptanceMode: mode}, nil
			}}, quick)
			got, err := f.CheckConnection(t.Context(), f.vault.access)
			if err != nil || got.Acceptance != want {
				t.Errorf("acceptance %q, %v; want %q", got.Acceptance, err, want)
			}
		})
	}
}

// TestRateBudget: what an adapter declares is the real marketplace's and counts there only; what the operator configures counts
// everywhere.
func TestRateBudget(t *testing.T) {
	t.Parallel()
	declared := &adapterv1.RateBudget{RequestsPerSecond: 2, Burst: 4}
	keys := []*adapterv1.EnvironmentKey{
		{Key: "token_url", ProductionUrl: "https://auth.example/"}, {Key: "api_url", ProductionUrl: "https://api.example/"},
	}
	atMarket := map[string]string{"token_url": "https://auth.example/", "api_url": "https://api.example/"}
	elsewhere := map[string]string{"token_url": "https://auth.example/", "api_url": "http://127.0.0.1:1/"}
	tests := []struct {
		name        string
		declared    *adapterv1.RateBudget
		configured  adapter.Rate
		environment map[string]string
		want        *adapterv1.RateBudget
	}{
		{"declared, at the real addresses", declared, adapter.Rate{}, atMarket, declared},
		{"declared, and one address is another one", declared, adapter.Rate{}, elsewhere, nil},
		{"nothing declared", nil, adapter.Rate{}, atMarket, nil},
		{"configured, at the real addresses", declared, adapter.Rate{PerSecond: 0.5, Burst: 3}, atMarket, &adapterv1.RateBudget{RequestsPerSecond: 0.5, Burst: 3}},
		{"configured, elsewhere", nil, adapter.Rate{PerSecond: 7, Burst: 1}, elsewhere, &adapterv1.RateBudget{RequestsPerSecond: 7, Burst: 1}},
		{"configured without a burst", nil, adapter.Rate{PerSecond: 7}, atMarket, &adapterv1.RateBudget{RequestsPerSecond: 7, Burst: 1}},
		{"a burst alone configures nothing", declared, adapter.Rate{Burst: 9}, atMarket, declared},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			given := make(chan *adapterv1.StoreContext, 2)
			f := overSDK(t, &sdktest.Adapter{
				OnCheckConnection: func(_ context.Context, req *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
					given <- req.GetStore()
					return &adapterv1.CheckConnectionResponse{AccountId: "account-9"}, nil
				},
				OnListCarriers: func(_ context.Context, req *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error) {
					given <- req.GetStore()
					return &adapterv1.ListCarriersResponse{}, nil
				},
			}, quick)
			f.limit(tt.configured)
			f.description.EnvironmentKeys, f.description.RateBudget, f.vault.access.Environment = keys, tt.declared, tt.environment
			if _, err := f.CheckConnection(t.Context(), f.vault.access); err != nil {
				t.Fatal(err)
			}
			if _, err := f.ListCarriers(t.Context(), fakeRef); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if diff := cmp.Diff(tt.want, received(t, given).GetRateBudget(), protocmp.Transform()); diff != "" {
					t.Errorf("rate (-want +got)\n%s", diff)
				}
			}
		})
	}
}
