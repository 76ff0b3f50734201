package host

import (
	"errors"
	"log/slog"
	"slices"
)

// keep watches a generation that serves, or served, until it must end, and cleans up after it.
func (s *slot) keep(g *generation) {
	defer close(g.gone)
	err := g.watch(s.life, s.cfg, func(unresponsive bool) { s.update(func() { s.unresponsiveLocked(g, unresponsive) }) })
	retired := s.takeOut(g, err)
	g.end(s.life, s.cfg.KillTimeout, errors.Is(err, errUnresponsive) || errors.Is(err, errTooLarge))
	s.update(func() {
		g.killed = g.process.Killed()
		if retired {
			s.retiring = slices.DeleteFunc(s.retiring, func(other *generation) bool { return other == g })
		} else {
			s.dying--
		}
	})
	s.own().tidy()
}

// takeOut takes a generation that must end out of service, and reports whether it had retired before.
func (s *slot) takeOut(g *generation, why error) (retired bool) {
	s.mu.Lock()
	retired, g.cut = g.retired, g.leases
	cut, stopping := g.cut, errors.Is(why, errHostStopping)
	if !retired {
		s.serving = nil
		s.lostLocked()
		s.dying++
		s.state, s.message, s.cause = Restarting, why.Error(), why
	}
	s.mu.Unlock()
	switch {
	case stopping:
	case !retired:
		s.failed(why, g)
	case cut > 0:
		g.log.Warn("adapter generation retired with calls cut short", slog.Int("calls", cut), slog.Any("reason", why))
	default:
		g.log.Info("adapter generation retired")
	}
	return retired
}

// tidy removes the copies that nothing needs any more. While a command of the operator is under way it is left to that.
func (s *slot) tidy() { s.pruneUnless(true) }

// prune is tidy at the end of a command.
func (s *slot) prune() { s.pruneUnless(false) }

func (s *slot) pruneUnless(commanded bool) {
	s.publishing <- struct{}{} // held by others for as long as a database takes
	defer func() { <-s.publishing }()
	s.mu.Lock()
	if commanded && s.commanded {
		s.mu.Unlock()
		return
	}
	keep := append(s.owed.releases(), s.desired.Release.SHA256, s.desired.Previous.SHA256)
	for _, c := range s.canaries {
		keep = append(keep, c.desired.Release.SHA256)
	}
	for _, g := range s.retiring {
		keep = append(keep, g.release.SHA256)
	}
	s.mu.Unlock()
	s.library.Prune(s.name, keep)
}
