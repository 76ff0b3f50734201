package host_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// TestUnloadWaitsForEveryProcess: not only for the one that serves.
func TestUnloadWaitsForEveryProcess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, r *rig) *host.Lease // a call on a process that does not serve all stores
	}{
		{"one that retires", func(t *testing.T, r *rig) *host.Lease {
			lease, err := r.Lease(t.Context(), "one", "")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
			_ = r.Swap(ctx, "one", "", func(s host.Step) {
				if s.Kind == host.Retire {
					cancel() // the operator does not wait for it
				}
			})
			return lease
		}},
		{"one that a store was pinned to", func(t *testing.T, r *rig) *host.Lease {
			if err := r.pin(t, "canary", "next", time.Hour); err != nil {
				t.Fatal(err)
			}
			lease, err := r.Lease(t.Context(), "one", "canary")
			if err != nil {
				t.Fatal(err)
			}
			return lease
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rigged(t, nil)
			lease := tt.prepare(t, r)
			serving := r.serving(t)
			unloaded := make(chan error, 1)
			go func() { unloaded <- r.Unload(t.Context(), "one") }()
			eventually(t, "the end of the process that served", func() bool { return gone(serving.PID) })
			select {
			case err := <-unloaded:
				t.Errorf("Unload returned with a call in flight: %v", err)
				unloaded <- err
			case <-time.After(100 * time.Millisecond): // it had the time
			}
			lease.Release()
			if err := <-unloaded; err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(0, leftovers(t, r.cfg.WorkDir)["processes"]); diff != "" {
				t.Errorf("processes (-want +got)\n%s", diff)
			}
		})
	}
}

// TestUnloadWaitsForAStart: a process that is being started does not outlive it either.
func TestUnloadWaitsForAStart(t *testing.T) {
	t.Parallel()
	work := ""
	h := running(t, func(c *host.Config) {
		work, c.StartTimeout = c.WorkDir, 2*time.Second
		install(t, c.PluginDir, handshake.FilePrefix+"one", "hangs")
	}, "one")
	eventually(t, "a process that is started", func() bool { return len(processes(work)) == 1 })
	if err := h.Unload(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if left := processes(work); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	if s, err := h.Adapter("one"); err != nil || s.State != host.Unloaded {
		t.Errorf("%+v, %v; want UNLOADED", s, err)
	}
}

// TestStopDuringAnUnload: at the last moment, when it is saved already. The next server serves what this one did.
func TestStopDuringAnUnload(t *testing.T) {
	t.Parallel()
	r, l := riggedLater(t, 10*time.Millisecond)
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	before := r.memory.desired()
	stopped := make(chan error, 1)
	l.saved = func(d release.Desired) {
		if !d.Unloaded {
			return
		}
		beginStop(t, r.Host, stopped)
	}
	if err := r.Unload(t.Context(), "one"); !problem.HasReason(err, problem.ReasonServerStopping) {
		t.Errorf("Unload = %v, want SERVER_STOPPING", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, r.memory.desired()); diff != "" {
		t.Errorf("saved (-before +after)\n%s", diff)
	}
	if pins, _ := r.memory.Pins(t.Context()); len(pins) != 1 {
		t.Errorf("saved pins %+v, want the one before", pins)
	}
}

// TestUnloadNamesWhoUsesIt: the operator reads which stores to move, as far as they can be read.
func TestUnloadNamesWhoUsesIt(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	before := r.serving(t)
	tests := []struct {
		name     string
		use      release.Use
		says     string
		metadata map[string]string
	}{
		{"one", release.Use{Stores: 1, Named: []string{"shop"}}, "is used by 1 connected store: stores/shop; move",
			map[string]string{"adapter": "one", "stores": "stores/shop"}},
		{"as many as are named", release.Use{Stores: 2, Named: []string{"a", "b"}}, "is used by 2 connected stores: stores/a, stores/b; move",
			map[string]string{"adapter": "one", "stores": "stores/a, stores/b"}},
		{"more than are named", release.Use{Stores: 7, Named: []string{"a", "b", "c", "d", "e"}},
			"is used by 7 connected stores: stores/a, stores/b, stores/c, stores/d, stores/e and 2 more; move",
			map[string]string{"adapter": "one", "stores": "stores/a, stores/b, stores/c, stores/d, stores/e", "more": "2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.stores.use = tt.use
			got := problem.As(r.Unload(t.Context(), "one"))
			if got == nil || got.Reason != problem.ReasonAdapterInUse || !strings.Contains(got.Message, tt.says) {
				t.Fatalf("Unload = %v, want ADAPTER_IN_USE that says %q", got, tt.says)
			}
			if diff := cmp.Diff(tt.metadata, got.Metadata); diff != "" {
				t.Errorf("metadata (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(before, r.serving(t)); diff != "" {
				t.Errorf("serving (-before +after)\n%s", diff)
			}
		})
	}
}
