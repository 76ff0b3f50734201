package host_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// TestLastSwap: what an operator sees of a swap under way, and of the last one.
func TestLastSwap(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	last := func() *host.LastSwap { return lastSwap(t, r.Host) }
	if l := last(); l != nil {
		t.Fatalf("last swap %+v of an adapter that was only started", l)
	}
	see := func(name string, begun time.Time, want host.LastSwap, reason string) {
		t.Helper()
		got := last()
		if got.StartTime.Before(begun) || got.EndTime.Before(got.StartTime) || got.EndTime.Location() != time.UTC {
			t.Errorf("%s: began at %v, ended at %v", name, got.StartTime, got.EndTime)
		}
		if got.Failure.Reason != reason || got.Failure.IsZero() != (reason == "") {
			t.Errorf("%s: failure %+v, want %q", name, got.Failure, reason)
		}
		if diff := cmp.Diff(&want, got, cmpopts.IgnoreFields(host.LastSwap{}, "StartTime", "EndTime", "Failure"),
			cmpopts.IgnoreFields(host.Step{}, "Took", "SHA256")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if got.Step.SHA256 == "" {
			t.Errorf("%s: no hash", name)
		}
	}
	file := handshake.FilePrefix + "one"

	begun := time.Now()
	if _, err := r.swap(t, "unversioned"); err == nil {
		t.Fatal("a release without a version was taken")
	}
	see("refused", begun, host.LastSwap{File: file, Step: host.Step{Kind: host.Probe, Generation: 2}}, problem.ReasonReleaseRefused)

	lease, err := r.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	swapped := make(chan error, 1)
	go func() {
		_, err := r.swap(t, "next")
		swapped <- err
	}()
	<-lease.Retiring()
	eventually(t, "the old generation to be waited for", func() bool { return last().Step.Kind == host.Retire })
	if l := last(); !l.EndTime.IsZero() || l.Step.Done || !l.Failure.IsZero() {
		t.Errorf("under way: %+v", l)
	}
	lease.Release()
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
	see("served", begun, host.LastSwap{File: file, Step: host.Step{Kind: host.Retire, Done: true, Version: "2.0.0", Generation: 1}}, "")

	begun = time.Now()
	if err := r.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	see("rolled back", begun, host.LastSwap{Rollback: true, Step: host.Step{Kind: host.Retire, Done: true, Version: "1.0.0", Generation: 3}}, "")
}

// lastSwap is the last swap of adapter one.
func lastSwap(t *testing.T, h *host.Host) *host.LastSwap {
	t.Helper()
	s, err := h.Adapter("one")
	if err != nil {
		t.Fatal(err)
	}
	return s.LastSwap
}

// next starts the next server on what this one leaves, which may run still: it has a work directory of its own then.
func (r *rig) next(t *testing.T, change func(*host.Config)) *host.Host {
	t.Helper()
	return running(t, func(c *host.Config) {
		c.PluginDir, c.Releases = r.cfg.PluginDir, r.memory
		if change != nil {
			change(c)
		}
	})
}

// TestLastSwapSurvivesARestart: all of it, however it ended.
func TestLastSwapSurvivesARestart(t *testing.T) {
	t.Parallel()
	for name, swap := range map[string]func(*testing.T, *rig){
		"refused": func(t *testing.T, r *rig) {
			if _, err := r.swap(t, "unversioned"); !problem.HasReason(err, problem.ReasonReleaseRefused) {
				t.Fatalf("Swap = %v, want it refused", err)
			}
		},
		"served": func(t *testing.T, r *rig) {
			if _, err := r.swap(t, "next"); err != nil {
				t.Fatal(err)
			}
		},
		"served already": func(t *testing.T, r *rig) {
			if _, err := r.swap(t, ""); err != nil {
				t.Fatal(err)
			}
		},
		"rolled back": func(t *testing.T, r *rig) {
			if _, err := r.swap(t, "next"); err != nil {
				t.Fatal(err)
			}
			if err := r.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
				t.Fatal(err)
			}
		},
		"given up": func(t *testing.T, r *rig) {
			ctx, cancel := context.WithCancel(t.Context())
			install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
			if err := r.Swap(ctx, "one", "", func(host.Step) { cancel() }); !errors.Is(err, context.Canceled) {
				t.Fatalf("Swap = %v, want the context's error", err)
			}
		},
		"not waited for": func(t *testing.T, r *rig) {
			install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
			lease := r.lend(t, "")
			err := unwatched(t, func(ctx context.Context, report host.Report) error { return r.Swap(ctx, "one", "", report) })
			if err != nil {
				t.Fatal(err)
			}
			lease.Release()
		},
		"stopped": func(t *testing.T, r *rig) {
			install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
			stopped := make(chan error, 1)
			err := r.Swap(t.Context(), "one", "", func(s host.Step) {
				if s.Kind == host.Probe && !s.Done {
					beginStop(t, r.Host, stopped)
				}
			})
			if !problem.HasReason(err, problem.ReasonServerStopping) {
				t.Errorf("Swap = %v, want SERVER_STOPPING", err)
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rigged(t, nil)
			swap(t, r)
			before := lastSwap(t, r.Host)
			if err := r.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			after := lastSwap(t, r.next(t, func(c *host.Config) { c.WorkDir = r.cfg.WorkDir }))
			if diff := cmp.Diff(before, after); diff != "" || after.EndTime.IsZero() {
				t.Errorf("last swap (-before +after the restart)\n%s", diff)
			}
		})
	}
}

// TestServerGoneDuringASwap: what the next server tells of a swap that this one had no time to end.
func TestServerGoneDuringASwap(t *testing.T) {
	t.Parallel()
	file := handshake.FilePrefix + "one"
	cutOff := &host.LastSwap{File: file, Failure: release.Failure{Message: "the server stopped during it, or could not save how it ended"}}
	served := &host.LastSwap{File: file, Step: host.Step{Kind: host.Publish, Done: true, Version: "2.0.0", Generation: 3}}
	for step, want := range map[host.StepKind]*host.LastSwap{host.Launch: cutOff, host.Publish: cutOff, host.Retire: served} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			r := rigged(t, nil)
			if _, err := r.swap(t, "unversioned"); err == nil { // what was known of an earlier one is gone
				t.Fatal("a release without a version was taken")
			}
			install(t, r.cfg.PluginDir, file, "next")
			var got *host.LastSwap
			err := r.Swap(t.Context(), "one", "", func(s host.Step) {
				if s.Kind == step && !s.Done {
					got = lastSwap(t, r.next(t, nil))
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if got.EndTime.IsZero() != (want == cutOff) || got.StartTime.IsZero() {
				t.Errorf("began at %v, ended at %v", got.StartTime, got.EndTime)
			}
			diff := cmp.Diff(want, got, cmpopts.IgnoreFields(host.LastSwap{}, "StartTime", "EndTime"),
				cmpopts.IgnoreFields(host.Step{}, "Took", "SHA256"))
			if diff != "" {
				t.Errorf("last swap (-want +got)\n%s", diff)
			}
		})
	}
}

// TestEarlierSwapThatEndsLater: the one that began last is the last one, also when the process that an earlier one replaced is gone after it.
func TestEarlierSwapThatEndsLater(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	lease := r.lend(t, "")
	swapped := make(chan error, 1)
	go func() {
		_, err := r.swap(t, "next")
		swapped <- err
	}()
	<-lease.Retiring()
	eventually(t, "the first swap to wait for the old process", func() bool { return lastSwap(t, r.Host).Step.Kind == host.Retire })
	if err := r.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	lease.Release()
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
	if got := lastSwap(t, r.next(t, nil)); !got.Rollback {
		t.Errorf("the next server tells of %+v, want the rollback", got)
	}
}

// TestSwapThatIsNotRemembered: a database that takes what is desired and nothing of what became of it.
func TestSwapThatIsNotRemembered(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	r := rigged(t, func(c *host.Config) { c.Logger = log.logger() })
	r.memory.lost = errors.New("no such table")
	if _, err := r.swap(t, "next"); err != nil {
		t.Errorf("swap: %v", err)
	}
	if l := lastSwap(t, r.Host); l == nil || l.Step.Version != "2.0.0" || !l.Failure.IsZero() {
		t.Errorf("last swap %+v", l)
	}
	if log.count("what became of a swap is not saved") == 0 {
		t.Error("nobody was told")
	}
	next := r.next(t, func(c *host.Config) { c.Logger = log.logger() })
	if _, err := call(t.Context(), next, "one", "nothing"); err != nil {
		t.Errorf("call on the next server: %v", err)
	}
	if l := lastSwap(t, next); l != nil || log.count("what became of the last swaps cannot be read") != 1 {
		t.Errorf("the next server tells of %+v", l)
	}
}

// TestSwapWithoutAnAnswer: such a database does not hold a swap for long either.
func TestSwapWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	r.memory.hangs = true
	if _, err := r.swap(t, "next"); err != nil {
		t.Errorf("swap: %v", err)
	}
	if g := r.serving(t); g.Release.Version != "2.0.0" {
		t.Errorf("version %s serves", g.Release.Version)
	}
}
