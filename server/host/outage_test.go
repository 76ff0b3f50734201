package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// TestOutages: what the server lacks is not held against a release, and the operator reads that the command can be given again.
func TestOutages(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if err := r.pin(t, "pinned", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(r.cfg.WorkDir, "releases")
	away := errors.New("database is locked")
	ignore := func(host.Step) {}
	for _, tt := range []struct {
		name          string
		outage, mends func() error
		command       func() error
		says          string
	}{
		{
			"copies cannot be written", func() error { return os.Rename(library, library+".away") }, func() error { return os.Rename(library+".away", library) },
			func() error { return r.Swap(t.Context(), "one", canaryFile, ignore) }, "step register",
		},
		{
			"the plugin directory cannot be listed",
			func() error {
				return errors.Join(os.Rename(r.cfg.PluginDir, r.cfg.PluginDir+".away"), os.WriteFile(r.cfg.PluginDir, nil, 0o600))
			},
			func() error {
				return errors.Join(os.Remove(r.cfg.PluginDir), os.Rename(r.cfg.PluginDir+".away", r.cfg.PluginDir))
			},
			func() error { return r.Swap(t.Context(), "one", canaryFile, ignore) }, "plugin directory",
		},
		{
			"a swap cannot be saved", func() error { r.memory.failWith(away); return nil }, func() error { r.memory.failWith(nil); return nil },
			func() error { return r.Swap(t.Context(), "one", canaryFile, ignore) }, "step publish",
		},
		{
			"an unpin cannot be saved", func() error { r.memory.failWith(away); return nil }, func() error { r.memory.failWith(nil); return nil },
			func() error { return r.Unpin(t.Context(), "one", "pinned") }, "unpin store pinned: database is locked",
		},
		{
			"an unload cannot be saved", func() error { r.memory.failWith(away); return nil }, func() error { r.memory.failWith(nil); return nil },
			func() error { return r.Unload(t.Context(), "one") }, "unload adapter one: database is locked",
		},
		{
			"nobody knows who uses the adapter", func() error { r.stores.fail = away; return nil }, func() error { r.stores.fail = nil; return nil },
			func() error { return r.Unload(t.Context(), "one") }, "which stores use adapter one",
		},
		{
			"nobody knows what the store uses", func() error { r.stores.fail = away; return nil }, func() error { r.stores.fail = nil; return nil },
			func() error { return r.pin(t, "other", "next", time.Hour) }, "what store other uses",
		},
	} {
		t.Run(tt.name, func(t *testing.T) { // one host bears them all
			if err := tt.outage(); err != nil {
				t.Fatal(err)
			}
			err := tt.command()
			if err := tt.mends(); err != nil {
				t.Fatal(err)
			}
			got := problem.As(err)
			if got == nil || got.Reason != problem.ReasonCommandFailed || got.Kind != problem.Unavailable || got.RetryAfter <= 0 || got.Metadata["adapter"] != "one" {
				t.Fatalf("%#v, want COMMAND_FAILED with a delay: %v", got, err)
			}
			if !strings.Contains(got.Message, tt.says) || strings.Contains(got.Message, "refused") {
				t.Errorf("message %q, want %q", got.Message, tt.says)
			}
			r.routes(t, "afterwards", map[string]string{"pinned": "2.0.0", "other": "1.0.0"})
		})
	}
	if _, err := r.swap(t, "next"); err != nil {
		t.Errorf("swap when all is mended: %v", err)
	}
}
