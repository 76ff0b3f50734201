package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/server/host/release"
)

// errOvertaken says that another generation serves already, or that none is wanted any more.
var errOvertaken = errors.New("another generation serves already")

// publish lets a generation that was started because none served, and passed the probe, serve, unless that was decided otherwise
// meanwhile. After an error the slot is as it was, and the caller ends the generation. copied is nil for a release that is in the library.
func (s *slot) publish(ctx context.Context, g *generation, copied *release.Copy) error {
	unlock, err := s.lockPublishing(ctx)
	if err != nil {
		return fmt.Errorf("publish the generation: %w", err)
	}
	defer unlock()
	s.mu.Lock()
	desired, vacant := s.desired, s.serving == nil
	s.mu.Unlock()
	wanted := desired.Release.IsZero() || desired.Release.SHA256 == g.release.SHA256
	if !vacant || !wanted || desired.Unloaded {
		return errOvertaken
	}
	_, err = s.serve(ctx, g, copied)
	return err
}

// replace lets the generation of a swap serve, and returns the one whose place it takes, if there is one. Otherwise it is as publish.
func (s *slot) replace(ctx context.Context, g *generation, copied *release.Copy) (*generation, error) {
	unlock, err := s.lockPublishing(ctx)
	if err != nil {
		return nil, fmt.Errorf("publish the generation: %w", err)
	}
	defer unlock()
	if err := s.suits(ctx, g.description, g.release, s.useOfAll); err != nil {
		return nil, err
	}
	return s.serve(ctx, g, copied)
}

// serve saves which release is served, and then lets the generation do so: a server that is killed in between starts the one that was
// about to serve. The caller holds publishing.
func (s *slot) serve(ctx context.Context, g *generation, copied *release.Copy) (*generation, error) {
	s.mu.Lock()
	before := s.desired
	s.mu.Unlock()
	after := nextDesired(before, g.release)
	if err := s.save(ctx, before, after, copied); err != nil {
		return nil, err
	}
	old, err := s.show(g, after)
	if err == nil || after == before || s.of != nil {
		return old, err
	}
	s.owe(after.Release.SHA256)
	s.takeBack(ctx)
	return nil, err
}

// nextDesired is what is desired when a release serves.
func nextDesired(before release.Desired, serves release.Release) release.Desired {
	after := before
	if after.Release.SHA256 != serves.SHA256 {
		after.Previous = after.Release
	}
	after.Release, after.Unloaded = serves, false
	if after != before {
		after.ChangeTime = time.Now().UTC()
	}
	return after
}

// save keeps the copy and writes down what is desired, if that is anything new. What a canary serves is in the pins.
func (s *slot) save(ctx context.Context, before, after release.Desired, copied *release.Copy) error {
	if copied != nil {
		if err := copied.Adopt(); err != nil {
			return err
		}
	}
	if _, wrong := s.owes(); s.of != nil || after == before && !wrong {
		return nil
	}
	if err := s.cfg.Releases.SaveDesiredRelease(ctx, after); err != nil {
		return fmt.Errorf("save which release is served: %w", outage{err})
	}
	s.paid()
	return nil
}

// show is the instant from which callers get the generation. The one that served retires and is returned.
func (s *slot) show(g *generation, desired release.Desired) (old *generation, err error) {
	s.update(func() { old, err = s.showLocked(g, desired) })
	if err == nil {
		s.tried.served(s.name, g.release)
		g.log.Info("adapter serving", slog.Int("pid", g.process.PID()), slog.String("version", g.release.Version),
			slog.String("sha256", g.release.SHA256))
	}
	return old, err
}

func (s *slot) showLocked(g *generation, desired release.Desired) (old *generation, err error) {
	switch {
	case s.refusing:
		return nil, errHostStopping
	case s.ended:
		return nil, errOvertaken
	case !g.process.Ready():
		// Err may lag behind: the connection is lost first.
		return nil, fmt.Errorf("the process ended after the probe: %w", cmp.Or(g.process.Err(), launch.ErrConnectionLost))
	}
	s.overtakeLocked()
	if old = s.serving; old != nil {
		s.retireLocked(old)
	}
	if desired.Release.SHA256 != s.desired.Release.SHA256 {
		s.pauses.reset()
		s.breaker.reset()
	}
	g.startTime = time.Now().UTC()
	s.desired, s.serving, s.last = desired, g, g
	s.state, s.message, s.cause, s.retryAt, s.lostTime = Serving, "", nil, time.Time{}, time.Time{}
	s.keepers.Go(func() { s.keep(g) })
	if s.of != nil { // stores that went elsewhere meanwhile come back
		for store, p := range s.of.pins {
			if p.canary == s {
				s.of.moveLocked(store, s)
			}
		}
	}
	return old, nil
}

// retireLocked takes a generation out of service: it gets no more leases, and ends when those that are out are given back, or at
// Config.RetireTimeout.
func (s *slot) retireLocked(g *generation) {
	s.serving = nil
	s.retiring = append(s.retiring, g)
	g.retired, g.retireAt = true, time.Now().UTC()
	close(g.retiring)
	for _, v := range g.visits {
		close(v.moved)
	}
	if g.leases == 0 {
		close(g.idle)
	}
}

// lockPublishing takes publishing until unlock, unless the context has ended.
func (s *slot) lockPublishing(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil { // select would choose by chance
		return nil, err
	}
	select {
	case s.publishing <- struct{}{}:
		return func() { <-s.publishing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
