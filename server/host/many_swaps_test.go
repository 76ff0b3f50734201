package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
)

// TestManySwaps: 200 swaps back and forth and 20 rollbacks under a caller leave what two leave, and cost it nothing. The releases are
// scripts that start one adapter: two that differ, and small, so that the time goes into swaps and not into copies. Under the race
// detector, where a process takes its time to make its keys, there are a tenth as many.
func TestManySwaps(t *testing.T) {
	swaps, rollbacks := 200, 20
	if raceDetector {
		swaps, rollbacks = swaps/10, rollbacks/10
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), handshake.FilePrefix+"one") // a name that makes this binary an adapter
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	files := []string{handshake.FilePrefix + "one", handshake.FilePrefix + "one@other"}
	r := rigged(t, func(c *host.Config) {
		for _, file := range files {
			script := fmt.Sprintf("#!/bin/sh\n# %s\nexec '%s'\n", file, program)
			if err := os.Remove(filepath.Join(c.PluginDir, file)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			write(t, c.PluginDir, file, script, 0o700)
		}
	})
	swap := func(i int) {
		t.Helper()
		before := r.serving(t)
		err := r.Swap(t.Context(), "one", files[i%2], func(host.Step) {})
		if after := r.serving(t); err != nil || after.Release == before.Release || after.Number != before.Number+1 {
			t.Fatalf("swap %d: serving %+v after %+v, %v", i, after, before, err)
		}
	}
	swap(1)
	swap(2)
	held, goroutines := r.remains(t), runtime.NumGoroutine()

	var caller sync.WaitGroup
	done, calls := make(chan struct{}), 0
	caller.Go(func() {
		pace := time.NewTicker(time.Millisecond) // leaves the machine to the swaps
		defer pace.Stop()
		for ; ; calls++ {
			select {
			case <-done:
				return
			case <-pace.C:
			}
			if _, err := call(t.Context(), r.Host, "one", "nothing"); err != nil {
				t.Errorf("call = %v", err)
				return
			}
		}
	})
	for i := range swaps {
		swap(i + 1)
	}
	for i := range rollbacks {
		if err := r.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
			t.Fatalf("rollback %d: %v", i, err)
		}
	}
	close(done)
	caller.Wait()
	t.Logf("%d calls", calls)

	if s, err := r.Adapter("one"); err != nil || s.Generation.Number != int64(3+swaps+rollbacks) || s.Restarts != 0 || len(s.Retiring) != 0 {
		t.Errorf("status %+v, %v", s, err)
	}
	r.leavesNothing(t, held)
	eventually(t, fmt.Sprintf("no more than %d goroutines", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines })
}
