package delivery

import (
	"time"

	"github.com/relaishq/relais/server/problem"
)

// LongestPause is the farthest ahead that a next attempt is ever planned: a plan beyond it was made by a clock that was wrong.
func (p Policy) LongestPause() time.Duration {
	longest := max(p.RetryMax, p.SettleDelay)
	return max(longest+longest/5, problem.LongestRetryAfter) // jitter makes pauses up to a fifth longer
}

// LongestHold is how long a request may keep the process of an adapter that it was made ready on: one call to make it ready, and then,
// together, its announcement and the call that sends it.
func (p Policy) LongestHold() time.Duration { return 2 * p.CallTimeout }

// LongestSettling is the farthest ahead that SettledTime ever lies.
func (p Policy) LongestSettling() time.Duration { return p.CallTimeout + p.SettleDelay }
