package cdiscount

import (
	"context"
	"errors"
	"time"
)

// patience bounds how long one exchange waits for the marketplace: all its waits together, and each of them. The time that
// the host takes to keep the orders lies between two waits and does not count: a slow host must not look like a slow
// marketplace. It is used by one goroutine; a nil one bounds nothing.
type patience struct {
	left  time.Duration // for all waits to come
	stall time.Duration // for each; zero for no bound of its own
	timer *time.Timer
	began time.Time
}

// errTooSlow says that the marketplace took longer than the exchange may wait.
var errTooSlow error = tooSlowError{}

type tooSlowError struct{}

// Error tells what happened.
func (tooSlowError) Error() string { return "the marketplace took too long" }

// Timeout marks the error as a time-out, as net.Error does.
func (tooSlowError) Timeout() bool { return true }

// newPatience returns a patience that ends the exchange through cancel.
func newPatience(all, stall time.Duration, cancel context.CancelCauseFunc) *patience {
	p := &patience{left: all, stall: stall, timer: time.AfterFunc(all, func() { cancel(errTooSlow) })}
	p.timer.Stop()
	return p
}

// begin begins a wait.
func (p *patience) begin() {
	if p == nil {
		return
	}
	p.began = time.Now()
	allowed := p.left
	if p.stall > 0 {
		allowed = min(allowed, p.stall)
	}
	p.timer.Reset(allowed)
}

// end ends a wait.
func (p *patience) end() {
	if p == nil {
		return
	}
	p.timer.Stop()
	p.left -= time.Since(p.began)
}

// explain gives a lost connection its true cause when it was the exchange that gave up: net/http reports a cancellation.
func (p *patience) explain(ctx context.Context, err error) error {
	var lost *lostError
	if errors.Is(context.Cause(ctx), errTooSlow) && errors.As(err, &lost) {
		return &lostError{cause: errTooSlow, sent: lost.sent}
	}
	return err
}
