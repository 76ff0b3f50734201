package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/relaishq/relais/server/host/release"
)

// debts are what the database says of a slot and should not: something was saved and did not come about, or ended and could not be
// saved. What the slot itself knows is right, and is saved again until that works: the next server believes the database. Until then the
// releases that the database names are kept.
type debts struct {
	slot    bool              // whether the desired release is wrong there
	release string            // its hash
	pins    map[string]string // the stores whose pin is wrong there, each with the hash of that pin's release
}

// any reports whether something is owed.
func (d *debts) any() bool { return d.slot || len(d.pins) > 0 }

// releases are the hashes that the database names.
func (d *debts) releases() []string { return append(slices.Collect(maps.Values(d.pins)), d.release) }

// owe notes that the database names a release that does not serve.
func (s *slot) owe(sum string) {
	s.update(func() { s.owed.slot, s.owed.release = true, sum })
}

// owePin notes that the database has a pin of a store to a release that the slot does not have, or has otherwise.
func (s *slot) owePin(store, sum string) {
	s.update(func() {
		if s.owed.pins == nil {
			s.owed.pins = make(map[string]string)
		}
		s.owed.pins[store] = sum
	})
}

// owes reports whether something is owed, and whether that is the desired release.
func (s *slot) owes() (anything, slot bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owed.any(), s.owed.slot
}

// paid notes that the desired release was saved.
func (s *slot) paid() {
	s.mu.Lock()
	s.owed.slot, s.owed.release = false, ""
	s.mu.Unlock()
}

// paidPin notes that the database is right about the pin of a store.
func (s *slot) paidPin(store string) {
	s.mu.Lock()
	delete(s.owed.pins, store)
	s.mu.Unlock()
}

// undoTimeout bounds the taking back of what was saved: the host waits for it when it stops.
const undoTimeout = 10 * time.Second

// undoAttempts is how often it is tried when the host stops, and nobody does later.
const undoAttempts = 4

// takeBack saves what is right after a command whose outcome was saved and did not come about; the caller holds publishing. When that
// fails it is left to settleDebts. The end of the command's context is no reason to leave it.
func (s *slot) takeBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	pauses := newBackoff(s.cfg.BackoffMin, s.cfg.BackoffMax, rand.Float64)
	for range undoAttempts {
		err := s.pay(ctx)
		if err == nil {
			return
		}
		s.log.ErrorContext(ctx, "what was saved is not taken back", slog.Any("error", err))
		if !s.stopping() {
			return
		}
		select {
		case <-time.After(pauses.next()):
		case <-ctx.Done():
			return
		}
	}
}

// settleDebts pays what is owed, until the host stops.
func (s *slot) settleDebts() {
	pauses := newBackoff(s.cfg.BackoffMin, s.cfg.BackoffMax, rand.Float64)
	for s.life.Err() == nil {
		s.mu.Lock()
		changed, owes := s.changed, s.owed.any()
		s.mu.Unlock()
		var again <-chan time.Time
		if owes {
			changed, again = nil, time.After(pauses.next())
		} else {
			pauses.reset()
		}
		select {
		case <-changed:
		case <-again:
			if err := s.settle(s.life); err == nil {
				s.log.Info("what was saved is right again")
				s.tidy()
			} else if s.life.Err() == nil {
				s.log.Error("what was saved is not taken back", slog.Any("error", err))
			}
		case <-s.life.Done():
		}
	}
}

// settle pays what is owed. It waits for whoever decides at this moment what is served.
func (s *slot) settle(ctx context.Context) error {
	unlock, err := s.lockPublishing(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return s.pay(ctx)
}

// pay saves what is right in the place of what is owed; the caller holds publishing.
func (s *slot) pay(ctx context.Context) error {
	s.mu.Lock()
	slot, desired := s.owed.slot, s.desired
	stores := slices.Sorted(maps.Keys(s.owed.pins))
	s.mu.Unlock()
	var failed error
	if slot {
		if failed = s.cfg.Releases.SaveDesiredRelease(ctx, desired); failed == nil {
			s.paid()
		}
	}
	for _, store := range stores {
		failed = errors.Join(failed, s.savePin(ctx, store))
	}
	if failed != nil {
		return fmt.Errorf("save what is served: %w", outage{failed})
	}
	return nil
}

// savePin saves what the slot knows of a store's pin.
func (s *slot) savePin(ctx context.Context, store string) error {
	s.mu.Lock()
	p := s.pins[store]
	s.mu.Unlock()
	var err error
	if p != nil {
		err = s.cfg.Releases.SavePin(ctx, p.Pin)
	} else {
		err = s.cfg.Releases.DeletePin(ctx, s.name, store)
	}
	if errors.Is(err, release.ErrNotConnected) {
		err = nil // nothing is left there that could be wrong; dropGone sees it
	}
	if err == nil {
		s.paidPin(store)
	}
	return err
}
