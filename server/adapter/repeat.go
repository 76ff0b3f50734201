package adapter

import (
	"context"

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
		return lost(call(ctx, s))
	})
}

// repeat makes a call that changes nothing, and makes it once more when its process ended under it.
func (f *Facade) repeat(ctx context.Context, call func() error) error {
	err := call()
	if isLost(err) && ctx.Err() == nil {
		f.log.InfoContext(ctx, "call of an adapter repeated: its process ended under it")
		err = call()
	}
	return found(err)
}

// lostError is a call whose process ended under it, as against one that found no process to begin with.
type lostError struct{ error }

// lost marks the error of a call whose process ended under it.
func lost(err error) error {
	if problem.HasReason(err, problem.ReasonAdapterDown) {
		return lostError{err}
	}
	return err
}

// found takes the mark away.
func found(err error) error {
	if l, ok := err.(lostError); ok { //nolint:errorlint // it is never wrapped
		return l.error
	}
	return err
}

func isLost(err error) bool {
	_, ok := err.(lostError) //nolint:errorlint // it is never wrapped
	return ok
}
