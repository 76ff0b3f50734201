package octopia_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/octopia"
	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/fault"

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

// readyOrder creates an order of a variety and reads it.
func readyOrder(t *testing.T, s *emulator.Server, a *octopia.Adapter, store *adapterv1.StoreContext, v world.Variety) *adapterv1.Order {
	t.Helper()
	numbers, err := s.World().Create(world.Spec{Variety: v})
	if err != nil {
		t.Fatal(err)
	}
	return readOrder(t, a, store, numbers[0])
}

func readOrder(t *testing.T, a *octopia.Adapter, store *adapterv1.StoreContext, number string) *adapterv1.Order {
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

// leaving ships every line of an order.
func leaving(o *adapterv1.Order) *adapterv1.ShipmentNotification {
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
	for _, v := range []world.Variety{"home-tracked", "mondial-relay-fee", "colissimo-point", "multi-line", "company", "cancel-requested"} {
		o := readyOrder(t, s, a, store, v)
		if got := o.GetStatus(); got != adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP {
			t.Errorf("%s: status %s before", v, got)
		}
		if r := ship(t, a, store, leaving(o)); r.GetOutcome() != applied {
			t.Errorf("%s: %s %s %s", v, r.GetOutcome(), r.GetNativeReason(), r.GetMessage())
		}
		after := readOrder(t, a, store, o.GetOrderNumber())
		if after.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_SHIPPED || len(after.GetParcels()) != 1 ||
			after.GetParcels()[0].GetTrackingNumber() != "MR00000001" {
			t.Errorf("%s: status %s with %d parcels after", v, after.GetStatus(), len(after.GetParcels()))
		}
		// Again: certainly refused, which only reading can tell from done.
		if r := ship(t, a, store, leaving(o)); r.GetOutcome() != rejected || r.GetNativeReason() == "" {
			t.Errorf("%s: second time %s %s", v, r.GetOutcome(), r.GetNativeReason())
		}
	}
	for _, w := range s.World().Writes() {
		if w.TrackingURL != "https://tracking.example.com/?n=MR1&l=fr" || w.Carrier != "Mondial Relay" || w.TrackingNumber != "MR00000001" {
			t.Errorf("the marketplace read carrier %q, tracking %q, address %q", w.Carrier, w.TrackingNumber, w.TrackingURL)
		}
	}
}

// TestEmulatorDecides: what was accepted goes on, what was refused has ended, and neither can be decided again.
func TestEmulatorDecides(t *testing.T) {
	t.Parallel()
	s, a, store := emulated(t, 0)
	decided := func(o *adapterv1.Order) []*adapterv1.DecidedOrder {
		return []*adapterv1.DecidedOrder{{Key: "k", OrderNumber: o.GetOrderNumber(), AdapterContext: o.GetAdapterContext()}}
	}
	yes, no := readyOrder(t, s, a, store, "waiting-acceptance"), readyOrder(t, s, a, store, "waiting-acceptance")
	if yes.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE || yes.GetShipTo() != nil {
		t.Fatalf("before: %s, ship_to set: %v", yes.GetStatus(), yes.GetShipTo() != nil)
	}
	for i, want := range []adapterv1.Outcome{applied, rejected} {
		accepted, err := a.AcceptOrders(short(t), &adapterv1.AcceptOrdersRequest{Store: store, Orders: decided(yes)})
		if err != nil || accepted.GetResults()[0].GetOutcome() != want {
			t.Errorf("accept %d: %v, %v", i, accepted.GetResults(), err)
		}
		refused, err := a.RefuseOrders(short(t), &adapterv1.RefuseOrdersRequest{Store: store, Orders: decided(no)})
		if err != nil || refused.GetResults()[0].GetOutcome() != want {
			t.Errorf("refuse %d: %v, %v", i, refused.GetResults(), err)
		}
	}
	if got := readOrder(t, a, store, yes.GetOrderNumber()).GetStatus(); got != adapterv1.OrderStatus_ORDER_STATUS_PROCESSING {
		t.Errorf("accepted reads %s", got)
	}
	if got := readOrder(t, a, store, no.GetOrderNumber()).GetStatus(); got != adapterv1.OrderStatus_ORDER_STATUS_REFUSED {
		t.Errorf("refused reads %s", got)
	}
	if err := s.World().Clock().Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := readOrder(t, a, store, yes.GetOrderNumber()); got.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP || got.GetShipTo() == nil && got.GetPickupPoint() == nil {
		t.Errorf("accepted and paid reads %s", got.GetStatus())
	}
}

// TestEmulatorOutcomes holds the promise of each outcome against what the marketplace really did.
func TestEmulatorOutcomes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kind    fault.Kind
		params  fault.Params
		want    adapterv1.Outcome
		applied bool
		sent    int // requests; the write log tells what was received
	}{
		"cut before":            {kind: fault.CutBefore, want: unknown, sent: 1},
		"cut after":             {kind: fault.CutAfter, want: unknown, applied: true, sent: 1},
		"page":                  {kind: fault.HTML, want: unknown, sent: 1},
		"page, applied":         {kind: fault.HTML, params: fault.Params{Apply: true}, want: unknown, applied: true, sent: 1},
		"malformed, applied":    {kind: fault.Malformed, params: fault.Params{Apply: true}, want: unknown, applied: true, sent: 1},
		"500":                   {kind: fault.HTTP500, want: unknown, sent: 1},
		"500, applied":          {kind: fault.HTTP500, params: fault.Params{Apply: true}, want: unknown, applied: true, sent: 1},
		"503":                   {kind: fault.HTTP503, want: unknown, sent: 1},
		"throttled":             {kind: fault.Throttle, params: fault.Params{Seconds: 5}, want: retry, sent: 1},
		"quota":                 {kind: fault.Quota, want: retry, sent: 1},
		"token gone":            {kind: fault.TokenExpired, want: applied, applied: true, sent: 2},
		"hostile text, applied": {kind: fault.Hostile, params: fault.Params{Code: "huge_field", Apply: true}, want: unknown, applied: true, sent: 1},
		"endless, applied":      {kind: fault.Hostile, params: fault.Params{Code: "endless", Apply: true}, want: unknown, applied: true, sent: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, a, store := emulated(t, 0)
			o := readyOrder(t, s, a, store, "home-tracked")
			if _, err := s.Faults().Add(fault.Rule{On: "ship", API: "octopia", Kind: tc.kind, Times: 1, Params: tc.params}); err != nil {
				t.Fatal(err)
			}
			r := ship(t, a, store, leaving(o))
			if r.GetOutcome() != tc.want {
				t.Errorf("%s (%s), want %s", r.GetOutcome(), r.GetMessage(), tc.want)
			}
			if tc.kind == fault.Throttle && r.GetRetryAfter().AsDuration() != 5*time.Second {
				t.Errorf("retry after %s", r.GetRetryAfter().AsDuration())
			}
			if n := s.World().Calls()["POST /orders/{orderId}/shipments"]; n != tc.sent {
				t.Errorf("sent %d times, want %d; calls %v", n, tc.sent, s.World().Calls())
			}
			shipped := readOrder(t, a, store, o.GetOrderNumber()).GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_SHIPPED
			if shipped != tc.applied {
				t.Errorf("applied: %v, want %v", shipped, tc.applied)
			}
		})
	}
}

// TestEmulatorHostileLists: what the sandbox calls hostile ends in an error, never in a shorter list.
func TestEmulatorHostileLists(t *testing.T) {
	t.Parallel()
	for _, code := range fault.HostileCodes() {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s, a, store := emulated(t, 20)
			for _, on := range []fault.Action{"list", "get", "carriers", "account"} {
				if _, err := s.Faults().Add(fault.Rule{On: on, API: "octopia", Kind: fault.Hostile, Params: fault.Params{Code: code}}); err != nil {
					t.Fatal(err)
				}
			}
			out := &sink{}
			if err := a.ListOrders(short(t), createdWindow(store, at(start).Add(-60*24*time.Hour), at(start)), out); reason(err) != "MALFORMED_ANSWER" || len(out.checkpoints) != 0 {
				t.Errorf("list: %v, %d checkpoints", err, len(out.checkpoints))
			}
			if _, err := a.GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: []string{"N1"}}); reason(err) != "MALFORMED_ANSWER" {
				t.Errorf("get: %v", err)
			}
			if _, err := a.ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: store}); reason(err) != "MALFORMED_ANSWER" {
				t.Errorf("carriers: %v", err)
			}
			if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store}); reason(err) != "MALFORMED_ANSWER" {
				t.Errorf("account: %v", err)
			}
		})
	}
}

// TestEmulatorMovingPages: orders that get another date right after they were told, so that the pages behind shift, cost none.
func TestEmulatorMovingPages(t *testing.T) {
	t.Parallel()
	s, a, store := emulated(t, 400)
	settings := s.World().Settings()
	settings.ShiftPages = 3
	if err := s.World().SetSettings(settings); err != nil {
		t.Fatal(err)
	}
	req := createdWindow(store, at(start).Add(-60*24*time.Hour), at(start).Add(time.Second))
	req.Since = &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: req.GetCreatedSince()}
	out := &sink{}
	if err := a.ListOrders(short(t), req, out); err != nil {
		t.Fatal(err)
	}
	got := numbers(out)
	for _, n := range s.World().Find("demo", func(world.Head) bool { return true }) {
		if _, found := slices.BinarySearch(got, n); !found {
			t.Errorf("order %s is missing", n)
		}
	}
}
