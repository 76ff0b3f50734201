package due

import (
	"context"
	"time"
)

// alarm ends a sleep early. One that rings while nobody sleeps ends the next sleep.
type alarm chan struct{}

func newAlarm() alarm { return make(alarm, 1) }

// ring never blocks.
func (a alarm) ring() {
	select {
	case a <- struct{}{}:
	default: // it has rung already
	}
}

// sleep waits until the alarm rings, for some time, or until ctx ends. It reports whether the alarm rang.
func (a alarm) sleep(ctx context.Context, d time.Duration) (rang bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-a:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
