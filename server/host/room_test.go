package host_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// lend takes a lease for a store until the end of the test.
func (r *rig) lend(t *testing.T, store string) *host.Lease {
	t.Helper()
	lease, err := r.Lease(t.Context(), "one", store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lease.Release)
	return lease
}

// unwatched is a swap or a rollback by an operator who does not wait for the end of the old generation.
func unwatched(t *testing.T, do func(context.Context, host.Report) error) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	published := false
	err := do(ctx, func(s host.Step) {
		if s.Kind == host.Retire {
			published = true
			cancel()
		}
	})
	if published {
		return nil
	}
	return err
}

// retireFour leaves as many generations retiring, each with a call, as a swap bears.
func (r *rig) retireFour(t *testing.T) (leases []*host.Lease) {
	t.Helper()
	for _, variant := range []string{"next", "", "next", ""} {
		leases = append(leases, r.lend(t, ""))
		install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", variant)
		err := unwatched(t, func(ctx context.Context, report host.Report) error { return r.Swap(ctx, "one", "", report) })
		if err != nil {
			t.Fatal(err)
		}
	}
	return leases
}

// rollback is an unwatched one.
func (r *rig) rollback(t *testing.T) error {
	t.Helper()
	return unwatched(t, func(ctx context.Context, report host.Report) error { return r.Rollback(ctx, "one", report) })
}

// alive reports whether a lease's process was not ended.
func alive(l *host.Lease) bool {
	select {
	case <-l.Gone():
		return false
	default:
		return true
	}
}

// TestRollbackEndsTheOldestRetiring: slow calls on many generations do not keep the operator from going back.
func TestRollbackEndsTheOldestRetiring(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	leases := r.retireFour(t)
	if err := r.Swap(t.Context(), "one", "", func(host.Step) {}); !problem.HasReason(err, problem.ReasonTooManyRetiring) {
		t.Errorf("swap with four that retire = %v, want it refused", err)
	}
	last := r.lend(t, "")
	if err := r.rollback(t); err != nil {
		t.Fatalf("Rollback: %v", err)
	}
	if g := r.serving(t); g.Release.Version != "2.0.0" {
		t.Errorf("serving %+v after the rollback", g)
	}
	<-leases[0].Gone()
	for i, lease := range append(leases[1:], last) {
		if !alive(lease) {
			t.Errorf("generation %d was ended as well", i+2)
		}
	}
}

// TestRefusedRollbackEndsNobody: calls are cut for a rollback that comes about, and for no other.
func TestRefusedRollbackEndsNobody(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	leases := r.retireFour(t)
	s, err := r.Adapter("one")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(r.cfg.WorkDir, "releases", "one", s.Desired.Previous.SHA256)); err != nil {
		t.Fatal(err)
	}
	if err := r.rollback(t); !problem.HasReason(err, problem.ReasonNoPreviousRelease) {
		t.Fatalf("Rollback = %v, want NO_PREVIOUS_RELEASE", err)
	}
	if err := r.Swap(t.Context(), "one", "", func(host.Step) {}); !problem.HasReason(err, problem.ReasonTooManyRetiring) {
		t.Errorf("swap after it = %v, want it refused: the four retire still", err)
	}
	for i, lease := range leases {
		if !alive(lease) {
			t.Errorf("generation %d was ended", i+1)
		}
	}
}

// TestRollbackEndsNotWhatItReplaced: when only processes of pinned stores retire, the one that served until now is not the oldest of them.
func TestRollbackEndsNotWhatItReplaced(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	var pinned []*host.Lease
	for _, variant := range []string{"plain-2", "plain-3", "plain-4", "plain-5"} {
		if err := r.pin(t, "canary", variant, time.Hour); err != nil {
			t.Fatal(err)
		}
		pinned = append(pinned, r.lend(t, "canary"))
		if err := r.Unpin(t.Context(), "one", "canary"); err != nil {
			t.Fatal(err)
		}
	}
	served := r.lend(t, "")
	if err := r.rollback(t); err != nil {
		t.Fatal(err)
	}
	<-pinned[0].Gone()
	if !alive(served) {
		t.Error("the calls of the release that served were cut")
	}
}

// TestUnpinAndUnloadNeedNoRoom: what starts no process is not refused because processes retire.
func TestUnpinAndUnloadNeedNoRoom(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "decides", time.Hour); err != nil {
		t.Fatal(err)
	}
	leases := r.retireFour(t)
	if err := r.Unpin(t.Context(), "one", "canary"); err != nil {
		t.Errorf("Unpin: %v", err)
	}
	r.routes(t, "unpinned", map[string]string{"canary": "1.0.0"})
	unloaded := make(chan error, 1)
	go func() { unloaded <- r.Unload(t.Context(), "one") }()
	eventually(t, "it is unloaded", func() bool {
		s, err := r.Adapter("one")
		return err == nil && s.State == host.Unloaded
	})
	for i, lease := range leases {
		if !alive(lease) {
			t.Errorf("the process of lease %d was ended for it", i+1)
		}
		lease.Release()
	}
	if err := <-unloaded; err != nil {
		t.Errorf("Unload: %v", err)
	}
}

// TestUnpinDuringASwap: a store leaves a bad release at once.
func TestUnpinDuringASwap(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "plain-2", time.Hour); err != nil {
		t.Fatal(err)
	}
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
	var unpinned error
	var saved []release.Pin
	err := r.Swap(t.Context(), "one", "", func(s host.Step) {
		if s.Kind == host.Probe && !s.Done {
			unpinned = r.Unpin(t.Context(), "one", "canary")
			saved, _ = r.memory.Pins(t.Context())
		}
	})
	if err != nil || unpinned != nil || len(saved) > 0 || len(r.pins(t)) > 0 {
		t.Errorf("swap %v, unpin within it %v, pins saved then %v, pins after it %v", err, unpinned, saved, r.pins(t))
	}
	r.routes(t, "after both", map[string]string{"canary": "2.0.0", "other": "2.0.0"})
}
