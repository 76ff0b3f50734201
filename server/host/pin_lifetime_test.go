package host_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// TestPinnedProcessIsReplaced: one crash ends no pin.
func TestPinnedProcessIsReplaced(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	_, _ = callFor(t.Context(), r.Host, "canary", "exit")
	eventually(t, "the pinned release serves again", func() bool {
		pins := r.pins(t)
		return len(pins) == 1 && pins[0].State == host.Serving && pins[0].Generation.Number == 3
	})
	r.routes(t, "after a crash", map[string]string{"canary": "2.0.0", "other": "1.0.0"})
	if s, err := r.Adapter("one"); err != nil || s.Restarts != 0 || s.Generation.Number != 1 {
		t.Errorf("the serving process felt it: %+v, %v", s, err)
	}
}

// TestCrashLoopEndsPin: the store does not stand still, before the pin ends nor after, and the operator reads why.
func TestCrashLoopEndsPin(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.BreakerFailures = 3 })
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the pin", func() bool {
		if pins := r.pins(t); pins[0].Ended != "" {
			return true
		}
		_, _ = callFor(t.Context(), r.Host, "canary", "exit-next")
		return false
	})
	r.routes(t, "after the pin", map[string]string{"canary": "1.0.0"})
	pins := r.pins(t)
	if len(pins) != 1 || pins[0].State != host.Stopped || !strings.Contains(pins[0].Message, "again and again") {
		t.Errorf("pins %+v", pins)
	}
	eventually(t, "the end is saved", func() bool {
		saved, _ := r.memory.Pins(t.Context())
		return len(saved) == 1 && saved[0].Ended == pins[0].Message
	})
	r.alone(t)
	if err := r.Unpin(t.Context(), "one", "canary"); err != nil || len(r.pins(t)) != 0 {
		t.Errorf("Unpin = %v, pins %v", err, r.pins(t))
	}
}

// TestStoreGoesOnWhileItsReleaseIsDown: a pinned release that takes its time to restart costs a caller half of its patience, not the
// call.
func TestStoreGoesOnWhileItsReleaseIsDown(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.BackoffMin, c.BackoffMax = time.Hour, time.Hour })
	if err := r.pin(t, "canary", "next", 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	_, _ = callFor(t.Context(), r.Host, "canary", "exit")
	eventually(t, "the crash is seen", func() bool { return r.pins(t)[0].State == host.Restarting })
	ctx, cancel := context.WithTimeout(t.Context(), slow)
	defer cancel()
	if generation, err := callFor(ctx, r.Host, "canary", "nothing"); err != nil || generation != 1 {
		t.Errorf("call on generation %d, %v; want the one that serves", generation, err)
	}
	if pins := r.pins(t); pins[0].Message == "" || pins[0].Ended != "" {
		t.Errorf("pins %+v; want one that says why its release does not serve", pins)
	}
}

// TestPinsSurviveARestart: those that hold come back from the server's own copy; those that ended are shown, those that expired are
// forgotten.
func TestPinsSurviveARestart(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	held := r.pins(t)[0].Pin
	ctx, cancel := context.WithTimeout(t.Context(), slow)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	install(t, r.cfg.PluginDir, canaryFile, "plain-2")
	ended, over := held, held
	ended.Store, ended.Ended = "ended", "it was no good"
	over.Store, over.ExpireTime = "over", time.Now().Add(-time.Second)
	for _, p := range []release.Pin{ended, over} {
		if err := r.memory.SavePin(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	again := &rig{cfg: r.cfg, memory: r.memory, stores: r.stores}
	again.Host = running(t, func(c *host.Config) { *c = r.cfg })
	again.routes(t, "after the restart", map[string]string{"canary": "2.0.0", "ended": "1.0.0", "over": "1.0.0"})
	pins := again.pins(t)
	if len(pins) != 2 {
		t.Fatalf("pins %+v", pins)
	}
	if diff := cmp.Diff([]release.Pin{held, ended}, []release.Pin{pins[0].Pin, pins[1].Pin}); diff != "" {
		t.Errorf("pins (-want +got)\n%s", diff)
	}
	if saved, _ := r.memory.Pins(t.Context()); len(saved) != 2 {
		t.Errorf("saved %+v, want the expired one forgotten", saved)
	}
}

// TestTooManyPins: each pinned release is a process more.
func TestTooManyPins(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	for i, variant := range []string{"next", "plain-2", "plain-3", "plain-4", "plain-5"} {
		err := r.pin(t, []string{"a", "b", "c", "d", "e"}[i], variant, time.Hour)
		if want := variant == "plain-5"; problem.HasReason(err, problem.ReasonTooManyPins) != want || !want && err != nil {
			t.Errorf("pin to %s: %v", variant, err)
		}
	}
}

func TestUnloadEndsPins(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := r.Unload(t.Context(), "one"); err != nil { // the store was disconnected meanwhile
		t.Fatal(err)
	}
	eventually(t, "no process", func() bool { return leftovers(t, r.cfg.WorkDir)["processes"] == 0 })
	if saved, _ := r.memory.Pins(t.Context()); len(saved) != 0 || len(r.pins(t)) != 0 {
		t.Errorf("pins are left: %v, saved %v", r.pins(t), saved)
	}
}

// TestPinWhileTheHostStops: a pin that was saved and does not come about is taken back, and the one before is what a restart finds.
func TestPinWhileTheHostStops(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprintf("first pin %v", first), func(t *testing.T) {
			t.Parallel()
			r := rigged(t, nil)
			if !first {
				if err := r.pin(t, "canary", "plain-2", time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			before, _ := r.memory.Pins(t.Context())
			stopped := make(chan error, 1)
			r.memory.onPin = func(p release.Pin) {
				if p.Release.Version != "2.0.0" {
					return
				}
				beginStop(t, r.Host, stopped)
			}
			if err := r.pin(t, "canary", "next", time.Hour); !problem.HasReason(err, problem.ReasonServerStopping) {
				t.Errorf("Pin = %v, want SERVER_STOPPING", err)
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			if left := processes(r.cfg.WorkDir); len(left) > 0 {
				t.Errorf("processes left: %v", left)
			}
			after, _ := r.memory.Pins(t.Context())
			if diff := cmp.Diff(before, after, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("saved pins (-before +after)\n%s", diff)
			}
		})
	}
}
