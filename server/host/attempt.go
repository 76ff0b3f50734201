package host

import (
	"context"
	"errors"
	"time"
)

// attempt starts a process for a slot that has none, until it serves, fails, or something else is decided meanwhile: a start can take as
// long as Config.StartTimeout, and a swap does not wait for it.
func (s *slot) attempt() {
	ctx, cancel := context.WithCancel(s.life)
	defer cancel()
	s.update(func() { s.retryAt, s.overtake = time.Time{}, cancel })
	if err := s.fill(ctx); err != nil && !errors.Is(err, errOvertaken) && !s.over() {
		s.failed(err, nil)
	}
}

// overtakeLocked ends a start that is under way, because another generation serves or none is wanted. How it ends is not noted: a release
// is not blamed for the failure of another.
func (s *slot) overtakeLocked() {
	if s.overtake != nil {
		s.overtake()
		s.overtake = nil
	}
}
