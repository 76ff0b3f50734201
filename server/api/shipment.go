package api

import (
	"context"
	"slices"
	"strings"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// ListCarriers reads the marketplace's carriers.
func (m *Marketplace) ListCarriers(ctx context.Context, req *marketplacev1.ListCarriersRequest) (*marketplacev1.ListCarriersResponse, error) {
	id, err := parseStore("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	adapter, err := parseOptionalAdapter("adapter", req.GetAdapter())
	if err != nil {
		return nil, err
	}
	list, err := m.shipments.Carriers(ctx, id, adapter)
	if err != nil {
		return nil, err
	}
	resp := &marketplacev1.ListCarriersResponse{ReadTime: timestamp(list.ReadTime)}
	for _, c := range list.Carriers {
		resp.Carriers = append(resp.Carriers, &marketplacev1.Carrier{Code: c.Code, DisplayName: c.Name, TrackingUrl: c.TrackingURL})
	}
	return resp, nil
}

// NotifyShipment stores a shipment; the marketplace is told in the background.
func (m *Marketplace) NotifyShipment(ctx context.Context, req *marketplacev1.NotifyShipmentRequest) (*marketplacev1.Shipment, error) {
	storeID, err := parseStore("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	in := req.GetShipment()
	if in == nil {
		return nil, problem.InvalidField("shipment", "is required")
	}
	orderStore, number, err := parseChild("shipment.order", in.GetOrder(), "orders")
	if err != nil {
		return nil, err
	}
	if orderStore != storeID {
		return nil, problem.InvalidField("shipment.order", "belongs to another store than parent")
	}
	r := shipment.Request{
		OrderNumber: number, Carrier: in.GetCarrier(), TrackingNumber: in.GetTrackingNumber(), TrackingURL: in.GetTrackingUrl(),
		Service: in.GetService(), CarrierFee: moneyFromProto(in.GetCarrierFee()),
	}
	if t := in.GetShipTime(); t != nil {
		if !t.IsValid() {
			return nil, problem.InvalidField("shipment.ship_time", "is not a valid time")
		}
		r.ShipTime = t.AsTime()
	}
	for _, item := range in.GetItems() {
		r.Items = append(r.Items, shipment.Item{LineID: item.GetLineId(), Quantity: item.GetQuantity()})
	}
	s, err := m.shipments.Notify(ctx, storeID, r, req.GetRequestId())
	if err != nil {
		return nil, err
	}
	return shipmentToProto(s, nil), nil
}

// GetShipment returns a shipment with its events.
func (m *Marketplace) GetShipment(ctx context.Context, req *marketplacev1.GetShipmentRequest) (*marketplacev1.Shipment, error) {
	storeID, id, err := parseChild("name", req.GetName(), "shipments")
	if err != nil {
		return nil, err
	}
	s, events, err := m.shipments.Get(ctx, storeID, id)
	if err != nil {
		return nil, err
	}
	return shipmentToProto(s, events), nil
}

// ListShipments returns a page of shipments.
func (m *Marketplace) ListShipments(ctx context.Context, req *marketplacev1.ListShipmentsRequest) (*marketplacev1.ListShipmentsResponse, error) {
	storeID, err := parseStore("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	q := shipment.ListQuery{StoreID: storeID, Limit: size + 1}
	if req.GetOrder() != "" {
		orderStore, number, err := parseChild("order", req.GetOrder(), "orders")
		if err != nil {
			return nil, err
		}
		if orderStore != storeID {
			return nil, problem.InvalidField("order", "belongs to another store than parent")
		}
		q.OrderNumber = number
	}
	for _, s := range req.GetStates() {
		state := delivery.State(strings.TrimPrefix(s.String(), "STATE_"))
		if !slices.Contains(delivery.States(), state) {
			return nil, problem.InvalidField("states", "holds %d, which is no shipment state", int32(s))
		}
		q.States = append(q.States, state)
	}
	slices.Sort(q.States)
	q.States = slices.Compact(q.States)
	filters := []any{"shipments", storeID, q.OrderNumber, q.States}
	before, err := decodeToken[string](req.GetPageToken(), filters...)
	if err != nil {
		return nil, err
	}
	if before != nil {
		q.BeforeID = *before
	}
	found, err := m.shipments.List(ctx, q)
	if err != nil {
		return nil, err
	}
	found, more := cut(found, size)
	resp := &marketplacev1.ListShipmentsResponse{}
	for _, s := range found {
		resp.Shipments = append(resp.Shipments, shipmentToProto(s, nil))
	}
	if more {
		resp.NextPageToken, err = encodeToken(found[size-1].ID, filters...)
	}
	return resp, err
}

func shipmentToProto(s shipment.Shipment, events []shipment.Event) *marketplacev1.Shipment {
	out := &marketplacev1.Shipment{
		Name: shipmentName(s.StoreID, s.ID), Order: orderName(s.StoreID, s.OrderNumber),
		Carrier: s.Carrier, TrackingNumber: s.TrackingNumber, TrackingUrl: s.TrackingURL, Service: s.Service,
		CarrierFee: moneyToProto(s.CarrierFee), ShipTime: timestamp(s.ShipTime),
		State: shipmentStateToProto(s.State), MarketplaceCarrier: s.MarketplaceCarrier, NotSentFields: s.NotSentFields,
		Evidence: marketplacev1.Shipment_Evidence(marketplacev1.Shipment_Evidence_value["EVIDENCE_"+string(s.Evidence)]),
		Reason:   s.Reason, Message: s.Message, SendCount: s.SendCount, NextAttemptTime: timestamp(s.NextAttempt),
		CreateTime: timestamp(s.CreateTime), UpdateTime: timestamp(s.UpdateTime), RequestId: s.RequestID,
	}
	for _, item := range s.Items {
		out.Items = append(out.Items, &marketplacev1.ShipmentItem{LineId: item.LineID, Quantity: item.Quantity})
	}
	for _, e := range events {
		out.Events = append(out.Events, &marketplacev1.ShipmentEvent{
			Time: timestamp(e.Time), State: shipmentStateToProto(e.State), Message: e.Message,
		})
	}
	return out
}

func shipmentStateToProto(s delivery.State) marketplacev1.Shipment_State {
	return marketplacev1.Shipment_State(marketplacev1.Shipment_State_value["STATE_"+string(s)])
}
