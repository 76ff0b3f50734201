package host

import (
	"context"
	"fmt"

)

// aside begins what the operator may do beside a command, because it is decided at once: under publishing, which it takes. The context
// that it returns ends with the host too. The caller calls end.
func (s *slot) aside(ctx context.Context) (_ context.Context, end func(), err error) {
	s.mu.Lock()
	refusing := s.refusing
	if !refusing {
		s.commands.Add(1)
	}
	s.mu.Unlock()
	if refusing {
		return nil, nil, stoppingProblem()
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	release := func() {
		stop()
		cancel()
		s.commands.Done()
	}
	unlock, err := s.lockPublishing(ctx)
	if err != nil {
		release()
		return nil, nil, fmt.Errorf("wait for adapter %s: %w", s.name, err)
	}
	return ctx, func() { unlock(); release() }, nil
}

// makeRoom ends the oldest of too many generations that retire, but not the one that retired just now: it has the most calls to finish.
func (s *slot) makeRoom(latest *generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	retiring := s.unhurriedLocked()
	if len(retiring) <= maxRetiring {
		return
	}
	for _, g := range retiring {
		if g != latest {
			g.hurried = true
			close(g.hurry)
			return
		}
	}
}
