package host_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// patience is how long a pinned store's calls wait for a release that is lost, in these tests.
const patience = 3 * time.Second

// hung starts a host whose store "canary" is pinned to a process that hangs, and will for as long as it is not continued.
func hung(t *testing.T) (r *rig, process int) {
	t.Helper()
	r = rigged(t, func(c *host.Config) {
		c.WatchInterval, c.WatchTimeout, c.WatchMisses = 50*time.Millisecond, 500*time.Millisecond, 1_000_000
		c.BackoffMin, c.BackoffMax = time.Hour, time.Hour
	})
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	lease := r.lend(t, "canary")
	process = r.pins(t)[0].Generation.PID
	if err := syscall.Kill(process, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(process, syscall.SIGCONT) })
	eventually(t, "the first miss", lease.Suspect)
	return r, process
}

// patiently makes a call of store "canary" that can wait for its release for as long as patience.
func (r *rig) patiently(t *testing.T) (generation int64, took time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	begin := time.Now()
	generation, err = callFor(ctx, r.Host, "canary", "nothing")
	return generation, time.Since(begin), err
}

// TestLostReleaseCostsItsStoresOnce: who comes when the others have waited long enough does not wait again.
func TestLostReleaseCostsItsStoresOnce(t *testing.T) {
	t.Parallel()
	r, process := hung(t)
	if generation, _, err := r.patiently(t); err != nil || generation != 1 {
		t.Fatalf("first call on generation %d, %v; want the one that serves", generation, err)
	}
	for range 3 {
		if generation, took, err := r.patiently(t); err != nil || generation != 1 || took > patience/2 {
			t.Errorf("call after %v on generation %d, %v; want the one that serves at once", took, generation, err)
		}
	}
	// A release that came back and is lost again is waited for again: that may be short.
	for _, signal := range []syscall.Signal{syscall.SIGCONT, syscall.SIGSTOP} {
		if err := syscall.Kill(process, signal); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the change to be seen", func() bool { return r.canaryServes(t) == (signal == syscall.SIGCONT) })
	}
	if generation, took, err := r.patiently(t); err != nil || generation != 1 || took < patience/10 {
		t.Errorf("call after %v on generation %d, %v; want the one that serves, after waiting for the pinned one", took, generation, err)
	}
}

// canaryServes reports whether a caller who cannot wait gets the pinned release.
func (r *rig) canaryServes(t *testing.T) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	lease, err := r.Lease(ctx, "one", "canary")
	if err != nil {
		return false
	}
	defer lease.Release()
	return lease.Description().GetVersion() == "2.0.0"
}

// TestPinnedCallersAreWokenByTheirRelease: also those who waited for it long enough, when nothing else serves either.
func TestPinnedCallersAreWokenByTheirRelease(t *testing.T) {
	t.Parallel()
	r, process := hung(t)
	if generation, _, err := r.patiently(t); err != nil || generation != 1 {
		t.Fatalf("first call on generation %d, %v; want the one that serves", generation, err)
	}
	r.kill(t, 0)
	type answer struct {
		generation int64
		err        error
	}
	answered := make(chan answer, 1)
	go func() {
		generation, _, err := r.patiently(t)
		answered <- answer{generation, err}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if l, err := r.Lease(ctx, "one", "canary"); !problem.HasReason(err, problem.ReasonAdapterDown) {
		t.Errorf("Lease while nothing serves = %v, %v; want ADAPTER_DOWN", l, err)
	}
	if err := syscall.Kill(process, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got.err != nil || got.generation != 2 {
		t.Errorf("call of who waited: generation %d, %v; want the pinned one", got.generation, got.err)
	}
}
