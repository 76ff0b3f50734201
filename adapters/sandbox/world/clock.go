package world

import (
	"fmt"
	"sync"
	"time"
)

// Clock is the world's time. It runs with the wall clock from wherever it was set, can be frozen, and never goes back.
type Clock struct {
	wall func() time.Time

	mu     sync.Mutex // guards the fields below
	base   time.Time  // world time at wall time `at`
	at     time.Time
	frozen bool
}

// newClock starts a clock at start. wall is the wall clock.
func newClock(start time.Time, wall func() time.Time) *Clock {
	return &Clock{wall: wall, base: start.UTC(), at: wall()}
}

// Now is the world's time, in UTC and full milliseconds, as the marketplace stores it.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Truncate(time.Millisecond)
}

// now needs c.mu.
func (c *Clock) now() time.Time {
	if c.frozen {
		return c.base
	}
	return c.base.Add(c.wall().Sub(c.at))
}

// Advance moves the time forward. It fails when d is negative.
func (c *Clock) Advance(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("time cannot go back by %s", -d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rebase(c.now().Add(d))
	return nil
}

// Set moves the time to t. It fails when t lies in the world's past.
func (c *Clock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); t.Before(now) {
		return fmt.Errorf("time cannot go back: it is %s", now.Format(time.RFC3339))
	}
	c.rebase(t.UTC())
	return nil
}

// Freeze stops or restarts the clock where it is.
func (c *Clock) Freeze(frozen bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rebase(c.now())
	c.frozen = frozen
}

// Frozen reports whether the clock stands still.
func (c *Clock) Frozen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen
}

// Wall is the wall clock's time in UTC.
func (c *Clock) Wall() time.Time { return c.wall().UTC() }

// rebase needs c.mu.
func (c *Clock) rebase(now time.Time) { c.base, c.at = now, c.wall() }
