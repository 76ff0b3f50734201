package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// file describes a file of the plugin directory, which is that of adapter one with this label.
func (r *rig) file(t *testing.T, label string) host.File {
	t.Helper()
	files, err := r.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Adapter == "one" && f.Label == label {
			return f
		}
	}
	t.Fatalf("no file with label %q among %+v", label, files)
	return host.File{}
}

// TestVersionsAreRemembered: a release that served is known by its version when it serves no more and is not what a rollback brings.
func TestVersionsAreRemembered(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@kept", "next")
	if f := r.file(t, "kept"); f.Version != "" || f.Refusal != (host.Refusal{}) {
		t.Errorf("file %+v before anything was known of it", f)
	}
	for _, variant := range []string{"next", "able", "decides"} {
		if _, err := r.swap(t, variant); err != nil {
			t.Fatal(err)
		}
	}
	if f := r.file(t, "kept"); f.Version != "2.0.0" || f.SHA256 == r.memory.desired().Previous.SHA256 {
		t.Errorf("file %+v, want version 2.0.0 of a release that is not the one before", f)
	}
	// What the database knows is remembered from a restart of the server on.
	before := r.memory.desired().Previous
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := &rig{cfg: r.cfg, memory: r.memory, stores: r.stores}
	again.Host = running(t, func(c *host.Config) { *c = r.cfg })
	again.serving(t)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@before", "able")
	if f := again.file(t, "before"); f.SHA256 != before.SHA256 || f.Version != before.Version {
		t.Errorf("file %+v, want version %s", f, before.Version)
	}
}

// TestRefusalsAreRemembered: a file whose release was refused tells so until it changes or serves, whoever was refused, and its version
// as far as it came.
func TestRefusalsAreRemembered(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken")
	r := rigged(t, func(c *host.Config) { c.Env = append(c.Env, brokenFile+"="+broken) })
	name := handshake.FilePrefix + "one@bad"
	swap := func() error { return r.Swap(t.Context(), "one", name, func(host.Step) {}) }
	for _, tt := range []struct {
		name, variant string
		ask           func() error
		version       string
		says          string
	}{
		{"by a swap at the launch", "exits", swap, "", "at the step launch: start adapter file " + name},
		{"by a swap at the probe", "marketless", swap, "1.0.0", "at the step probe: the adapter names no marketplace"},
		{"by a pin", "addressless", func() error { return r.pin(t, "canary", "addressless", time.Hour) }, "1.0.0", "at the step probe: the adapter declares no address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			install(t, r.cfg.PluginDir, name, tt.variant)
			before := time.Now()
			if err := tt.ask(); !problem.HasReason(err, problem.ReasonReleaseRefused) {
				t.Fatalf("%v, want RELEASE_REFUSED", err)
			}
			f := r.file(t, "bad")
			if f.Version != tt.version || !strings.HasPrefix(f.Refusal.Reason, tt.says) || f.Refusal.Time.Before(before) || strings.Contains(f.Refusal.Reason, "serves on") {
				t.Errorf("file %+v, want version %q and a refusal that says %q", f, tt.version, tt.says)
			}
			install(t, r.cfg.PluginDir, name, "next")
			if f := r.file(t, "bad"); f.Refusal != (host.Refusal{}) {
				t.Errorf("file %+v after it changed", f)
			}
		})
	}

	// The same file, and what stood against it has gone.
	write(t, filepath.Dir(broken), filepath.Base(broken), "", 0o600)
	if err := swap(); !problem.HasReason(err, problem.ReasonReleaseRefused) {
		t.Fatalf("swap = %v, want RELEASE_REFUSED", err)
	}
	if f := r.file(t, "bad"); f.Refusal.Reason == "" {
		t.Errorf("file %+v, want its refusal", f)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if err := swap(); err != nil {
		t.Fatal(err)
	}
	if f := r.file(t, "bad"); f.Refusal != (host.Refusal{}) || f.Version != "2.0.0" {
		t.Errorf("file %+v of the release that serves, want no refusal", f)
	}
}

// TestOutagesAreNoRefusals: what is the server's fault does not stand against a release.
func TestOutagesAreNoRefusals(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	r.memory.failWith(fmt.Errorf("disk full"))
	if _, err := r.swap(t, "next"); !problem.HasReason(err, problem.ReasonCommandFailed) {
		t.Fatalf("swap = %v, want COMMAND_FAILED", err)
	}
	if f := r.file(t, ""); f.Refusal != (host.Refusal{}) {
		t.Errorf("file %+v, want no refusal", f)
	}
	r.memory.failWith(nil)
}

// TestCutOffFilesAreListedAsSuch: before anybody tries to serve them.
func TestCutOffFilesAreListedAsSuch(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	whole, err := os.ReadFile(build(t, "next"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, r.cfg.PluginDir, handshake.FilePrefix+"one@half", string(whole[:len(whole)/2]), 0o700)
	write(t, r.cfg.PluginDir, handshake.FilePrefix+"one@script", "#!/bin/sh\n", 0o700)
	if f := r.file(t, "half"); f.Fault != "cut off" || f.SHA256 == "" {
		t.Errorf("file %+v, want the fault \"cut off\"", f)
	}
	if f := r.file(t, "script"); f.Fault != "" {
		t.Errorf("file %+v, want no fault", f)
	}
}

// TestPinsLiftRefusals: a release that serves one store is no refused one.
func TestPinsLiftRefusals(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken")
	r := rigged(t, func(c *host.Config) { c.Env = append(c.Env, brokenFile+"="+broken) })
	write(t, filepath.Dir(broken), filepath.Base(broken), "", 0o600)
	if err := r.pin(t, "canary", "next", time.Hour); !problem.HasReason(err, problem.ReasonReleaseRefused) {
		t.Fatalf("pin = %v, want RELEASE_REFUSED", err)
	}
	if f := r.file(t, "canary"); f.Refusal.Reason == "" {
		t.Errorf("file %+v, want its refusal", f)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	if f := r.file(t, "canary"); f.Refusal != (host.Refusal{}) {
		t.Errorf("file %+v of a release that a store is pinned to, want no refusal", f)
	}
}
