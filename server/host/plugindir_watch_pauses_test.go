package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// TestPausesBetweenTrials: a file that cannot be served now is tried less and less often, above all one that costs a process each time, and
// at once when it changes.
func TestPausesBetweenTrials(t *testing.T) {
	t.Parallel()
	refused := problem.New(problem.Precondition, problem.ReasonReleaseRefused, "no")
	const s = time.Second
	for _, tt := range []struct {
		name string
		err  error
		want []time.Duration // between two trials
	}{
		{"it takes too long to start", doubtfulError{refused, true}, []time.Duration{
			2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 512 * s, 1024 * s, 2048 * s, time.Hour, time.Hour,
		}},
		{"it is being written", doubtfulError{refused, false}, []time.Duration{2 * s, 4 * s, 8 * s, 16 * s, 32 * s, time.Minute, time.Minute}},
		{"the database is away", outageProblem("one", "swap", context.DeadlineExceeded), []time.Duration{
			2 * s, 4 * s, 8 * s, 16 * s, 32 * s, time.Minute, time.Minute,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				h := New(Config{PluginDir: dir, PluginWatch: 2 * s})
				h.life = ctx
				h.slots["one"] = h.newSlot(ctx, &workDir{}, release.Desired{Adapter: "one"})
				w := h.newWatcher()
				w.random = func() float64 { return 0 }
				trials := make(chan time.Time)
				w.swapIn = func(context.Context, File, Report) error {
					trials <- time.Now()
					return tt.err
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					w.watch(ctx)
				}()
				synctest.Wait() // what was there before is left alone
				write := func(content string) {
					if err := os.WriteFile(filepath.Join(dir, handshake.FilePrefix+"one"), []byte(content), 0o700); err != nil {
						t.Fatal(err)
					}
				}
				write("new")
				last := <-trials
				var got []time.Duration
				for range tt.want {
					next := <-trials
					got, last = append(got, next.Sub(last)), next
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("pauses (-want +got)\n%s", diff)
				}
				write("changed")
				first := <-trials
				if pause := first.Sub(last); pause > 2*2*s { // two looks
					t.Errorf("changed, it was tried after %v", pause)
				}
				if pause := (<-trials).Sub(first); pause != 2*s {
					t.Errorf("it was tried again after %v, as if it had not changed", pause)
				}
				cancel()
				<-ended
			})
		})
	}
}

// TestWhatAnotherTrialMayMend: which refusals are no verdict on the file, and which of those took too long.
func TestWhatAnotherTrialMayMend(t *testing.T) {
	t.Parallel()
	h := New(Config{})
	s := h.newSlot(t.Context(), &workDir{}, release.Desired{Adapter: "one"})
	for _, tt := range []struct {
		name           string
		step           StepKind
		cause          error
		again, tooLong bool
	}{
		{"not executable", Register, release.ErrNotExecutable, true, false},
		{"being written", Register, release.ErrBeingWritten, true, false},
		{"exits at its start", Launch, launch.ErrExited, false, false},
		{"hangs at its start", Launch, launch.ErrStartTimeout, true, true},
		{"hangs when it is asked", Probe, status.Error(codes.DeadlineExceeded, "too late"), true, true},
		{"has no version", Probe, errors.New("the adapter has no version"), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &swap{slot: s, step: Step{Kind: tt.step}}
			err := w.refused(t.Context(), fmt.Errorf("start: %w", tt.cause))
			again, tooLong := doubtful(err)
			if !problem.HasReason(err, problem.ReasonReleaseRefused) || again != tt.again || tooLong != tt.tooLong {
				t.Errorf("%v: again %t, took too long %t; want %t, %t", err, again, tooLong, tt.again, tt.tooLong)
			}
		})
	}
}
