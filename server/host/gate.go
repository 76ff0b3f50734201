package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/problem"
)

// lease waits for a serving generation and counts the caller in.
func (s *slot) lease(ctx context.Context) (*Lease, error) {
	gate := time.NewTimer(s.cfg.GateTimeout)
	defer gate.Stop()
	latest := time.Now().Add(s.cfg.GateTimeout)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(latest) {
		latest = deadline
	}
	for {
		lease, changed, err := s.tryLease(latest)
		if lease != nil || err != nil {
			return lease, err
		}
		select {
		case <-changed:
		case <-gate.C:
			return nil, s.down(nil)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, fmt.Errorf("wait for adapter %s: %w", s.name, ctx.Err())
			}
			return nil, s.down(ctx.Err())
		}
	}
}

// tryLease returns a lease, or an error when waiting is pointless, or else a channel that is closed when something changes. A
// generation whose connection is lost, or whose answer the watchdog waits for, is not lent, although it has not been taken out of service.
func (s *slot) tryLease(latest time.Time) (*Lease, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.refusing:
		return nil, nil, problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; send the request again later")
	case s.desired.Unloaded:
		return nil, nil, problem.New(problem.NotFound, problem.ReasonAdapterNotFound,
			"adapter %s was unloaded; its operator loads it with \"relais adapter swap %s\"", s.name, s.name).With("adapter", s.name)
	case s.serving != nil && s.serving.usableLocked():
		s.serving.leases++
		return &Lease{slot: s, generation: s.serving, share: s.shareLocked()}, nil, nil
	case s.state == CrashLooping, s.retryAt.After(latest):
		return nil, nil, s.downLocked(nil)
	default:
		return nil, s.changed, nil
	}
}

// usableLocked reports whether the process can be expected to answer.
func (g *generation) usableLocked() bool { return g.process.Ready() && !g.suspect }

// usable is usableLocked.
func (s *slot) usable(g *generation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.usableLocked()
}

// shareLocked is the part of a store's rate budget that the serving generation may use: those that retire are still using theirs.
func (s *slot) shareLocked() float64 {
	busy := 1
	for _, g := range s.retiring {
		if g.leases > 0 {
			busy++
		}
	}
	return 1 / float64(busy)
}

// down is the problem of a caller who waited in vain.
func (s *slot) down(cause error) *problem.Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.downLocked(cause)
}

// minRetryAfter keeps callers from asking again while a process is starting.
const minRetryAfter = time.Second

func (s *slot) downLocked(cause error) *problem.Problem {
	p := problem.New(problem.Unavailable, problem.ReasonAdapterDown,
		"adapter %s is not running; the server starts it again by itself, its operator sees why with \"relais adapter get %s\"", s.name, s.name)
	p.RetryAfter = max(time.Until(s.retryAt), minRetryAfter)
	p.Cause = errors.Join(s.cause, cause)
	return p.With("adapter", s.name)
}

// releaseLease counts a caller out.
func (s *slot) releaseLease(g *generation, good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.leases--
	if good {
		g.finished++
	}
	if g.leases > 0 {
		return
	}
	if g.retired {
		close(g.idle)
	}
	if s.refusing {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// refuse lets nobody in any more and starts no further process.
func (s *slot) refuse() { s.update(func() { s.refusing = true }) }

// awaitIdle returns when no lease on a living generation is out.
func (s *slot) awaitIdle(ctx context.Context) error {
	for {
		s.mu.Lock()
		leases := 0
		if s.serving != nil {
			leases = s.serving.leases
		}
		for _, g := range s.retiring {
			leases += g.leases
		}
		changed := s.changed
		s.mu.Unlock()
		if leases == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("adapter %s still has %d calls in flight: %w", s.name, leases, ctx.Err())
		}
	}
}
