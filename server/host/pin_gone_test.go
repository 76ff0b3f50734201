package host_test

import (
	"context"
	"testing"
	"time"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// TestPinEndsWithItsStore: a store that is disconnected, or leaves the adapter, takes its pin with it, and the others keep theirs.
func TestPinEndsWithItsStore(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.PinInterval = 50 * time.Millisecond })
	for _, store := range []string{"gone", "stays"} {
		if err := r.pin(t, store, map[string]string{"gone": "next", "stays": "decides"}[store], time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.memory.DeletePin(t.Context(), "one", "gone"); err != nil { // as the disconnection of a store does
		t.Fatal(err)
	}
	eventually(t, "the end of the pin", func() bool { return len(r.pins(t)) == 1 })
	if got := r.pins(t)[0]; got.Store != "stays" || got.State != host.Serving {
		t.Errorf("pin %+v, want the other one", got)
	}
	r.routes(t, "afterwards", map[string]string{"gone": "1.0.0"})
	eventually(t, "its process is gone", func() bool { return leftovers(t, r.cfg.WorkDir)["processes"] == 2 })
}

// TestPinOfAStoreThatGoesAtThisMoment: the database has the last word.
func TestPinOfAStoreThatGoesAtThisMoment(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.Releases = unconnected{c.Releases} })
	if err := r.pin(t, "canary", "next", time.Hour); !problem.HasReason(err, problem.ReasonAdapterNotConnected) {
		t.Errorf("Pin = %v, want ADAPTER_NOT_CONNECTED", err)
	}
	r.routes(t, "afterwards", map[string]string{"canary": "1.0.0"})
	r.alone(t)
}

// unconnected has no store.
type unconnected struct{ release.Repository }

func (unconnected) SavePin(context.Context, release.Pin) error { return release.ErrNotConnected }

// TestPinOfAnUnloadedAdapterIsForgotten: one whose end could not be saved starts no process of an adapter that is out of service.
func TestPinOfAnUnloadedAdapterIsForgotten(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	pins, _ := r.memory.Pins(t.Context())
	if err := r.Unload(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := r.memory.SavePin(t.Context(), pins[0]); err != nil {
		t.Fatal(err)
	}
	again := &rig{cfg: r.cfg, memory: r.memory, stores: r.stores}
	again.Host = running(t, func(c *host.Config) { *c = r.cfg })
	if saved, _ := r.memory.Pins(t.Context()); len(saved) != 0 || len(again.pins(t)) != 0 {
		t.Errorf("pins %+v, saved %+v; want none", again.pins(t), saved)
	}
	if n := len(processes(r.cfg.WorkDir)); n != 0 {
		t.Errorf("%d processes of an adapter that is unloaded", n)
	}
}
