package cdiscount_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// start is world time of the emulator; it stands still.
const start = "2026-03-19T09:00:00Z"

// emulated starts an emulator with orders, and returns it with an adapter and the context of its store. The emulator shares
// no code with the adapter: what passes here was read twice.
func emulated(t *testing.T, orders int) (*emulator.Server, *cdiscount.Adapter, *adapterv1.StoreContext) {
	t.Helper()
	s, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{
		World: world.Config{Orders: orders, Seed: 1, Start: at(start), Frozen: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	a := cdiscount.New(cdiscount.WithClock(clock(start)))
	store := &adapterv1.StoreContext{
		StoreId: "s", Credentials: map[string]string{"login": "demo-api", "password": "demo-password"}, Environment: map[string]string{},
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

// TestEmulatorConnection: the account and the carriers of a good login, and what a wrong one gives.
func TestEmulatorConnection(t *testing.T) {
	t.Parallel()
	_, a, store := emulated(t, 0)
	resp, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
	if err != nil || resp.GetAccountId() != "demo" {
		t.Errorf("account %q, error %v", resp.GetAccountId(), err)
	}
	carriers, err := a.ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: store})
	if err != nil || !slices.ContainsFunc(carriers.GetCarriers(), func(c *adapterv1.Carrier) bool { return c.GetName() == "Mondial Relay" }) {
		t.Errorf("%d carriers, error %v", len(carriers.GetCarriers()), err)
	}
	store.Credentials["password"] = "wrong"
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store}); reason(err) != "CREDENTIALS_REJECTED" {
		t.Errorf("error %v, want CREDENTIALS_REJECTED", err)
	}
}

// TestEmulatorListsEveryOrder: every order of the window comes, on both axes, whatever the variety.
func TestEmulatorListsEveryOrder(t *testing.T) {
	t.Parallel()
	s, a, store := emulated(t, 200)
	window := func(r *adapterv1.ListOrdersRequest) *adapterv1.ListOrdersRequest {
		r.Store, r.Until, r.Statuses = store, timestamppb.New(at(start).Add(time.Second)), allStatuses()
		return r
	}
	since := at(start).Add(-60 * 24 * time.Hour)
	for name, req := range map[string]*adapterv1.ListOrdersRequest{
		"created":  window(&adapterv1.ListOrdersRequest{Since: &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(since)}}),
		"modified": window(&adapterv1.ListOrdersRequest{Since: &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(since)}}),
	} {
		out := &sink{}
		if err := a.ListOrders(short(t), req, out); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := make(map[string]bool)
		for _, o := range out.orders {
			got[o.GetOrderNumber()] = true
			for _, u := range o.GetUnrecognized() {
				t.Errorf("%s: order %s has an unknown value in %s", name, o.GetOrderNumber(), u.GetField())
			}
		}
		// An order whose state the marketplace does not tell yet matches no state that could be asked for.
		known := s.World().Find("demo", func(h world.Head) bool { return h.StateKnown(at(start)) })
		if len(known) < 100 {
			t.Fatalf("only %d orders to find", len(known))
		}
		for _, n := range known {
			if !got[n] {
				t.Errorf("%s: order %s is missing", name, n)
			}
		}
	}
}

// readyOrder creates an order of a variety and reads it.
func readyOrder(t *testing.T, s *emulator.Server, a *cdiscount.Adapter, store *adapterv1.StoreContext, v world.Variety) *adapterv1.Order {
	t.Helper()
	numbers, err := s.World().Create(world.Spec{Variety: v})
	if err != nil {
		t.Fatal(err)
	}
	return readOrder(t, a, store, numbers[0])
}

func readOrder(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext, number string) *adapterv1.Order {
	t.Helper()
	resp, err := a.GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: []string{number, "UNKNOWN"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.GetOrders()) != 1 {
		t.Fatalf("%d orders, want 1", len(resp.GetOrders()))
	}
	return resp.GetOrders()[0]
}

// notification ships every line of an order.
func notification(o *adapterv1.Order) *adapterv1.ShipmentNotification {
	n := &adapterv1.ShipmentNotification{
		Key: "k", OrderNumber: o.GetOrderNumber(), AdapterContext: o.GetAdapterContext(), Carrier: "Mondial Relay",
		TrackingNumber: "MR00000001", TrackingUrl: "https://tracking.example.com/?n=MR1&l=fr",
	}
	for _, l := range o.GetLines() {
		n.Lines = append(n.Lines, &adapterv1.ShippedLine{LineId: l.GetLineId(), Sku: l.GetSku(), Quantity: l.GetQuantity()})
	}
	return n
}

// TestEmulatorShips: each kind of order that can be shipped is, with all its lines, and reads as shipped with our tracking.
func TestEmulatorShips(t *testing.T) {
	t.Parallel()
	s, a, store := emulated(t, 0)
	for _, v := range []world.Variety{"home-tracked", "mondial-relay-fee", "colissimo-point", "multi-line", "company"} {
		o := readyOrder(t, s, a, store, v)
		if got := o.GetStatus(); got != adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP {
			t.Errorf("%s: status %s before", v, got)
		}
		resp, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: store, Notifications: []*adapterv1.ShipmentNotification{notification(o)}})
		if err != nil {
			t.Fatal(err)
		}
		if r := resp.GetResults()[0]; r.GetOutcome() != adapterv1.Outcome_OUTCOME_APPLIED {
			t.Errorf("%s: %s %s %s", v, r.GetOutcome(), r.GetNativeReason(), r.GetMessage())
		}
		after := readOrder(t, a, store, o.GetOrderNumber())
		if after.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_SHIPPED || len(after.GetParcels()) != 1 ||
			after.GetParcels()[0].GetTrackingNumber() != "MR00000001" {
			t.Errorf("%s: status %s with %d parcels after", v, after.GetStatus(), len(after.GetParcels()))
		}
		// Again: certainly refused, which only reading can tell from done.
		resp, err = a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: store, Notifications: []*adapterv1.ShipmentNotification{notification(o)}})
		if err != nil {
			t.Fatal(err)
		}
		if r := resp.GetResults()[0]; r.GetOutcome().String() != rejected || r.GetNativeReason() != "OrderStateIncoherent" {
			t.Errorf("%s: second time %s %s", v, r.GetOutcome(), r.GetNativeReason())
		}
	}
	for _, w := range s.World().Writes() {
		if w.TrackingURL != "https://tracking.example.com/?n=MR1&l=fr" || w.Carrier != "Mondial Relay" || w.TrackingNumber != "MR00000001" {
			t.Errorf("the marketplace read carrier %q, tracking %q, address %q", w.Carrier, w.TrackingNumber, w.TrackingURL)
		}
	}
}

// TestEmulatorOutcomes holds the promise of each outcome against what the marketplace really did.
func TestEmulatorOutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind    fault.Kind
		params  fault.Params
		want    string
		applied bool
		// refused is the reason of an error of the whole call, which also promises that nothing was done.
		refused string
	}{
		{kind: fault.CutBefore, want: unknown},
		{kind: fault.CutAfter, want: unknown, applied: true},
		{kind: fault.CutMid, want: unknown, applied: true},
		{kind: fault.Truncated, want: unknown, applied: true},
		{kind: fault.HTML, params: fault.Params{Apply: true}, want: unknown, applied: true},
		{kind: fault.Malformed, params: fault.Params{Apply: true}, want: unknown, applied: true},
		{kind: fault.HTTP500, params: fault.Params{Apply: true}, want: unknown, applied: true},
		{kind: fault.HTTP503, want: unknown},
		{kind: fault.SOAPFault, params: fault.Params{Apply: true}, want: unknown, applied: true},
		{kind: fault.Quota, want: retry},
		{kind: fault.TokenExpired, want: retry},
		{kind: fault.SellerDisabled, refused: "SELLER_INACTIVE"},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			t.Parallel()
			s, a, store := emulated(t, 0)
			o := readyOrder(t, s, a, store, "home-tracked")
			if _, err := s.Faults().Add(fault.Rule{Operation: "ValidateOrderList", Kind: tc.kind, Times: 1, Params: tc.params}); err != nil {
				t.Fatal(err)
			}
			resp, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: store, Notifications: []*adapterv1.ShipmentNotification{notification(o)}})
			if reason(err) != tc.refused {
				t.Fatalf("error %v, want %q", err, tc.refused)
			}
			if tc.refused == "" {
				if r := resp.GetResults()[0]; r.GetOutcome().String() != tc.want {
					t.Errorf("%s (%s), want %s", r.GetOutcome(), r.GetMessage(), tc.want)
				}
			}
			if n := s.World().Calls()["ValidateOrderList"]; n != 1 {
				t.Errorf("sent %d times", n)
			}
			shipped := readOrder(t, a, store, o.GetOrderNumber()).GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_SHIPPED
			if shipped != tc.applied {
				t.Errorf("applied: %v, want %v", shipped, tc.applied)
			}
		})
	}
}

// TestEmulatorTokenEndsDuringImport: the read goes on with a new token and loses nothing.
func TestEmulatorTokenEndsDuringImport(t *testing.T) {
	t.Parallel()
	s, a, store := emulated(t, 100)
	list := func() *sink {
		out := &sink{}
		if err := a.ListOrders(short(t), &adapterv1.ListOrdersRequest{
			Store: store, Since: &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(at(start).Add(-30 * 24 * time.Hour))},
			Until: timestamppb.New(at(start)), Statuses: allStatuses(),
		}, out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	undisturbed := list()
	if _, err := s.Faults().Add(fault.Rule{Operation: "GetOrderList", Kind: fault.TokenExpired, Times: 1, After: 3}); err != nil {
		t.Fatal(err)
	}
	if disturbed := list(); len(disturbed.orders) != len(undisturbed.orders) || len(disturbed.states) == 0 {
		t.Errorf("%d orders and %d new states, want %d orders", len(disturbed.orders), len(disturbed.states), len(undisturbed.orders))
	}
}
