package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// names are the adapters that have a slot.
func names(h *host.Host) (all []string) {
	for _, s := range h.Adapters() {
		all = append(all, s.Name)
	}
	return all
}

// TestAdaptersComeAndGo: a file that comes after the start is an adapter that nobody has loaded, as long as it is there.
func TestAdaptersComeAndGo(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	two := filepath.Join(r.cfg.PluginDir, handshake.FilePrefix+"two")
	look := func(want ...string) {
		t.Helper()
		changed := r.Changed()
		if _, err := r.Files(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, names(r.Host)); diff != "" {
			t.Errorf("adapters (-want +got)\n%s", diff)
		}
		select {
		case <-changed:
		default:
			t.Error("nobody was told of the change")
		}
	}
	install(t, r.cfg.PluginDir, filepath.Base(two), "other")
	look("one", "two")
	if s, err := r.Adapter("two"); err != nil || s.State != host.Unloaded || s.Message != "its file came after the server was started, and nobody has loaded it" {
		t.Errorf("status %+v, %v; want UNLOADED by nobody", s, err)
	}
	if _, err := r.Lease(t.Context(), "two", ""); !problem.HasReason(err, problem.ReasonAdapterNotFound) || !strings.Contains(err.Error(), "relais adapter swap two") {
		t.Errorf("Lease = %v, want ADAPTER_NOT_FOUND and what to do", err)
	}
	if err := r.Swap(t.Context(), "two", "", func(host.Step) {}); !problem.HasReason(err, problem.ReasonReleaseRefused) {
		t.Errorf("swap to a file of another adapter = %v", err)
	}
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	look("one")
	if err := r.Swap(t.Context(), "two", "", func(host.Step) {}); !problem.HasReason(err, problem.ReasonAdapterNotFound) {
		t.Errorf("swap of an adapter that went = %v, want ADAPTER_NOT_FOUND", err)
	}

	// Once it served, it stays: the server has its copy.
	install(t, r.cfg.PluginDir, filepath.Base(two), "")
	if err := r.Swap(t.Context(), "two", "", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	if err := r.Unload(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Files(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := r.Adapter("two"); err != nil || s.Message != "the operator unloaded it" {
		t.Errorf("status %+v, %v; want UNLOADED by the operator", s, err)
	}
}

// TestAnotherReleaseAtTheStart: whoever replaces a file and starts the server again reads that the file does not serve.
func TestAnotherReleaseAtTheStart(t *testing.T) {
	t.Parallel()
	const warning = "plugin directory holds another release than the one that is served"
	r := rigged(t, nil)
	served := r.serving(t)
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file, variant string
		want                bool
	}{
		{"the same", "one", "", false},
		{"another with a label", "one@2", "next", false},
		{"another", "one", "next", true},
	} {
		install(t, r.cfg.PluginDir, handshake.FilePrefix+tt.file, tt.variant)
		log := &logBuffer{}
		next := running(t, func(c *host.Config) {
			c.PluginDir, c.WorkDir, c.Releases, c.Logger = r.cfg.PluginDir, r.cfg.WorkDir, r.memory, log.logger()
		})
		if tt.want {
			eventually(t, "warning", func() bool { return log.count(warning) == 1 })
			got := log.nth(warning, 0)
			if got["file"] != "relais-adapter-one" || got["serves_sha256"] != served.Release.SHA256 || got["serve_it_with"] != "relais adapter swap one" {
				t.Errorf("%s: %v", tt.name, got)
			}
		}
		if err := next.Stop(t.Context()); err != nil { // the looking has ended then
			t.Fatal(err)
		}
		if got := log.count(warning); (got > 0) != tt.want {
			t.Errorf("%s: %d warnings", tt.name, got)
		}
	}
}

// TestStartWithoutPluginDirectory: what served before is there without it.
func TestStartWithoutPluginDirectory(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"missing": filepath.Join(t.TempDir(), "no"), "unreadable": file} {
		next := running(t, func(c *host.Config) { c.PluginDir, c.WorkDir, c.Releases = dir, r.cfg.WorkDir, r.memory })
		if _, err := call(t.Context(), next, "one", "nothing"); err != nil {
			t.Errorf("%s: call = %v", name, err)
		}
		if err := next.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
