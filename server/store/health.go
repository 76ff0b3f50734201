package store

import (
	"context"
	"slices"

	"github.com/relaishq/relais/server/problem"
)

// Report notes how an exchange with the marketplace through an adapter ended: nil for well. It writes only when something
// changes.
//
// The store's health is that of the adapter of new orders. A failure of the adapter that a moving store leaves shows only while
// all is well otherwise, and stays until that adapter works again: it must neither hide nor hold up what goes through the other.
func (s *Service) Report(ctx context.Context, ref Ref, err error) {
	st, getErr := s.repository.GetStore(ctx, ref.StoreID)
	if getErr != nil || !st.Connected() {
		return
	}
	s.reportBinding(ctx, ref, err)
	if _, changes := healthAfter(st, ref.Adapter, err); !changes {
		return
	}
	// The store may have turned to another adapter meanwhile: what counts is decided on its row.
	var health Health
	_, updateErr := s.update(ctx, ref.StoreID, func(st *Store) error {
		next, changes := healthAfter(*st, ref.Adapter, err)
		if changes {
			next.Since = st.UpdateTime
			st.Health = next
		}
		health = st.Health
		return nil
	})
	if updateErr != nil {
		s.log.WarnContext(ctx, "store health not written", "store", ref.StoreID, "error", updateErr)
		return
	}
	s.log.InfoContext(ctx, "store health changed", "store", ref.StoreID, "adapter", ref.Adapter, "health", health.State, "reason", health.Reason)
}

// reportBinding notes what an exchange says of the credentials that it was made with.
func (s *Service) reportBinding(ctx context.Context, ref Ref, err error) {
	b, readErr := s.repository.Bindings(ctx, ref.StoreID)
	at := slices.IndexFunc(b.Adapters, func(x Binding) bool { return x.Adapter == ref.Adapter })
	if readErr != nil || at < 0 {
		return
	}
	refused := b.Adapters[at].Refused
	var health AdapterHealth
	switch {
	case err == nil && refused:
		health = AdapterWorks
	case isRefusal(err) && !refused:
		health = AdapterRefused
	default:
		return
	}
	if err := s.repository.SetAdapterHealth(ctx, ref, health); err != nil {
		s.log.WarnContext(ctx, "health of adapter not written", "store", ref.StoreID, "adapter", ref.Adapter, "error", err)
	}
}

// isRefusal reports whether asking again with the same credentials helps nobody and may lock the account.
func isRefusal(err error) bool {
	return problem.HasReason(err, problem.ReasonCredentialsRejected) || problem.HasReason(err, problem.ReasonCredentialsUnreadable)
}

// healthAfter returns the health of a store after an exchange through an adapter, and whether it is another one.
func healthAfter(st Store, adapter string, err error) (Health, bool) {
	if !slices.Contains(st.Adapters, adapter) {
		return st.Health, false // the store left it for good
	}
	next := healthOf(err)
	leavingFails := st.Health.Reason == problem.ReasonLeavingAdapterFails
	switch {
	case adapter == st.Adapter && err == nil && leavingFails:
		return st.Health, false
	case adapter == st.Adapter:
	case err == nil && !leavingFails, err != nil && st.Health.State != Healthy:
		return st.Health, false
	case err != nil:
		next = Health{
			State: Retrying, Reason: problem.ReasonLeavingAdapterFails,
			Message: "orders that are left on adapter " + adapter + " cannot be reached: " + next.Message,
		}
	}
	return next, next.State != st.Health.State || next.Reason != st.Health.Reason
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
