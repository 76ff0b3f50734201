package host_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// TestSharesOfOverlappingGenerations: what is lent of a store's budget is what others have left of it, or a tenth when they have it all.
func TestSharesOfOverlappingGenerations(t *testing.T) {
	t.Parallel()
	// A step lends the store a call, named "a", "b" and so on; gives one back, "-a"; or swaps, "swap".
	for _, tt := range []struct {
		name   string
		steps  []string
		shares []float64 // of the calls, in the order in which they were lent
	}{
		{"one generation", []string{"a", "b"}, []float64{1, 1}},
		{"the old one has it all", []string{"a", "swap", "b", "c"}, []float64{1, 0.1, 0.1}},
		{"the old one is idle", []string{"a", "-a", "swap", "b"}, []float64{1, 1}},
		{"the old one has finished", []string{"a", "swap", "b", "-a", "c"}, []float64{1, 0.1, 1}},
		{"one of two calls on the old one has finished", []string{"a", "b", "swap", "-a", "c"}, []float64{1, 1, 0.1}},
		{"the old one has what it was lent", []string{"a", "swap", "b", "-a", "swap", "c"}, []float64{1, 0.1, 0.9}},
		{"two old ones", []string{"a", "swap", "b", "swap", "c"}, []float64{1, 0.1, 0.1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rigged(t, nil)
			calls, builds := map[string]*host.Lease{}, []string{"next", ""}
			var shares []float64
			swapped := make(chan error, len(tt.steps))
			swaps := 0
			for _, step := range tt.steps {
				switch {
				case step == "swap":
					before := r.serving(t).Number
					build := builds[swaps%2]
					swaps++
					go func() {
						_, err := r.swap(t, build)
						for problem.HasReason(err, problem.ReasonSwapUnderWay) { // the one before is served and not concluded
							_, err = r.swap(t, build)
						}
						swapped <- err
					}()
					eventually(t, "the swap", func() bool { return r.serving(t).Number > before })
				case step[0] == '-':
					calls[step[1:]].Release()
				default:
					lease, err := r.Lease(t.Context(), "one", "shop")
					if err != nil {
						t.Fatal(err)
					}
					calls[step], shares = lease, append(shares, lease.Share())
				}
			}
			if diff := cmp.Diff(tt.shares, shares); diff != "" {
				t.Errorf("shares (-want +got)\n%s", diff)
			}
			for _, call := range calls {
				call.Release()
			}
			for range swaps {
				if err := <-swapped; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestStreamsAreToldOfALargerShare: a stream that began with a tenth begins anew when the budget is free, and not before.
func TestStreamsAreToldOfALargerShare(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	first, second, other := r.lend(t, "shop"), r.lend(t, "shop"), r.lend(t, "other")
	swapped := make(chan error, 1)
	go func() {
		_, err := r.swap(t, "next")
		swapped <- err
	}()
	<-first.Retiring()
	stream, whole := r.lend(t, "shop"), r.lend(t, "unhurried")
	first.Release()
	other.Release()
	if moved(stream) {
		t.Error("told while a call on the old generation has the budget still")
	}
	second.Release()
	if !moved(stream) || moved(whole) {
		t.Errorf("told: the stream with a tenth %v, another store's with all of it %v", moved(stream), moved(whole))
	}
	stream.Release()
	again := r.lend(t, "shop")
	if again.Share() != 1 || again.Generation() != stream.Generation() || moved(again) {
		t.Errorf("a share of %v on generation %d, told again: %v", again.Share(), again.Generation(), moved(again))
	}
	again.Release()
	whole.Release()
	if err := <-swapped; err != nil {
		t.Error(err)
	}
}
