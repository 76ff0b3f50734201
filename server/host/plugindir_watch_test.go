package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

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
