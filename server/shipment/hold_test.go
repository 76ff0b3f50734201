package shipment_test

import (
	"testing"
	"time"
)

// TestLongestHold: as long as a shipment may keep the process of an adapter, from the moment when it begins to be made ready until its
// answer, a process that was replaced must be let live: else a request is cut in the middle.
func TestLongestHold(t *testing.T) {
	t.Parallel()
	for _, storing := range []time.Duration{0, policy.CallTimeout / 2} {
		w := newWorld()
		w.storing = storing
		w.step(t)
		if len(w.allowed) != 2 {
			t.Fatalf("%d calls", len(w.allowed))
		}
		held := w.allowed[0] + storing + w.allowed[1]
		if longest := policy.LongestHold(); held > longest || held < longest-10*time.Second {
			t.Errorf("with %s to store the announcement a process may be held for %s, want %s", storing, held, longest)
		}
	}
}
