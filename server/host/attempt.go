package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relaishq/relais/adapters/launch"
)

// attempt starts a process for a slot that has none, until it serves, fails, or something else is decided meanwhile: a start can take as
// long as Config.StartTimeout, and a swap does not wait for it.
func (s *slot) attempt() {
	ctx, cancel := context.WithCancel(s.life)
	defer cancel()
	if !s.beginAttempt(cancel) {
		return
	}
	err := s.fill(ctx)
	s.update(func() { s.starting = false })
	if err != nil && !errors.Is(err, errOvertaken) && !s.over() {
		s.failed(err, nil)
	}
}

// beginAttempt notes that a start is under way, unless something was decided since the slot was seen to have none: who unloads it, or
// swaps, finds the start or keeps it from beginning.
func (s *slot) beginAttempt(overtake func()) (begun bool) {
	s.update(func() {
		if begun = s.serving == nil && !s.desired.Unloaded && !s.ended && !s.refusing; begun {
			s.retryAt, s.overtake, s.starting = time.Time{}, overtake, true
		}
	})
	return begun
}

// overtakeLocked ends a start that is under way, because another generation serves or none is wanted. How it ends is not noted: a release
// is not blamed for the failure of another.
func (s *slot) overtakeLocked() {
	if s.overtake != nil {
		s.overtake()
		s.overtake = nil
	}
}

// unstarted is a failure before there was a process of the release: its file could not be had, or the machine gave none. It says nothing of
// the release, and may pass.
type unstarted struct{ cause error }

// Error returns the cause's text.
func (u unstarted) Error() string { return u.cause.Error() }

// Unwrap returns the cause.
func (u unstarted) Unwrap() error { return u.cause }

// ranErrors are the failures of launch that a process of the release caused.
func ranErrors() []error {
	return []error{launch.ErrNotAdapter, launch.ErrIncompatible, launch.ErrExited, launch.ErrStartTimeout}
}

// judgeStart marks the failure of launching a release when no process of it ran.
func judgeStart(err error) error {
	if slices.ContainsFunc(ranErrors(), func(ran error) bool { return errors.Is(err, ran) }) {
		return err
	}
	return unstarted{err}
}

// spares reports whether a failure does not count towards a crash loop: in a canary that would end the pins, although the release may be
// as good as ever, and its stores are served by another one meanwhile.
func (s *slot) spares(err error) bool { return s.of != nil && neverRan(err) }

// neverRan reports whether a failure was one before there was a process.
func neverRan(err error) bool {
	var u unstarted
	return errors.As(err, &u)
}

// downMessage is what an operator reads of a slot that does not serve. Of one that nothing ran in it tells that nobody has to start it.
func downMessage(err error) string {
	if neverRan(err) {
		return fmt.Sprintf("it cannot be started, which is tried again by itself: %v", err)
	}
	return err.Error()
}
