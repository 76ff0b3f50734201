package api

import (
	"context"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/store"
)

// AcceptOrder stores the decision to accept an order.
func (m *Marketplace) AcceptOrder(ctx context.Context, req *marketplacev1.AcceptOrderRequest) (*marketplacev1.Order, error) {
	return m.decide(ctx, req.GetName(), decision.Accept)
}

// RefuseOrder stores the decision to refuse an order.
func (m *Marketplace) RefuseOrder(ctx context.Context, req *marketplacev1.RefuseOrderRequest) (*marketplacev1.Order, error) {
	return m.decide(ctx, req.GetName(), decision.Refuse)
}

func (m *Marketplace) decide(ctx context.Context, name string, kind decision.Kind) (*marketplacev1.Order, error) {
	storeID, number, err := parseChild("name", name, "orders")
	if err != nil {
		return nil, err
	}
	o, d, err := m.decisions.Decide(ctx, storeID, number, kind)
	if err != nil {
		return nil, err
	}
	return orderToProto(o, map[string]decision.Decision{number: d}, store.AcceptancePolicy{}), nil
}

func decisionToProto(d decision.Decision) *marketplacev1.Decision {
	decider := marketplacev1.Decision_DECIDER_PERSON
	if d.DecidedBy != "" {
		decider = marketplacev1.Decision_DECIDER_POLICY
	}
	return &marketplacev1.Decision{
		DecidedBy: d.DecidedBy, Decider: decider,
		Kind:   marketplacev1.Decision_Kind(marketplacev1.Decision_Kind_value["KIND_"+string(d.Kind)]),
		State:  marketplacev1.Decision_State(marketplacev1.Decision_State_value["STATE_"+string(d.State)]),
		Reason: d.Reason, Message: d.Message, SendCount: d.SendCount, NextAttemptTime: timestamp(d.NextAttempt),
		CreateTime: timestamp(d.CreateTime), UpdateTime: timestamp(d.UpdateTime),
	}
}
