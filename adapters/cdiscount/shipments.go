package cdiscount

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

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
	if err := checkTracking(n.GetTrackingNumber(), n.GetTrackingUrl()); err != nil {
		return nil, err
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

// checkTracking holds the rules that Capabilities declare (cdiscount-soap.md 8.2). The host looks at them first; a shipment
// that slipped through would cost a call, and its refusal would name no cause.
func checkTracking(number, address string) error {
	switch {
	case utf8.RuneCountInString(number) > maxTrackingNumber:
		return fmt.Errorf("the tracking number is longer than %d characters", maxTrackingNumber)
	case strings.ContainsAny(number, forbiddenInTrackingNumber), strings.ContainsFunc(number, unicode.IsSpace):
		return fmt.Errorf("the tracking number holds white space or one of %q", strings.TrimSpace(forbiddenInTrackingNumber))
	case utf8.RuneCountInString(address) > maxTrackingURL:
		return fmt.Errorf("the tracking address is longer than %d characters", maxTrackingURL)
	case address != "" && !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://"):
		return errors.New("the tracking address does not begin with http:// or https://")
	}
	return nil
}
