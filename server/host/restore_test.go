package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// TestCopiesHeal: whoever needs a release that the server keeps a copy of gets it from the plugin directory when the copy is gone or
// damaged, and learns that there is none when it does not lie there either.
func TestCopiesHeal(t *testing.T) {
	t.Parallel()
	harms := []struct {
		name string
		harm func(path string) error
	}{
		{"gone", os.Remove},
		{"damaged", func(path string) error { return errors.Join(os.Chmod(path, 0o700), os.Truncate(path, 1000)) }},
	}
	uses := []struct {
		name string
		use  func(t *testing.T, r *rig, old release.Release) error
		lost string // the reason without a file; empty for what waits
	}{
		{"rollback", func(t *testing.T, r *rig, _ release.Release) error {
			return r.Rollback(t.Context(), "one", func(host.Step) {})
		}, problem.ReasonNoPreviousRelease},
		{"pin by hash", func(t *testing.T, r *rig, old release.Release) error {
			return r.Pin(t.Context(), host.PinRequest{Adapter: "one", Store: "canary", SHA256: old.SHA256, ExpireTime: time.Now().Add(time.Hour)})
		}, problem.ReasonReleaseNotFound},
	}
	for _, harm := range harms {
		for _, use := range uses {
			t.Run(use.name+" of a copy that is "+harm.name, func(t *testing.T) {
				t.Parallel()
				r := rigged(t, nil)
				old := r.serving(t).Release
				if _, err := r.swap(t, "next"); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(r.cfg.WorkDir, "releases", "one", old.SHA256, handshake.FilePrefix+"one")
				if err := harm.harm(path); err != nil {
					t.Fatal(err)
				}
				if err := use.use(t, r, old); !problem.HasReason(err, use.lost) {
					t.Errorf("without the file: %v, want %s", err, use.lost)
				}
				r.routes(t, "without the file", map[string]string{"canary": "2.0.0"})
				install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@old", "")
				if err := use.use(t, r, old); err != nil {
					t.Fatalf("with the file: %v", err)
				}
				r.routes(t, "with the file", map[string]string{"canary": "1.0.0"})
				if got, err := release.Hash(t.Context(), path); err != nil || got != old.SHA256 {
					t.Errorf("the copy is %.12s, %v; want %.12s", got, err, old.SHA256)
				}
			})
		}
		t.Run("restart of a process whose copy is "+harm.name, func(t *testing.T) {
			t.Parallel()
			r := rigged(t, nil)
			g := r.serving(t)
			path := filepath.Join(r.cfg.WorkDir, "releases", "one", g.Release.SHA256, handshake.FilePrefix+"one")
			// In its place: what runs cannot be written.
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			if harm.name != "gone" {
				if err := os.WriteFile(path, []byte("damaged"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := syscall.Kill(g.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if generation, err := callAfter(t, r.Host, g.Number); err != nil || generation < 2 {
				t.Errorf("call on generation %d, %v", generation, err)
			}
			if got, err := release.Hash(t.Context(), path); err != nil || got != g.Release.SHA256 {
				t.Errorf("the copy is %.12s, %v; want %.12s", got, err, g.Release.SHA256)
			}
		})
	}
}
