package decision

import (
	"context"
	"errors"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// AcceptByRule accepts those of the orders that wait for the seller and that the store's acceptance policy accepts. An order about
// which anything was decided before is left alone, whatever became of that. Failing costs nothing but time: every import shows
// the orders that wait, and tries again.
func (s *Service) AcceptByRule(ctx context.Context, storeID string, orders []order.Order) {
	st, err := s.cfg.Stores.Get(ctx, storeID)
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "acceptance policy not read", "store", storeID, "error", err)
		return
	}
	rules, numbers := make(map[string]string), []string(nil)
	for _, o := range orders {
		if o.Status != order.PendingAcceptance || o.CancelRequested {
			continue
		}
		if rule := st.Settings.AcceptancePolicy.Accepts(offer(o)); rule != "" {
			rules[o.Number], numbers = rule, append(numbers, o.Number)
		}
	}
	if len(numbers) == 0 {
		return
	}
	known, err := s.Of(ctx, storeID, numbers)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "decisions not read", "store", storeID, "error", err)
		return
	}
	for _, number := range numbers {
		if _, decided := known[number]; decided {
			continue
		}
		_, _, err := s.put(ctx, storeID, number, Accept, rules[number])
		switch {
		case errors.Is(err, order.ErrMoved): // the next import finds it at its new place
		case problem.As(err) != nil:
			s.cfg.Log.WarnContext(ctx, "order not accepted by rule", "store", storeID, "order", number, "reason", problem.As(err).Reason)
		case err != nil:
			s.cfg.Log.ErrorContext(ctx, "order not accepted by rule", "store", storeID, "order", number, "error", err)
		default:
			s.cfg.Log.InfoContext(ctx, "order accepted by rule", "store", storeID, "order", number)
		}
	}
}

// offer is what a policy looks at.
func offer(o order.Order) store.Offer {
	var f store.Offer
	for _, l := range o.Lines {
		f.SKUs = append(f.SKUs, l.SKU)
	}
	if o.Total != nil {
		f.Total = &store.Amount{Currency: o.Total.Currency, Units: o.Total.Units, Nanos: o.Total.Nanos}
	}
	return f
}
