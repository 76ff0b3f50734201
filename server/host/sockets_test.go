package host_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// places are the work directories of both kinds: one with its sockets inside, and one whose path is too long for that.
var places = map[string]func(*testing.T) string{
	"near": func(t *testing.T) string {
		dir, err := os.MkdirTemp("", "r-") // shorter than the test's own
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		if !launch.SocketDirFits(filepath.Join(dir, "sockets")) {
			t.Skip("temporary files lie too deep here")
		}
		return dir
	},
	"far": func(t *testing.T) string { return filepath.Join(t.TempDir(), strings.Repeat("long", 20)) },
}

// riggedIn starts a host in a work directory and returns its directory for sockets too.
func riggedIn(t *testing.T, work string) (r *rig, sockets string) {
	t.Helper()
	r = rigged(t, func(c *host.Config) { c.WorkDir = work })
	return r, socketsOf(t, work)
}

func socketsOf(t *testing.T, work string) string {
	t.Helper()
	sockets, err := filepath.EvalSymlinks(filepath.Join(work, "sockets"))
	if err != nil {
		t.Fatal(err)
	}
	return sockets
}

// inPlace puts a file in the place of a directory for sockets, or of the link to it, and returns what puts that back.
func inPlace(t *testing.T, path string) (back func()) {
	t.Helper()
	if err := errors.Join(os.Rename(path, path+".aside"), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(os.Remove(path), os.Rename(path+".aside", path)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostSocketsAreMadeAgain: somebody cleans up among the temporary files while the server runs.
func TestLostSocketsAreMadeAgain(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := place(t)
			r, lost := riggedIn(t, work)
			served := func(what string, want int64) {
				t.Helper()
				if got, err := callAfter(t, r.Host, want-1); err != nil || got != want {
					t.Errorf("%s: call on generation %d, %v; want %d", what, got, err, want)
				}
			}
			if err := os.RemoveAll(lost); err != nil {
				t.Fatal(err)
			}
			served("the process that runs", 1)
			if _, err := r.swap(t, "next"); err != nil {
				t.Fatalf("swap: %v", err)
			}
			served("swapped", 2)
			lost = socketsOf(t, work)
			if info, err := os.Stat(lost); err != nil || info.Mode() != fs.ModeDir|0o700 {
				t.Errorf("sockets are in %v, %v", info.Mode(), err)
			}
			if err := os.RemoveAll(lost); err != nil {
				t.Fatal(err)
			}
			r.kill(t, 0)
			served("killed", 3)
			if err := os.RemoveAll(filepath.Join(work, "sockets")); err != nil { // of a far one the link
				t.Fatal(err)
			}
			r.kill(t, 0)
			served("killed again", 4)
			lost = socketsOf(t, work)
			if err := r.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(lost); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Stop the sockets are at %s still: %v", lost, err)
			}
		})
	}
}

// TestSocketsOfOthersAreNotUsed: where anybody may write, somebody else can take the place of a directory that was lost. Their files are
// neither followed nor removed, now and by the next server.
func TestSocketsOfOthersAreNotUsed(t *testing.T) {
	t.Parallel()
	others := map[string]func(t *testing.T, path string) error{
		"a link": func(t *testing.T, path string) error { return os.Symlink(t.TempDir(), path) },
		"a directory that all may write into": func(_ *testing.T, path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o777)) //nolint:gosec // that is the point
		},
		"a directory of another user": func(t *testing.T, path string) error {
			if os.Geteuid() != 0 {
				t.Skip("only root gives files away")
			}
			return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 12345, 12345))
		},
	}
	for name, take := range others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := places["far"](t)
			r, lost := riggedIn(t, work)
			if err := os.RemoveAll(lost); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(lost) })
			if err := take(t, lost); err != nil {
				t.Fatal(err)
			}
			theirs, err := os.Lstat(lost)
			if err != nil {
				t.Fatal(err)
			}
			untouched := func(when string) {
				t.Helper()
				now, err := os.Lstat(lost)
				if err != nil || !os.SameFile(theirs, now) || !theirs.ModTime().Equal(now.ModTime()) {
					t.Errorf("%s, what is at %s was touched: %v", when, lost, err)
				}
			}
			if _, err := r.swap(t, "next"); err != nil {
				t.Fatalf("swap: %v", err)
			}
			untouched("after the swap")
			if err := r.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			untouched("after Stop")
			if err := os.Symlink(lost, filepath.Join(work, "sockets")); err != nil { // as of a server that was killed
				t.Fatal(err)
			}
			if next, _ := riggedIn(t, work); next.serving(t).Number != 1 {
				t.Error("the next server does not serve")
			}
			untouched("after the next server's start")
		})
	}
}

// TestSocketsThatCannotBeMade: the file that was to be served is not blamed, and the process that serves is replaced as soon as there is
// room for it.
func TestSocketsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := place(t)
			r, _ := riggedIn(t, work)
			install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
			mend := inPlace(t, filepath.Join(work, "sockets"))
			got := problem.As(r.Swap(t.Context(), "one", "", func(host.Step) {}))
			if got == nil || got.Reason != problem.ReasonCommandFailed || got.Metadata["step"] != "launch" ||
				!strings.Contains(got.Message, "remove it") || !strings.Contains(got.Message, "(generation 1) serves on") {
				t.Errorf("swap = %v, want COMMAND_FAILED at the launch, what to do, and what serves", got)
			}
			r.kill(t, 0)
			eventually(t, "a start that fails", func() bool {
				s, err := r.Adapter("one")
				return err == nil && strings.Contains(s.Message, "cannot be made again")
			})
			mend()
			if diff := cmp.Diff("1.0.0", r.serving(t).Release.Version); diff != "" {
				t.Errorf("serves after all (-want +got)\n%s", diff)
			}
		})
	}
}
