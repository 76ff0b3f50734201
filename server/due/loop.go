// Package due works on rows of a database that say themselves when they are due. The row is the truth; a wake-up only
// shortens the wait, so that a lost one costs time and nothing else. It knows nothing of what the work is.
package due

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Config is what a loop needs. All fields but Group are required. Without groups the type G is of no importance.
type Config[T any, G comparable] struct {
	// Due returns the items that a look is for. A group waits since its most overdue item is due, but no longer than since somebody
	// worked on one of its items: those come first whose group waits longest, and of a group the most overdue.
	Due func(ctx context.Context, l Look[G]) ([]T, error)
	// Next returns the earliest time after an instant at which an item is due; zero when there is none.
	Next func(ctx context.Context, after time.Time) (time.Time, error)
	// ID tells items apart: no item is worked on twice at once.
	ID func(T) string
	// Group tells what an item waits for together with others: a slow group holds up its own items only. At most a quarter of the
	// workers work on one group, and those groups come first of which nothing is worked on. Nil means that items have nothing in
	// common.
	Group func(T) G
	// Work does one step with an item and changes its row. After an error, which Work has told the log, or a panic, the
	// item is left alone for Pause: its row may not have changed. The context is not cut by Stop, which waits for it: Work
	// must bound itself.
	Work func(ctx context.Context, item T) error
	// Workers is how many items are worked on at once.
	Workers int
	// Pause is the wait after a failure: of the work, before the item is tried again, or of the database.
	Pause time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// Look asks for items that are due.
type Look[G comparable] struct {
	// Now is when the items must be due at the latest.
	Now time.Time
	// Limit is how many items are wanted, and PerGroup how many of one group; both are at least 1.
	Limit, PerGroup int
	// Without is the groups of which none are wanted, at most as many as there are workers.
	Without []G
}

// Loop works on what is due. It owns one goroutine and those it starts; Stop waits for all.
type Loop[T any, G comparable] struct {
	cfg    Config[T, G]
	claims *claims[G]
	shares []int // how many items of one group may be worked on: what is tried first, and what is allowed at most
	wake   chan struct{}
	ctx    context.Context // ends with Stop: nothing new is begun
	cancel context.CancelFunc
	done   chan struct{}

	running sync.WaitGroup // the items that are worked on; the loop's own goroutine adds to it and waits

	mu      sync.Mutex // guards started
	started bool
}

// New returns a loop that has not started.
func New[T any, G comparable](cfg Config[T, G]) *Loop[T, G] {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Loop[T, G]{
		cfg: cfg, claims: newClaims[G](cfg.Workers), shares: []int{cfg.Workers},
		wake: make(chan struct{}, 1), ctx: ctx, cancel: cancel, done: make(chan struct{}),
	}
	if cfg.Group != nil {
		l.shares = []int{1, max(1, cfg.Workers/4)}
	}
	return l
}

// Wake tells the loop that something may be due. It never blocks.
func (l *Loop[T, G]) Wake() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Start begins to work in the background. It is called once.
func (l *Loop[T, G]) Start() {
	l.mu.Lock()
	l.started = true
	l.mu.Unlock()
	go func() {
		defer close(l.done)
		l.run()
	}()
}

// Stop begins nothing new and waits until what is under way has ended, or until ctx ends. Stopping a loop that never started
// is fine.
func (l *Loop[T, G]) Stop(ctx context.Context) error {
	l.cancel()
	l.mu.Lock()
	started := l.started
	l.mu.Unlock()
	if !started {
		return nil
	}
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("work still under way at the end of the shutdown time: %w", ctx.Err())
	}
}

// maxIdle bounds the sleep between looks at the database, in case that a wake-up was lost.
const maxIdle = time.Minute

func (l *Loop[T, G]) run() {
	defer l.running.Wait()
	for l.ctx.Err() == nil {
		now := l.cfg.Now()
		began, err := l.look(now)
		switch {
		case err != nil:
			if l.ctx.Err() == nil {
				l.cfg.Log.Error("due work not read", "error", err)
			}
			l.sleep(l.cfg.Pause)
		case !began: // else more may be due
			l.sleep(l.idle(now))
		}
	}
}

// look begins to work on what is due, and reports whether there was something to begin.
func (l *Loop[T, G]) look(now time.Time) (began bool, err error) {
	for _, share := range l.shares {
		under := l.claims.under(share)
		if under.free == 0 {
			return false, nil
		}
		items, err := l.cfg.Due(l.ctx, under.look(now))
		if err != nil {
			return false, err
		}
		for _, item := range items {
			if l.begin(item, under) {
				began = true
			}
		}
		if began || len(under.full) == 0 { // with no group left out, a larger share shows nothing more
			return began, nil
		}
	}
	return false, nil
}

// begin starts to work on an item that was read while others were under way, unless that is not allowed.
func (l *Loop[T, G]) begin(item T, under underWay[G]) bool {
	id := l.cfg.ID(item)
	var group G
	if l.cfg.Group != nil {
		group = l.cfg.Group(item)
	}
	if l.ctx.Err() != nil || !l.claims.claim(id, group, under) {
		return false
	}
	l.running.Go(func() {
		// The row is written before the claim ends, so that the next look sees what was done.
		err := l.work(item)
		l.claims.leave(id)
		if err != nil {
			l.Wake() // others may take the place meanwhile
			l.hold()
		}
		l.claims.release(id)
		l.Wake()
	})
	return true
}

// work does one step and survives it.
func (l *Loop[T, G]) work(item T) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value may hold data; its type and the stack tell where to look.
			err = fmt.Errorf("panic of type %T", p)
			l.cfg.Log.Error("work panicked", "id", l.cfg.ID(item), "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		}
	}()
	return l.cfg.Work(context.WithoutCancel(l.ctx), item)
}

// hold waits for Pause, or until the loop stops.
func (l *Loop[T, G]) hold() {
	timer := time.NewTimer(l.cfg.Pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
}

// idle is how long nothing can be begun after a look at now that began nothing. What was due then is worked on, left alone, or waits
// for others of its group: the end of that wakes the loop.
func (l *Loop[T, G]) idle(now time.Time) time.Duration {
	if l.claims.complete() {
		return maxIdle
	}
	next, err := l.cfg.Next(l.ctx, now)
	switch {
	case err != nil:
		if l.ctx.Err() == nil {
			l.cfg.Log.Error("next due time not read", "error", err)
		}
		return l.cfg.Pause
	case next.IsZero():
		return maxIdle
	}
	return min(maxIdle, next.Sub(l.cfg.Now()))
}

// sleep waits for a wake-up, for some time, or until the loop stops.
func (l *Loop[T, G]) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-l.wake:
	case <-timer.C:
	case <-l.ctx.Done():
	}
}
