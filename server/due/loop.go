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

// Config is what a loop needs. All fields are required.
type Config[T any] struct {
	// Due returns items whose time has come, the most overdue first.
	Due func(ctx context.Context, now time.Time, limit int) ([]T, error)
	// Next returns when the next item is due; zero when none is.
	Next func(ctx context.Context) (time.Time, error)
	// ID tells items apart: no item is worked on twice at once.
	ID func(T) string
	// Work does one step with an item and changes its row. After an error, which Work has told the log, or a panic, the
	// item is left alone for Pause: its row may not have changed. The context is not cut by Stop, which waits for it: Work
	// must bound itself.
	Work func(ctx context.Context, item T) error
	// Workers is how many items are worked on at once.
	Workers int
	// Pause is the wait after a failure, and after a look that found only items which are being worked on.
	Pause time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// Loop works on what is due. It owns one goroutine and those it starts; Stop waits for all.
type Loop[T any] struct {
	cfg    Config[T]
	wake   chan struct{}
	ctx    context.Context // ends with Stop: nothing new is begun
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex // guards the fields below; never held across I/O
	started bool
	busy    map[string]struct{} // items that are being worked on, by id
}

// New returns a loop that has not started.
func New[T any](cfg Config[T]) *Loop[T] {
	ctx, cancel := context.WithCancel(context.Background())
	return &Loop[T]{
		cfg: cfg, wake: make(chan struct{}, 1), ctx: ctx, cancel: cancel,
		done: make(chan struct{}), busy: make(map[string]struct{}),
	}
}

// Wake tells the loop that something may be due. It never blocks.
func (l *Loop[T]) Wake() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Start begins to work in the background. It is called once.
func (l *Loop[T]) Start() {
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
func (l *Loop[T]) Stop(ctx context.Context) error {
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

func (l *Loop[T]) run() {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, l.cfg.Workers)
	for {
		// Items under way, or left alone after a failure, are still due: ask for enough to see past them.
		items, err := l.cfg.Due(l.ctx, l.cfg.Now(), l.claimed()+2*l.cfg.Workers)
		if err != nil && l.ctx.Err() == nil {
			l.cfg.Log.Error("due work not read", "error", err)
		}
		started := 0
		for _, item := range items {
			id := l.cfg.ID(item)
			if !l.claim(id) {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-l.ctx.Done():
				return
			}
			started++
			running.Go(func() {
				// The row is written before the claim ends, so that the next look sees what was done.
				err := l.work(item)
				<-slots
				if err != nil {
					l.hold()
				}
				l.release(id)
				l.Wake()
			})
		}
		if started == 0 && !l.sleep() {
			return
		}
	}
}

// work does one step and survives it.
func (l *Loop[T]) work(item T) (err error) {
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
func (l *Loop[T]) hold() {
	timer := time.NewTimer(l.cfg.Pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
}

// sleep waits until something may be due. It returns false when the loop stops.
func (l *Loop[T]) sleep() bool {
	idle := maxIdle
	next, err := l.cfg.Next(l.ctx)
	wait := next.Sub(l.cfg.Now())
	switch {
	case err == nil && next.IsZero(): // nothing is planned
	case err == nil && wait > 0:
		idle = min(idle, wait)
	default: // what is due is being worked on, and its end wakes us; or the database fails
		idle = min(idle, l.cfg.Pause)
	}
	timer := time.NewTimer(idle)
	defer timer.Stop()
	select {
	case <-l.wake:
		return true
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *Loop[T]) claim(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.busy[id]; taken {
		return false
	}
	l.busy[id] = struct{}{}
	return true
}

func (l *Loop[T]) claimed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.busy)
}

func (l *Loop[T]) release(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, id)
}
