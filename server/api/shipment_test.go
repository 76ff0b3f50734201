package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// at is a time of the day of the tests.
func at(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(noon.Add(d)) }

// wholeShipment is a shipment with every field, as the core has it.
func wholeShipment() shipment.Shipment {
	return shipment.Shipment{
		ID: "s2", StoreID: "shop", Adapter: "alpha", RequestID: "r-1",
		Request: shipment.Request{
			OrderNumber: "A1", Carrier: "la poste colissimo", TrackingNumber: "6A1", Service: "Express",
			CarrierFee: &order.Money{Currency: "EUR", Units: 4, Nanos: 900_000_000}, ShipTime: noon.Add(-time.Hour),
			Items: []shipment.Item{{LineID: "L1", Quantity: 2}}, Replaces: "s1",
		},
		Chosen: shipment.ChosenCarrier{
			Name: "Colissimo", Rule: "ALIAS", ListAge: 90 * time.Second, TrackingURL: "https://carrier.example/6A1",
		},
		NotSentFields: []string{"service"}, Evidence: shipment.EvidenceTracking, ReplacedBy: "s3",
		Delivery: delivery.Delivery{
			State: delivery.Superseded, Reason: "TRACKING_MISMATCH", Message: "replaced", SendCount: 2,
			NextAttempt: noon.Add(time.Minute), Deadline: noon.Add(time.Hour), UpdateTime: noon.Add(time.Second),
		},
		CreateTime: noon,
	}
}

// TestGetShipment: everything that the core knows of a shipment is told.
func TestGetShipment(t *testing.T) {
	t.Parallel()
	r := shipments(t, &ledger{stored: []shipment.Shipment{wholeShipment()}, events: []shipment.Event{
		{Time: noon, State: delivery.Queued, Kind: shipment.KindAccepted, Message: "stored", Count: 1, LastTime: noon},
		{
			Time: noon, State: delivery.Queued, Kind: shipment.KindRead, Message: "ready", Adapter: "alpha", Release: "1.0.0@9f2c",
			Proof: shipment.Proof{Observed: &shipment.Observation{
				Found: true, NativeStatus: "ToShip", TrackingNumbers: []string{"6A0"}, CancelRequested: true,
			}},
			Count: 3, LastTime: noon.Add(time.Minute),
		},
		{
			Time: noon, State: delivery.Sending, Kind: shipment.KindSending, Message: "telling", Count: 1, LastTime: noon,
			Proof: shipment.Proof{Requests: []shipment.MarketplaceRequest{{
				Method: "POST", URL: "https://marketplace.example/ship", Headers: map[string]string{"Authorization": "***"}, Body: "<ship/>",
			}}},
		},
		{
			Time: noon, State: delivery.Rejected, Kind: shipment.KindSent, Message: "no", Count: 1, LastTime: noon,
			Proof: shipment.Proof{Outcome: delivery.Refused, NativeReason: "E42"},
		},
		{Time: noon, State: delivery.Queued, Kind: shipment.KindFailed, Message: "down", Count: 1, LastTime: noon},
		{Time: noon, State: delivery.Superseded, Kind: shipment.KindPerson, Message: "replaced", Count: 1, LastTime: noon},
	}})
	got, err := r.client.GetShipment(t.Context(), &marketplacev1.GetShipmentRequest{Name: "stores/shop/shipments/s2"})
	if err != nil {
		t.Fatal(err)
	}
	const (
		isQueued     = marketplacev1.Shipment_STATE_QUEUED
		isSuperseded = marketplacev1.Shipment_STATE_SUPERSEDED
	)
	want := &marketplacev1.Shipment{
		Name: "stores/shop/shipments/s2", Order: "stores/shop/orders/A1", Carrier: "la poste colissimo", MarketplaceCarrier: "Colissimo",
		CarrierMatch:   &marketplacev1.CarrierMatch{Rule: marketplacev1.CarrierMatch_RULE_ALIAS, ListAge: durationpb.New(90 * time.Second)},
		TrackingNumber: "6A1", TrackingUrl: "https://carrier.example/6A1", TrackingUrlDerived: true, Service: "Express",
		CarrierFee: &marketplacev1.Money{CurrencyCode: "EUR", Units: 4, Nanos: 900_000_000}, ShipTime: at(-time.Hour),
		Items: []*marketplacev1.ShipmentItem{{LineId: "L1", Quantity: 2}}, NotSentFields: []string{"service"},
		State: isSuperseded, Evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, Reason: "TRACKING_MISMATCH", Message: "replaced", SendCount: 2,
		NextAttemptTime: at(time.Minute), DeadlineTime: at(time.Hour), CreateTime: at(0), UpdateTime: at(time.Second), RequestId: "r-1",
		Replaces: "stores/shop/shipments/s1", ReplacedBy: "stores/shop/shipments/s3",
		Events: []*marketplacev1.ShipmentEvent{
			{Time: at(0), State: isQueued, Kind: marketplacev1.ShipmentEvent_KIND_ACCEPTED, Message: "stored", Count: 1, LastTime: at(0)},
			{
				Time: at(0), State: isQueued, Kind: marketplacev1.ShipmentEvent_KIND_READ, Message: "ready",
				Adapter: "adapters/alpha", AdapterRelease: "1.0.0@9f2c", Count: 3, LastTime: at(time.Minute),
				Observed: &marketplacev1.OrderObservation{Found: true, NativeStatus: "ToShip", TrackingNumbers: []string{"6A0"}, CancelRequested: true},
			},
			{
				Time: at(0), State: marketplacev1.Shipment_STATE_SENDING, Kind: marketplacev1.ShipmentEvent_KIND_SENDING, Message: "telling", Count: 1, LastTime: at(0),
				Requests: []*marketplacev1.MarketplaceRequest{{
					Method: "POST", Url: "https://marketplace.example/ship", Headers: map[string]string{"Authorization": "***"}, Body: "<ship/>",
				}},
			},
			{
				Time: at(0), State: marketplacev1.Shipment_STATE_REJECTED, Kind: marketplacev1.ShipmentEvent_KIND_SENT, Message: "no",
				Outcome: "REJECTED", NativeReason: "E42", Count: 1, LastTime: at(0),
			},
			{Time: at(0), State: isQueued, Kind: marketplacev1.ShipmentEvent_KIND_FAILED, Message: "down", Count: 1, LastTime: at(0)},
			{Time: at(0), State: isSuperseded, Kind: marketplacev1.ShipmentEvent_KIND_PERSON, Message: "replaced", Count: 1, LastTime: at(0)},
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("shipment (-want +got)\n%s", diff)
	}
}

// TestCarrierOfShipment: a tracking page that the caller gave is not called derived, and a carrier that is not chosen has no rule.
func TestCarrierOfShipment(t *testing.T) {
	t.Parallel()
	given, open := wholeShipment(), wholeShipment()
	given.TrackingURL = "https://mine.example/6A1"
	open.ID, open.Chosen = "s9", shipment.ChosenCarrier{}
	r := shipments(t, &ledger{stored: []shipment.Shipment{given, open}})
	got, err := r.client.GetShipment(t.Context(), &marketplacev1.GetShipmentRequest{Name: "stores/shop/shipments/s2"})
	if err != nil || got.GetTrackingUrl() != "https://mine.example/6A1" || got.GetTrackingUrlDerived() {
		t.Errorf("page %q, derived %v, %v", got.GetTrackingUrl(), got.GetTrackingUrlDerived(), err)
	}
	got, err = r.client.GetShipment(t.Context(), &marketplacev1.GetShipmentRequest{Name: "stores/shop/shipments/s9"})
	if err != nil || got.GetCarrierMatch() != nil || got.GetMarketplaceCarrier() != "" || got.GetTrackingUrlDerived() {
		t.Errorf("carrier %q by %v, %v", got.GetMarketplaceCarrier(), got.GetCarrierMatch(), err)
	}
}

// TestEvidenceFitsOneAnswer: a shipment that was put off for a week is still told in one answer that every client takes.
func TestEvidenceFitsOneAnswer(t *testing.T) {
	t.Parallel()
	l := &ledger{stored: []shipment.Shipment{wholeShipment()}}
	for range 1000 {
		l.events = append(l.events, shipment.Event{Time: noon, State: delivery.Sending, Kind: shipment.KindSending, Count: 1, LastTime: noon, Proof: shipment.Proof{
			Requests: []shipment.MarketplaceRequest{{Method: "POST", Body: strings.Repeat("x", 8<<10)}},
		}})
	}
	got, err := shipments(t, l).client.GetShipment(t.Context(), &marketplacev1.GetShipmentRequest{Name: "stores/shop/shipments/s2"})
	if err != nil {
		t.Fatal(err)
	}
	events := got.GetEvents()
	if len(events) != len(l.events) || len(events[0].GetRequests()) != 0 || len(events[len(events)-1].GetRequests()) != 1 {
		t.Errorf("%d events; requests of the first %d, of the last %d", len(events), len(events[0].GetRequests()), len(events[len(events)-1].GetRequests()))
	}
	if size := proto.Size(got); size < 2<<20 || size > 4<<20 {
		t.Errorf("the answer has %d bytes", size)
	}
}

// TestPreview: validate_only answers what would be sent, without a name and a state, and stores nothing.
func TestPreview(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	r := shipments(t, l)
	req := request("A1")
	req.ValidateOnly = true
	got, err := r.client.NotifyShipment(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := &marketplacev1.Shipment{
		Order: "stores/shop/orders/A1", Carrier: "colissimo", MarketplaceCarrier: "Colissimo", TrackingNumber: "6A-A1",
		CarrierMatch: &marketplacev1.CarrierMatch{Rule: marketplacev1.CarrierMatch_RULE_NAME, ListAge: durationpb.New(5 * time.Minute)},
		TrackingUrl:  "https://www.laposte.fr/outils/suivre-vos-envois?code=6A-A1", TrackingUrlDerived: true,
		ShipTime: at(0), DeadlineTime: at(time.Hour),
		Preview: []*marketplacev1.MarketplaceRequest{{
			Method: "POST", Url: "https://marketplace.example/ship", Headers: map[string]string{"Authorization": "***"}, Body: "A1 Colissimo 6A-A1",
		}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(want, "request_id")); diff != "" {
		t.Errorf("preview (-want +got)\n%s", diff)
	}
	if l.count() != 0 {
		t.Errorf("a preview stored %d shipments", l.count())
	}

	req.ValidateOnly = false
	stored, err := r.client.NotifyShipment(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.ValidateOnly = true
	again, err := r.client.NotifyShipment(t.Context(), req)
	if err != nil || again.GetName() != stored.GetName() || again.GetState() != stored.GetState() || len(again.GetPreview()) != 0 {
		t.Errorf("a preview of a repeated request gives %v, %v; want the shipment that is there", again, err)
	}
}

// TestShipmentChanges: retry and cancel reach the shipment that is named, and force with it.
func TestShipmentChanges(t *testing.T) {
	t.Parallel()
	failed, waiting := wholeShipment(), wholeShipment()
	failed.State, failed.ReplacedBy = delivery.NeedsAttention, ""
	waiting.ID, waiting.Delivery = "s9", delivery.New(noon, noon.Add(time.Hour))
	r := shipments(t, &ledger{stored: []shipment.Shipment{failed, waiting}})
	ctx := t.Context()
	retried, err := r.client.RetryShipment(ctx, &marketplacev1.RetryShipmentRequest{Name: "stores/shop/shipments/s2", Force: true})
	if err != nil || retried.GetState() != marketplacev1.Shipment_STATE_SENDING || !retried.GetDeadlineTime().AsTime().Equal(noon.Add(time.Hour)) {
		t.Errorf("retried: %v, %v", retried, err)
	}
	cancelled, err := r.client.CancelShipment(ctx, &marketplacev1.CancelShipmentRequest{Name: "stores/shop/shipments/s9"})
	if err != nil || cancelled.GetState() != marketplacev1.Shipment_STATE_CANCELLED {
		t.Errorf("cancelled: %v, %v", cancelled, err)
	}
	_, notOver := r.client.RetryShipment(ctx, &marketplacev1.RetryShipmentRequest{Name: "stores/shop/shipments/s9"})
	_, sent := r.client.CancelShipment(ctx, &marketplacev1.CancelShipmentRequest{Name: "stores/shop/shipments/s2"})
	_, unknown := r.client.RetryShipment(ctx, &marketplacev1.RetryShipmentRequest{Name: "stores/shop/shipments/s0"})
	_, unnamed := r.client.CancelShipment(ctx, &marketplacev1.CancelShipmentRequest{Name: "s9"})
	for _, tt := range []struct {
		name   string
		err    error
		code   codes.Code
		reason string
	}{
		{"retry what is open", notOver, codes.FailedPrecondition, problem.ReasonNotRetryable},
		{"cancel what was sent", sent, codes.FailedPrecondition, problem.ReasonNotCancellable},
		{"retry nothing", unknown, codes.NotFound, problem.ReasonShipmentNotFound},
		{"cancel no name", unnamed, codes.InvalidArgument, problem.ReasonInvalidField},
	} {
		if status.Code(tt.err) != tt.code || detailsOf(tt.err).info.GetReason() != tt.reason {
			t.Errorf("%s: %v, want %s/%s", tt.name, tt.err, tt.code, tt.reason)
		}
	}
}

// TestListCarriers: each carrier comes with what else it may be called.
func TestListCarriers(t *testing.T) {
	t.Parallel()
	got, err := shipments(t, &ledger{}).client.ListCarriers(t.Context(), &marketplacev1.ListCarriersRequest{Parent: "stores/shop"})
	if err != nil || len(got.GetCarriers()) != 2 {
		t.Fatalf("carriers %v, %v", got, err)
	}
	for i, alias := range []string{"so colissimo", "mr"} {
		c := got.GetCarriers()[i]
		if !strings.Contains(strings.Join(c.GetAliases(), "|"), alias) {
			t.Errorf("%s may be called %q, want %q among them", c.GetDisplayName(), c.GetAliases(), alias)
		}
	}
	if c := got.GetCarriers()[0]; c.GetCode() != "1" || c.GetDisplayName() != "Colissimo" || c.GetTrackingUrl() != "https://list.example/?n=" {
		t.Errorf("first carrier %v", c)
	}
}
