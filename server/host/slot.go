package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/problem"
)

// slot is where calls for one adapter go. Its run goroutine is the only one that starts and ends processes; callers only look at
// what it published.
type slot struct {
	cfg    Config
	name   string
	source string // the file in the plugin directory
	work   *workDir
	log    *slog.Logger

	mu       sync.Mutex // guards the fields below; never held across I/O
	state    State
	serving  *generation   // set while state is Serving
	last     *generation   // the last one that served
	release  *release      // the copy that was launched last
	proven   bool          // release has served: from then on it alone is launched
	number   int64         // of the last generation that was started
	restarts int           // processes that ended or did not start
	message  string        // why the slot is not serving
	cause    error         // the same as an error
	retryAt  time.Time     // when the next start is due; zero while one is under way
	refusing bool          // no more leases, no more starts
	changed  chan struct{} // closed and replaced when anything above changes
	draining chan struct{} // closed when refusing is set
}

func newSlot(cfg Config, name, source string, work *workDir) *slot {
	return &slot{
		cfg: cfg, name: name, source: source, work: work,
		log:     cfg.Logger.With(slog.String("adapter", name)),
		message: "it is being started",
		changed: make(chan struct{}), draining: make(chan struct{}),
	}
}

// update changes the guarded fields and wakes everyone who waits for a change.
func (s *slot) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// run keeps one process running until the context ends: start, serve, watch, clean up, pause, again.
func (s *slot) run(ctx context.Context) {
	defer s.update(func() { s.state, s.message, s.retryAt = Stopped, "the server is stopping", time.Time{} })
	pause := newBackoff(s.cfg.BackoffMin, s.cfg.BackoffMax, rand.Float64)
	for {
		err := s.serveOnce(ctx, pause)
		if s.over(ctx) {
			return
		}
		wait := pause.next()
		s.log.Warn("adapter restarts", slog.Duration("in", wait), slog.Any("reason", err))
		s.update(func() {
			s.state, s.message, s.cause = Restarting, err.Error(), err
			s.restarts++
			s.retryAt = time.Now().Add(wait)
		})
		if !s.wait(ctx, wait) {
			return
		}
		s.update(func() { s.retryAt = time.Time{} })
	}
}

// over reports whether no further process must be started.
func (s *slot) over(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusing || ctx.Err() != nil
}

// wait pauses and reports whether to go on.
func (s *slot) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.draining:
		return false
	case <-ctx.Done():
		return false
	}
}

// serveOnce runs one generation from start to end and returns why it ended, which is never nil.
func (s *slot) serveOnce(ctx context.Context, pause *backoff) error {
	begin := time.Now()
	g, err := s.startGeneration(ctx)
	if err != nil {
		return err
	}
	s.update(func() {
		s.state, s.serving, s.last, s.proven, s.message, s.cause = Serving, g, g, true, "", nil
	})
	g.log.Info("adapter serving", slog.Int("pid", g.process.PID()), slog.String("version", g.description.GetVersion()),
		slog.String("sha256", g.release.sha256), slog.Duration("took", time.Since(begin)))
	err = g.watch(ctx, s.cfg)
	s.update(func() {
		s.state, s.serving, s.message, s.cause = Restarting, nil, err.Error(), err
	})
	if time.Since(g.startTime) >= s.cfg.HealthyAfter {
		pause.reset()
	}
	// The next process is started when nothing of this one is left: two at once would spend one store's rate budget twice.
	g.end(ctx, s.cfg.KillTimeout, errors.Is(err, errUnresponsive))
	return err
}

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
// generation whose connection is lost is not lent, although run has not taken it down yet.
func (s *slot) tryLease(latest time.Time) (*Lease, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.refusing:
		return nil, nil, problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; send the request again later")
	case s.serving != nil && s.serving.process.Ready():
		s.serving.leases++
		return &Lease{slot: s, generation: s.serving}, nil, nil
	case s.retryAt.After(latest):
		return nil, nil, s.downLocked(nil)
	default:
		return nil, s.changed, nil
	}
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
		"adapter %s is not running; the server starts it again by itself, its operator sees why with \"relais adapter list\"", s.name)
	p.RetryAfter = max(time.Until(s.retryAt), minRetryAfter)
	p.Cause = errors.Join(s.cause, cause)
	return p.With("adapter", s.name)
}

// releaseLease counts a caller out.
func (s *slot) releaseLease(g *generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.leases--
	if s.refusing && g.leases == 0 {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// refuse lets nobody in any more and starts no further process.
func (s *slot) refuse() {
	s.update(func() {
		if !s.refusing {
			s.refusing = true
			close(s.draining)
		}
	})
}

// awaitIdle returns when no lease on a living generation is out.
func (s *slot) awaitIdle(ctx context.Context) error {
	for {
		s.mu.Lock()
		leases := 0
		if s.serving != nil {
			leases = s.serving.leases
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

// status describes the slot.
func (s *slot) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Name: s.name, DisplayName: s.name, State: s.state, Restarts: s.restarts, Message: s.message}
	if s.release != nil {
		status.SHA256 = s.release.sha256
	}
	if g := s.last; g != nil {
		status.DisplayName, status.Marketplace = g.description.GetDisplayName(), g.description.GetMarketplace()
		status.Generation, status.Version = g.number, g.description.GetVersion()
		status.Protocol, status.StartTime = handshake.ProtocolName, g.startTime
		status.Description = g.description
	}
	if g := s.serving; g != nil {
		status.PID, status.Leases = g.process.PID(), g.leases
	}
	return status
}
