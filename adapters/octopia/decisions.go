package octopia

import (
	"context"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// approval is what a decision says, in snake_case unlike everything else of an order (octopia-rest.md 6.1).
type approval struct {
	Status string `json:"approval_status"`
}

// AcceptOrders implements sdk.Decider, with the rules of writeOrders. Orders are accepted whole: the API knows no lines there.
// What was accepted is not at once to ship: the marketplace's controls come before (octopia-rest.md 6.1).
func (a *Adapter) AcceptOrders(
	ctx context.Context, req *adapterv1.AcceptOrdersRequest,
) (*adapterv1.AcceptOrdersResponse, error) {
	results, state, err := a.decide(ctx, req.GetStore(), req.GetOrders(), "Accepted")
	if err != nil {
		return nil, err
	}
	return &adapterv1.AcceptOrdersResponse{Results: results, StateUpdate: state}, nil
}

// RefuseOrders implements sdk.Decider, with the rules of writeOrders.
func (a *Adapter) RefuseOrders(
	ctx context.Context, req *adapterv1.RefuseOrdersRequest,
) (*adapterv1.RefuseOrdersResponse, error) {
	results, state, err := a.decide(ctx, req.GetStore(), req.GetOrders(), "Refused")
	if err != nil {
		return nil, err
	}
	return &adapterv1.RefuseOrdersResponse{Results: results, StateUpdate: state}, nil
}

// decide sends one decision about each order.
func (a *Adapter) decide(
	ctx context.Context, store *adapterv1.StoreContext, orders []*adapterv1.DecidedOrder, word string,
) ([]*adapterv1.WriteResult, *adapterv1.StateUpdate, error) {
	items := make([]plannedWrite, 0, len(orders))
	for _, o := range orders {
		items = append(items, planDecision(o, word))
	}
	if err := checkKeys("orders", maxDecisionsPerCall, items); err != nil {
		return nil, nil, err
	}
	return a.writeOrders(ctx, store, routeApproval, items)
}

// planDecision checks a decision and writes its request, before anything is sent.
func planDecision(o *adapterv1.DecidedOrder, word string) plannedWrite {
	item := plannedWrite{key: o.GetKey()}
	path, err := target(o.GetOrderNumber(), o.GetNativeId(), "/approval-status")
	if err != nil {
		item.refused = err
		return item
	}
	item.path, item.body = path, encode(approval{Status: word})
	return item
}
