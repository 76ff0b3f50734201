// Package due works on rows of a database that say themselves when they are due. The row is the truth; a wake-up only
// shortens the wait, so that a lost one costs time and nothing else. It knows nothing of what the work is.
package due

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config is what a loop needs. All fields but Group are required. Without groups the type G is of no importance.
type Config[T any, G comparable] struct {
	// Lanes returns the names of all lanes that there are. An item is in one of them at a time. Lanes have nothing in common: each has
	// workers of its own, so that however many items of one hang, those of the others begin at once. There are few, and once known a lane
	// is looked at for ever. An item that goes to another lane while it is worked on may be worked on there too: its row must refuse
	// whoever read it before.
	Lanes func(ctx context.Context) ([]string, error)
	// Due returns the items that a look is for. A group waits since its most overdue item is due, but no longer than since somebody
	// worked on one of its items: those come first whose group waits longest, and of a group the most overdue.
	Due func(ctx context.Context, l Look[G]) ([]T, error)
	// Next returns the earliest time after an instant at which an item of a lane is due; zero when there is none.
	Next func(ctx context.Context, lane string, after time.Time) (time.Time, error)
	// ID tells items apart: none is worked on twice at once in a lane.
	ID func(T) string
	// Group tells what an item waits for together with others of its lane: a slow group holds up its own items only. At most a quarter of
	// the lane's workers work on one group, and those groups come first of which nothing is worked on. Nil means that items of a lane have
	// nothing in common.
	Group func(T) G
	// Work does one step with an item and changes its row. After an error, which Work has told the log, or a panic, the
	// item is left alone for Pause: its row may not have changed. The context is not cut by Stop, which waits for it: Work
	// must bound itself.
	Work func(ctx context.Context, item T) error
	// Workers is how many items of a lane are worked on at once.
	Workers int
	// Pause is the wait after a failure: of the work, before the item is tried again, or of the database.
	Pause time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// Look asks for items of a lane that are due.
type Look[G comparable] struct {
	Lane string
	// Now is when the items must be due at the latest.
	Now time.Time
	// Limit is how many items are wanted, and PerGroup how many of one group; both are at least 1.
	Limit, PerGroup int
	// Without is the groups of which none are wanted, at most as many as there are workers.
	Without []G
}

// Loop works on what is due. It owns one goroutine, one for each lane, and one for each item that is worked on; Stop waits for all.
type Loop[T any, G comparable] struct {
	cfg    Config[T, G]
	alarm  alarm
	ctx    context.Context // ends with Stop: nothing new is begun
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex // guards started
	started bool
}

// New returns a loop that has not started.
func New[T any, G comparable](cfg Config[T, G]) *Loop[T, G] {
	ctx, cancel := context.WithCancel(context.Background())
	return &Loop[T, G]{cfg: cfg, alarm: newAlarm(), ctx: ctx, cancel: cancel, done: make(chan struct{})}
}

// Wake tells the loop that something may be due. It never blocks.
func (l *Loop[T, G]) Wake() { l.alarm.ring() }

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

// run opens the lanes, and passes each wake-up on to them: to those that are known at once, whatever the database does.
func (l *Loop[T, G]) run() {
	var running sync.WaitGroup
	defer running.Wait()
	lanes := make(map[string]*lane[T, G])
	for l.ctx.Err() == nil {
		wait := maxIdle
		names, err := l.cfg.Lanes(l.ctx)
		if err != nil && l.ctx.Err() == nil {
			l.cfg.Log.Error("lanes of due work not read", "error", err)
			wait = l.cfg.Pause
		}
		for _, name := range names {
			if lanes[name] == nil {
				opened := newLane(l.ctx, name, &l.cfg)
				lanes[name] = opened
				running.Go(opened.run)
			}
		}
		if l.alarm.sleep(l.ctx, wait) {
			for _, known := range lanes {
				known.alarm.ring()
			}
		}
	}
}
