package shipment

import (
	"context"
	"fmt"
	"slices"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// maxOfOrder is how many shipments of an order are looked through: each but the last was corrected, refused or withdrawn by a person.
const maxOfOrder = 100

// ofOrder returns the shipment of an order that is confirmed or, without one, open; nil when there is neither.
func ofOrder(ctx context.Context, r Repository, storeID, number string) (*Shipment, error) {
	found, err := r.ListShipments(ctx, ListQuery{
		StoreID: storeID, OrderNumber: number, Limit: maxOfOrder, States: append(delivery.OpenStates(), delivery.Confirmed),
	})
	if err != nil {
		return nil, fmt.Errorf("read shipments of order: %w", err)
	}
	if i := slices.IndexFunc(found, func(s Shipment) bool { return s.State == delivery.Confirmed }); i >= 0 {
		return &found[i], nil
	}
	if len(found) > 0 {
		return &found[0], nil
	}
	return nil, nil
}

// shippedBy is the refusal to ship an order that bears another shipment of ours.
func shippedBy(other Shipment) error {
	return problem.New(problem.Precondition, problem.ReasonOrderNotShippable,
		"order %s is shipped on the marketplace, by shipment %s (%s); nothing can be shipped any more", other.OrderNumber, other.ID, other.TrackingNumber).
		With("shipment", nameOf(other.StoreID, other.ID))
}

// refusal names, in a refusal to ship an order that has left, the shipment by which it did: one that is confirmed, or one that is
// about to be. Any other error it returns as it is.
func (d *drafts) refusal(ctx context.Context, o order.Order, refused error) error {
	if !hasShipped(o) {
		return refused
	}
	other, err := ofOrder(ctx, d.service.repository, d.store.ID, o.Number)
	switch {
	case err != nil:
		return err
	case other == nil:
		return refused
	case other.State.Open():
		return alreadyOpen(*other)
	}
	return shippedBy(*other)
}

// bears replaces the verdict that a person must look at an order which left without this shipment, where it left with another one of
// ours: that one was confirmed while this one was taken up again. What may have been applied of this one is still for a person to see.
func (w *Worker) bears(ctx context.Context, s Shipment, o *order.Order, v verdict) (verdict, error) {
	if o == nil || !hasShipped(*o) || v.action != attention {
		return v, nil
	}
	other, err := ofOrder(ctx, w.cfg.Repository, s.StoreID, s.OrderNumber)
	if err != nil || other == nil || other.State != delivery.Confirmed {
		return v, err
	}
	message := fmt.Sprintf("the order bears shipment %s (%s)", other.ID, other.TrackingNumber)
	if s.MayBeApplied() {
		return verdict{attention, "", v.reason, message + "; this one may have reached the marketplace too, check in the seller portal"}, nil
	}
	return verdict{reject, "", problem.ReasonOrderNotShippable, message + "; nothing of this one is sent"}, nil
}
