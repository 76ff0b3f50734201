package host_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/server/host"
)

// TestHungProcessIsReplacedBehindTheGate: with the times that the server runs with, who can wait for the replacement gets it.
func TestHungProcessIsReplacedBehindTheGate(t *testing.T) {
	t.Parallel()
	h := running(t, func(c *host.Config) {
		c.WatchInterval, c.WatchTimeout, c.WatchMisses, c.GateTimeout, c.BackoffMin, c.BackoffMax = 0, 0, 0, 0, 0, 0
	}, "one")
	process := pid(t, h, "one")
	lease, err := h.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if err := syscall.Kill(process, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(process, syscall.SIGCONT) })
	eventually(t, "the first miss", lease.Suspect)
	ctx, cancel := context.WithTimeout(t.Context(), slow)
	defer cancel()
	begin := time.Now()
	if generation, err := call(ctx, h, "one", "nothing"); err != nil || generation != 2 {
		t.Errorf("call after %v on generation %d, %v; want it to wait for the next process", time.Since(begin), generation, err)
	}
}
