package host_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
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

// TestPinSurvivesWhatPasses: a release that cannot be had is no release that fails. The pin stands, the operator reads what is wrong, and
// when it is mended the store goes back to its release.
func TestPinSurvivesWhatPasses(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	held := r.pins(t)[0].Pin
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		filepath.Join(r.cfg.PluginDir, canaryFile), filepath.Join(r.cfg.WorkDir, "releases", "one", held.Release.SHA256),
	} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	log := &logBuffer{}
	again := &rig{cfg: r.cfg, memory: r.memory, stores: r.stores}
	again.Host = running(t, func(c *host.Config) {
		*c = r.cfg
		c.BreakerFailures, c.Logger = 3, log.logger()
	})
	served := again.serving(t).Number
	eventually(t, "more failures than a crash loop has", func() bool {
		return log.count("adapter cannot be started") > 5 || again.pins(t)[0].Ended != ""
	})
	if diff := cmp.Diff(held, again.pins(t)[0].Pin); diff != "" {
		t.Errorf("pin (-before +after)\n%s", diff)
	}
	if p := again.pins(t)[0]; p.State != host.Restarting || !strings.Contains(p.Message, "back, or end the pins to it with \"relais adapter unpin one\"") {
		t.Errorf("state %v, message %q; want RESTARTING, and what to do", p.State, p.Message)
	}
	if generation, _, err := again.patiently(t); err != nil || generation != served {
		t.Errorf("call on generation %d, %v; want %d, which serves", generation, err, served)
	}
	install(t, r.cfg.PluginDir, canaryFile, "next")
	eventually(t, "the store is back", func() bool { return again.canaryServes(t) })
	if saved, err := r.memory.Pins(t.Context()); err != nil || !cmp.Equal([]release.Pin{held}, saved) {
		t.Errorf("saved %+v, %v; want the pin as it was", saved, err)
	}
}
