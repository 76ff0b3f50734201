package host_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
)

// goodFile is where these tests put a release that starts.
const goodFile = handshake.FilePrefix + "one@good"

// starting starts a host whose adapter one hangs while it is started, for longer than any test waits.
func starting(t *testing.T) (h *host.Host, work string) {
	t.Helper()
	h = running(t, func(c *host.Config) {
		c.StartTimeout, work = time.Hour, c.WorkDir
		install(t, c.PluginDir, handshake.FilePrefix+"one", "hangs")
		install(t, c.PluginDir, goodFile, "")
	}, "one")
	eventually(t, "the start", func() bool { return len(processes(work)) == 1 })
	return h, work
}

// TestSwapDuringAFailingStart: the start of the bad release ends, and says nothing about the good one.
func TestSwapDuringAFailingStart(t *testing.T) {
	t.Parallel()
	h, work := starting(t)
	if err := h.Swap(t.Context(), "one", goodFile, func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the failing start", func() bool { return len(processes(work)) == 1 })
	if s, err := h.Adapter("one"); err != nil || s.State != host.Serving || s.Message != "" || !s.RetryTime.IsZero() {
		t.Errorf("status %+v, %v; want SERVING", s, err)
	}
	// The next start comes after the end of the first was noted.
	_ = syscall.Kill(pid(t, h, "one"), syscall.SIGKILL)
	if generation, err := callAfter(t, h, 2); err != nil || generation != 3 {
		t.Errorf("call on generation %d, %v; want 3", generation, err)
	}
	if s, err := h.Adapter("one"); err != nil || s.Restarts != 1 {
		t.Errorf("restarts %d, %v; want the one of the good release", s.Restarts, err)
	}
}

// TestUnloadDuringAFailingStart: nothing is left running that nobody wants.
func TestUnloadDuringAFailingStart(t *testing.T) {
	t.Parallel()
	h, work := starting(t)
	if err := h.Unload(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the start", func() bool { return len(processes(work)) == 0 })
	if s, err := h.Adapter("one"); err != nil || s.State != host.Unloaded || s.Restarts != 0 || !s.RetryTime.IsZero() {
		t.Errorf("status %+v, %v; want UNLOADED", s, err)
	}
}
