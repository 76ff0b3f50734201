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
)

// generation is one running process of an adapter that passed the probe.
type generation struct {
	number      int64
	release     *release
	process     *launch.Process
	description *adapterv1.DescribeResponse
	startTime   time.Time // UTC
	log         *slog.Logger

	leases int // guarded by slot.mu
}

// Why the host itself ended a generation.
var (
	errUnresponsive = errors.New("the adapter stopped answering")
	errHostStopping = errors.New("the server is stopping")
)

// startGeneration launches the next process and probes it. Nothing is left behind when it fails.
func (s *slot) startGeneration(ctx context.Context) (*generation, error) {
	copied, number, err := s.nextRelease()
	if err != nil {
		return nil, err
	}
	log := s.log.With(slog.Int64("generation", number))
	process, err := launch.Start(ctx, launch.Config{
		Path: copied.path, SHA256: copied.sha256, Logger: log, LogLevel: s.cfg.LogLevel, Env: s.cfg.Env,
		SocketDir: s.work.sockets, StartTimeout: s.cfg.StartTimeout, KillTimeout: s.cfg.KillTimeout,
	})
	if err != nil {
		return nil, err
	}
	g := &generation{number: number, release: copied, process: process, log: log}
	if err := g.probe(ctx, s.name, s.cfg.StartTimeout); err != nil {
		g.end(ctx, s.cfg.KillTimeout, false)
		return nil, err
	}
	return g, nil
}

// nextRelease numbers the next generation and returns the copy that it runs. A copy that has served is kept, whatever happens to
// the file in the plugin directory; before that the file is copied anew, so that mending it is enough.
func (s *slot) nextRelease() (*release, int64, error) {
	s.mu.Lock()
	previous, proven := s.release, s.proven
	s.number++
	number := s.number
	s.mu.Unlock()
	if proven {
		return previous, number, nil
	}
	copied, err := s.work.install(s.name, s.source)
	if err != nil {
		return nil, 0, err
	}
	if previous != nil && previous.path != copied.path {
		s.work.remove(previous)
	}
	s.update(func() { s.release = copied })
	return copied, number, nil
}

// probe asks the process what it is, and refuses an adapter that is not the one of this slot.
func (g *generation) probe(ctx context.Context, name string, timeout time.Duration) error {
	description, err := g.describe(ctx, timeout)
	if err != nil {
		return fmt.Errorf("the adapter does not describe itself: %w", err)
	}
	if got := description.GetAdapter(); got != name {
		return fmt.Errorf("the file is named for adapter %q and holds adapter %.64q; rename it", name, got)
	}
	g.description, g.startTime = description, time.Now().UTC()
	return nil
}

// describe asks the watchdog's question.
func (g *generation) describe(ctx context.Context, timeout time.Duration) (*adapterv1.DescribeResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return adapterv1.NewMarketplaceAdapterServiceClient(g.process.Conn()).Describe(ctx, &adapterv1.DescribeRequest{})
}

// watch returns when the generation must not serve any more, and says why. A process whose end nobody sees from outside, because
// it is stopped or stuck, is found by asking: go-plugin's health check is answered by a goroutine of its own and proves nothing.
func (g *generation) watch(ctx context.Context, cfg Config) error {
	ticker := time.NewTicker(cfg.WatchInterval)
	defer ticker.Stop()
	for misses := 0; ; {
		select {
		case <-ctx.Done():
			return errHostStopping
		case <-g.process.Done():
			return g.process.Err()
		case <-ticker.C:
		}
		if _, err := g.describe(ctx, cfg.WatchTimeout); err == nil {
			misses = 0
			continue
		} else if ctx.Err() == nil && g.process.Err() == nil {
			misses++
			g.log.Warn("adapter missed the watchdog", slog.Int("misses", misses), slog.String("code", status.Code(err).String()))
		}
		if misses >= cfg.WatchMisses {
			return fmt.Errorf("%w: %d questions in a row, %v each", errUnresponsive, misses, cfg.WatchTimeout)
		}
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
