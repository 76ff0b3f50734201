package adapter

import (
	"context"
	"fmt"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// TakesDecisions reports whether sellers can accept and refuse orders through the release that the store's calls go to.
func (f *Facade) TakesDecisions(ctx context.Context, ref store.Ref) (bool, error) {
	s, err := f.lease(ctx, ref)
	if err != nil {
		return false, err
	}
	defer s.release()
	return s.lease.Description().GetCapabilities().GetAcceptance(), nil
}

// Decide tells the marketplace what the seller decided about one order. It returns an error only when certainly nothing was
// sent; everything else whose outcome is not known is delivery.Unknown.
func (f *Facade) Decide(ctx context.Context, ref store.Ref, kind decision.Kind, o order.Order) (delivery.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.Call)
	defer cancel()
	s, err := f.open(ctx, ref)
	if err != nil {
		return delivery.Result{}, err
	}
	defer s.release()
	orders := []*adapterv1.DecidedOrder{{
		Key: o.Number, OrderNumber: o.Number, NativeId: o.NativeID, AdapterContext: o.AdapterContext,
	}}
	if err := s.mayLeave(ctx); err != nil {
		return delivery.Result{}, err
	}
	var answer writeAnswer
	switch kind {
	case decision.Accept:
		answer, err = s.client.AcceptOrders(ctx, &adapterv1.AcceptOrdersRequest{Store: s.store, Orders: orders})
	case decision.Refuse:
		answer, err = s.client.RefuseOrders(ctx, &adapterv1.RefuseOrdersRequest{Store: s.store, Orders: orders})
	default:
		return delivery.Result{}, fmt.Errorf("decision of unknown kind %q", kind)
	}
	return f.concluded(ctx, s, o.Number, answer, err)
}
