package cli_test

import (
	"cmp"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// correction is a shipment with everything that can have happened to one.
func correction() *marketplacev1.Shipment {
	const (
		queued  = marketplacev1.Shipment_STATE_QUEUED
		sending = marketplacev1.Shipment_STATE_SENDING
		release = "0.2.0@9f2c55d1a0b4c3e2f1d0aa11bb22cc33dd44ee55ff66778899aabbccddeeff00"
	)
	return &marketplacev1.Shipment{
		Name: "stores/tea/shipments/s2", Order: "stores/tea/orders/2403051200AAAAA", Carrier: "la poste colissimo", MarketplaceCarrier: "Colissimo",
		CarrierMatch:   &marketplacev1.CarrierMatch{Rule: marketplacev1.CarrierMatch_RULE_ALIAS, ListAge: durationpb.New(3*time.Hour + 400*time.Millisecond)},
		TrackingNumber: "6A1", TrackingUrl: "https://tracking.example/6A1", TrackingUrlDerived: true, ShipTime: at(11, 0),
		State: sending, Message: "The answer was lost.", SendCount: 1, NextAttemptTime: at(11, 5), DeadlineTime: at(23, 0),
		CreateTime: at(11, 1), UpdateTime: at(11, 4), RequestId: "auto-1",
		Replaces: "stores/tea/shipments/s1", ReplacedBy: "stores/tea/shipments/s3",
		Events: []*marketplacev1.ShipmentEvent{
			{Time: at(11, 1), State: queued, Kind: marketplacev1.ShipmentEvent_KIND_ACCEPTED, Message: "stored", Count: 1, LastTime: at(11, 1)},
			{
				Time: at(11, 1), State: queued, Kind: marketplacev1.ShipmentEvent_KIND_FAILED, Message: "the marketplace is down",
				Adapter: "adapters/cdiscount", Count: 4, LastTime: at(11, 2),
			},
			{
				Time: at(11, 2), State: queued, Kind: marketplacev1.ShipmentEvent_KIND_READ, Message: "the order is ready to ship",
				Adapter: "adapters/cdiscount", AdapterRelease: release, Count: 1, LastTime: at(11, 2),
				Observed: &marketplacev1.OrderObservation{Found: true, NativeStatus: "ToShip", TrackingNumbers: []string{"T-1", "T-2"}, CancelRequested: true},
			},
			{
				Time: at(11, 2), State: sending, Kind: marketplacev1.ShipmentEvent_KIND_SENDING, Message: "telling the marketplace",
				Adapter: "adapters/cdiscount", AdapterRelease: release, Count: 1, LastTime: at(11, 2),
				Requests: []*marketplacev1.MarketplaceRequest{soapRequest(), restRequest()},
			},
			{
				Time: at(11, 3), State: sending, Kind: marketplacev1.ShipmentEvent_KIND_SENT, Message: "the answer was lost", Outcome: "UNKNOWN", NativeReason: "E42",
				Adapter: "adapters/cdiscount", AdapterRelease: release, Count: 1, LastTime: at(11, 3),
			},
			{
				Time: at(11, 4), State: sending, Kind: marketplacev1.ShipmentEvent_KIND_READ, Message: "the marketplace does not show this order",
				Observed: &marketplacev1.OrderObservation{}, Count: 2, LastTime: at(11, 4),
			},
			{Time: at(11, 5), State: marketplacev1.Shipment_STATE_SUPERSEDED, Kind: marketplacev1.ShipmentEvent_KIND_PERSON, Message: "replaced\x1b[2J"},
		},
	}
}

func soapRequest() *marketplacev1.MarketplaceRequest {
	return &marketplacev1.MarketplaceRequest{
		Method: "POST", Url: "https://marketplace.example/soap", Headers: map[string]string{"SOAPAction": "Ship", "Content-Type": "text/xml"},
		Body: `<?xml version="1.0"?><s:Envelope xmlns:s="urn:s"><s:Body><TokenId>***</TokenId><Lines><Line><Sku>A &amp; B</Sku><Gift/></Line></Lines></s:Body></s:Envelope>`,
	}
}

func restRequest() *marketplacev1.MarketplaceRequest {
	return &marketplacev1.MarketplaceRequest{
		Method: "PUT", Url: "https://marketplace.example/orders/1", Headers: map[string]string{"Authorization": "***"}, Body: `{"parcels":[{"trackingNumber":"6A1"}]}`,
	}
}

// previewed is what the server says of a statement that is to be checked only.
func previewed() *marketplacev1.Shipment {
	return &marketplacev1.Shipment{
		Order: "stores/tea/orders/2403051200AAAAA", Carrier: "Speedy Bike", MarketplaceCarrier: "autre",
		CarrierMatch:   &marketplacev1.CarrierMatch{Rule: marketplacev1.CarrierMatch_RULE_OTHER, ListAge: durationpb.New(0)},
		TrackingNumber: "T-1", TrackingUrl: "https://bike.example/T-1", DeadlineTime: at(23, 0), RequestId: "r-1",
		Preview: []*marketplacev1.MarketplaceRequest{restRequest()},
	}
}

// batch answers each request of a batch by the carrier that it names.
func batch(r *marketplacev1.BatchNotifyShipmentsRequest) *marketplacev1.BatchNotifyShipmentsResponse {
	answer := &marketplacev1.BatchNotifyShipmentsResponse{}
	failed := func(e *marketplacev1.ItemError) {
		answer.Results = append(answer.Results, &marketplacev1.NotifyShipmentResult{Result: &marketplacev1.NotifyShipmentResult_Error{Error: e}})
	}
	for _, item := range r.GetRequests() {
		s := item.GetShipment()
		switch s.GetCarrier() {
		case "Colisimo":
			failed(&marketplacev1.ItemError{
				Code: int32(codes.InvalidArgument), Reason: "CARRIER_UNKNOWN", Field: "shipment.carrier", Message: "Carrier \"Colisimo\" is unknown.",
				Metadata: map[string]string{"near_matches": "Colissimo, Colis Privé"},
			})
		case "busy":
			failed(&marketplacev1.ItemError{
				Code: int32(codes.Unavailable), Reason: "MARKETPLACE_DOWN", Message: "The marketplace is down", RetryDelay: durationpb.New(29500 * time.Millisecond),
			})
		default:
			out := &marketplacev1.Shipment{Order: s.GetOrder(), Carrier: s.GetCarrier(), MarketplaceCarrier: "Colissimo", TrackingNumber: s.GetTrackingNumber()}
			out.RequestId = cmp.Or(item.GetRequestId(), "auto-"+s.GetOrder()+s.GetCarrier()+s.GetTrackingNumber())
			if !item.GetValidateOnly() {
				out.Name, out.State = "stores/tea/shipments/of-"+strings.TrimPrefix(s.GetOrder(), "stores/tea/orders/"), marketplacev1.Shipment_STATE_QUEUED
			}
			answer.Results = append(answer.Results, &marketplacev1.NotifyShipmentResult{Result: &marketplacev1.NotifyShipmentResult_Shipment{Shipment: out}})
		}
	}
	return answer
}
