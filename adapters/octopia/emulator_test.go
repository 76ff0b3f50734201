package octopia_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/octopia"
	"github.com/relaishq/relais/adapters/sandbox/emulator"

	"github.com/relaishq/relais/adapters/sandbox/world"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// start is world time of the emulator; it stands still.
const start = "2026-03-19T09:00:00Z"

// emulated starts an emulator with orders, and returns it with an adapter and the context of its store. The emulator shares
// no code with the adapter: what passes here was read twice.
func emulated(t *testing.T, orders int, options ...octopia.Option) (*emulator.Server, *octopia.Adapter, *adapterv1.StoreContext) {
	t.Helper()
	s, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{
		World: world.Config{Orders: orders, Seed: 1, Start: at(start), Frozen: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	a := octopia.New(append([]octopia.Option{octopia.WithClock(clock(start))}, options...)...)
	store := &adapterv1.StoreContext{
		StoreId: "s", Environment: map[string]string{},
		Credentials: map[string]string{"client_id": "demo-client", "client_secret": "demo-secret", "seller_id": "10001"},
	}
	for _, k := range a.Describe().GetEnvironmentKeys() {
		store.Environment[k.GetKey()] = s.URL() + k.GetSandboxPath()
	}
	return s, a, store
}

func allStatuses() []adapterv1.OrderStatus {
	var all []adapterv1.OrderStatus
	for n := range adapterv1.OrderStatus_name {
		if n != 0 {
			all = append(all, adapterv1.OrderStatus(n))
		}
	}
	return all
}

// createdWindow asks for everything that was created in a window.
func createdWindow(store *adapterv1.StoreContext, since, until time.Time) *adapterv1.ListOrdersRequest {
	return &adapterv1.ListOrdersRequest{
		Store: store, Since: &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(since)},
		Until: timestamppb.New(until), Statuses: allStatuses(),
	}
}

// TestEmulatorConnection: the account and the carriers of good credentials, and what wrong ones give.
func TestEmulatorConnection(t *testing.T) {
	t.Parallel()
	_, a, store := emulated(t, 0)
	resp, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
	if err != nil || resp.GetAccountId() != "10001" || !slices.Equal(resp.GetAccountKeys(), []string{"seller:10001", "login:demo"}) {
		t.Errorf("account %q, keys %q, error %v", resp.GetAccountId(), resp.GetAccountKeys(), err)
	}
	carriers, err := a.ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: store})
	if err != nil || !slices.ContainsFunc(carriers.GetCarriers(), func(c *adapterv1.Carrier) bool { return c.GetName() == "Mondial Relay" }) {
		t.Errorf("%d carriers, error %v", len(carriers.GetCarriers()), err)
	}
	store.Credentials["client_secret"] = "wrong"
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store}); reason(err) != "CREDENTIALS_REJECTED" {
		t.Errorf("error %v, want CREDENTIALS_REJECTED", err)
	}
	store.Credentials["client_secret"], store.Credentials["seller_id"] = "demo-secret", "10999"
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store}); reason(err) != "SELLER_NOT_AUTHORIZED" {
		t.Errorf("error %v, want SELLER_NOT_AUTHORIZED", err)
	}
}

// TestEmulatorListsEveryOrder: every order of the window comes, on both axes, whatever the variety, and the count agrees.
func TestEmulatorListsEveryOrder(t *testing.T) {
	t.Parallel()
	s, a, store := emulated(t, 300)
	since, until := at(start).Add(-60*24*time.Hour), at(start).Add(time.Second)
	created := createdWindow(store, since, until)
	modified := createdWindow(store, since, until)
	modified.Since = &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(since)}
	for name, req := range map[string]*adapterv1.ListOrdersRequest{"created": created, "modified": modified} {
		out := &sink{}
		if err := a.ListOrders(short(t), req, out); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := make(map[string]bool)
		for _, o := range out.orders {
			got[o.GetOrderNumber()] = true
			for _, u := range o.GetUnrecognized() {
				t.Errorf("%s: order %s has an unknown value in %s: %q", name, o.GetOrderNumber(), u.GetField(), u.GetValue())
			}
		}
		all := s.World().Find("demo", func(h world.Head) bool { return true })
		for _, n := range all {
			if !got[n] {
				t.Errorf("%s: order %s is missing", name, n)
			}
		}
		if len(all) < 300 {
			t.Errorf("only %d orders to find", len(all))
		}
	}
	count, err := a.CountOrders(short(t), &adapterv1.CountOrdersRequest{
		Store: store, Since: &adapterv1.CountOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(since)},
		Until: timestamppb.New(until), Statuses: allStatuses(),
	})
	if err != nil || count.GetCount() != 300 {
		t.Errorf("count %d, error %v", count.GetCount(), err)
	}
}
