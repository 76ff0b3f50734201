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

// Pending is told of orders that a read showed as waiting for the seller. Those that the store's acceptance policy accepts are
// accepted. An order about which anything was decided before is left alone, whatever became of that, unless a rule took its own
// decision back; or unless the decision was confirmed, by whomever it was made: then it is taken up again. Every import shows the
// orders that wait: one that is left to a person is judged again, as it and the policy are then; a failure costs time only.
func (s *Service) Pending(ctx context.Context, storeID string, orders []order.Order) {
	numbers := make([]string, len(orders))
	for i, o := range orders {
		numbers[i] = o.Number
	}
	known, err := s.Of(ctx, storeID, numbers)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "decisions not read", "store", storeID, "error", err)
		return
	}
	st, err := s.cfg.Stores.Get(ctx, storeID)
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "acceptance policy not read", "store", storeID, "error", err)
		return
	}
	for _, o := range orders {
		d, decided := known[o.Number]
		switch {
		case d.undone(o):
			s.resume(ctx, d)
		case !decided || d.LeftToPerson():
			if _, err := byPolicy(st, o); err == nil {
				_, _, err = s.put(ctx, storeID, o.Number, Accept, byPolicy)
				s.note(ctx, storeID, o.Number, err)
			}
		}
	}
}

// resume takes up a decision again that was confirmed, when its order waits for the seller by what is stored of it too: that may
// have been read later.
func (s *Service) resume(ctx context.Context, d Decision) {
	o, err := s.cfg.Orders.GetOrder(ctx, d.StoreID, d.OrderNumber)
	if err == nil {
		if !d.undone(o.Order) {
			return
		}
		_, err = s.takeUp(ctx, o, d)
	}
	s.note(ctx, d.StoreID, d.OrderNumber, err)
}

// note logs what became of an order that an import showed.
func (s *Service) note(ctx context.Context, storeID, number string, err error) {
	switch {
	case errors.Is(err, errLeft): // it, or the policy, changed meanwhile
	case errors.Is(err, order.ErrMoved), errors.Is(err, ErrConflict): // the next import finds it as it is then
	case problem.As(err) != nil:
		s.cfg.Log.WarnContext(ctx, "pending order left as it is", "store", storeID, "order", number, "reason", problem.As(err).Reason)
	case err != nil:
		s.cfg.Log.ErrorContext(ctx, "pending order left as it is", "store", storeID, "order", number, "error", err)
	default:
		s.cfg.Log.InfoContext(ctx, "pending order accepted by rule, or its decision taken up again", "store", storeID, "order", number)
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
