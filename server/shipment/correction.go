package shipment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// replaced returns the shipment that a request corrects; nil when it corrects none. It refuses a correction that the marketplace
// cannot take any more: once it has the old tracking number, only one that declares it takes another (neither contract knows a
// call for that: cdiscount-soap.md 8.2, octopia-rest.md 13).
func (d *drafts) replaced(ctx context.Context, r Request, o order.Order, rules Rules) (*Shipment, error) {
	if r.Replaces == "" {
		return nil, nil
	}
	old, err := d.service.repository.GetShipment(ctx, d.store.ID, r.Replaces)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, problem.InvalidField("shipment.replaces", "store %q has no shipment %q; ListShipments shows those of the order", d.store.ID, r.Replaces)
	case err != nil:
		return nil, fmt.Errorf("read shipment to be replaced: %w", err)
	case old.OrderNumber != r.OrderNumber:
		return nil, problem.InvalidField("shipment.replaces", "is a shipment of order %s, not of %s", old.OrderNumber, r.OrderNumber)
	case old.ReplacedBy != "":
		return nil, problem.New(problem.Precondition, problem.ReasonNotReplaceable,
			"shipment %s was replaced already, by %s; correct that one", old.ID, old.ReplacedBy).With("shipment", nameOf(old.StoreID, old.ReplacedBy))
	case old.State == delivery.Cancelled:
		return nil, problem.New(problem.Precondition, problem.ReasonNotReplaceable,
			"shipment %s was cancelled; leave replaces empty", old.ID)
	}
	taken := hasShipped(o) || old.State == delivery.Acknowledged || old.State == delivery.Confirmed
	if taken && !rules.TrackingCorrection {
		return nil, problem.New(problem.Precondition, problem.ReasonCorrectionUnsupported,
			"the marketplace has shipment %s already and takes no other tracking number for order %s; correct it in the seller portal", old.ID, o.Number)
	}
	return &old, nil
}

// hasShipped reports whether an order is known to have left.
func hasShipped(o order.Order) bool { return o.Status == order.Shipped || o.Status == order.Delivered }

// replace makes a new shipment the correction of an old one. What may have been applied of the old one stays open in the new one:
// it is read after before anything is sent.
func (n *New) replace(old Shipment, now time.Time) {
	s := &n.Shipment
	s.ReplacedTracking = old.TrackingNumber
	if old.Reached() {
		s.Inherit(old.Delivery, now)
		n.Event.Message = "stored; the shipment that it replaces may have reached the marketplace, relais reads the order before it sends this one"
	}
	old.End(delivery.Superseded, "", "replaced by shipment "+s.ID)
	old.ReplacedBy, old.UpdateTime = s.ID, now
	n.Replaced = &Change{Shipment: old, Event: Event{Time: now, State: old.State, Kind: KindPerson, Message: old.Message}}
}

// shows tells which tracking numbers a read of the order shows: ours, that of the shipment which ours replaces, and any other.
func (s Shipment) shows(o order.Order) (ours, replaced, other bool) {
	for _, p := range o.Parcels {
		switch number := p.TrackingNumber; {
		case sameTracking(number, s.TrackingNumber):
			ours = true
		case s.ReplacedTracking != "" && sameTracking(number, s.ReplacedTracking):
			replaced = true
		case strings.TrimSpace(number) != "":
			other = true
		}
	}
	return ours, replaced, other
}

// correctable reports whether an order that was shipped is to be told our tracking number instead of the one that it shows.
func correctable(s Shipment, o order.Order, rules Rules) bool {
	ours, replaced, other := s.shows(o)
	return rules.TrackingCorrection && hasShipped(o) && replaced && !ours && !other
}

// trackingNumbers is what a read of the order shows of its parcels.
func trackingNumbers(o order.Order) []string {
	var numbers []string
	for _, p := range o.Parcels {
		if n := strings.TrimSpace(p.TrackingNumber); n != "" && !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
