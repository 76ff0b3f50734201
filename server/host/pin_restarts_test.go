package host_test

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/host"
)

// TestRestartsOfAPinnedRelease: they are told with the pins whose stores they concern, and not of the release that serves.
func TestRestartsOfAPinnedRelease(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	for _, store := range []string{"canary", "friend"} {
		if err := r.pin(t, store, "next", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for restarts := 1; restarts <= 2; restarts++ {
		_, _ = callFor(t.Context(), r.Host, "canary", "exit")
		eventually(t, "the process is replaced", func() bool {
			p := r.pins(t)[0]
			return p.State == host.Serving && p.Restarts == restarts
		})
	}
	if pins := r.pins(t); len(pins) != 2 || pins[1].Restarts != 2 {
		t.Errorf("pins %+v, want both to tell of the process that they share", pins)
	}
	if a, err := r.Adapter("one"); err != nil || a.Restarts != 0 {
		t.Errorf("%d restarts of the release that serves, %v", a.Restarts, err)
	}
}
