package decision

import (
	"context"
	"errors"
	"fmt"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// errLeft means that the policy leaves an order to a person.
var errLeft = errors.New("the acceptance policy leaves the order to a person")

// AcceptByRule accepts those of the orders that wait for the seller and that the store's acceptance policy accepts. An order about
// which anything was decided before is left alone, whatever became of that, unless a rule took its own decision back. Every import
// shows the orders that wait: one that is left to a person is judged again, as it and the policy are then; a failure costs time only.
func (s *Service) AcceptByRule(ctx context.Context, storeID string, orders []order.Order) {
	st, err := s.cfg.Stores.Get(ctx, storeID)
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "acceptance policy not read", "store", storeID, "error", err)
		return
	}
	var numbers []string
	for _, o := range orders {
		if _, err := byPolicy(st, o); err == nil {
			numbers = append(numbers, o.Number)
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
		if d, decided := known[number]; decided && !d.LeftToPerson() {
			continue
		}
		_, _, err := s.put(ctx, storeID, number, Accept, byPolicy)
		switch {
		case errors.Is(err, errLeft): // it, or the policy, changed meanwhile
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

// byPolicy is the decider of rules.
func byPolicy(st store.Store, o order.Order) (string, error) {
	rule, _ := Judge(st.Settings.AcceptancePolicy, o)
	if rule == "" {
		return "", errLeft
	}
	return rule, nil
}

// LeftToPerson reports whether a rule took the decision back, since the order or the policy had changed.
func (d Decision) LeftToPerson() bool {
	return d.State == delivery.NeedsAttention && d.Reason == problem.ReasonRuleNotMet
}

// judgeAgain tells whether an acceptance by rule may be sent, for the first time or again. Since the import showed the order it can
// have changed, and the policy.
func (s *Service) judgeAgain(ctx context.Context, d Decision, o order.Order) (verdict, error) {
	st, err := s.cfg.Stores.Get(ctx, d.StoreID)
	if err != nil {
		return verdict{}, fmt.Errorf("read acceptance policy: %w", err)
	}
	rule, against := Judge(st.Settings.AcceptancePolicy, o)
	if rule != "" {
		return verdict{action: send}, nil
	}
	why := "it leaves every order to a person"
	if len(against) > 0 {
		why = against[0].Message
	}
	message := "the store's acceptance policy no longer accepts this order (" + why + "); accept or refuse it yourself"
	if d.MayBeApplied() {
		message += ". An earlier request, whose answer was lost, may still accept it"
	}
	return verdict{attention, problem.ReasonRuleNotMet, message}, nil
}
