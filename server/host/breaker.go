package host

import "time"

// breaker finds crash loops: many failures in a short time with hardly a call that succeeded between them.
type breaker struct {
	failures  int           // so many in the window open it
	window    time.Duration // in which failures are counted
	goodCalls int           // a generation that finished so many is out of the loop
	pauses    *backoff      // between the trials of an open breaker

	times []time.Time // of the failures that count
	open  bool
}

func newBreaker(cfg Config, random func() float64) *breaker {
	return &breaker{
		failures: cfg.BreakerFailures, window: cfg.BreakerWindow, goodCalls: cfg.BreakerGoodCalls,
		pauses: newBackoff(cfg.BreakerPause, 10*cfg.BreakerPause, random),
	}
}

// failed notes a failure of a generation that had finished so many calls. Enough calls mean that this is no loop: what was counted before
// is forgotten. Enough failures open the breaker; while it is open failed returns how long to wait before one more process is tried. A
// trial that fails as well is one more failure of the same loop, however late it comes.
func (b *breaker) failed(now time.Time, finishedCalls int) (pause time.Duration, open bool) {
	if finishedCalls >= b.goodCalls {
		b.reset()
	}
	for len(b.times) > 0 && now.Sub(b.times[0]) > b.window {
		b.times = b.times[1:]
	}
	b.times = append(b.times, now)
	b.open = b.open || len(b.times) >= b.failures
	if !b.open {
		return 0, false
	}
	b.times = nil // they have had their effect
	return b.pauses.next(), true
}

// reset begins anew, after a time of health or with another release.
func (b *breaker) reset() {
	b.times, b.open = nil, false
	b.pauses.reset()
}
