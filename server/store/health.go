package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/relaishq/relais/server/problem"
)

// Report notes how an exchange with the marketplace through an adapter ended: nil for well. It writes only when something
// changes.
//
// The store's health is that of the adapter of new orders. A failure of the adapter that a moving store leaves shows only while
// all is well otherwise, and stays until that adapter works again: it must neither hide nor hold up what goes through the other.
func (s *Service) Report(ctx context.Context, ref Ref, err error) {
	if err := s.report(ctx, ref, err); err != nil {
		s.log.WarnContext(ctx, "store health not written", "store", ref.StoreID, "adapter", ref.Adapter, "error", err)
	}
}

// report is Report with the error of the database.
func (s *Service) report(ctx context.Context, ref Ref, cause error) error {
	st, err := s.repository.GetStore(ctx, ref.StoreID)
	if errors.Is(err, ErrNotFound) || err == nil && !st.Connected() {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read store %s: %w", ref.StoreID, err)
	}
	standing, err := s.note(ctx, ref, cause)
	if err != nil {
		return err
	}
	if _, changes := healthAfter(st, ref.Adapter, cause, standing); !changes {
		return nil
	}
	// The store may have turned to another adapter meanwhile: what counts is decided on its row.
	written, err := s.update(ctx, ref.StoreID, func(st *Store) error {
		st.Health, _ = healthAfter(*st, ref.Adapter, cause, standing)
		return nil
	})
	if err != nil {
		return err
	}
	s.log.InfoContext(ctx, "store health changed", "store", ref.StoreID, "adapter", ref.Adapter,
		"health", written.Health.State, "reason", written.Health.Reason)
	return nil
}

// healthAfter returns the health of a store after an exchange through an adapter whose credentials stand like this now, and whether
// it is another one. A health whose state or reason is another one is since the store's update time.
func healthAfter(st Store, adapter string, err error, standing Standing) (Health, bool) {
	if !slices.Contains(st.Adapters, adapter) {
		return st.Health, false // the store left it for good
	}
	next := healthOf(err, standing)
	leavingFails := st.Health.Reason == problem.ReasonLeavingAdapterFails
	switch {
	case adapter == st.Adapter && err == nil && leavingFails:
		return st.Health, false
	case adapter == st.Adapter && !standing.Works() && passing(err) && refusalReason(st.Health.Reason):
		return st.Health, false // what else fails does not hide what holds the work up
	case adapter == st.Adapter:
	case err == nil && !leavingFails, err != nil && st.Health.State != Healthy && !leavingFails:
		return st.Health, false
	case err != nil:
		next = Health{
			State: Retrying, Reason: problem.ReasonLeavingAdapterFails,
			Message: "orders that are left on adapter " + adapter + " cannot be reached: " + next.Message,
		}
	}
	switch {
	case next.State != st.Health.State, next.Reason != st.Health.Reason:
		next.Since = st.UpdateTime
		return next, true
	case (isRefusal(err) || garbled(err) && !standing.Works()) && next.Message != st.Health.Message: // it is believed now, or a person is to look
		next.Since = st.Health.Since
		return next, true
	}
	return st.Health, false
}

// passing reports whether an error says nothing of credentials and account.
func passing(err error) bool {
	return !isRefusal(err) && !accepted(err) && !problem.HasReason(err, problem.ReasonAccountMismatch)
}

// healthOf tells what an exchange says of the store when the credentials that it was made with stand like this now.
func healthOf(err error, standing Standing) Health {
	if err == nil {
		return Health{State: Healthy}
	}
	p := problem.As(err)
	if p == nil {
		return Health{State: Retrying, Reason: problem.ReasonInternal, Message: "an internal error stopped the last exchange; the server's log tells which"}
	}
	h := Health{State: Retrying, Reason: p.Reason, Message: p.Message}
	switch {
	case isRefusal(err) && standing.Refused:
		h.State = AuthRequired
		h.Message += "; nothing goes through until they work: relais tries them now and then, and takes the work up by itself"
	case isRefusal(err):
		h.Message = "the marketplace refused the credentials, which may be its mistake; relais tries them again before anything else: " + p.Message
	case garbled(err) && standing.suspicious():
		h.Message = "for a while now nobody can read what the marketplace answers, and some answer like that when they do not take " +
			"credentials: check that these are still right; relais tries them now and then, and takes the work up by itself: " + p.Message
	case garbled(err) && !standing.Works():
		h.Message = "nobody can read what the marketplace answers, which may be because of the credentials; relais tries them before anything else: " + p.Message
	case p.Reason == problem.ReasonSellerNotAuthorized, p.Reason == problem.ReasonSellerInactive, p.Reason == problem.ReasonAccountMismatch:
		h.State = AuthRequired
	case p.Reason == problem.ReasonThrottled:
		h.State = Throttled
	case p.Reason == problem.ReasonMarketplaceDown:
		h.State = MarketplaceDown
	}
	return h
}
