package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
)

// TestFilesThatCannotBeRun: an adapter of which no process ever ran is told as one that cannot be started, not as one that crashes, and
// serves by itself when its file is mended.
func TestFilesThatCannotBeRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		says  string
	}{
		{"no permission", func(t *testing.T, path string) { write(t, filepath.Dir(path), filepath.Base(path), "text", 0o600) }, "not an executable file"},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "it is a directory"},
		{"no program", func(t *testing.T, path string) { write(t, filepath.Dir(path), filepath.Base(path), "text", 0o700) }, "exec format error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := &logBuffer{}
			dir := t.TempDir()
			path := filepath.Join(dir, handshake.FilePrefix+"one")
			tt.spoil(t, path)
			h := running(t, func(c *host.Config) {
				c.PluginDir, c.Logger, c.BreakerFailures, c.BreakerPause = dir, log.logger(), 3, 20*time.Millisecond
			})
			eventually(t, "several trials", func() bool {
				s, err := h.Adapter("one")
				return err == nil && s.Restarts > 4
			})
			s, err := h.Adapter("one")
			if err != nil || !strings.HasPrefix(s.Message, "it cannot be started, which is tried again by itself: ") || !strings.Contains(s.Message, tt.says) {
				t.Errorf("message %q, %v; want that it cannot be started, and %q", s.Message, err, tt.says)
			}
			for _, words := range []string{"adapter restarts", "adapter crashes again and again"} {
				if n := log.count(words); n > 0 {
					t.Errorf("logged %d times: %s", n, words)
				}
			}
			if first, later := log.nth("adapter cannot be started", 0), log.nth("adapter cannot be started", 3); first["level"] != "WARN" || later["level"] != "ERROR" {
				t.Errorf("logged %v, and later %v; want a warning, and then an error", first, later)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			install(t, dir, filepath.Base(path), "")
			eventually(t, "the adapter to serve", func() bool {
				s, err := h.Adapter("one")
				return err == nil && s.State == host.Serving && s.Message == ""
			})
		})
	}
}
