package api

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// statementFromProto reads what a request for a store states. The paths of its errors start at the request.
func statementFromProto(storeID string, req *marketplacev1.NotifyShipmentRequest) (shipment.Statement, error) {
	in := req.GetShipment()
	if in == nil {
		return shipment.Statement{}, problem.InvalidField("shipment", "is required")
	}
	number, err := parseSibling("shipment.order", in.GetOrder(), "orders", storeID)
	if err != nil {
		return shipment.Statement{}, err
	}
	st := shipment.Statement{
		Request: shipment.Request{
			OrderNumber: number, Carrier: in.GetCarrier(), TrackingNumber: in.GetTrackingNumber(), TrackingURL: in.GetTrackingUrl(),
			Service: in.GetService(), CarrierFee: moneyFromProto(in.GetCarrierFee()),
		},
		Force: req.GetForce(), AllowOther: req.GetAllowOtherCarrier(),
		RequestID: req.GetRequestId(),
	}
	if in.GetReplaces() != "" {
		if st.Replaces, err = parseSibling("shipment.replaces", in.GetReplaces(), "shipments", storeID); err != nil {
			return shipment.Statement{}, err
		}
	}
	if t := in.GetShipTime(); t != nil {
		if !t.IsValid() {
			return shipment.Statement{}, problem.InvalidField("shipment.ship_time", "is not a valid time")
		}
		if st.ShipTime = t.AsTime(); st.ShipTime.IsZero() { // the core would take it for unset
			return shipment.Statement{}, problem.InvalidField("shipment.ship_time", "is in the year 1; leave it unset for the time of the call")
		}
	}
	for _, item := range in.GetItems() {
		st.Items = append(st.Items, shipment.Item{LineID: item.GetLineId(), Quantity: item.GetQuantity()})
	}
	return st, nil
}

// shipmentToProto converts a shipment, with its events where they are asked for.
func shipmentToProto(s shipment.Shipment, events []shipment.Event) *marketplacev1.Shipment {
	out := &marketplacev1.Shipment{
		Name: shipmentName(s.StoreID, s.ID), Order: orderName(s.StoreID, s.OrderNumber),
		Carrier: s.Carrier, TrackingNumber: s.TrackingNumber, TrackingUrl: s.TrackingURL, Service: s.Service,
		CarrierFee: moneyToProto(s.CarrierFee), ShipTime: timestamp(s.ShipTime),
		State: shipmentStateToProto(s.State), MarketplaceCarrier: s.Chosen.Name, NotSentFields: s.NotSentFields,
		CarrierMatch: carrierMatchToProto(s.Chosen),
		Evidence:     marketplacev1.Shipment_Evidence(marketplacev1.Shipment_Evidence_value["EVIDENCE_"+string(s.Evidence)]),
		Reason:       s.Reason, Message: s.Message, SendCount: s.SendCount, NextAttemptTime: timestamp(s.NextAttempt),
		CreateTime: timestamp(s.CreateTime), UpdateTime: timestamp(s.UpdateTime), DeadlineTime: timestamp(s.Deadline),
		RequestId: s.RequestID, Events: eventsToProto(events),
	}
	if out.TrackingUrl == "" && s.Chosen.TrackingURL != "" {
		out.TrackingUrl, out.TrackingUrlDerived = s.Chosen.TrackingURL, true
	}
	if s.Replaces != "" {
		out.Replaces = shipmentName(s.StoreID, s.Replaces)
	}
	if s.ReplacedBy != "" {
		out.ReplacedBy = shipmentName(s.StoreID, s.ReplacedBy)
	}
	for _, item := range s.Items {
		out.Items = append(out.Items, &marketplacev1.ShipmentItem{LineId: item.LineID, Quantity: item.Quantity})
	}
	return out
}

// previewToProto converts what Preview found. A shipment that is not stored has neither name nor state, nor a time at which anything
// was or will be done; one that is there already is shown as it is.
func previewToProto(s shipment.Shipment) *marketplacev1.Shipment {
	out := shipmentToProto(s, nil)
	if s.ID == "" {
		out.Name, out.State = "", marketplacev1.Shipment_STATE_UNSPECIFIED
		out.NextAttemptTime, out.CreateTime, out.UpdateTime = nil, nil, nil
	}
	return out
}

// carrierMatchToProto tells how a carrier was found; nil while none is chosen.
func carrierMatchToProto(c shipment.ChosenCarrier) *marketplacev1.CarrierMatch {
	if c.Name == "" {
		return nil
	}
	return &marketplacev1.CarrierMatch{
		Rule:    marketplacev1.CarrierMatch_Rule(marketplacev1.CarrierMatch_Rule_value["RULE_"+string(c.Rule)]),
		ListAge: durationpb.New(c.ListAge),
	}
}

// eventsToProto converts events, oldest first. Requests are shown of the latest steps first, as far as one answer holds them: a
// shipment that a marketplace puts off for a week leaves hundreds.
func eventsToProto(events []shipment.Event) []*marketplacev1.ShipmentEvent {
	if len(events) == 0 {
		return nil
	}
	out := make([]*marketplacev1.ShipmentEvent, len(events))
	left := maxPageBytes
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		p := &marketplacev1.ShipmentEvent{
			Time: timestamp(e.Time), State: shipmentStateToProto(e.State), Message: e.Message,
			Kind:           marketplacev1.ShipmentEvent_Kind(marketplacev1.ShipmentEvent_Kind_value["KIND_"+string(e.Kind)]),
			AdapterRelease: e.Release, Requests: requestsToProto(e.Requests), Outcome: string(e.Outcome), NativeReason: e.NativeReason,
			Count: e.Count, LastTime: timestamp(e.LastTime),
		}
		if e.Adapter != "" {
			p.Adapter = adapterName(e.Adapter)
		}
		if seen := e.Observed; seen != nil {
			p.Observed = &marketplacev1.OrderObservation{
				Found: seen.Found, NativeStatus: seen.NativeStatus, TrackingNumbers: seen.TrackingNumbers, CancelRequested: seen.CancelRequested,
			}
		}
		if left -= proto.Size(p); left < 0 {
			p.Requests = nil
		}
		out[i] = p
	}
	return out
}

func requestsToProto(requests []shipment.MarketplaceRequest) []*marketplacev1.MarketplaceRequest {
	var out []*marketplacev1.MarketplaceRequest
	for _, r := range requests {
		out = append(out, &marketplacev1.MarketplaceRequest{Method: r.Method, Url: r.URL, Headers: r.Headers, Body: r.Body})
	}
	return out
}

func shipmentStateToProto(s delivery.State) marketplacev1.Shipment_State {
	return marketplacev1.Shipment_State(marketplacev1.Shipment_State_value["STATE_"+string(s)])
}
