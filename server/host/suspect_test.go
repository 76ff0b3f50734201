package host_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// TestSuspectProcessIsNotLent: after the first miss callers wait at the gate, and they get it again when it answers.
func TestSuspectProcessIsNotLent(t *testing.T) {
	t.Parallel()
	h := running(t, func(c *host.Config) {
		c.WatchInterval, c.WatchTimeout, c.WatchMisses = 50*time.Millisecond, 500*time.Millisecond, 1_000_000
	}, "one")
	lease, err := h.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if lease.Suspect() {
		t.Error("the process is suspect from the beginning")
	}
	process := pid(t, h, "one")
	if err := syscall.Kill(process, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(process, syscall.SIGCONT) })
	eventually(t, "the first miss", lease.Suspect)
	unresponsive := func() bool {
		s, err := h.Adapter("one")
		return err == nil && s.State == host.Serving && s.Generation.Unresponsive
	}
	if !unresponsive() {
		t.Error("nobody is told that the process does not answer")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if l, err := h.Lease(ctx, "one", ""); !problem.HasReason(err, problem.ReasonAdapterDown) {
		t.Errorf("Lease = %v, %v; want ADAPTER_DOWN", l, err)
	}
	if err := syscall.Kill(process, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if generation, err := call(t.Context(), h, "one", "nothing"); err != nil || generation != 1 {
		t.Errorf("call on generation %d, %v; want the process that answers again", generation, err)
	}
	if unresponsive() {
		t.Error("told that a process does not answer that did")
	}
}

// TestLeasesWithoutASuccessAreNoGoodCalls: a process on which nothing succeeds does not get out of a crash loop.
func TestLeasesWithoutASuccessAreNoGoodCalls(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.BreakerFailures, c.BreakerGoodCalls, c.BreakerPause = 2, 3, time.Hour })
	r.kill(t, 0)
	for range 10 {
		r.serving(t) // leases without a call
	}
	r.kill(t, 0)
	if s, err := r.Adapter("one"); err != nil || s.State != host.CrashLooping {
		t.Errorf("state %v, %v; want CRASH_LOOPING", s.State, err)
	}
}

// TestSwapForgivesCrashes: also one to the release that serves.
func TestSwapForgivesCrashes(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.BreakerFailures, c.BreakerPause = 2, time.Hour })
	r.kill(t, 0)
	r.serving(t)
	if err := r.Swap(t.Context(), "one", "", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	r.kill(t, 0)
	if s, err := r.Adapter("one"); err != nil || s.State == host.CrashLooping {
		t.Errorf("state %v, %v after one crash since the swap", s.State, err)
	}
}

// TestStartRemovesWhatNothingNeeds: copies that a server which was killed had no time to remove.
func TestStartRemovesWhatNothingNeeds(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(r.cfg.WorkDir, "releases", "one", strings.Repeat("ab", 32))
	if err := os.Mkdir(stale, 0o700); err != nil {
		t.Fatal(err)
	}
	h := running(t, func(c *host.Config) { c.PluginDir, c.WorkDir, c.Releases = r.cfg.PluginDir, r.cfg.WorkDir, r.memory })
	pid(t, h, "one")
	eventually(t, "the stale copy to be removed", func() bool {
		_, err := os.Stat(stale)
		return os.IsNotExist(err)
	})
}
