package host_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// canaryFile is where these tests put the release that stores are pinned to.
const canaryFile = handshake.FilePrefix + "one@canary"

// pin installs a variant and pins a store to it for so long.
func (r *rig) pin(t *testing.T, store, variant string, length time.Duration) error {
	t.Helper()
	install(t, r.cfg.PluginDir, canaryFile, variant)
	return r.Pin(t.Context(), host.PinRequest{Adapter: "one", Store: store, File: canaryFile, ExpireTime: time.Now().Add(length)})
}

// versionFor is the version of the release that a store's next call goes to.
func (r *rig) versionFor(t *testing.T, store string) string {
	t.Helper()
	lease, err := r.Lease(t.Context(), "one", store)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	return lease.Description().GetVersion()
}

// routes checks which version each store's calls go to.
func (r *rig) routes(t *testing.T, when string, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for store := range want {
		got[store] = r.versionFor(t, store)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: versions by store (-want +got)\n%s", when, diff)
	}
}

// pins are the pins of adapter one.
func (r *rig) pins(t *testing.T) []host.Pin {
	t.Helper()
	s, err := r.Adapter("one")
	if err != nil {
		t.Fatal(err)
	}
	return s.Pins
}

// alone waits until the release that serves is the only one, and checks what is left.
func (r *rig) alone(t *testing.T) {
	t.Helper()
	want := map[string]int{"processes": 1, "releases": 1, "releases/one": 1, "sockets": 1}
	eventually(t, "the pinned process is gone with its copy and socket", func() bool { return cmp.Equal(want, leftovers(t, r.cfg.WorkDir)) })
}

func TestPin(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	for _, store := range []string{"canary", "second"} {
		if err := r.pin(t, store, "next", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	r.routes(t, "pinned", map[string]string{"canary": "2.0.0", "second": "2.0.0", "other": "1.0.0", "": "1.0.0"})
	if n := leftovers(t, r.cfg.WorkDir)["processes"]; n != 2 {
		t.Errorf("%d processes, want one for both pinned stores and one for the others", n)
	}
	pins := r.pins(t)
	if len(pins) != 2 || pins[0].Store != "canary" || pins[0].State != host.Serving || pins[0].Message != "" ||
		pins[0].Generation.Number != 2 || pins[0].Generation.PID == 0 || pins[0].Release.Version != "2.0.0" {
		t.Errorf("pins %+v", pins)
	}
	saved, _ := r.memory.Pins(t.Context())
	if diff := cmp.Diff([]release.Pin{pins[0].Pin, pins[1].Pin}, saved); diff != "" {
		t.Errorf("saved (-shown +saved)\n%s", diff)
	}
	if d := r.memory.desired(); d.Release.Version != "1.0.0" || !d.Previous.IsZero() {
		t.Errorf("the pin changed what serves: %+v", d)
	}

	// A swap does not touch pins; a release that stores are pinned to is kept although it neither serves nor did.
	for _, variant := range []string{"plain-2", "plain-3", "plain-4"} {
		if _, err := r.swap(t, variant); err != nil {
			t.Fatal(err)
		}
	}
	r.routes(t, "after swaps", map[string]string{"canary": "2.0.0", "other": "1.0.0"})
	if n := leftovers(t, r.cfg.WorkDir)["releases/one"]; n != 3 {
		t.Errorf("%d copies of releases, want the one that serves, the one before and the pinned one", n)
	}

	if err := r.Unpin(t.Context(), "one", "canary"); err != nil {
		t.Fatal(err)
	}
	r.routes(t, "one unpinned", map[string]string{"canary": "1.0.0", "second": "2.0.0"})
	if err := r.Unpin(t.Context(), "one", "canary"); !problem.HasReason(err, problem.ReasonPinNotFound) {
		t.Errorf("second Unpin = %v", err)
	}
	if err := r.Unpin(t.Context(), "one", "second"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pinned process is gone", func() bool { return leftovers(t, r.cfg.WorkDir)["processes"] == 1 })
	eventually(t, "its copy is gone", func() bool { return leftovers(t, r.cfg.WorkDir)["releases/one"] == 2 })
	if saved, _ := r.memory.Pins(t.Context()); len(saved) != 0 || len(r.pins(t)) != 0 {
		t.Errorf("pins are left: %v, saved %v", r.pins(t), saved)
	}
}

// TestPinMovesCalls: streams on the release before are told to go on elsewhere, calls finish where they began, and together they use
// the store's rate budget once.
func TestPinMovesCalls(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	stays, before := r.lend(t, "other"), r.lend(t, "canary")
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	if !moved(before) || moved(stays) {
		t.Errorf("told to move: the pinned store %v, another one %v", moved(before), moved(stays))
	}
	after, other := r.lend(t, "canary"), r.lend(t, "other")
	if after.Share() != 0.1 || other.Share() != 1 {
		t.Errorf("shares: %v with a call on each release, %v with none on the pinned one", after.Share(), other.Share())
	}
	before.Release()
	if again := r.lend(t, "canary"); again.Share() != 1 {
		t.Errorf("share %v when the calls before are finished", again.Share())
	} else {
		again.Release()
	}
	if err := r.Unpin(t.Context(), "one", "canary"); err != nil {
		t.Fatal(err)
	}
	if !moved(after) {
		t.Error("unpinned, and the call on the pinned release was not told")
	}
	back := r.lend(t, "canary")
	if back.Description().GetVersion() != "1.0.0" || back.Share() != 0.1 {
		t.Errorf("back on %s with a share of %v", back.Description().GetVersion(), back.Share())
	}
	s, err := r.Adapter("one")
	if err != nil || len(s.Retiring) != 1 || s.Retiring[0].Release.Version != "2.0.0" || s.Retiring[0].Leases != 1 {
		t.Errorf("retiring %+v, %v; want the pinned generation with a call", s.Retiring, err)
	}
	for _, l := range []*host.Lease{stays, after, other, back} {
		l.Release()
	}
	r.alone(t)
}

func TestPinExpires(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "canary", "next", 300*time.Millisecond); err != nil && !problem.HasReason(err, problem.ReasonInvalidField) {
		t.Fatal(err)
	}
	eventually(t, "the store is back", func() bool { return r.versionFor(t, "canary") == "1.0.0" })
	r.alone(t)
	if saved, _ := r.memory.Pins(t.Context()); len(saved) != 0 || len(r.pins(t)) != 0 {
		t.Errorf("pins are left: %v, saved %v", r.pins(t), saved)
	}
}

// TestRefusedPin: whatever is wrong, nothing changes, and the operator reads why.
func TestRefusedPin(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	install(t, r.cfg.PluginDir, canaryFile, "next")
	in := func(d time.Duration) time.Time { return time.Now().Add(d) }
	for _, tt := range []struct {
		name    string
		request host.PinRequest
		variant string
		fail    error
		reason  string
		says    string
	}{
		{"no expire time", host.PinRequest{File: canaryFile}, "", nil, problem.ReasonInvalidField, "expire_time"},
		{"too long", host.PinRequest{File: canaryFile, ExpireTime: in(31 * 24 * time.Hour)}, "", nil, problem.ReasonInvalidField, "30 days"},
		{"no release", host.PinRequest{ExpireTime: in(time.Hour)}, "", nil, problem.ReasonInvalidField, "file or sha256"},
		{"a path", host.PinRequest{File: "../x", ExpireTime: in(time.Hour)}, "", nil, problem.ReasonInvalidField, "plain name"},
		{"no hash", host.PinRequest{SHA256: "12", ExpireTime: in(time.Hour)}, "", nil, problem.ReasonInvalidField, "64"},
		{"a file of no adapter", host.PinRequest{File: "nothing", ExpireTime: in(time.Hour)}, "", nil, problem.ReasonInvalidField, "relais-adapter-one"},
		{"no such file", host.PinRequest{File: "relais-adapter-one@nothing", ExpireTime: in(time.Hour)}, "", nil, problem.ReasonReleaseNotFound, "nothing"},
		{"no such release", host.PinRequest{SHA256: strings.Repeat("0", 64), ExpireTime: in(time.Hour)}, "", nil, problem.ReasonReleaseNotFound, "000000000000"},
		{"no such adapter", host.PinRequest{Adapter: "two", File: "relais-adapter-two", ExpireTime: in(time.Hour)}, "", nil, problem.ReasonAdapterNotFound, "two"},
		{"no such store", host.PinRequest{Store: "nobody", File: canaryFile, ExpireTime: in(time.Hour)}, "", nil, problem.ReasonStoreNotFound, "nobody"},
		{"a store of others", host.PinRequest{Store: "stranger", File: canaryFile, ExpireTime: in(time.Hour)}, "", nil, problem.ReasonAdapterNotConnected, "stranger"},
		{"exits", host.PinRequest{File: canaryFile, ExpireTime: in(time.Hour)}, "exits", nil, problem.ReasonReleaseRefused, "step launch"},
		{"fails the probe", host.PinRequest{File: canaryFile, ExpireTime: in(time.Hour)}, "unversioned", nil, problem.ReasonReleaseRefused, "step probe"},
		{"requires another credential", host.PinRequest{File: canaryFile, ExpireTime: in(time.Hour)}, "demanding", nil, problem.ReasonReleaseRefused, "token"},
		{"cannot be saved", host.PinRequest{File: canaryFile, ExpireTime: in(time.Hour)}, "next", errors.New("disk full"), problem.ReasonCommandFailed, "disk full"},
	} {
		t.Run(tt.name, func(t *testing.T) { // one host bears them all
			if tt.variant != "" {
				install(t, r.cfg.PluginDir, canaryFile, tt.variant)
			}
			r.memory.failWith(tt.fail)
			defer r.memory.failWith(nil)
			if tt.request.Adapter == "" {
				tt.request.Adapter = "one"
			}
			if tt.request.Store == "" {
				tt.request.Store = "canary"
			}
			if err := r.Pin(t.Context(), tt.request); !problem.HasReason(err, tt.reason) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Pin = %v, want %s and %q", err, tt.reason, tt.says)
			}
			r.routes(t, "afterwards", map[string]string{"canary": "1.0.0"})
			r.alone(t)
			if len(r.pins(t)) != 0 {
				t.Errorf("pins %v", r.pins(t))
			}
		})
	}
}

// TestPinByHash: a release that served before is pinned from the server's own copy.
func TestPinByHash(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	first := r.serving(t).Release
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	request := host.PinRequest{Adapter: "one", Store: "behind", SHA256: first.SHA256, ExpireTime: time.Now().Add(time.Hour)}
	if err := r.Pin(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	r.routes(t, "held back", map[string]string{"behind": "1.0.0", "other": "2.0.0"})
}

// TestPinAgain: a store has one pin; the release of the one before goes when nobody else is pinned to it.
func TestPinAgain(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	for _, variant := range []string{"next", "plain-2", "next"} {
		if err := r.pin(t, "canary", variant, time.Hour); err != nil {
			t.Fatal(err)
		}
		eventually(t, "two processes", func() bool { return leftovers(t, r.cfg.WorkDir)["processes"] == 2 })
	}
	r.routes(t, "after the third pin", map[string]string{"canary": "2.0.0", "other": "1.0.0"})
	first := r.pins(t)[0].ExpireTime
	if err := r.pin(t, "canary", "next", 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if pins := r.pins(t); len(pins) != 1 || !pins[0].ExpireTime.After(first) || pins[0].Generation.Number != 4 {
		t.Errorf("pins %+v; want one that is longer, on the same process", pins)
	}
}
