package host_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
)

// TestPinToAReleaseThatRestarts: a second store is pinned to a process that is replaced while the database takes its time. The race
// detector sees to it that both look at the release under the lock.
func TestPinToAReleaseThatRestarts(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	before, back := r.pins(t)[0].Generation, make(chan struct{})
	go func() { // nothing that Pin does until the channel is closed may order it before the restart: that would hide a race
		defer close(back)
		eventually(t, "the restart", func() bool {
			s, err := r.Adapter("one")
			return err == nil && s.Pins[0].Generation.Number != before.Number && s.Pins[0].Generation.PID != 0
		})
	}()
	r.memory.onPin = func(release.Pin) {
		_ = syscall.Kill(before.PID, syscall.SIGKILL)
		<-back
	}
	err := r.Pin(t.Context(), host.PinRequest{Adapter: "one", Store: "second", File: canaryFile, ExpireTime: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	r.routes(t, "pinned", map[string]string{"canary": "2.0.0", "second": "2.0.0", "other": "1.0.0"})
}
