package api

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

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
	list, aliases, err := m.shipments.Carriers(ctx, id, adapter)
	if err != nil {
		return nil, err
	}
	resp := &marketplacev1.ListCarriersResponse{ReadTime: timestamp(list.ReadTime)}
	for i, c := range list.Carriers {
		resp.Carriers = append(resp.Carriers, &marketplacev1.Carrier{
			Code: c.Code, DisplayName: c.Name, TrackingUrl: c.TrackingURL, Aliases: aliases[i],
		})
	}
	return resp, nil
}

// NotifyShipment stores a shipment; the marketplace is told in the background. With validate_only it only tells what would happen.
func (m *Marketplace) NotifyShipment(ctx context.Context, req *marketplacev1.NotifyShipmentRequest) (*marketplacev1.Shipment, error) {
	storeID, err := parseStore("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	st, err := statementFromProto(storeID, req)
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		s, requests, err := m.shipments.Preview(ctx, storeID, st)
		if err != nil {
			return nil, err
		}
		out := previewToProto(s)
		out.Preview = requestsToProto(requests)
		return out, nil
	}
	s, err := m.shipments.Notify(ctx, storeID, st)
	if err != nil {
		return nil, err
	}
	return shipmentToProto(s, nil), nil
}

// RetryShipment takes up a shipment that ended without reaching its aim.
func (m *Marketplace) RetryShipment(ctx context.Context, req *marketplacev1.RetryShipmentRequest) (*marketplacev1.Shipment, error) {
	storeID, id, err := parseChild("name", req.GetName(), "shipments")
	if err != nil {
		return nil, err
	}
	s, err := m.shipments.Retry(ctx, storeID, id, req.GetForce())
	if err != nil {
		return nil, err
	}
	return shipmentToProto(s, nil), nil
}

// CancelShipment withdraws a shipment of which nothing was sent.
func (m *Marketplace) CancelShipment(ctx context.Context, req *marketplacev1.CancelShipmentRequest) (*marketplacev1.Shipment, error) {
	storeID, id, err := parseChild("name", req.GetName(), "shipments")
	if err != nil {
		return nil, err
	}
	s, err := m.shipments.Cancel(ctx, storeID, id)
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
		if q.OrderNumber, err = parseSibling("order", req.GetOrder(), "orders", storeID); err != nil {
			return nil, err
		}
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
	bytes := 0
	for _, s := range found {
		out := shipmentToProto(s, nil)
		if bytes += proto.Size(out); bytes > maxPageBytes && len(resp.GetShipments()) > 0 {
			more = true
			break
		}
		resp.Shipments = append(resp.Shipments, out)
	}
	if more {
		resp.NextPageToken, err = encodeToken(found[len(resp.GetShipments())-1].ID, filters...)
	}
	return resp, err
}
