package adapter

import (
	"context"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// NotifyShipment tells the marketplace that one order left. It returns an error only when certainly nothing was sent;
// everything else whose outcome is not known is delivery.Unknown.
func (f *Facade) NotifyShipment(ctx context.Context, ref store.Ref, n shipment.Notification) (delivery.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.Call)
	defer cancel()
	s, err := f.open(ctx, ref)
	if err != nil {
		return delivery.Result{}, err
	}
	defer s.release()
	answer, err := s.client.NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{
		Store: s.store, Notifications: []*adapterv1.ShipmentNotification{notificationToProto(n)},
	})
	return f.concluded(ctx, s, n.Key, answer, err)
}

func notificationToProto(n shipment.Notification) *adapterv1.ShipmentNotification {
	out := &adapterv1.ShipmentNotification{
		Key: n.Key, OrderNumber: n.Order.Number, NativeId: n.Order.NativeID, AdapterContext: n.Order.AdapterContext,
		Carrier: n.Carrier, TrackingNumber: n.TrackingNumber, TrackingUrl: n.TrackingURL,
		Service: n.Service, CarrierFee: moneyToProto(n.CarrierFee), ShipTime: timestamp(n.ShipTime),
	}
	for _, l := range n.Lines {
		out.Lines = append(out.Lines, &adapterv1.ShippedLine{LineId: l.ID, Sku: l.SKU, Quantity: l.Quantity})
	}
	return out
}

// ListCarriers reads the marketplace's carriers.
func (f *Facade) ListCarriers(ctx context.Context, ref store.Ref) ([]shipment.Carrier, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.Call)
	defer cancel()
	s, err := f.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer s.release()
	answer, err := s.client.ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: s.store})
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	f.keep(ctx, s, answer.GetStateUpdate())
	var carriers []shipment.Carrier
	for _, c := range answer.GetCarriers() {
		if c.GetName() == "" {
			return nil, s.malformed("a carrier has no name")
		}
		carriers = append(carriers, shipment.Carrier{Code: c.GetCode(), Name: c.GetName(), TrackingURL: c.GetTrackingUrl()})
	}
	return carriers, nil
}

// ShipmentRules returns what the adapter declares about shipments.
func (f *Facade) ShipmentRules(ctx context.Context, adapter string) (shipment.Rules, error) {
	s, err := f.lease(ctx, adapter)
	if err != nil {
		return shipment.Rules{}, err
	}
	defer s.release()
	c := s.lease.Description().GetCapabilities()
	rules := shipment.Rules{
		PartialShipment:     c.GetPartialShipment(),
		MaxNumberLength:     int(c.GetTrackingRules().GetMaxNumberLength()),
		ForbiddenCharacters: c.GetTrackingRules().GetForbiddenNumberCharacters(),
		MaxURLLength:        int(c.GetTrackingRules().GetMaxUrlLength()),
	}
	for _, field := range c.GetShipmentFields() {
		switch field {
		case adapterv1.ShipmentField_SHIPMENT_FIELD_TRACKING_URL:
			rules.TakesTrackingURL = true
		case adapterv1.ShipmentField_SHIPMENT_FIELD_SERVICE:
			rules.TakesService = true
		case adapterv1.ShipmentField_SHIPMENT_FIELD_CARRIER_FEE:
			rules.TakesCarrierFee = true
		case adapterv1.ShipmentField_SHIPMENT_FIELD_SHIP_TIME:
			rules.TakesShipTime = true
		}
	}
	return rules, nil
}
