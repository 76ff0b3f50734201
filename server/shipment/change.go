package shipment

import (
	"context"
	"errors"
	"fmt"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// Retry takes up a shipment that ended NEEDS_ATTENTION or REJECTED: relais reads the order and goes on from there, until a new
// deadline. What may have been applied before is read after before anything is sent again. Errors: SHIPMENT_NOT_FOUND,
// SHIPMENT_NOT_RETRYABLE, SHIPMENT_ALREADY_OPEN, STORE_DISCONNECTED; ORDER_NOT_SHIPPABLE when the order bears another shipment.
func (s *Service) Retry(ctx context.Context, storeID, id string, force bool) (Shipment, error) {
	return s.change(ctx, func() (Shipment, error) { return s.retry(ctx, storeID, id, force) })
}

func (s *Service) retry(ctx context.Context, storeID, id string, force bool) (Shipment, error) {
	sh, err := s.get(ctx, storeID, id)
	if err != nil {
		return Shipment{}, err
	}
	if sh.State != delivery.NeedsAttention && sh.State != delivery.Rejected {
		hint := "only one that is REJECTED or NEEDS_ATTENTION can be taken up again"
		if sh.State.Open() {
			hint = "relais is still at work on it"
		}
		return Shipment{}, problem.New(problem.Precondition, problem.ReasonNotRetryable, "shipment %s is %s: %s", id, sh.State, hint)
	}
	d, err := s.drafts(ctx, storeID)
	if err != nil {
		return Shipment{}, err
	}
	o, err := d.order(ctx, sh.OrderNumber)
	if err != nil {
		return Shipment{}, err
	}
	switch other, err := ofOrder(ctx, s.repository, storeID, sh.OrderNumber); {
	case err != nil:
		return Shipment{}, err
	case other != nil && other.State == delivery.Confirmed:
		return Shipment{}, shippedBy(*other)
	}
	now := s.now().UTC()
	if sh.Adapter != o.Adapter {
		sh.Adapter, sh.Chosen = o.Adapter, ChosenCarrier{}
	}
	sh.OverCancel = sh.OverCancel || force && (o.CancelRequested || sh.Reason == problem.ReasonCancelRequested)
	sh.OverNetwork = sh.OverNetwork || force && sh.Reason == problem.ReasonCarrierNotForPickup
	sh.Reopen(now, s.deadline(o.Order, now), "taken up again; relais reads the order")
	sh.Evidence = ""
	stored, err := s.repository.ReopenShipment(ctx, sh, Event{Time: now, State: sh.State, Kind: KindPerson, Message: sh.Message})
	switch {
	case errors.Is(err, ErrOrderHasOpen):
		return Shipment{}, alreadyOpen(stored)
	case errors.Is(err, store.ErrNoCredentials):
		return Shipment{}, store.Disconnected(storeID)
	case err != nil:
		return Shipment{}, fmt.Errorf("reopen shipment: %w", err)
	}
	s.wake()
	d.holds.tellStored(ctx, &stored)
	return stored, nil
}

// Cancel withdraws a shipment of which nothing was sent. Cancelling a cancelled one is fine. Errors: SHIPMENT_NOT_FOUND,
// SHIPMENT_NOT_CANCELLABLE.
func (s *Service) Cancel(ctx context.Context, storeID, id string) (Shipment, error) {
	return s.change(ctx, func() (Shipment, error) { return s.cancel(ctx, storeID, id) })
}

func (s *Service) cancel(ctx context.Context, storeID, id string) (Shipment, error) {
	sh, err := s.get(ctx, storeID, id)
	if err != nil || sh.State == delivery.Cancelled {
		return sh, err
	}
	refuse := func(why string) (Shipment, error) {
		return Shipment{}, problem.New(problem.Precondition, problem.ReasonNotCancellable, "shipment %s is %s: %s", id, sh.State, why)
	}
	switch {
	case !sh.State.Open() && sh.State != delivery.NeedsAttention:
		return refuse("it has ended, nothing more is sent of it")
	case sh.Reached() && sh.SendCount == 0:
		return refuse("shipment " + sh.Replaces + ", which it replaces, may be on its way; relais must find out what became of that")
	case sh.Reached():
		return refuse("the marketplace may have it already, and what it has cannot be taken back; name it as replaces to correct it")
	}
	sh.End(delivery.Cancelled, "", "cancelled before anything was sent")
	if sh.Replaces != "" {
		sh.Message += "; shipment " + sh.Replaces + ", which it replaced, is not taken up again by that"
	}
	sh.UpdateTime = s.now().UTC()
	stored, err := s.repository.UpdateShipment(ctx, sh, Event{Time: sh.UpdateTime, State: sh.State, Kind: KindPerson, Message: sh.Message})
	if err != nil {
		return Shipment{}, fmt.Errorf("cancel shipment: %w", err)
	}
	return stored, nil
}

// change repeats a change whose ground moved: the worker took a step meanwhile, or the order went to another adapter.
func (s *Service) change(ctx context.Context, f func() (Shipment, error)) (Shipment, error) {
	for attempt := 1; ; attempt++ {
		sh, err := f()
		moved := errors.Is(err, ErrConflict) || errors.Is(err, order.ErrMoved)
		if !moved || attempt == maxAttempts || ctx.Err() != nil {
			return sh, err
		}
	}
}
