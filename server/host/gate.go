package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/problem"
)

// lease waits for a serving generation and counts the caller in.
func (s *slot) lease(ctx context.Context, store string) (*Lease, error) {
	begin := time.Now()
	latest := begin.Add(s.cfg.GateTimeout)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(latest) {
		latest = deadline
	}
	lease, wait, err := s.tryLease(store, begin, latest)
	if lease != nil || err != nil {
		return lease, err
	}
	gate := time.NewTimer(s.cfg.GateTimeout)
	defer gate.Stop()
	for ; lease == nil && err == nil; lease, wait, err = s.tryLease(store, begin, latest) {
		select {
		case <-wait.changed:
		case <-wait.patience:
		case <-gate.C:
			return nil, s.down(nil)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, fmt.Errorf("wait for adapter %s: %w", s.name, ctx.Err())
			}
			return nil, s.down(ctx.Err())
		}
	}
	return lease, err
}

// wait is what a caller without a lease waits for.
type wait struct {
	changed  <-chan struct{}  // closed when something changes
	patience <-chan time.Time // fires when a pinned store goes elsewhere; nil when there is no such time
}

// tryLease returns a lease, or an error when waiting is pointless, or else what to wait for. A generation whose connection is lost, or
// whose answer the watchdog waits for, is not lent, although it has not been taken out of service yet. A pinned store waits patiently for
// its own release; when that does not serve by then, the store does not stand still but goes to the one that serves, or to whichever comes
// first.
func (s *slot) tryLease(store string, begin, latest time.Time) (*Lease, wait, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	canary := s.canaryLocked(store)
	if canary != nil && !s.refusing {
		if canary.servesLocked() {
			return canary.lendLocked(store), wait{}, nil
		}
		until := canary.patienceLocked(begin, latest)
		if left := time.Until(until); left > 0 && canary.retryAt.Before(until) {
			return nil, wait{canary.changed, time.After(left)}, nil
		}
	}
	switch {
	case s.refusing:
		return nil, wait{}, stoppingProblem()
	case s.desired.Unloaded:
		return nil, wait{}, problem.New(problem.NotFound, problem.ReasonAdapterNotFound,
			"adapter %s is not loaded; its operator loads it with \"relais adapter swap %s\"", s.name, s.name).With("adapter", s.name)
	case s.servesLocked():
		return s.lendLocked(store), wait{}, nil
	case canary != nil && canary.retryAt.Before(latest):
		return nil, wait{changed: s.changed}, nil // whatever is to be said of the one that serves
	case s.state == CrashLooping, s.retryAt.After(latest):
		return nil, wait{}, s.downLocked(nil)
	default:
		return nil, wait{changed: s.changed}, nil
	}
}

// patienceLocked is until when a caller waits for a pinned release that does not serve: half of the time that it has, counted from when
// the release was lost if that was before. A release that hangs or fails then costs the calls of its stores that once, and not each call.
func (s *slot) patienceLocked(begin, latest time.Time) time.Time {
	patience := latest.Sub(begin) / 2
	if !s.lostTime.IsZero() && s.lostTime.Before(begin) {
		begin = s.lostTime
	}
	return begin.Add(patience)
}

// lostLocked notes since when no generation serves that a caller can use.
func (s *slot) lostLocked() {
	if s.lostTime.IsZero() {
		s.lostTime = time.Now()
	}
}

// unresponsiveLocked notes whether the watchdog waits for an answer of a generation.
func (s *slot) unresponsiveLocked(g *generation, unresponsive bool) {
	g.unresponsive = unresponsive
	switch {
	case g != s.serving:
	case unresponsive:
		s.lostLocked()
	default:
		s.lostTime = time.Time{}
	}
}

// servesLocked reports whether a generation serves that a caller can use.
func (s *slot) servesLocked() bool { return s.serving != nil && s.serving.usableLocked() }

// usableLocked reports whether the process can be expected to answer.
func (g *generation) usableLocked() bool { return g.process.Ready() && !g.unresponsive }

// usable is usableLocked.
func (s *slot) usable(g *generation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.usableLocked()
}

// lendLocked counts a caller in on the generation that serves.
func (s *slot) lendLocked(store string) *Lease {
	g := s.serving
	v := g.visits[store]
	if v == nil {
		v = &visit{moved: make(chan struct{})}
		g.visits[store] = v
	}
	g.leases++
	v.leases++
	v.share = s.own().shareLocked(g, store)
	return &Lease{slot: s, generation: g, store: store, moved: v.moved, share: v.share}
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
func (s *slot) releaseLease(g *generation, store string, good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.leases--
	if v := g.visits[store]; v.leases > 1 {
		v.leases--
	} else {
		delete(g.visits, store)
		s.own().widenLocked(store)
	}
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
		s.wakeLocked()
	}
}

// refuse lets nobody in any more and starts no further process, and returns the slot and its canaries.
func (s *slot) refuse() (all []*slot) {
	s.update(func() {
		all = append(all, s)
		all = append(all, s.canaries...)
		for _, slot := range all {
			slot.refusing = true
			slot.wakeLocked()
		}
	})
	return all
}

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
