package adapter

import (
	"context"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// prepared is a notification that is ready to leave on one lease.
type prepared struct {
	facade       *Facade
	session      *session
	notification *adapterv1.ShipmentNotification
	requests     []shipment.MarketplaceRequest
}

// PrepareShipment makes a notification ready to leave, and asks the adapter what it would send.
func (f *Facade) PrepareShipment(ctx context.Context, ref store.Ref, n shipment.Notification) (shipment.Prepared, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.Call)
	defer cancel()
	var p *prepared
	err := f.repeat(ctx, func() (err error) {
		p, err = f.prepare(ctx, ref, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (f *Facade) prepare(ctx context.Context, ref store.Ref, n shipment.Notification) (*prepared, error) {
	s, err := f.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	p := &prepared{facade: f, session: s, notification: notificationToProto(n)}
	if !s.lease.Description().GetCapabilities().GetPreview() {
		return p, nil
	}
	answer, err := s.client.PreviewShipment(ctx, &adapterv1.PreviewShipmentRequest{Store: s.store, Notification: p.notification})
	if err != nil {
		s.release()
		return nil, s.lost(s.problem(ctx, err))
	}
	for _, r := range answer.GetRequests() {
		p.requests = append(p.requests, s.shown(r))
	}
	return p, nil
}

// maxBody is how much of a previewed body is kept, in characters: a notification of one order is far below.
const maxBody = 16 << 10

// shown is a request as it may be stored and shown.
func (s *session) shown(r *adapterv1.HttpRequest) shipment.MarketplaceRequest {
	out := shipment.MarketplaceRequest{Method: s.clean(r.GetMethod()), URL: s.clean(r.GetUrl()), Body: cut(s.mask(r.GetBody()), maxBody)}
	for name, value := range r.GetHeaders() {
		if out.Headers == nil {
			out.Headers = make(map[string]string)
		}
		out.Headers[s.clean(name)] = s.clean(value)
	}
	return out
}

// Requests implements shipment.Prepared.
func (p *prepared) Requests() []shipment.MarketplaceRequest { return p.requests }

// Release implements shipment.Prepared.
func (p *prepared) Release() string { return p.session.lease.Binary() }

// Close implements shipment.Prepared.
func (p *prepared) Close() { p.session.release() }

// Send tells the marketplace that the order left. It returns an error only when certainly nothing was sent; everything else whose
// outcome is not known is delivery.Unknown.
func (p *prepared) Send(ctx context.Context) (delivery.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, p.facade.timeouts.Call)
	defer cancel()
	if err := p.session.mayLeave(ctx); err != nil { // much can have happened since it was prepared
		return delivery.Result{}, err
	}
	answer, err := p.session.client.NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{
		Store: p.session.store, Notifications: []*adapterv1.ShipmentNotification{p.notification},
	})
	return p.facade.concluded(ctx, p.session, p.notification.GetKey(), answer, err)
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
func (f *Facade) ListCarriers(ctx context.Context, ref store.Ref) (carriers []shipment.Carrier, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.Call)
	defer cancel()
	err = f.read(ctx, ref, func(ctx context.Context, s *session) (err error) {
		carriers, err = f.listCarriers(ctx, s)
		return err
	})
	return carriers, err
}

func (f *Facade) listCarriers(ctx context.Context, s *session) ([]shipment.Carrier, error) {
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

// ShipmentRules returns what the release that the store's calls go to declares about shipments.
func (f *Facade) ShipmentRules(ctx context.Context, ref store.Ref) (shipment.Rules, error) {
	s, err := f.lease(ctx, ref)
	if err != nil {
		return shipment.Rules{}, err
	}
	defer s.release()
	c := s.lease.Description().GetCapabilities()
	rules := shipment.Rules{
		PartialShipment:     c.GetPartialShipment(),
		TrackingCorrection:  c.GetTrackingCorrection(),
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
