package store

import (
	"context"

	"github.com/relaishq/relais/server/problem"
)

// Report notes how an exchange with the marketplace through an adapter ended: nil for well. It writes only when the health
// changes.
func (s *Service) Report(ctx context.Context, ref Ref, err error) {
	id := ref.StoreID
	st, getErr := s.repository.GetStore(ctx, id)
	if getErr != nil || !st.Connected() {
		return
	}
	health := healthOf(err)
	if ref.Adapter != st.Adapter {
		// The adapter that the store is leaving: its failures must not hold up what goes through the other one, and its success
		// says nothing of that.
		if err == nil {
			return
		}
		health = Health{
			State: Retrying, Reason: problem.ReasonLeavingAdapterFails,
			Message: "orders that are left on adapter " + ref.Adapter + " cannot be reached: " + health.Message,
		}
	}
	if st.Health.State == health.State && st.Health.Reason == health.Reason {
		return
	}
	_, updateErr := s.update(ctx, id, func(st *Store) error {
		health.Since = st.UpdateTime
		st.Health = health
		return nil
	})
	if updateErr != nil {
		s.log.WarnContext(ctx, "store health not written", "store", id, "error", updateErr)
		return
	}
	s.log.InfoContext(ctx, "store health changed", "store", id, "health", health.State, "reason", health.Reason)
}

// healthOf tells what an error says about the exchange with the marketplace.
func healthOf(err error) Health {
	if err == nil {
		return Health{State: Healthy}
	}
	p := problem.As(err)
	if p == nil {
		return Health{State: Retrying, Reason: problem.ReasonInternal, Message: "an internal error stopped the last exchange; the server's log tells which"}
	}
	h := Health{State: Retrying, Reason: p.Reason, Message: p.Message}
	switch p.Reason {
	case problem.ReasonCredentialsRejected, problem.ReasonSellerNotAuthorized, problem.ReasonSellerInactive, problem.ReasonAccountMismatch,
		problem.ReasonCredentialsUnreadable:
		h.State = AuthRequired
	case problem.ReasonThrottled:
		h.State = Throttled
	case problem.ReasonMarketplaceDown:
		h.State = MarketplaceDown
	}
	return h
}
