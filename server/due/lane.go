package due

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// lane works on the items of one lane of a loop.
type lane[T any, G comparable] struct {
	name   string
	cfg    *Config[T, G]
	ctx    context.Context // ends with the loop's Stop: nothing new is begun
	log    *slog.Logger
	claims *claims[G]
	shares []int // how many items of one group may be worked on: what is tried first, and what is allowed at most
	alarm  alarm

	running sync.WaitGroup // the items that are worked on; run adds to it and waits
}

func newLane[T any, G comparable](ctx context.Context, name string, cfg *Config[T, G]) *lane[T, G] {
	l := &lane[T, G]{
		name: name, cfg: cfg, ctx: ctx, log: cfg.Log.With("lane", name), claims: newClaims[G](cfg.Workers), shares: []int{cfg.Workers},
		alarm: newAlarm(),
	}
	if cfg.Group != nil {
		l.shares = []int{1, max(1, cfg.Workers/4)}
	}
	return l
}

// run works until the loop stops, and returns when nothing is worked on any more.
func (l *lane[T, G]) run() {
	defer l.running.Wait()
	for l.ctx.Err() == nil {
		now := l.cfg.Now()
		began, err := l.look(now)
		switch {
		case err != nil:
			if l.ctx.Err() == nil {
				l.log.Error("due work not read", "error", err)
			}
			l.alarm.sleep(l.ctx, l.cfg.Pause)
		case !began: // else more may be due
			l.alarm.sleep(l.ctx, l.idle(now))
		}
	}
}

// look begins to work on what is due, and reports whether there was something to begin.
func (l *lane[T, G]) look(now time.Time) (began bool, err error) {
	for _, share := range l.shares {
		under := l.claims.under(share)
		if under.free == 0 {
			return false, nil
		}
		items, err := l.cfg.Due(l.ctx, under.look(l.name, now))
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
func (l *lane[T, G]) begin(item T, under underWay[G]) bool {
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
			l.alarm.ring() // others may take the place meanwhile
			l.hold()
		}
		l.claims.release(id)
		l.alarm.ring()
	})
	return true
}

// work does one step and survives it.
func (l *lane[T, G]) work(item T) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value may hold data; its type and the stack tell where to look.
			err = fmt.Errorf("panic of type %T", p)
			l.log.Error("work panicked", "id", l.cfg.ID(item), "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		}
	}()
	return l.cfg.Work(context.WithoutCancel(l.ctx), item)
}

// hold waits for Pause, or until the loop stops.
func (l *lane[T, G]) hold() {
	timer := time.NewTimer(l.cfg.Pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
}

// idle is how long nothing can be begun after a look at now that began nothing. What was due then is worked on, left alone, or waits
// for others of its group: the end of that wakes the lane.
func (l *lane[T, G]) idle(now time.Time) time.Duration {
	if l.claims.complete() {
		return maxIdle
	}
	next, err := l.cfg.Next(l.ctx, l.name, now)
	switch {
	case err != nil:
		if l.ctx.Err() == nil {
			l.log.Error("next due time not read", "error", err)
		}
		return l.cfg.Pause
	case next.IsZero():
		return maxIdle
	}
	return min(maxIdle, next.Sub(l.cfg.Now()))
}
