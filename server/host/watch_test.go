package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// What the watcher of the plugin directory logs.
const (
	watchServes  = "new adapter file serves"
	watchRefused = "new adapter file refused; it is tried again when it changes"
	watchLater   = "new adapter file not served yet"
)

func TestPluginWatch(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	r := rigged(t, func(c *host.Config) { c.PluginWatch, c.Logger = 10*time.Millisecond, log.logger() })
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "exits")
	eventually(t, "the bad file to be refused", func() bool { return log.count("new adapter file refused; it is tried again when it changes") == 1 })
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@2", "decides")
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
	eventually(t, "the good file to serve", func() bool { return log.count(watchServes) == 1 && r.serving(t).Release.Version == "2.0.0" })
	if s, err := r.Adapter("one"); err != nil || s.LastSwap == nil || !s.LastSwap.Watched || s.LastSwap.EndTime.IsZero() {
		t.Errorf("last swap %+v, %v; want that of the watcher", s.LastSwap, err)
	}
	var err error
	eventually(t, "the watcher to be done with its swap", func() bool {
		err = r.Rollback(t.Context(), "one", func(host.Step) {})
		return !problem.HasReason(err, problem.ReasonSwapUnderWay)
	})
	if err != nil {
		t.Fatal(err)
	}
	found := func() int { return log.count("new adapter file found") }
	// What it finds next shows that it looked again after the rollback, and left alone what was rolled back from.
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "decides")
	eventually(t, "the next file to serve", func() bool { return log.count(watchServes) == 2 })
	if n := found(); n != 3 {
		t.Errorf("%d files were tried, want the bad one and two good ones, each once", n)
	}
}

// watched starts a host with adapter one that looks at its plugin directory all the time.
func watched(t *testing.T) (*rig, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	return rigged(t, func(c *host.Config) { c.PluginWatch, c.Logger = 10*time.Millisecond, log.logger() }), log
}

// TestWatchLeavesHalfAFileAlone: one that is written under its own name, slowly, counts when its writer has closed it.
func TestWatchLeavesHalfAFileAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("this system does not tell who writes a file")
	}
	content, err := os.ReadFile(build(t, "next"))
	if err != nil {
		t.Fatal(err)
	}
	r, log := watched(t)
	path := filepath.Join(r.cfg.PluginDir, handshake.FilePrefix+"one")
	if err := os.Remove(path); err != nil { // a link to this binary
		t.Fatal(err)
	}
	// A process that another test forks meanwhile would have the file open for writing until its exec; only the opening is guarded.
	syscall.ForkLock.RLock()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_SYNC, 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range [][]byte{content[:len(content)/2], content[len(content)/2:]} {
		if _, err := file.Write(part); err != nil {
			t.Fatal(err)
		}
		tries := 2 * (i + 1)
		eventually(t, "the file to be left for later", func() bool { return log.count(watchLater) >= tries })
	}
	if g := r.serving(t); g.Number != 1 {
		t.Errorf("generation %d serves while the file is written", g.Number)
	}
	if err := file.Close(); err != nil { // nothing that a look at size and time could see
		t.Fatal(err)
	}
	eventually(t, "the complete file to serve", func() bool { return log.count(watchServes) == 1 })
	if g := r.serving(t); g.Release.Version != "2.0.0" || log.count(watchRefused) != 0 {
		t.Errorf("version %s serves, %d files were refused", g.Release.Version, log.count(watchRefused))
	}
}

// TestWatchTriesAgainWhatMayPass: a database that is away says nothing of the file.
func TestWatchTriesAgainWhatMayPass(t *testing.T) {
	t.Parallel()
	r, log := watched(t)
	r.memory.failWith(errors.New("the database is away"))
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
	eventually(t, "two trials", func() bool { return log.count(watchLater) >= 2 })
	r.memory.failWith(nil)
	eventually(t, "the file to serve", func() bool { return log.count(watchServes) == 1 })
	if found, refused := log.count("new adapter file found"), log.count(watchRefused); found != 1 || refused != 0 {
		t.Errorf("found %d times, refused %d times; want once and never", found, refused)
	}
	if g := r.serving(t); g.Release.Version != "2.0.0" {
		t.Errorf("version %s serves", g.Release.Version)
	}
}

// TestWatchedAdaptersDoNotWaitForEachOther: one that hangs at its start holds up its own adapter only.
func TestWatchedAdaptersDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	var dir string
	h := running(t, func(c *host.Config) {
		c.PluginWatch, c.Logger, dir = 10*time.Millisecond, log.logger(), c.PluginDir
	}, "one", "two")
	pid(t, h, "one")
	pid(t, h, "two")
	install(t, dir, handshake.FilePrefix+"one", "hangs")
	under := func() bool {
		s, err := h.Adapter("one")
		return err == nil && s.LastSwap != nil && s.LastSwap.Step.Kind == host.Launch
	}
	eventually(t, "the file that hangs to be started", under)
	install(t, dir, handshake.FilePrefix+"two", "next")
	eventually(t, "the other adapter's file to serve", func() bool { return log.count(watchServes) == 1 })
	if !under() {
		t.Error("the file that hangs was given up")
	}
}

// TestLastSwap: what an operator sees of a swap under way, and of the last one.
func TestLastSwap(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	last := func() *host.LastSwap {
		s, err := r.Adapter("one")
		if err != nil {
			t.Fatal(err)
		}
		return s.LastSwap
	}
	if l := last(); l != nil {
		t.Fatalf("last swap %+v of an adapter that was only started", l)
	}
	see := func(name string, begun time.Time, want host.LastSwap, reason string) {
		t.Helper()
		got := last()
		if got.StartTime.Before(begun) || got.EndTime.Before(got.StartTime) || got.EndTime.Location() != time.UTC {
			t.Errorf("%s: began at %v, ended at %v", name, got.StartTime, got.EndTime)
		}
		if (got.Err != nil) != (reason != "") || reason != "" && !problem.HasReason(got.Err, reason) {
			t.Errorf("%s: error %v, want %q", name, got.Err, reason)
		}
		if diff := cmp.Diff(&want, got, cmpopts.IgnoreFields(host.LastSwap{}, "StartTime", "EndTime", "Err"),
			cmpopts.IgnoreFields(host.Step{}, "Took", "SHA256")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if got.Step.SHA256 == "" {
			t.Errorf("%s: no hash", name)
		}
	}
	file := handshake.FilePrefix + "one"

	begun := time.Now()
	if _, err := r.swap(t, "unversioned"); err == nil {
		t.Fatal("a release without a version was taken")
	}
	see("refused", begun, host.LastSwap{File: file, Step: host.Step{Kind: host.Probe, Generation: 2}}, problem.ReasonReleaseRefused)

	lease, err := r.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	swapped := make(chan error, 1)
	go func() {
		_, err := r.swap(t, "next")
		swapped <- err
	}()
	<-lease.Retiring()
	eventually(t, "the old generation to be waited for", func() bool { return last().Step.Kind == host.Retire })
	if l := last(); !l.EndTime.IsZero() || l.Step.Done || l.Err != nil {
		t.Errorf("under way: %+v", l)
	}
	lease.Release()
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
	see("served", begun, host.LastSwap{File: file, Step: host.Step{Kind: host.Retire, Done: true, Version: "2.0.0", Generation: 1}}, "")

	begun = time.Now()
	if err := r.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	see("rolled back", begun, host.LastSwap{Rollback: true, Step: host.Step{Kind: host.Retire, Done: true, Version: "1.0.0", Generation: 3}}, "")
}
