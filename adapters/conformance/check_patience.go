package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// letGo is how soon after the end of a call an adapter has let go of its request to the marketplace.
const letGo = 500 * time.Millisecond

// deadline is what calls are given that the marketplace does not answer.
const deadline = 1500 * time.Millisecond

func patienceChecks() []check {
	return []check{
		{Info: Info{
			ID: "deadline-kept", Title: "stops at the deadline", Sandbox: true,
			Proves: "When the marketplace does not answer, each call lets go of its request within 500 ms of its deadline.",
		}, alone: true, run: deadlineKept},
		{Info: Info{
			ID: "cancel-kept", Title: "stops when the host gives up", Sandbox: true,
			Proves: "When the host cancels a call that waits for the marketplace, the adapter lets go of its request within 500 ms, whichever of its requests it was.",
		}, alone: true, run: cancelKept},
	}
}

// waiting is one call of the protocol, ready to be made through a gate.
type waiting struct {
	name string
	call func(ctx context.Context, store *adapterv1.StoreContext) error
}

// everyWaiting returns every declared call of a desk. Each may be made often: what it writes to is never reached, or refused.
func (d *desk) everyWaiting(ctx context.Context, q question) ([]waiting, error) {
	var out []waiting
	for _, r := range d.reads() {
		out = append(out, waiting{r.name, func(ctx context.Context, store *adapterv1.StoreContext) error {
			_, err := r.call(ctx, d.process, store, q)
			return err
		}})
	}
	for _, w := range d.writes() {
		items, err := d.items(ctx, w.ready, 1)
		if err != nil {
			return nil, err
		}
		out = append(out, waiting{w.name, func(ctx context.Context, store *adapterv1.StoreContext) error {
			results, err := w.call(ctx, d.process, store, items)
			if err == nil && len(results) == 1 && results[0].GetOutcome() != applied {
				err = errors.New(tell(results[0])) // told in time, in a result
			}
			return err
		}})
	}
	return out, nil
}

// patience prepares a desk with something to read.
func (s *subject) patience(ctx context.Context) (*desk, []waiting, error) {
	d, err := s.newDesk(ctx)
	if err != nil {
		return nil, nil, err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return nil, nil, err
	}
	numbers, err := d.shop.orders(ctx, map[string]any{"variety": varietyPlain, "count": 2})
	if err != nil {
		return nil, nil, err
	}
	calls, err := d.everyWaiting(ctx, question{
		window: window{since: now.Add(-dayLong), until: now.Add(time.Minute)}, numbers: numbers, eans: []string{"3760000000017"},
	})
	return d, calls, err
}

func deadlineKept(ctx context.Context, s *subject) error {
	d, calls, err := s.patience(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var f findings
	var running sync.WaitGroup
	for _, c := range calls {
		running.Go(func() {
			err := s.stopsAtDeadline(ctx, d, c)
			mu.Lock()
			defer mu.Unlock()
			f.add(err)
		})
	}
	running.Wait()
	return f.err()
}

// stopsAtDeadline makes a call whose every request is held, after a login that was not, and watches when the adapter gives up.
func (s *suite) stopsAtDeadline(ctx context.Context, d *desk, c waiting) error {
	var shut atomic.Bool
	door, err := newGate(ctx, s.sandbox.Base(), func(int) bool { return shut.Load() })
	if err != nil {
		return err
	}
	defer door.close()
	_, state, err := d.account(ctx, door.store(d.shop.store))
	if err != nil {
		return failed("CheckConnection", err)
	}
	store := door.store(d.shop.context(state))
	before := door.count()
	shut.Store(true)
	call, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	err = c.call(call, store)
	switch {
	case err == nil:
		return fmt.Errorf("%s succeeded without an answer of the marketplace", c.name)
	case door.count() == before:
		return failed(c.name+" failed without asking the marketplace", err)
	case !door.released(letGo):
		return fmt.Errorf("%s holds its request %s after its deadline", c.name, letGo)
	}
	return nil
}

func cancelKept(ctx context.Context, s *subject) error {
	d, calls, err := s.patience(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, c := range calls {
		// Each of the call's requests in turn is the one that is not answered.
		for request := 1; request <= 6; request++ {
			more, err := s.stopsWhenCancelled(ctx, d, c, request)
			f.add(err)
			if !more {
				break
			}
		}
	}
	return f.err()
}

// stopsWhenCancelled cancels a call when its request of that number waits. more is false when the call made fewer requests.
func (s *suite) stopsWhenCancelled(ctx context.Context, d *desk, c waiting, request int) (more bool, err error) {
	door, err := newGate(ctx, s.sandbox.Base(), func(n int) bool { return n >= request })
	if err != nil {
		return false, err
	}
	defer door.close()
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.call(call, door.store(d.store)) // how it ends is not what this is about
	}()
	select {
	case <-door.caught:
	case <-ended:
		return false, nil
	}
	cancel()
	<-ended
	if !door.released(letGo) {
		return true, fmt.Errorf("%s holds its request %d for more than %s after it was cancelled", c.name, request, letGo)
	}
	return true, nil
}
