package adapter

import (
	"context"
	"errors"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// read makes a call for a store that changes nothing at the marketplace. When the process ends under the call, it is made once more,
// on the next process.
func (f *Facade) read(ctx context.Context, ref store.Ref, call func(context.Context, *session) error) error {
	return f.repeat(ctx, func() error {
		s, err := f.open(ctx, ref)
		if err != nil {
			return err
		}
		defer s.release()
		return s.lost(call(ctx, s))
	})
}

// repeat makes a call that changes nothing, and makes it once more when its process ended under it.
func (f *Facade) repeat(ctx context.Context, call func() error) error {
	err := call()
	if l, ok := isLost(err); ok && ctx.Err() == nil {
		f.log.InfoContext(ctx, "call of an adapter repeated: its process ended under it")
		l.await(ctx)
		err = call()
	}
	return found(err)
}

// lostError is a call whose process ended under it, as against one that found no process to begin with.
type lostError struct {
	error
	gone <-chan struct{} // closed when the process is known to have ended
}

// endSeen is how long the end of a process that was met by a call may take to be known to those who lend processes.
const endSeen = time.Second

// await waits until the end of the process is known: before that, the next lease could be on the same one.
func (e lostError) await(ctx context.Context) {
	timer := time.NewTimer(endSeen)
	defer timer.Stop()
	select {
	case <-e.gone:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lost marks the error of a call whose process ended under it.
func (s *session) lost(err error) error {
	if problem.HasReason(err, problem.ReasonAdapterDown) {
		return lostError{err, s.lease.Gone()}
	}
	return err
}

// found takes the mark away.
func found(err error) error {
	if l, ok := isLost(err); ok {
		return l.error
	}
	return err
}

func isLost(err error) (lostError, bool) {
	var l lostError
	ok := errors.As(err, &l)
	return l, ok
}
