package cdiscount

import (
	"context"
	"errors"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// AcceptOrders implements sdk.Decider, with the rules of writeOrders. Every line of goods is accepted; a part is not
// offered, since what is left of the order would have to be refused for good.
func (a *Adapter) AcceptOrders(
	ctx context.Context, req *adapterv1.AcceptOrdersRequest,
) (*adapterv1.AcceptOrdersResponse, error) {
	results, state, err := a.decide(ctx, req.GetStore(), req.GetOrders(), "AcceptedBySeller")
	if err != nil {
		return nil, err
	}
	return &adapterv1.AcceptOrdersResponse{Results: results, StateUpdate: state}, nil
}

// RefuseOrders implements sdk.Decider, with the rules of writeOrders. Every line of goods is refused.
func (a *Adapter) RefuseOrders(
	ctx context.Context, req *adapterv1.RefuseOrdersRequest,
) (*adapterv1.RefuseOrdersResponse, error) {
	results, state, err := a.decide(ctx, req.GetStore(), req.GetOrders(), "RefusedBySeller")
	if err != nil {
		return nil, err
	}
	return &adapterv1.RefuseOrdersResponse{Results: results, StateUpdate: state}, nil
}

// decide sends one state for the orders and all their lines: for a decision both enums have the same name
// (cdiscount-soap.md 8.2).
func (a *Adapter) decide(
	ctx context.Context, store *adapterv1.StoreContext, orders []*adapterv1.DecidedOrder, state string,
) ([]*adapterv1.WriteResult, *adapterv1.StateUpdate, error) {
	items := make([]plannedWrite, 0, len(orders))
	for _, o := range orders {
		order, err := planDecision(o, state)
		items = append(items, plannedWrite{key: o.GetKey(), order: order, refused: err})
	}
	if err := checkKeys("orders", maxDecisionsPerCall, items); err != nil {
		return nil, nil, err
	}
	return a.writeOrders(ctx, store, items)
}

// planDecision checks a decision before anything is sent. The error says what is wrong, for people.
func planDecision(o *adapterv1.DecidedOrder, state string) (*validateOrder, error) {
	if o.GetOrderNumber() == "" {
		return nil, errors.New("the order number is missing")
	}
	lines, err := contextLines(o.GetAdapterContext())
	if err != nil {
		return nil, err
	}
	return &validateOrder{orderState: state, lineState: state, lines: lines, number: o.GetOrderNumber()}, nil
}
