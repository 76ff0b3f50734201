package cdiscount

import (
	"context"
	"errors"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// NotifyShipments implements sdk.Adapter, with the rules of writeOrders.
func (a *Adapter) NotifyShipments(
	ctx context.Context, req *adapterv1.NotifyShipmentsRequest,
) (*adapterv1.NotifyShipmentsResponse, error) {
	items := make([]plannedWrite, 0, len(req.GetNotifications()))
	for _, n := range req.GetNotifications() {
		order, err := planShipment(n)
		items = append(items, plannedWrite{key: n.GetKey(), order: order, refused: err})
	}
	if err := checkKeys("notifications", maxShipmentsPerCall, items); err != nil {
		return nil, err
	}
	results, state, err := a.writeOrders(ctx, req.GetStore(), items)
	if err != nil {
		return nil, err
	}
	return &adapterv1.NotifyShipmentsResponse{Results: results, StateUpdate: state}, nil
}

// planShipment checks a notification before anything is sent. The error says what is wrong, for people.
func planShipment(n *adapterv1.ShipmentNotification) (*validateOrder, error) {
	switch {
	case n.GetOrderNumber() == "":
		return nil, errors.New("the order number is missing")
	case n.GetCarrier() == "" || n.GetTrackingNumber() == "":
		return nil, errors.New("carrier and tracking number are mandatory at Cdiscount")
	}
	lines, err := contextLines(n.GetAdapterContext())
	if err != nil {
		return nil, err
	}
	if len(n.GetLines()) > 0 {
		named := make(map[string]bool, len(n.GetLines()))
		for _, l := range n.GetLines() {
			named[l.GetLineId()] = true
		}
		for _, l := range lines {
			if !named[l.ID] {
				return nil, errors.New("the shipment leaves out a line: Cdiscount takes whole orders only")
			}
		}
	}
	return &validateOrder{
		orderState: "Shipped", lineState: "ShippedBySeller", lines: lines, number: n.GetOrderNumber(),
		carrier: n.GetCarrier(), trackingNumber: n.GetTrackingNumber(), trackingURL: n.GetTrackingUrl(),
	}, nil
}
