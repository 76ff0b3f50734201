package main

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestNotSentFields: what the marketplace cannot take is kept and listed.
func TestNotSentFields(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{Variety: world.MultiLine})
	req := notifyRequest(number)
	req.Shipment.TrackingUrl = "https://tracking.example.com/?a=1&b=2"
	req.Shipment.Service = "Express 24"
	req.Shipment.CarrierFee = &marketplacev1.Money{CurrencyCode: "EUR", Units: 4, Nanos: 990_000_000}
	req.Shipment.ShipTime = timestamppb.New(time.Now().Add(-time.Hour).Truncate(time.Microsecond))
	for _, l := range s.order(number).GetLines() {
		req.Shipment.Items = append(req.Shipment.Items, &marketplacev1.ShipmentItem{LineId: l.GetLineId(), Quantity: l.GetQuantity()})
	}
	sh, err := s.api.NotifyShipment(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	end := s.settled(sh.GetName(), confirmed)
	if want := []string{"service", "carrier_fee", "ship_time"}; !slices.Equal(end.GetNotSentFields(), want) {
		t.Errorf("not sent %v, want %v", end.GetNotSentFields(), want)
	}
	if end.GetService() != "Express 24" || !proto.Equal(end.GetCarrierFee(), req.GetShipment().GetCarrierFee()) ||
		!proto.Equal(end.GetShipTime(), req.GetShipment().GetShipTime()) || len(end.GetItems()) != len(req.GetShipment().GetItems()) {
		t.Error("a field that was given is not kept")
	}
	if got := s.shipWrites(number)[0].TrackingURL; got != req.GetShipment().GetTrackingUrl() {
		t.Errorf("the marketplace received the URL %q", got)
	}
}

// TestNotifyShipmentIsIdempotent: repeating a call finds the shipment, whatever became of the order.
func TestNotifyShipmentIsIdempotent(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	first := s.notify(number)
	s.settled(first.GetName(), confirmed)
	again := s.notify(number)
	if again.GetName() != first.GetName() {
		t.Errorf("a repeated call made %s beside %s", again.GetName(), first.GetName())
	}
	spelled := notifyRequest(number)
	spelled.Shipment.TrackingNumber = "  " + spelled.GetShipment().GetTrackingNumber() + " "
	if third, err := s.api.NotifyShipment(t.Context(), spelled); err != nil || third.GetName() != first.GetName() {
		t.Errorf("the same call with blanks around the number gives %s, %v", third.GetName(), err)
	}
	other := notifyRequest(number)
	other.Shipment.Carrier, other.Shipment.ShipTime, other.Force = "COLISSIMO", timestamppb.New(time.Now().Add(-time.Hour)), true
	if fourth, err := s.api.NotifyShipment(t.Context(), other); err != nil || fourth.GetName() != first.GetName() {
		t.Errorf("the same call, spelled otherwise and at another time, gives %s, %v", fourth.GetName(), err)
	}
	if n := len(s.shipWrites(number)); n != 1 {
		t.Errorf("the marketplace received %d ship requests", n)
	}
}

// TestPausedStoreSendsNothing: a paused store's shipments wait and go out after ResumeStore.
func TestPausedStoreSendsNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	if _, err := s.api.PauseStore(t.Context(), &marketplacev1.PauseStoreRequest{Name: "stores/demo"}); err != nil {
		t.Fatal(err)
	}
	sh := s.notify(number)
	_, err := s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"})
	wantError(t, err, codes.FailedPrecondition, "STORE_PAUSED")
	if n := len(s.shipWrites(number)); n != 0 {
		t.Fatalf("a paused store sent %d ship requests", n)
	}
	if _, err := s.api.ResumeStore(t.Context(), &marketplacev1.ResumeStoreRequest{Name: "stores/demo"}); err != nil {
		t.Fatal(err)
	}
	s.settled(sh.GetName(), confirmed)
}

func TestListShipments(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	var numbers, names []string
	for range 5 {
		numbers = append(numbers, s.create(world.Spec{Variety: world.HomeTracked}))
	}
	s.imported()
	for _, n := range numbers {
		names = append([]string{s.notify(n).GetName()}, names...) // newest first
	}
	for _, n := range names {
		s.settled(n, confirmed)
	}
	list := func(req *marketplacev1.ListShipmentsRequest) []string {
		req.Parent = "stores/demo"
		var got []string
		for {
			page, err := s.api.ListShipments(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, sh := range page.GetShipments() {
				got = append(got, sh.GetName())
			}
			if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
				return got
			}
		}
	}
	if got := list(&marketplacev1.ListShipmentsRequest{PageSize: 2}); !slices.Equal(got, names) {
		t.Errorf("listed %v, want %v", got, names)
	}
	if got := list(&marketplacev1.ListShipmentsRequest{Order: "stores/demo/orders/" + numbers[0]}); !slices.Equal(got, names[4:]) {
		t.Errorf("of one order: %v", got)
	}
	if got := list(&marketplacev1.ListShipmentsRequest{States: []marketplacev1.Shipment_State{confirmed, queued}, PageSize: 3}); !slices.Equal(got, names) {
		t.Errorf("by state: %v", got)
	}
	if got := list(&marketplacev1.ListShipmentsRequest{States: []marketplacev1.Shipment_State{rejected}}); len(got) != 0 {
		t.Errorf("rejected: %v", got)
	}
}

// TestNotifyShipmentDuringOutage: a shipment is taken while the marketplace is down, the very first one too, and goes out when
// it is back.
func TestNotifyShipmentDuringOutage(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	s.inject(fault.Rule{Operation: fault.Any, Kind: fault.HTTP503})
	sh := s.notify(number)
	waitFor(t, func() bool {
		got, err := s.api.GetShipment(t.Context(), &marketplacev1.GetShipmentRequest{Name: sh.GetName()})
		return err == nil && got.GetReason() == "MARKETPLACE_DOWN"
	})
	s.sandbox.Faults().Clear()
	s.settled(sh.GetName(), confirmed)
}
