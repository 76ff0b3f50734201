package host

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// livePins reads the pins and forgets those that expired while the server was not there, and those of adapters that are unloaded: an
// earlier server had no time to forget them.
func (h *Host) livePins(ctx context.Context, desired []release.Desired) ([]release.Pin, error) {
	all, err := h.cfg.Releases.Pins(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which stores are pinned: %w", err)
	}
	now := time.Now()
	live := all[:0:0]
	for _, p := range all {
		unloaded := slices.ContainsFunc(desired, func(d release.Desired) bool { return d.Adapter == p.Adapter && d.Unloaded })
		if p.ExpireTime.After(now) && !unloaded {
			live = append(live, p)
		} else if err := h.cfg.Releases.DeletePin(ctx, p.Adapter, p.Store); err != nil {
			return nil, fmt.Errorf("forget a pin that is over: %w", err)
		}
	}
	return live, nil
}

// restorePin brings a pin back after a restart of the server.
func (s *slot) restorePin(p release.Pin) {
	s.tried.described(s.name, p.Release)
	s.update(func() {
		if p.Ended != "" {
			s.pins[p.Store] = &pin{Pin: p}
			return
		}
		i := slices.IndexFunc(s.canaries, func(c *slot) bool { return c.desired.Release.SHA256 == p.Release.SHA256 })
		if i < 0 {
			s.addCanaryLocked(s.newCanary(p.Release))
			i = len(s.canaries) - 1
		}
		s.pinLocked(p, s.canaries[i])
	})
}

// canaryLocked is the canary to which a store is pinned; nil when it is not.
func (s *slot) canaryLocked(store string) *slot {
	if p := s.pins[store]; p != nil {
		return p.canary
	}
	return nil
}

// canaryFor returns the slot in which a release serves already beside the adapter's own; nil when there is none.
func (s *slot) canaryFor(sum string) (*slot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	running := 0
	for _, c := range s.canaries {
		switch {
		case c.ended:
		case c.desired.Release.SHA256 != sum:
			running++
		case !c.servesLocked():
			return nil, c.notNowLocked()
		default:
			return c, nil
		}
	}
	if running >= maxCanaries {
		return nil, problem.New(problem.Precondition, problem.ReasonTooManyPins,
			"stores are pinned to %d releases of adapter %s already; unpin them from one first", running, s.name).With("adapter", s.name)
	}
	return nil, nil
}

// newCanary returns a slot beside this one that will serve one release.
func (s *slot) newCanary(r release.Release) *slot {
	return &slot{
		cfg: s.cfg, name: s.name, library: s.library, sockets: s.sockets, tried: s.tried, life: s.life, notify: s.notify, of: s, mu: s.mu,
		log:        s.log.With(slog.Bool("pinned", true)),
		publishing: make(chan struct{}, 1), changed: make(chan struct{}),
		desired: release.Desired{Adapter: s.name, Release: r}, message: startingMessage, lostTime: time.Now(),
		pauses:  newBackoff(s.cfg.BackoffMin, s.cfg.BackoffMax, rand.Float64),
		breaker: newBreaker(s.cfg, rand.Float64),
	}
}

// addCanaryLocked adds a canary and lets it run.
func (s *slot) addCanaryLocked(c *slot) {
	s.canaries = append(s.canaries, c)
	s.keepers.Go(c.runCanary)
}

// runCanary keeps a canary serving until no store is pinned to it and its calls are finished, or the host stops.
func (s *slot) runCanary() {
	s.run()
	own := s.of
	own.update(func() {
		if s.ended { // else it comes back when the host does
			own.canaries = slices.DeleteFunc(slices.Clone(own.canaries), func(c *slot) bool { return c == s })
		}
	})
	own.tidy()
}

// pinLocked lets a store's calls go to a canary.
func (s *slot) pinLocked(p release.Pin, c *slot) {
	before := s.canaryLocked(p.Store)
	s.pins[p.Store] = &pin{Pin: p, canary: c}
	s.moveLocked(p.Store, c)
	s.leftLocked(before)
}

// unpinLocked lets them go to the release that serves, and forgets the pin.
func (s *slot) unpinLocked(store string) {
	before := s.canaryLocked(store)
	delete(s.pins, store)
	s.moveLocked(store, s)
	s.leftLocked(before)
}

// moveLocked tells the calls of a store that are on other slots that its calls go to this one now.
func (s *slot) moveLocked(store string, to *slot) {
	for _, from := range append([]*slot{s}, s.canaries...) {
		if from == to || from.serving == nil {
			continue
		}
		if v := from.serving.visits[store]; v != nil {
			v.move()
		}
	}
}

// leftLocked ends a canary that a store left when it was the last, and wakes those who wait for it in any case.
func (s *slot) leftLocked(c *slot) {
	if c == nil {
		return
	}
	c.wakeLocked()
	for _, p := range s.pins {
		if p.canary == c {
			return
		}
	}
	c.ended = true
	c.overtakeLocked()
	if c.serving != nil {
		c.retireLocked(c.serving)
	}
}

// endPins ends the pins to a canary whose processes end again and again: its stores must not stand still.
func (s *slot) endPins(c *slot, why error) {
	unlock, err := s.lockPublishing(s.life)
	if err != nil {
		return // the host stops
	}
	defer unlock()
	var ended []release.Pin
	s.update(func() {
		for store, p := range s.pins {
			if p.canary == c {
				p.canary, p.Ended = nil, fmt.Sprintf("its release ended again and again: %v", why)
				ended = append(ended, p.Pin)
				s.moveLocked(store, s)
			}
		}
		s.leftLocked(c)
	})
	for _, p := range ended {
		s.log.ErrorContext(s.life, "pin ended: its release crashes again and again", slog.String("store", p.Store),
			slog.String("version", p.Release.Version), slog.String("sha256", p.Release.SHA256), slog.Any("reason", why))
		if err := s.savePin(s.life, p.Store); err != nil {
			s.log.ErrorContext(s.life, "end of a pin not saved", slog.String("store", p.Store), slog.Any("error", err))
			s.owePin(p.Store, p.Release.SHA256)
		}
	}
}

// expirePins ends the pins whose time has come, and those whose store is gone, until the host stops. It looks at them now and then in
// any case: a timer alone would not see that somebody set the clock.
func (s *slot) expirePins() {
	look := time.Now().Add(s.cfg.PinInterval)
	for s.life.Err() == nil {
		s.mu.Lock()
		changed, next := s.changed, look
		for _, p := range s.pins {
			if p.ExpireTime.Before(next) {
				next = p.ExpireTime
			}
		}
		s.mu.Unlock()
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
			s.expire(time.Now())
			if now := time.Now(); !now.Before(look) {
				s.dropGone()
				look = now.Add(s.cfg.PinInterval)
			}
		case <-changed:
		case <-s.life.Done():
		}
		timer.Stop()
	}
}

// expire ends the pins whose time has come.
func (s *slot) expire(now time.Time) {
	unlock, err := s.lockPublishing(s.life)
	if err != nil {
		return // the host stops
	}
	defer unlock()
	s.mu.Lock()
	var over []string
	for store, p := range s.pins {
		if !p.ExpireTime.After(now) {
			over = append(over, store)
		}
	}
	s.mu.Unlock()
	s.forget(over, "its time is over")
}

// dropGone ends the pins that the database does not have any more: their store was disconnected, or left the adapter. One that came back
// meanwhile is not pinned any more either.
func (s *slot) dropGone() {
	unlock, err := s.lockPublishing(s.life)
	if err != nil {
		return // the host stops
	}
	defer unlock()
	s.mu.Lock()
	gone := slices.Collect(maps.Keys(s.pins))
	s.mu.Unlock()
	if len(gone) == 0 {
		return
	}
	saved, err := s.cfg.Releases.Pins(s.life)
	if err != nil {
		s.log.WarnContext(s.life, "pins not looked at", slog.Any("error", err))
		return
	}
	for _, p := range saved {
		gone = slices.DeleteFunc(gone, func(store string) bool { return p.Adapter == s.name && p.Store == store })
	}
	s.forget(gone, "its store is not connected through the adapter any more")
}

// forget ends pins; the caller holds publishing. One that cannot be deleted from the database is owed.
func (s *slot) forget(stores []string, why string) {
	if len(stores) == 0 {
		return
	}
	sums := make(map[string]string)
	s.update(func() {
		for _, store := range stores {
			sums[store] = s.pins[store].Release.SHA256
			s.unpinLocked(store)
		}
	})
	for _, store := range stores {
		s.log.InfoContext(s.life, "pin ended", slog.String("store", store), slog.String("reason", why))
		if err := s.savePin(s.life, store); err != nil {
			s.log.ErrorContext(s.life, "pin not deleted", slog.String("store", store), slog.Any("error", err))
			s.owePin(store, sums[store])
		}
	}
}
