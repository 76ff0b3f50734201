package host

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	// failure is one that comes so long after the one before, of a generation that finished so many calls.
	type failure struct {
		after time.Duration
		calls int
	}
	const s = time.Second
	tests := []struct {
		name     string
		failures []failure
		want     []time.Duration // the pause after each, zero while it is closed
	}{
		{"three at once open it", []failure{{}, {}, {}}, []time.Duration{0, 0, 10 * s}},
		{"three in more than the window do not", []failure{{}, {after: 31 * s}, {after: 30 * s}}, []time.Duration{0, 0, 0}},
		{"the oldest leaves the window", []failure{{}, {after: 31 * s}, {after: 30 * s}, {after: 30 * s}}, []time.Duration{0, 0, 0, 10 * s}},
		{"calls that succeed are no loop", []failure{{}, {}, {calls: 5}, {}, {}}, []time.Duration{0, 0, 0, 0, 10 * s}},
		{"too few calls are one", []failure{{}, {}, {calls: 4}}, []time.Duration{0, 0, 10 * s}},
		{"each failed trial doubles the pause", []failure{{}, {}, {}, {after: time.Hour}, {after: time.Hour}, {after: time.Hour}, {after: time.Hour}, {after: time.Hour}},
			[]time.Duration{0, 0, 10 * s, 20 * s, 40 * s, 80 * s, 100 * s, 100 * s}},
		{"a trial that works closes it", []failure{{}, {}, {}, {after: time.Hour, calls: 5}, {}, {}}, []time.Duration{0, 0, 10 * s, 0, 0, 10 * s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(Config{
				BreakerFailures: 3, BreakerWindow: time.Minute, BreakerGoodCalls: 5, BreakerPause: 10 * s,
			}, func() float64 { return 0 })
			now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
			var got []time.Duration
			for _, f := range tt.failures {
				now = now.Add(f.after)
				pause, open := b.failed(now, f.calls)
				if open != (pause > 0) {
					t.Errorf("open %v with a pause of %v", open, pause)
				}
				got = append(got, pause)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("pauses (-want +got)\n%s", diff)
			}
		})
	}
}
