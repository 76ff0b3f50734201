package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// pid returns the process of an adapter that serves.
func pid(t *testing.T, h *host.Host, adapter string) int {
	t.Helper()
	lease, err := h.Lease(t.Context(), adapter, "")
	if err != nil {
		t.Fatal(err)
	}
	lease.Release()
	s, err := h.Adapter(adapter)
	if err != nil || s.Generation.PID == 0 {
		t.Fatalf("no process: %+v, %v", s, err)
	}
	return s.Generation.PID
}

func TestKilledAdapterIsReplaced(t *testing.T) {
	t.Parallel()
	h := running(t, nil, "one")
	first := pid(t, h, "one")
	if s, err := h.Adapter("one"); err != nil || s.LastRestart != (host.Restart{}) {
		t.Errorf("last restart %+v, %v before there was one", s.LastRestart, err)
	}
	before := time.Now()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the process", func() bool { return gone(first) })
	generation, err := callAfter(t, h, 1)
	if err != nil || generation != 2 {
		t.Errorf("call of a waiting caller on generation %d, %v; want 2", generation, err)
	}
	s, err := h.Adapter("one")
	if err != nil || s.State != host.Serving || s.Restarts != 1 || s.Generation.PID == first || s.Message != "" {
		t.Errorf("status = %+v, %v; want one restart", s, err)
	}
	if r := s.LastRestart; r.Time.Before(before) || r.Time.After(s.Generation.StartTime) || !strings.Contains(r.Reason, "killed") {
		t.Errorf("last restart %+v, want when and why", r)
	}
}

func TestFrozenAdapterIsReplaced(t *testing.T) {
	t.Parallel()
	h := running(t, func(c *host.Config) {
		c.WatchInterval, c.WatchTimeout, c.WatchMisses = 100*time.Millisecond, time.Second, 2
	}, "one")
	first := pid(t, h, "one")
	frozen, err := call(t.Context(), h, "one", "freeze")
	if status.Code(err) != codes.Unavailable {
		t.Errorf("call in flight = %v, want UNAVAILABLE", err)
	}
	if generation, err := callAfter(t, h, frozen); err != nil || generation == frozen {
		t.Errorf("next call on generation %d, %v; want a later one", generation, err)
	}
	if !gone(first) {
		t.Errorf("the frozen process %d is still there", first)
	}
}

// TestCrashesCostOnlyCallsInFlight kills the adapter again and again under load.
func TestCrashesCostOnlyCallsInFlight(t *testing.T) {
	t.Parallel()
	h := running(t, nil, "one")
	const callers, kills = 8, 3
	var good, lost atomic.Int64
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range callers {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				switch _, err := call(t.Context(), h, "one", "nothing"); {
				case err == nil:
					good.Add(1)
				case status.Code(err) == codes.Unavailable:
					lost.Add(1)
				default:
					t.Errorf("call = %v", err)
				}
			}
		})
	}
	for range kills {
		before := good.Load()
		eventually(t, "calls", func() bool { return good.Load() > before+50 })
		_ = syscall.Kill(pid(t, h, "one"), syscall.SIGKILL)
	}
	before := good.Load()
	eventually(t, "calls", func() bool { return good.Load() > before+50 })
	close(done)
	wait.Wait()
	// A caller can meet a dead connection twice: in flight, and once more before its end is seen.
	if limit := int64(2 * callers * kills); lost.Load() > limit {
		t.Errorf("%d calls lost and %d good, want at most %d lost", lost.Load(), good.Load(), limit)
	}
}

func TestReplacementOfTheFileChangesNothingUnderWay(t *testing.T) {
	t.Parallel()
	var plugin string
	h := running(t, func(c *host.Config) { plugin = filepath.Join(c.PluginDir, handshake.FilePrefix+"one") }, "one")
	first := pid(t, h, "one")
	if err := errors.Join(os.Remove(plugin), os.WriteFile(plugin, []byte("garbage"), 0o700)); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(first, syscall.SIGKILL)
	eventually(t, "replacement from the copy", func() bool {
		generation, err := call(t.Context(), h, "one", "nothing")
		return err == nil && generation == 2
	})
}

func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	h := running(t, func(c *host.Config) { c.WorkDir = work }, "one", "two")
	first, second := pid(t, h, "one"), pid(t, h, "two")
	if err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !gone(first) || !gone(second) {
		t.Error("a process is still there")
	}
	entries, err := os.ReadDir(work)
	if err != nil || len(entries) != 2 || entries[0].Name() != "lock" || entries[1].Name() != "releases" {
		t.Errorf("left in the work directory: %v, %v; want the lock and the copies of what served", entries, err)
	}
	if _, err := h.Lease(t.Context(), "one", ""); !problem.HasReason(err, problem.ReasonServerStopping) {
		t.Errorf("Lease = %v, want SERVER_STOPPING", err)
	}
	if s, err := h.Adapter("one"); err != nil || s.State != host.Stopped || s.Generation.PID != 0 {
		t.Errorf("status = %+v, %v; want STOPPED", s, err)
	}
	if err := h.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

// beginStop stops a host beside the test, and returns when it has begun: no more leases are given. The outcome goes to stopped.
func beginStop(t *testing.T, h *host.Host, stopped chan<- error) {
	t.Helper()
	go func() { stopped <- h.Stop(context.Background()) }()
	eventually(t, "no more leases", func() bool {
		l, err := h.Lease(t.Context(), "one", "")
		if err == nil {
			l.Release()
		}
		return err != nil
	})
}

func TestStopWaitsForLeases(t *testing.T) {
	t.Parallel()
	h := running(t, nil, "one")
	lease, err := h.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	beginStop(t, h, stopped)
	select {
	case err := <-stopped:
		t.Fatalf("Stop returned with a lease out: %v", err)
	default:
	}
	if s, _ := h.Adapter("one"); s.State != host.Serving {
		t.Errorf("state = %v while a lease is out, want SERVING", s.State)
	}
	lease.Release()
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestStopCutsLeasesShort(t *testing.T) {
	t.Parallel()
	h := running(t, nil, "one")
	inFlight := make(chan error, 1)
	go func() {
		_, err := call(context.Background(), h, "one", "wait")
		inFlight <- err
	}()
	eventually(t, "a call in flight", func() bool {
		s, _ := h.Adapter("one")
		return s.Generation.Leases == 1
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := h.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 calls in flight") {
		t.Errorf("Stop = %v, want the deadline and what was cut", err)
	}
	if err := <-inFlight; err == nil {
		t.Error("the call succeeded")
	}
}

// hostProgram is the name under which this binary is a host with one adapter that says its process id and waits. Its arguments are
// the plugin directory and the work directory.
const hostProgram = "relais-test-host"

func beHost() {
	h := host.New(host.Config{PluginDir: os.Args[1], WorkDir: os.Args[2], Releases: &memory{}, Stores: &stores{}, StartTimeout: slow, GateTimeout: slow})
	if err := h.Start(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	lease, err := h.Lease(context.Background(), "one", "")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	lease.Release()
	s, _ := h.Adapter("one")
	fmt.Println(s.Generation.PID)
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0) // without Stop
}

func TestNoAdapterOutlivesTheServer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func(server *exec.Cmd, input io.Closer) error
	}{
		{name: "kill -9", end: func(server *exec.Cmd, _ io.Closer) error { return server.Process.Kill() }},
		{name: "exit without Stop", end: func(_ *exec.Cmd, input io.Closer) error { return input.Close() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pluginDir, work := plugins(t, "one"), t.TempDir()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), hostProgram)
			if err := os.Symlink(self, path); err != nil {
				t.Fatal(err)
			}
			server := exec.Command(path, pluginDir, work)
			input, err := server.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			output, err := server.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(output).ReadString('\n')
			adapter, convErr := strconv.Atoi(strings.TrimSpace(line))
			if err := errors.Join(err, convErr, tt.end(server, input)); err != nil {
				_ = server.Process.Kill()
				t.Fatalf("server said %q: %v", line, err)
			}
			_ = server.Wait()
			eventually(t, "end of the adapter", func() bool { return gone(adapter) })

			// The next server removes what the dead one left. The sockets lie elsewhere when the path here is long.
			left, err := filepath.EvalSymlinks(filepath.Join(work, "sockets"))
			if err != nil {
				t.Errorf("the dead server left no sockets: %v", err)
			}
			stale := filepath.Join(left, "stale")
			if err := os.WriteFile(stale, nil, 0o600); err != nil {
				t.Error(err)
			}
			h := running(t, func(c *host.Config) { c.PluginDir, c.WorkDir = pluginDir, work })
			if _, err := call(t.Context(), h, "one", "nothing"); err != nil {
				t.Errorf("call on the next server: %v", err)
			}
			if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what the dead server left is still there: %v", err)
			}
		})
	}
}
