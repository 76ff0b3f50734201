package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestRepeatOfSuperseded: without a key of its own, a call that repeats a shipment which was corrected must not pass for it in silence:
// nothing would ever be sent.
func TestRepeatOfSuperseded(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	s.pause()
	wrong := s.notify(number)
	right, err := s.api.NotifyShipment(t.Context(), correctionOf(wrong))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.CancelShipment(t.Context(), &marketplacev1.CancelShipmentRequest{Name: right.GetName()}); err != nil {
		t.Fatal(err)
	}
	again := notifyRequest(number)
	for _, validateOnly := range []bool{false, true} {
		again.ValidateOnly = validateOnly
		info, _, _ := wantError(t, second(s.api.NotifyShipment(t.Context(), again)), codes.FailedPrecondition, "SHIPMENT_SUPERSEDED")
		if m := info.GetMetadata(); m["shipment"] != wrong.GetName() || m["replaced_by"] != right.GetName() {
			t.Errorf("validate_only %v: metadata %v, want %s and %s", validateOnly, m, wrong.GetName(), right.GetName())
		}
	}
	again.ValidateOnly, again.RequestId = false, "after all"
	sh, err := s.api.NotifyShipment(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	s.resume()
	s.settled(sh.GetName(), confirmed)
}

// TestRepeatWithOtherContent: what a repeated call says otherwise is not dropped in silence; what it says in another order is the same.
func TestRepeatWithOtherContent(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{Variety: world.MultiLine})
	s.pause()
	var items []*marketplacev1.ShipmentItem
	for _, l := range s.order(number).GetLines() {
		items = append(items, &marketplacev1.ShipmentItem{LineId: l.GetLineId(), Quantity: l.GetQuantity()})
	}
	stated := func(change func(*marketplacev1.Shipment)) *marketplacev1.NotifyShipmentRequest {
		r := notifyRequest(number)
		r.Shipment.TrackingUrl, r.Shipment.Service, r.Shipment.Items = "https://tracking.example.com/1", "Express", slices.Clone(items)
		r.Shipment.CarrierFee = &marketplacev1.Money{CurrencyCode: "EUR", Units: 4}
		change(r.Shipment)
		return r
	}
	first, err := s.api.NotifyShipment(t.Context(), stated(func(*marketplacev1.Shipment) {}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		field  string // that differs; empty for none
		change func(*marketplacev1.Shipment)
	}{
		{"", func(*marketplacev1.Shipment) {}},
		{"", func(sh *marketplacev1.Shipment) { sh.ShipTime = timestamppb.New(s.clock.now().Add(-time.Minute)) }},
		{"", func(sh *marketplacev1.Shipment) { slices.Reverse(sh.Items) }},
		{"tracking_url", func(sh *marketplacev1.Shipment) { sh.TrackingUrl += "2" }},
		{"tracking_url", func(sh *marketplacev1.Shipment) { sh.TrackingUrl = "" }},
		{"service", func(sh *marketplacev1.Shipment) { sh.Service = "Economy" }},
		{"carrier_fee", func(sh *marketplacev1.Shipment) { sh.CarrierFee.Units = 5 }},
		{"carrier_fee", func(sh *marketplacev1.Shipment) { sh.CarrierFee = nil }},
		{"items", func(sh *marketplacev1.Shipment) { sh.Items = sh.GetItems()[1:] }},
	} {
		for _, validateOnly := range []bool{false, true} {
			req := stated(tt.change)
			req.ValidateOnly = validateOnly
			again, err := s.api.NotifyShipment(t.Context(), req)
			if tt.field == "" {
				if err != nil || again.GetName() != first.GetName() {
					t.Errorf("the same call gives %s, %v", again.GetName(), err)
				}
				continue
			}
			info, _, _ := wantError(t, err, codes.AlreadyExists, "SHIPMENT_DIFFERS")
			if m := info.GetMetadata(); m["shipment"] != first.GetName() || m["field"] != tt.field {
				t.Errorf("metadata %v, want %s and %s", m, first.GetName(), tt.field)
			}
		}
	}
	correction := stated(func(sh *marketplacev1.Shipment) { sh.Service, sh.Replaces = "Economy", first.GetName() })
	sh, err := s.api.NotifyShipment(t.Context(), correction)
	if err != nil {
		t.Fatal(err)
	}
	s.resume()
	s.settled(sh.GetName(), confirmed)

	// In one batch, stored or checked, the later of two that differ is the one that is refused.
	other := s.create(world.Spec{Variety: world.HomeTracked})
	s.imported()
	for _, validateOnly := range []bool{true, false} {
		batch := &marketplacev1.BatchNotifyShipmentsRequest{Parent: "stores/demo"}
		for _, service := range []string{"Express", "Express", "Economy"} {
			r := notifyRequest(other)
			r.Shipment.Service, r.ValidateOnly = service, validateOnly
			batch.Requests = append(batch.Requests, r)
		}
		got, err := s.api.BatchNotifyShipments(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		var reasons []string
		for _, r := range got.GetResults() {
			reasons = append(reasons, r.GetError().GetReason()+r.GetError().GetMetadata()["field"])
		}
		if want := []string{"", "", "SHIPMENT_DIFFERSservice"}; !slices.Equal(reasons, want) {
			t.Errorf("validate_only %v: %q, want %q", validateOnly, reasons, want)
		}
	}
}

// TestOrderBearsAnotherShipment: an order that left is not to be shipped again, and the shipment that it bears is named.
func TestOrderBearsAnotherShipment(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	numbered := func(tracking string) *marketplacev1.NotifyShipmentRequest {
		r := notifyRequest(number)
		r.Shipment.TrackingNumber = tracking
		return r
	}
	s.inject(fault.Rule{Operation: "ValidateOrderList", Kind: fault.SOAPFault, Times: 1, Params: fault.Params{Code: "DeserializationFailed", Text: "no"}})
	refused, err := s.api.NotifyShipment(t.Context(), numbered("1ZRJ"))
	if err != nil {
		t.Fatal(err)
	}
	s.settled(refused.GetName(), rejected)
	shipped, err := s.api.NotifyShipment(t.Context(), numbered("1ZRJ2"))
	if err != nil {
		t.Fatal(err)
	}

	// Callers that state other numbers while it leaves, and after: each is told of it, as open or as what the order bears. One that was
	// looked at before and stored after it was confirmed is taken, and told then.
	var (
		callers sync.WaitGroup
		mu      sync.Mutex // guards taken and named
		taken   = map[string]bool{}
		named   = map[string]error{} // by the shipment that a refusal names
	)
	for _, tracking := range []string{"1ZR3", "1ZR4", "1ZR5", "1ZR6", "1ZR7", "1ZR8"} {
		callers.Go(func() {
			for range 20 {
				sh, err := s.api.NotifyShipment(t.Context(), numbered(tracking))
				mu.Lock()
				if err == nil {
					taken[sh.GetName()] = true
				} else {
					named[metadataOf(err)["shipment"]] = err
				}
				mu.Unlock()
			}
		})
	}
	s.settled(shipped.GetName(), confirmed)
	callers.Wait()

	for name, err := range named {
		if name != shipped.GetName() && !taken[name] {
			t.Errorf("shipment %q is named by %v", name, err)
		}
	}

	_, id, _ := strings.Cut(shipped.GetName(), "/shipments/")
	for name := range taken {
		if end := s.settled(name, rejected); end.GetReason() != "ORDER_NOT_SHIPPABLE" || !strings.Contains(end.GetMessage(), "bears shipment "+id+" (1ZRJ2)") {
			t.Errorf("%s ended with %s: %s", name, end.GetReason(), end.GetMessage())
		}
	}
	for what, err := range map[string]error{
		"another number": second(s.api.NotifyShipment(t.Context(), numbered("1ZR9"))),
		"a retry":        second(s.api.RetryShipment(t.Context(), &marketplacev1.RetryShipmentRequest{Name: refused.GetName()})),
	} {
		info, _, _ := wantError(t, err, codes.FailedPrecondition, "ORDER_NOT_SHIPPABLE")
		if info.GetMetadata()["shipment"] != shipped.GetName() || !strings.Contains(err.Error(), "by shipment "+id+" (1ZRJ2)") {
			t.Errorf("%s: metadata %v, %v", what, info.GetMetadata(), err)
		}
	}
	if sh := s.shipment(refused.GetName()); sh.GetState() != rejected {
		t.Errorf("the refused retry left it %s", sh.GetState())
	}
	if writes := s.shipWrites(number); len(writes) != 2 {
		t.Errorf("the marketplace received %d ship requests, want the refused one and one more", len(writes))
	}
}

// TestShipTime: a parcel cannot have left long before its order was bought, and no instant is taken for an unset one.
func TestShipTime(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	bought := s.order(number).GetPurchaseTime().AsTime()
	for _, tt := range []struct {
		name string
		at   time.Time
		ok   bool
	}{
		{"the year 1", time.Time{}, false},
		{"1990", time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"more than a day before it was bought", bought.Add(-24*time.Hour - time.Second), false},
		{"a day before it was bought", bought.Add(-24 * time.Hour), true},
		{"three days from now", s.clock.now().Add(72 * time.Hour), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := notifyRequest(number)
			req.Shipment.ShipTime, req.ValidateOnly = timestamppb.New(tt.at), true
			got, err := s.api.NotifyShipment(t.Context(), req)
			if tt.ok {
				if err != nil || !got.GetShipTime().AsTime().Equal(tt.at) {
					t.Errorf("left %s, %v", got.GetShipTime().AsTime(), err)
				}
				return
			}
			_, bad, _ := wantError(t, err, codes.InvalidArgument, "INVALID_FIELD")
			if v := bad.GetFieldViolations(); len(v) != 1 || v[0].GetField() != "shipment.ship_time" {
				t.Errorf("violations %v", v)
			}
		})
	}
}

// metadataOf is the ErrorInfo metadata of an error.
func metadataOf(err error) map[string]string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetMetadata()
		}
	}
	return nil
}
