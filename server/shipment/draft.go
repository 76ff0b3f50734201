package shipment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// drafts turns statements of one store into shipments. It remembers what they share, for one call.
type drafts struct {
	service *Service
	store   store.Store
	rules   map[string]Rules // of this store, by adapter
	holds   *holds
}

// drafts begins to draft for a store. Errors: STORE_NOT_FOUND, STORE_DISCONNECTED.
func (s *Service) drafts(ctx context.Context, storeID string) (*drafts, error) {
	st, err := s.stores.Get(ctx, storeID)
	if err != nil {
		return nil, err
	}
	if !st.Connected() {
		return nil, store.Disconnected(storeID)
	}
	return &drafts{service: s, store: st, rules: map[string]Rules{}, holds: s.holds(st)}, nil
}

// draft is a statement that was checked.
type draft struct {
	new      New
	order    order.Order // as it is known here
	existing bool        // new.Shipment was there before: the statement is repeated
}

// draft refuses what can never work. A repeated statement gives the shipment that the first one made, whatever became of the order
// since.
func (d *drafts) draft(ctx context.Context, st Statement) (draft, error) {
	st.trim()
	requestID, digest := st.key()
	if found, err := d.service.repository.FindRequest(ctx, d.store.ID, requestID); err == nil {
		found, err = repeated(found, Shipment{Request: st.Request, RequestID: requestID, RequestDigest: digest})
		return draft{new: New{Shipment: found}, existing: true}, err
	} else if !errors.Is(err, ErrNotFound) {
		return draft{}, fmt.Errorf("find shipment by request id: %w", err)
	}
	o, err := d.order(ctx, st.OrderNumber)
	if err != nil {
		return draft{}, err
	}
	rules, err := d.rulesOf(ctx, o.Adapter)
	if err != nil {
		return draft{}, err
	}
	now := d.service.now().UTC()
	if err := st.validate(st.RequestID, rules, o.PurchaseTime, now); err != nil {
		return draft{}, err
	}
	replaced, err := d.replaced(ctx, st.Request, o.Order, rules)
	if err != nil {
		return draft{}, err
	}
	opt := Options{AllowOther: st.AllowOther, OverCancel: st.Force && o.CancelRequested, OverNetwork: st.Force}
	if err := checkOrder(o.Order, opt); err != nil && (replaced == nil || !hasShipped(o.Order)) {
		return draft{}, d.refusal(ctx, o.Order, err)
	}
	if err := checkItems(st.Items, o.Order, rules); err != nil {
		return draft{}, err
	}
	var chosen ChosenCarrier
	chosen, opt.OverNetwork, err = d.service.carriers.choose(ctx, store.Ref{StoreID: d.store.ID, Adapter: o.Adapter}, st.Request, opt, o.Order, rules)
	if err != nil {
		return draft{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return draft{}, fmt.Errorf("make shipment id: %w", err)
	}
	notSent := st.notSent(rules)
	if st.ShipTime.IsZero() {
		st.ShipTime = now
	}
	n := New{
		Shipment: Shipment{
			ID: id.String(), StoreID: d.store.ID, Adapter: o.Adapter, Request: st.Request, Options: opt,
			RequestID: requestID, RequestDigest: digest, Chosen: chosen, NotSentFields: notSent,
			Delivery: delivery.New(now, d.service.deadline(o.Order, now)), CreateTime: now,
		},
		Event: Event{Time: now, Kind: KindAccepted, Message: "stored; the marketplace is told in the background"},
	}
	if replaced != nil {
		n.replace(*replaced, now)
	}
	n.Event.State = n.Shipment.State
	return draft{new: n, order: o.Order}, nil
}

// order returns an order as it is known here, if the store speaks through its adapter.
func (d *drafts) order(ctx context.Context, number string) (order.Stored, error) {
	o, err := d.service.orders.GetOrder(ctx, d.store.ID, number)
	switch {
	case errors.Is(err, order.ErrNotFound):
		return o, order.NotFound(d.store.ID, number)
	case err != nil:
		return o, fmt.Errorf("read order: %w", err)
	case !slices.Contains(d.store.Adapters, o.Adapter):
		return o, store.NotConnected(store.Ref{StoreID: d.store.ID, Adapter: o.Adapter})
	}
	return o, nil
}

func (d *drafts) rulesOf(ctx context.Context, adapter string) (Rules, error) {
	if r, ok := d.rules[adapter]; ok {
		return r, nil
	}
	r, err := d.service.marketplace.ShipmentRules(ctx, store.Ref{StoreID: d.store.ID, Adapter: adapter})
	if err == nil {
		d.rules[adapter] = r
	}
	return r, err
}

// deadline is when relais stops trying and a person must look.
func (s *Service) deadline(o order.Order, accepted time.Time) time.Time {
	if o.ShipBy.After(accepted) {
		accepted = o.ShipBy
	}
	return accepted.Add(s.waitMargin)
}

// nameOf is how a shipment is named to callers.
func nameOf(storeID, id string) string { return "stores/" + storeID + "/shipments/" + id }
