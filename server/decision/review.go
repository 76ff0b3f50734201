package decision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// Review is a store whose acceptance policy changed, with orders that wait for the seller to be judged by it.
type Review struct {
	StoreID string
	Change  time.Time // when the policy changed
}

// ReviewRepository is what reviews ask of a database. Every method is one transaction and durable when it returns.
type ReviewRepository interface {
	// Lanes returns the store.Lane of every connected store, each once.
	Lanes(ctx context.Context) ([]string, error)
	// DueReviews returns stores of a lane whose policy changed not after now and whose orders have not been judged since, the earliest change
	// first. Paused and disconnected stores are left out.
	DueReviews(ctx context.Context, lane string, now time.Time, limit int) ([]Review, error)
	// NextReview returns the earliest change after an instant of such stores; zero when there is none.
	NextReview(ctx context.Context, lane string, after time.Time) (time.Time, error)
	// EndReview notes that the orders of a store have been judged. A store whose policy changed at another time by now is left alone.
	EndReview(ctx context.Context, r Review) error
}

// newReviews returns the loop that judges what waits when a policy changed. Imports judge what they show, and may be far off, or never
// start by themselves.
func (s *Service) newReviews() *due.Loop[Review, string] {
	return due.New(due.Config[Review, string]{
		Lanes: s.cfg.Repository.Lanes,
		Due: func(ctx context.Context, l due.Look[string]) ([]Review, error) {
			return s.cfg.Repository.DueReviews(ctx, l.Lane, l.Now, l.Limit)
		},
		Next: s.cfg.Repository.NextReview,
		ID:   func(r Review) string { return r.StoreID }, Work: s.review,
		Workers: 1, Pause: s.cfg.Policy.RetryMin, Now: s.cfg.Now, Log: s.cfg.Log,
	})
}

// reviewPage is how many orders are read at once for a review.
const reviewPage = 100

// review judges all stored orders of a store that wait for the seller. After a failure that may pass the whole review comes again:
// what was accepted stays so.
func (s *Service) review(ctx context.Context, r Review) error {
	log := s.cfg.Log.With("store", r.StoreID)
	st, err := s.cfg.Stores.Get(ctx, r.StoreID)
	if err != nil {
		log.ErrorContext(ctx, "acceptance policy not read", "error", err)
		return err
	}
	accepted := 0
	if st.Settings.AcceptancePolicy.Accepts() {
		accepted, err = s.reviewOrders(ctx, r.StoreID)
	}
	if err == nil {
		err = s.cfg.Repository.EndReview(ctx, r)
	}
	if err != nil {
		log.WarnContext(ctx, "review by another acceptance policy not finished; it comes again", "accepted", accepted, "error", err)
		return err
	}
	log.InfoContext(ctx, "orders reviewed by another acceptance policy", "accepted", accepted)
	return nil
}

// reviewOrders accepts by rule what may be accepted, and counts it.
func (s *Service) reviewOrders(ctx context.Context, storeID string) (accepted int, err error) {
	q := order.ListQuery{StoreID: storeID, Limit: reviewPage, Statuses: []order.Status{order.PendingAcceptance}}
	for {
		page, err := s.cfg.Orders.ListOrders(ctx, q)
		if err != nil {
			return accepted, fmt.Errorf("list orders that wait: %w", err)
		}
		n, err := s.reviewPage(ctx, storeID, page)
		if accepted += n; err != nil {
			return accepted, err
		}
		if len(page) < q.Limit {
			return accepted, nil
		}
		if err := s.stopping.Err(); err != nil {
			return accepted, err // it comes again with the next start
		}
		last := page[len(page)-1]
		q.After = &order.Position{ChangeTime: last.ChangeTime, Number: last.Number}
	}
}

// reviewPage accepts by rule those of a page of orders about which nothing was decided, or nothing that a rule did not take back.
func (s *Service) reviewPage(ctx context.Context, storeID string, page []order.Stored) (accepted int, err error) {
	numbers := make([]string, len(page))
	for i, o := range page {
		numbers[i] = o.Number
	}
	known, err := s.Of(ctx, storeID, numbers)
	if err != nil {
		return 0, err
	}
	for _, number := range numbers {
		if d, decided := known[number]; decided && !d.LeftToPerson() {
			continue
		}
		_, _, err := s.put(ctx, storeID, number, Accept, byPolicy)
		p := problem.As(err)
		switch {
		case err == nil:
			accepted++
		case errors.Is(err, errLeft), errors.Is(err, order.ErrMoved), errors.Is(err, ErrConflict): // left to a person, or others are at it
		case p != nil && p.Kind != problem.Unavailable: // it waits no more, or its marketplace takes no decisions
			s.cfg.Log.InfoContext(ctx, "order not accepted by rule", "store", storeID, "order", number, "reason", p.Reason)
		default:
			return accepted, fmt.Errorf("accept order %s by rule: %w", number, err)
		}
	}
	return accepted, nil
}
