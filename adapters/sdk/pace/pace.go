// Package pace keeps an adapter within the rate that the host allows each store.
package pace

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Budgets holds the rate limiters of the stores that this process has served. The zero value is ready to use, and safe for
// concurrent use. What it holds is a cache: a process that starts anew begins with full bursts, which the host accounts for.
type Budgets struct {
	mu       sync.Mutex // guards limiters
	limiters map[string]*rate.Limiter
}

// For returns the limiter of a store, adjusted to what the host allows now.
func (b *Budgets) For(store *adapterv1.StoreContext) Limiter {
	budget := store.GetRateBudget()
	if budget.GetRequestsPerSecond() <= 0 {
		return Limiter{}
	}
	limit, burst := rate.Limit(budget.GetRequestsPerSecond()), max(1, int(budget.GetBurst()))
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.limiters[store.GetStoreId()]; l != nil {
		l.SetLimit(limit)
		l.SetBurst(burst)
		return Limiter{l}
	}
	if b.limiters == nil {
		b.limiters = make(map[string]*rate.Limiter)
	}
	l := rate.NewLimiter(limit, burst)
	b.limiters[store.GetStoreId()] = l
	return Limiter{l}
}

// Limiter spaces the requests of one store. The zero Limiter sets no limit.
type Limiter struct{ limiter *rate.Limiter }

// TooSlowError says that a request's turn comes only after the caller's deadline. Nothing was sent.
type TooSlowError struct {
	// Wait is how long the next request of the store has to wait.
	Wait time.Duration
}

// Error tells the wait.
func (e *TooSlowError) Error() string {
	return fmt.Sprintf("the store's rate budget is used up for %s", e.Wait.Round(time.Millisecond))
}

// Wait waits for the request's turn. It returns ctx's error when that ends, and at once a *TooSlowError when the turn would come
// after ctx's deadline.
func (l Limiter) Wait(ctx context.Context) error {
	if l.limiter == nil {
		return ctx.Err()
	}
	reservation := l.limiter.Reserve()
	delay := reservation.Delay()
	if delay == 0 {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		reservation.Cancel()
		return &TooSlowError{Wait: delay}
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		reservation.Cancel()
		return ctx.Err()
	}
}
