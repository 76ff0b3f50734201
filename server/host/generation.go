package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/launch"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host/release"
)

// generation is one running process of an adapter.
type generation struct {
	number      int64
	release     release.Release // its version is known after the probe
	process     *launch.Process
	description *adapterv1.DescribeResponse // after the probe
	startTime   time.Time                   // when it began to serve, UTC
	log         *slog.Logger

	retiring chan struct{} // closed when another one serves in its place
	idle     chan struct{} // closed when it retires and no lease is out
	hurry    chan struct{} // closed when it must not wait for its calls any more
	gone     chan struct{} // closed when nothing of it is left

	// The fields below are guarded by slot.mu.

	leases       int
	visits       map[string]*visit // the leases by store
	finished     int               // leases on which a call succeeded
	unresponsive bool              // the watchdog waits for an answer
	retired      bool              // retiring is closed
	retireAt     time.Time         // when it was, UTC
	killed       bool              // it did not end by itself
	hurried      bool              // hurry is closed
	cut          int               // leases that were out when it was ended
}

// visit is a store's leases on a generation.
type visit struct {
	leases int
	share  float64       // of the store's rate budget, as lent last: an adapter keeps all of the store's calls to that
	moved  chan struct{} // see Lease.Retiring; closed and replaced, unless the generation retires
}

// Why the host itself ended a generation.
var (
	errUnresponsive = errors.New("the adapter stopped answering")
	errTooLarge     = errors.New("the adapter used more memory than it may")
	errHostStopping = errors.New("the server is stopping")
	errMadeRoom     = errors.New("too many processes retire, and a rollback needed the place of the oldest")
	errRetired      = errors.New("another generation serves in its place")
)

// launch starts a process of this slot's adapter from a candidate, as a generation that serves nobody yet. Nothing is
// left behind when it fails.
func (s *slot) launch(ctx context.Context, c candidate) (*generation, error) {
	own := s.own() // numbers are the adapter's
	s.mu.Lock()
	own.number++
	number := own.number
	s.mu.Unlock()
	log := s.log.With(slog.Int64("generation", number))
	sockets, err := s.sockets.ready(ctx)
	if err != nil {
		return nil, outage{err}
	}
	process, err := launch.Start(ctx, launch.Config{
		Path: c.path, Name: c.called(), SHA256: c.sum, Logger: log, LogLevel: s.cfg.LogLevel, Env: s.env(), SocketDir: sockets,
		StartTimeout: s.cfg.StartTimeout, KillTimeout: s.cfg.KillTimeout,
	})
	if err != nil {
		return nil, err
	}
	return &generation{
		number: number, release: release.Release{SHA256: c.sum}, process: process, log: log,
		retiring: make(chan struct{}), idle: make(chan struct{}), hurry: make(chan struct{}), gone: make(chan struct{}),
		visits: make(map[string]*visit),
	}, nil
}

// env is what the adapters of this host get in their environment.
func (s *slot) env() []string {
	if s.cfg.MemoryLimit <= 0 {
		return s.cfg.Env
	}
	// Below the limit, so that the runtime collects harder before the host has to end the process.
	return append(s.cfg.Env[:len(s.cfg.Env):len(s.cfg.Env)], fmt.Sprintf("GOMEMLIMIT=%d", s.cfg.MemoryLimit/10*9))
}

// describe asks the watchdog's question.
func (g *generation) describe(ctx context.Context, timeout time.Duration) (*adapterv1.DescribeResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return adapterv1.NewMarketplaceAdapterServiceClient(g.process.Conn()).Describe(ctx, &adapterv1.DescribeRequest{})
}

// watch returns when the generation must not run any more, and says why. A process whose end nobody sees from outside, because it
// is stopped or stuck, is found by asking: go-plugin's health check is answered by a goroutine of its own and proves nothing.
// unresponsive is told when an answer is missed, and when one comes after that. From the first miss on it is asked all the time, and each
// miss counts: the watchdog's next turn can be further away than callers wait at the gate.
func (g *generation) watch(ctx context.Context, cfg Config, unresponsive func(bool)) error {
	ticker := time.NewTicker(cfg.WatchInterval)
	defer ticker.Stop()
	memory := time.NewTicker(cfg.MemoryInterval)
	defer memory.Stop()
	retiring, turn := g.retiring, ticker.C
	var deadline, again <-chan time.Time
	for misses := 0; ; {
		select {
		case <-ctx.Done():
			return errHostStopping
		case <-g.process.Done():
			return g.process.Err()
		case <-g.idle:
			return errRetired
		case <-retiring:
			retiring = nil
			timer := time.NewTimer(cfg.RetireTimeout)
			defer timer.Stop() //nolint:gocritic // at most once
			deadline = timer.C
			continue
		case <-deadline:
			return errRetired
		case <-g.hurry:
			return errMadeRoom
		case <-memory.C:
			if cfg.MemoryLimit <= 0 {
				continue
			}
			if size := residentBytes(g.process.PID()); size > cfg.MemoryLimit {
				return fmt.Errorf("%w: %d bytes resident, %d allowed", errTooLarge, size, cfg.MemoryLimit)
			}
			continue
		case <-turn:
		case <-again:
		}
		asked := time.Now()
		_, err := g.describe(ctx, cfg.WatchTimeout)
		switch {
		case err == nil:
			if misses > 0 {
				g.log.Info("adapter answers the watchdog again", slog.Int("misses", misses))
				unresponsive(false)
			}
			misses, turn, again = 0, ticker.C, nil
			continue
		case ctx.Err() != nil || g.process.Err() != nil:
			continue
		}
		misses++
		g.log.Warn("adapter missed the watchdog", slog.Int("misses", misses), slog.String("code", status.Code(err).String()))
		unresponsive(true)
		if misses >= cfg.WatchMisses {
			return fmt.Errorf("%w: %d questions in a row, %v each", errUnresponsive, misses, cfg.WatchTimeout)
		}
		// An error that comes at once is a miss too, and must not use up the others in no time.
		turn, again = nil, time.After(time.Until(asked.Add(cfg.WatchTimeout+cfg.WatchTimeout/4)))
	}
}

// end stops the process, at once when it is known not to listen, and waits until nothing of it is left. It does so also when the
// context has ended already; the wait has a bound of its own.
func (g *generation) end(ctx context.Context, killTimeout time.Duration, atOnce bool) {
	const margin = 10 * time.Second // for reaping, and for a log that is slow
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout+margin)
	defer cancel()
	stop := g.process.Stop
	if atOnce {
		stop = g.process.Kill
	}
	if err := stop(ctx); err != nil {
		g.log.Error("adapter process not cleaned up", slog.Any("error", err))
	}
}
