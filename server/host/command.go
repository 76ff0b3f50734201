package host

import (
	"context"
	"fmt"
	"sync"

	"github.com/relaishq/relais/server/problem"
)

// maxRetiring bounds the processes of one slot that have calls to finish, so that swaps in a row do not pile them up.
const maxRetiring = 4

// command begins a command of the operator, one at a time. The context that it returns ends with the host too. The caller calls end
// when the outcome is decided; calling it twice is fine.
func (s *slot) command(ctx context.Context) (_ context.Context, end func(), err error) {
	return s.commandTo(ctx, false)
}

// commandTo is command. With room it is not refused because too many processes retire: a rollback ends the oldest of them (makeRoom), and an
// unload starts none.
func (s *slot) commandTo(ctx context.Context, room bool) (_ context.Context, end func(), err error) {
	if err := s.beginCommand(room); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	end = sync.OnceFunc(func() {
		stop()
		cancel()
		s.mu.Lock()
		s.commanded = false
		s.mu.Unlock()
		s.commands.Done()
	})
	// Who removes copies at this moment does not know of the command yet.
	unlock, err := s.lockPublishing(ctx)
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("wait for adapter %s: %w", s.name, err)
	}
	unlock()
	return ctx, end, nil
}

func (s *slot) beginCommand(room bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	retiring := len(s.unhurriedLocked())
	switch {
	case s.refusing:
		return stoppingProblem()
	case s.ended:
		return s.notInstalled()
	case s.commanded:
		return problem.New(problem.Precondition, problem.ReasonSwapUnderWay,
			"another command for adapter %s is under way; watch it with \"relais adapter watch\" and try again", s.name).With("adapter", s.name)
	case retiring >= maxRetiring && !room:
		return problem.New(problem.Precondition, problem.ReasonTooManyRetiring,
			"%d processes of adapter %s that served before still finish their calls; try again when one of them is gone, \"relais adapter get %s\" "+
				"lists them, or roll back, which ends the oldest", retiring, s.name, s.name).With("adapter", s.name)
	}
	s.commanded = true
	s.commands.Add(1)
	return nil
}

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

// unhurriedLocked are the generations that retire and may take their time, the oldest first, those of canaries last.
func (s *slot) unhurriedLocked() (all []*generation) {
	for _, slot := range append([]*slot{s}, s.canaries...) {
		for _, g := range slot.retiring {
			if !g.hurried {
				all = append(all, g)
			}
		}
	}
	return all
}
