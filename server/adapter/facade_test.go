package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

func TestGetProducts(t *testing.T) {
	t.Parallel()
	var eans []string
	for i := range 23 {
		eans = append(eans, fmt.Sprintf("%013d", i))
	}
	// known answers for all EANs, the last first; every third is not in the catalogue.
	known := func(req *adapterv1.GetProductsRequest) *adapterv1.GetProductsResponse {
		answer := &adapterv1.GetProductsResponse{StateUpdate: &adapterv1.StateUpdate{State: []byte("state-1")}}
		for _, ean := range slices.Backward(req.GetEans()) {
			p := &adapterv1.Product{Ean: ean}
			if slices.Index(eans, ean)%3 != 0 {
				p.Found, p.Options = true, []*adapterv1.ItemOption{{Name: "colour", Value: "c" + ean}, {Name: "size", Value: "s" + ean}}
			}
			answer.Products = append(answer.Products, p)
		}
		return answer
	}
	var want []order.Product
	for i, ean := range eans {
		p := order.Product{EAN: ean}
		if i%3 != 0 {
			p.Found, p.Options = true, []order.ItemOption{{Name: "colour", Value: "c" + ean}, {Name: "size", Value: "s" + ean}}
		}
		want = append(want, p)
	}
	tests := []struct {
		name        string
		perGet      int32
		answer      func(*adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error)
		batches     []int
		want        []order.Product
		unsupported bool
		reason      string
	}{
		{
			name: "in batches", perGet: 10, batches: []int{10, 10, 3}, want: want,
			answer: func(req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
				return known(req), nil
			},
		},
		{
			name: "one left out", perGet: 10, batches: []int{10, 10}, reason: problem.ReasonMalformedAnswer,
			answer: func(req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
				answer := known(req)
				if req.GetEans()[0] == eans[10] {
					answer.Products = answer.GetProducts()[1:]
				}
				return answer, nil
			},
		},
		{
			name: "others than asked for", perGet: 30, batches: []int{23}, reason: problem.ReasonMalformedAnswer,
			answer: func(req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
				answer := known(req)
				answer.GetProducts()[4].Ean = "4006381333931"
				return answer, nil
			},
		},
		{
			name: "the marketplace is down", perGet: 30, batches: []int{23}, reason: problem.ReasonMarketplaceDown,
			answer: func(*adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
				return nil, sdk.MarketplaceDown(0, "HTTP 503")
			},
		},
		{name: "not supported", perGet: 0, unsupported: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			batches := make(chan int, len(eans))
			fake := &sdktest.Adapter{OnGetProducts: func(_ context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
				batches <- len(req.GetEans())
				return tt.answer(req)
			}}
			f := overSDK(t, fake.Full(), quick)
			f.description.Capabilities.MaxProductsPerGet = tt.perGet
			got, supported, err := f.GetProducts(t.Context(), fakeRef, eans)
			if supported == tt.unsupported {
				t.Errorf("supported = %v", supported)
			}
			if p := problem.As(err); (err == nil) != (tt.reason == "") || p != nil && p.Reason != tt.reason {
				t.Errorf("error %v, want reason %q", err, tt.reason)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("products (-want +got)\n%s", diff)
			}
			close(batches)
			var sizes []int
			for n := range batches {
				sizes = append(sizes, n)
			}
			if diff := cmp.Diff(tt.batches, sizes); diff != "" {
				t.Errorf("batches (-want +got)\n%s", diff)
			}
		})
	}
}

func TestListCarriers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		carriers []*adapterv1.Carrier
		want     []shipment.Carrier
		wantErr  bool
	}{
		{name: "none"},
		{
			name:     "in the marketplace's order",
			carriers: []*adapterv1.Carrier{{Code: "2", Name: "Zebra", TrackingUrl: "https://z.example/"}, {Name: "Ant"}},
			want:     []shipment.Carrier{{Code: "2", Name: "Zebra", TrackingURL: "https://z.example/"}, {Name: "Ant"}},
		},
		{name: "one without a name", carriers: []*adapterv1.Carrier{{Code: "1", Name: "Ant"}, {Code: "2"}}, wantErr: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, &sdktest.Adapter{OnListCarriers: func(context.Context, *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error) {
				return &adapterv1.ListCarriersResponse{Carriers: tt.carriers, StateUpdate: &adapterv1.StateUpdate{State: []byte("state-1")}}, nil
			}}, quick)
			got, err := f.ListCarriers(t.Context(), fakeRef)
			if tt.wantErr {
				wantProblem(t, err, problem.Internal, problem.ReasonMalformedAnswer, "no name")
			} else if err != nil {
				t.Errorf("error %v, want none", err)
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

// TestStateIsACache: state that cannot be kept costs a token later, never the call.
func TestStateIsACache(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		update  *adapterv1.StateUpdate
		saveErr error
		kept    int
		log     string
	}{
		{name: "none", update: nil},
		{name: "empty", update: &adapterv1.StateUpdate{}, kept: 1},
		{name: "the largest", update: &adapterv1.StateUpdate{State: []byte(strings.Repeat("x", 64<<10))}, kept: 1},
		{name: "too large", update: &adapterv1.StateUpdate{State: []byte(strings.Repeat("x", 64<<10+1))}, log: "over 64 KiB"},
		{name: "the vault fails", update: &adapterv1.StateUpdate{State: []byte("secret-token")}, saveErr: errors.New("disk full"), kept: 1, log: "disk full"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, &sdktest.Adapter{OnGetOrders: func(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
				return &adapterv1.GetOrdersResponse{Orders: smalls(1), StateUpdate: tt.update}, nil
			}}, quick)
			f.vault.saveErr = tt.saveErr
			orders, err := f.GetOrders(t.Context(), fakeRef, []string{"N000"})
			if err != nil || len(orders.Orders) != 1 {
				t.Errorf("%d orders, error %v", len(orders.Orders), err)
			}
			if states := f.vault.states(); len(states) != tt.kept {
				t.Errorf("%d states kept, want %d", len(states), tt.kept)
			}
			if log := f.log.String(); !strings.Contains(log, tt.log) || (log == "") != (tt.log == "") || strings.Contains(log, "secret-token") {
				t.Errorf("the log says %q, want %q and no state", log, tt.log)
			}
		})
	}
}

// TestDescription: what the core learns of an adapter comes from the lease, without a call.
func TestDescription(t *testing.T) {
	t.Parallel()
	f := overSDK(t, &sdktest.Adapter{OnDescribe: func() *adapterv1.DescribeResponse {
		t.Error("the adapter was asked")
		return nil
	}}, quick)
	f.description.CredentialFields[1].Optional = true
	f.description.Capabilities = &adapterv1.Capabilities{
		PartialShipment: true, Acceptance: true, MaxOrdersPerGet: 10,
		TrackingRules: &adapterv1.TrackingRules{MaxNumberLength: 40, ForbiddenNumberCharacters: "&<", MaxUrlLength: 200},
		ShipmentFields: []adapterv1.ShipmentField{
			adapterv1.ShipmentField_SHIPMENT_FIELD_TRACKING_URL, adapterv1.ShipmentField_SHIPMENT_FIELD_SHIP_TIME, 99,
		},
	}
	info, err := f.AdapterInfo(t.Context(), fakeRef)
	if err != nil {
		t.Fatal(err)
	}
	keys := []store.EnvironmentKey{{Key: "service_url", Description: "The fake service.", ProductionURL: "https://fake.example/", SandboxPath: "/fake"}}
	if diff := cmp.Diff(store.AdapterInfo{
		Marketplace: "fake-marketplace", EnvironmentKeys: keys,
		Credentials: []store.CredentialField{{Key: "login"}, {Key: "password", Optional: true}},
	}, info); diff != "" {
		t.Errorf("adapter (-want +got)\n%s", diff)
	}
	rules, err := f.ShipmentRules(t.Context(), fakeRef)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shipment.Rules{
		PartialShipment: true, MaxNumberLength: 40, ForbiddenCharacters: "&<", MaxURLLength: 200, TakesTrackingURL: true, TakesShipTime: true,
	}, rules); diff != "" {
		t.Errorf("rules (-want +got)\n%s", diff)
	}
	if takes, err := f.TakesDecisions(t.Context(), fakeRef); err != nil || !takes {
		t.Errorf("takes decisions: %v, %v", takes, err)
	}
	f.description.Capabilities.Acceptance = false
	if takes, err := f.TakesDecisions(t.Context(), fakeRef); err != nil || takes {
		t.Errorf("takes decisions all the same: %v, %v", takes, err)
	}
	if _, err := f.ListCarriers(t.Context(), fakeRef); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(keys, f.vault.keys); diff != "" {
		t.Errorf("the vault was asked for other addresses (-want +got)\n%s", diff)
	}
	missing := store.Ref{StoreID: "demo", Adapter: "missing"}
	for name, err := range map[string]error{
		"AdapterInfo":    second(f.AdapterInfo(t.Context(), missing)),
		"ShipmentRules":  second(f.ShipmentRules(t.Context(), missing)),
		"TakesDecisions": second(f.TakesDecisions(t.Context(), missing)),
	} {
		if !problem.HasReason(err, problem.ReasonAdapterNotFound) {
			t.Errorf("%s of an adapter that is not there: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestLeasesNameTheirStore: a store that is pinned to a release is found by its name.
func TestLeasesNameTheirStore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		call func(ctx context.Context, f *fixture) error
		want string
	}{
		{"CheckConnection", func(ctx context.Context, f *fixture) error { return second(f.CheckConnection(ctx, f.vault.access)) }, "demo"},
		{"ListOrders", func(ctx context.Context, f *fixture) error {
			return f.ListOrders(ctx, fakeRef, window(), func(order.Page) error { return nil })
		}, "demo"},
		{"GetOrders", func(ctx context.Context, f *fixture) error { return second(f.GetOrders(ctx, fakeRef, []string{"1"})) }, "demo"},
		{"GetProducts", func(ctx context.Context, f *fixture) error {
			_, _, err := f.GetProducts(ctx, fakeRef, []string{"0000000000017"})
			return err
		}, "demo"},
		{"ListCarriers", func(ctx context.Context, f *fixture) error { return second(f.ListCarriers(ctx, fakeRef)) }, "demo"},
		{"PrepareShipment", func(ctx context.Context, f *fixture) error {
			prepared, err := f.PrepareShipment(ctx, fakeRef, shipment.Notification{})
			if err == nil {
				prepared.Close()
			}
			return err
		}, "demo"},
		{"Decide", func(ctx context.Context, f *fixture) error {
			return second(f.Decide(ctx, fakeRef, decision.Accept, order.Order{Number: "1"}))
		}, "demo"},
		{"AdapterInfo", func(ctx context.Context, f *fixture) error { return second(f.AdapterInfo(ctx, fakeRef)) }, "demo"},
		{"ShipmentRules", func(ctx context.Context, f *fixture) error { return second(f.ShipmentRules(ctx, fakeRef)) }, "demo"},
		{"TakesDecisions", func(ctx context.Context, f *fixture) error { return second(f.TakesDecisions(ctx, fakeRef)) }, "demo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, &sdktest.Adapter{Description: sdktest.Description("fake")}, quick)
			var leased []string
			f.onLease = func(storeID string) { leased = append(leased, storeID) }
			_ = tt.call(t.Context(), f) // what comes of the call is the matter of other tests
			if diff := cmp.Diff([]string{tt.want}, leased); diff != "" {
				t.Errorf("leases (-want +got)\n%s", diff)
			}
		})
	}
}
