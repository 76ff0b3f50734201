package host_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
)

// TestWhatRetiresIsToldAtOnce: who swaps learns when the old process begins to finish its calls how many they are and how long that may
// take; so does who looks meanwhile.
func TestWhatRetiresIsToldAtOnce(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	lease, err := r.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
	began := time.Now().Add(-time.Millisecond)
	var told []host.Step
	err = r.Swap(t.Context(), "one", "", func(s host.Step) {
		if s.Kind != host.Retire {
			return
		}
		told = append(told, host.Step{Kind: s.Kind, Done: s.Done, Generation: s.Generation, Calls: s.Calls, Limit: s.Limit, Killed: s.Killed})
		if s.Done {
			return
		}
		defer lease.Release()
		status, err := r.Adapter("one")
		if err != nil || len(status.Retiring) != 1 {
			t.Errorf("status %+v, %v; want one that retires", status, err)
			return
		}
		g := status.Retiring[0]
		if g.RetireTime.Before(began) || g.RetireTime.Location() != time.UTC || g.RetireDeadline.Sub(g.RetireTime) != r.cfg.RetireTimeout {
			t.Errorf("retires since %v until %v, want since now for %v", g.RetireTime, g.RetireDeadline, r.cfg.RetireTimeout)
		}
		if s := status.Generation; !s.RetireTime.IsZero() || !s.RetireDeadline.IsZero() {
			t.Errorf("the one that serves retires since %v until %v", s.RetireTime, s.RetireDeadline)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []host.Step{
		{Kind: host.Retire, Generation: 1, Calls: 1, Limit: r.cfg.RetireTimeout}, {Kind: host.Retire, Done: true, Generation: 1},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("steps (-want +got)\n%s", diff)
	}
}

// TestFilesThatCannotBeServed: it is told before somebody tries.
func TestFilesThatCannotBeServed(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	for label, mode := range map[string]os.FileMode{"empty": 0o755, "plain": 0o644} {
		content := []byte("x")
		if label == "empty" {
			content = nil
		}
		if err := os.WriteFile(filepath.Join(r.cfg.PluginDir, handshake.FilePrefix+"one@"+label), content, mode); err != nil {
			t.Fatal(err)
		}
	}
	files, err := r.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, f := range files {
		got[f.Label] = f.Fault
	}
	if diff := cmp.Diff(map[string]string{"": "", "empty": "empty", "plain": "not executable"}, got); diff != "" {
		t.Errorf("faults by label (-want +got)\n%s", diff)
	}
}
