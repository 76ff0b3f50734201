package host

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	tests := []struct {
		name              string
		shortest, longest time.Duration
		random            float64
		want              []time.Duration
	}{
		{
			name: "doubles up to the longest", shortest: 250 * ms, longest: 30 * time.Second,
			want: []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 16000 * ms, 30000 * ms, 30000 * ms},
		},
		{
			name: "is cut by up to a quarter", shortest: 100 * ms, longest: 200 * ms, random: 0.8,
			want: []time.Duration{80 * ms, 160 * ms, 160 * ms},
		},
		{
			name: "longest below shortest", shortest: 100 * ms, longest: ms,
			want: []time.Duration{100 * ms, 100 * ms},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBackoff(tt.shortest, tt.longest, func() float64 { return tt.random })
			for _, round := range []string{"from the start", "after a reset"} {
				var got []time.Duration
				for range tt.want {
					got = append(got, b.next())
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s (-want +got)\n%s", round, diff)
				}
				b.reset()
			}
		})
	}
}
