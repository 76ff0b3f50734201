package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// TestCopiesAreKeptWhileTheyAreNeeded: the release that serves, the one before, and those that retire.
func TestCopiesAreKeptWhileTheyAreNeeded(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	lease := r.lend(t, "")
	var swaps sync.WaitGroup
	for i, variant := range []string{"next", "decides"} {
		install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@"+variant, variant)
		published := make(chan struct{})
		swaps.Go(func() {
			err := r.Swap(t.Context(), "one", handshake.FilePrefix+"one@"+variant, func(s host.Step) {
				if s.Kind == host.Publish && s.Done {
					close(published)
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-published
		eventually(t, "end of the swap's decision", func() bool {
			return !problem.HasReason(r.Swap(t.Context(), "one", handshake.FilePrefix+"one@"+variant, func(host.Step) {}), problem.ReasonSwapUnderWay)
		})
		if got := leftovers(t, r.cfg.WorkDir)["releases/one"]; got != i+2 {
			t.Errorf("%d copies after swap %d, want %d: the first release retires", got, i+1, i+2)
		}
	}
	lease.Release()
	swaps.Wait()
	eventually(t, "the copy of the first release to go", func() bool { return leftovers(t, r.cfg.WorkDir)["releases/one"] == 2 })
}

func TestUnload(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	before := r.serving(t)
	for range 2 { // the second time there is nothing to do
		if err := r.Unload(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
	}
	if !gone(before.PID) || !r.memory.desired().Unloaded {
		t.Errorf("process gone %v, saved %+v", gone(before.PID), r.memory.desired())
	}
	if _, err := r.Lease(t.Context(), "one", ""); !problem.HasReason(err, problem.ReasonAdapterNotFound) || !strings.Contains(err.Error(), "relais adapter swap one") {
		t.Errorf("Lease = %v, want ADAPTER_NOT_FOUND and what to do", err)
	}
	if s, err := r.Adapter("one"); err != nil || s.State != host.Unloaded || s.Generation.PID != 0 {
		t.Errorf("status %+v, %v; want UNLOADED", s, err)
	}
	// A restart leaves it unloaded; a swap to the same release loads it.
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := running(t, func(c *host.Config) {
		c.PluginDir, c.WorkDir, c.Releases = r.cfg.PluginDir, r.cfg.WorkDir, r.memory
	})
	if s, err := next.Adapter("one"); err != nil || s.State != host.Unloaded {
		t.Errorf("status after a restart %+v, %v; want UNLOADED", s, err)
	}
	if err := next.Swap(t.Context(), "one", "", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t.Context(), next, "one", "nothing"); err != nil || r.memory.desired().Unloaded {
		t.Errorf("call after loading: %v; saved %+v", err, r.memory.desired())
	}
}

// TestLoadWithoutItsFile: an adapter that was unloaded comes back from the server's copies, with the release that it had or the one before.
func TestLoadWithoutItsFile(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(r.cfg.PluginDir, handshake.FilePrefix+"one")); err != nil {
		t.Fatal(err)
	}
	quiet := func(host.Step) {}
	if err := r.Swap(t.Context(), "one", "", quiet); !problem.HasReason(err, problem.ReasonReleaseNotFound) {
		t.Errorf("swap of one that serves to a file that is gone = %v, want RELEASE_NOT_FOUND", err)
	}
	for _, tt := range []struct {
		name string
		load func() error
		want string
	}{
		{"a swap", func() error { return r.Swap(t.Context(), "one", "", quiet) }, "2.0.0"},
		{"a rollback", func() error { return r.Rollback(t.Context(), "one", quiet) }, "1.0.0"},
	} {
		if err := r.Unload(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		if err := tt.load(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := r.serving(t).Release.Version; got != tt.want {
			t.Errorf("%s serves %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestSwapByHash: from the server's copies, from the plugin directory, and from nowhere.
func TestSwapByHash(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	first := r.serving(t).Release
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	quiet := func(host.Step) {}
	if err := r.SwapRelease(t.Context(), "one", first.SHA256, quiet); err != nil || r.serving(t).Release != first {
		t.Errorf("swap to the kept release = %v, serving %+v", err, r.serving(t))
	}
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@3", "decides")
	files, err := r.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	labelled := files[len(files)-1].SHA256
	if err := r.SwapRelease(t.Context(), "one", labelled, quiet); err != nil || r.serving(t).Release.SHA256 != labelled {
		t.Errorf("swap to the release of a file = %v, serving %+v", err, r.serving(t))
	}
}

// TestRestartServesWhatServed: the copy, not the file.
func TestRestartServesWhatServed(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	served := r.serving(t)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "decides")
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := func() *host.Host {
		return running(t, func(c *host.Config) {
			c.PluginDir, c.WorkDir, c.Releases, c.BackoffMin, c.BackoffMax = r.cfg.PluginDir, r.cfg.WorkDir, r.memory, time.Hour, time.Hour
		})
	}
	next := again()
	pid(t, next, "one")
	s, err := next.Adapter("one")
	if err != nil || s.Generation.Release != served.Release {
		t.Errorf("serving %+v, %v; want %v", s.Generation, err, served.Release)
	}
	files, err := next.Files(t.Context())
	if err != nil || len(files) != 1 || files[0].SHA256 == served.Release.SHA256 || len(files[0].SHA256) != 64 {
		t.Errorf("files %+v, %v; want one that differs from what serves", files, err)
	}
	// Rolling back works across restarts as well.
	if err := next.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
		t.Error(err)
	}
	if err := next.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Without its copy the release is taken from the plugin directory, if it lies there; another one is never served instead.
	if err := os.RemoveAll(filepath.Join(r.cfg.WorkDir, "releases")); err != nil {
		t.Fatal(err)
	}
	next = again()
	eventually(t, "a failed start", func() bool {
		s, err = next.Adapter("one")
		return err == nil && s.Restarts > 0
	})
	if !strings.Contains(s.Message, "copy of release") || !strings.Contains(s.Message, "there is no copy; file relais-adapter-one: it is release") || !strings.Contains(s.Message, "relais adapter swap one") {
		t.Errorf("message %q, want what is lost and what to do", s.Message)
	}
	if err := next.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@before", "") // what was rolled back to, under any of its names
	next = again()
	if _, err := call(t.Context(), next, "one", "nothing"); err != nil {
		t.Errorf("call after the file was put back: %v", err)
	}
}

// TestUnreadablePluginDirectory: what serves does not come from there.
func TestUnreadablePluginDirectory(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(r.cfg.PluginDir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.cfg.PluginDir, nil, 0o600); err != nil { // it cannot be read then, whoever runs this
		t.Fatal(err)
	}
	if files, err := r.Files(t.Context()); err != nil || len(files) != 0 {
		t.Errorf("Files = %v, %v; want none", files, err)
	}
	if err := r.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
		t.Errorf("Rollback: %v", err)
	}
}

// TestNewAdapter: a file that comes after the start is listed, and served when it is asked for.
func TestNewAdapter(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"two", "")
	files, err := r.Files(t.Context())
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	if err != nil || !slices.Equal(names, []string{"relais-adapter-one", "relais-adapter-two"}) {
		t.Errorf("files %v, %v", names, err)
	}
	if s, err := r.Adapter("two"); err != nil || s.State != host.Unloaded {
		t.Errorf("status %+v, %v; want UNLOADED", s, err)
	}
	if err := r.Swap(t.Context(), "two", "", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	if generation, err := call(t.Context(), r.Host, "two", "nothing"); err != nil || generation != 1 {
		t.Errorf("call on generation %d, %v; want the first process ever", generation, err)
	}
	if err := r.Swap(t.Context(), "three", "", func(host.Step) {}); !problem.HasReason(err, problem.ReasonAdapterNotFound) {
		t.Errorf("swap of an adapter without a file = %v, want ADAPTER_NOT_FOUND", err)
	}
}

// TestStopDuringASwap: at the last moment, when the choice is saved already. It is taken back.
func TestStopDuringASwap(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	stopped := make(chan error, 1)
	r.memory.onSave = func(d release.Desired) {
		if d.Release.Version != "2.0.0" {
			select {
			case err := <-stopped:
				t.Errorf("Stop returned before the choice was taken back: %v", err)
				stopped <- err
			case <-time.After(200 * time.Millisecond): // it had the time
			}
			return
		}
		beginStop(t, r.Host, stopped)
	}
	if _, err := r.swap(t, "next"); !problem.HasReason(err, problem.ReasonServerStopping) {
		t.Errorf("swap = %v, want SERVER_STOPPING", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if left := processes(r.cfg.WorkDir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	if saved := r.memory.desired(); saved.Release.Version != "1.0.0" {
		t.Errorf("saved %+v, want what served", saved)
	}
}

// TestRollbackWithoutTheCopy: the release may lie in the plugin directory still.
func TestRollbackWithoutTheCopy(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	first := r.serving(t).Release
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(r.cfg.WorkDir, "releases", "one", first.SHA256)); err != nil {
		t.Fatal(err)
	}
	back := func() error { return r.Rollback(t.Context(), "one", func(host.Step) {}) }
	if err := back(); !problem.HasReason(err, problem.ReasonNoPreviousRelease) {
		t.Errorf("rollback to a release that is nowhere = %v, want NO_PREVIOUS_RELEASE", err)
	}
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@1.0.0", "")
	if err := back(); err != nil || r.serving(t).Release != first {
		t.Errorf("rollback: %v", err)
	}
}

// TestCopyIsKeptWhileTheDatabaseNamesIt: what was saved cannot be taken back, and the next server looks for that release.
func TestCopyIsKeptWhileTheDatabaseNamesIt(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	stopped := make(chan error, 1)
	r.memory.onSave = func(d release.Desired) {
		if d.Release.Version != "2.0.0" {
			r.memory.failWith(errors.New("disk full"))
			return
		}
		beginStop(t, r.Host, stopped)
	}
	if _, err := r.swap(t, "next"); !problem.HasReason(err, problem.ReasonServerStopping) {
		t.Errorf("swap = %v, want SERVER_STOPPING", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	saved := r.memory.desired()
	if _, err := os.Stat(filepath.Join(r.cfg.WorkDir, "releases", "one", saved.Release.SHA256)); err != nil || saved.Release.Version != "2.0.0" {
		t.Errorf("saved %+v, its copy: %v", saved, err)
	}
}

func TestChangedTellsOfChanges(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	changed := r.Changed()
	select {
	case <-changed:
		t.Fatal("changed without a change")
	default:
	}
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	default:
		t.Error("the swap went unnoticed")
	}
}
