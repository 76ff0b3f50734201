package host

import "time"

// backoff gives the pauses between starts: from shortest, doubling, to longest, each cut by up to a quarter so that adapters that
// failed together do not start together.
type backoff struct {
	shortest, longest time.Duration
	base              time.Duration  // of the next pause
	random            func() float64 // in [0, 1)
}

func newBackoff(shortest, longest time.Duration, random func() float64) *backoff {
	b := &backoff{shortest: shortest, longest: max(longest, shortest), random: random}
	b.reset()
	return b
}

// next returns the pause after one more failure.
func (b *backoff) next() time.Duration {
	pause := b.base - time.Duration(b.random()*float64(b.base)/4)
	b.base = min(2*b.base, b.longest)
	return pause
}

// reset begins anew, after a time of health.
func (b *backoff) reset() { b.base = b.shortest }
