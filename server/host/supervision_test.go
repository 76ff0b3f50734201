package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// kill ends the process of adapter one, after so many calls on it.
func (r *rig) kill(t *testing.T, calls int) {
	t.Helper()
	for range calls {
		if _, err := callAfter(t, r.Host, r.serving(t).Number-1); err != nil {
			t.Fatal(err)
		}
	}
	before, err := r.Adapter("one")
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(r.serving(t).PID, syscall.SIGKILL)
	eventually(t, "the end to be seen", func() bool {
		s, _ := r.Adapter("one")
		return s.Restarts > before.Restarts
	})
}

func TestCrashLoopOpensTheBreaker(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.BreakerFailures, c.BreakerGoodCalls, c.BreakerPause = 3, 10, time.Hour })
	r.kill(t, 0)
	r.kill(t, 0)
	r.kill(t, 15) // calls were served in between: this is no loop
	r.kill(t, 0)
	if s, err := r.Adapter("one"); err != nil || s.State == host.CrashLooping {
		t.Fatalf("state %v, %v after crashes with calls between", s.State, err)
	}
	r.kill(t, 0)
	s, err := r.Adapter("one")
	if err != nil || s.State != host.CrashLooping || time.Until(s.RetryTime) < 30*time.Minute || !strings.Contains(s.Message, "killed") {
		t.Fatalf("status %+v, %v; want CRASH_LOOPING until the trial, and why", s, err)
	}
	begin := time.Now()
	_, err = r.Lease(t.Context(), "one", "")
	if p := problem.As(err); p == nil || p.Kind != problem.Unavailable || p.Reason != problem.ReasonAdapterDown || p.RetryAfter < 30*time.Minute {
		t.Errorf("Lease = %v, want ADAPTER_DOWN with the time of the trial", err)
	}
	if took := time.Since(begin); took > slow/2 {
		t.Errorf("callers waited %v at an open breaker", took)
	}
	// A good release heals it at once.
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t.Context(), r.Host, "one", "nothing"); err != nil {
		t.Errorf("call on the good release: %v", err)
	}
	r.kill(t, 0)
	if s, _ := r.Adapter("one"); s.State == host.CrashLooping {
		t.Error("one crash of the good release opened the breaker again")
	}
}

// TestOpenBreakerRefusesAtOnce: callers do not wait for a trial, even for one that comes in time for them.
func TestOpenBreakerRefusesAtOnce(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.BreakerFailures, c.BreakerPause = 1, 20*time.Second })
	r.kill(t, 0)
	begin := time.Now()
	_, err := r.Lease(t.Context(), "one", "")
	if took := time.Since(begin); !problem.HasReason(err, problem.ReasonAdapterDown) || took > 10*time.Second {
		t.Errorf("Lease = %v after %v, want ADAPTER_DOWN at once", err, took)
	}
}

// TestSwapToTheSameReleaseTriesAtOnce: the operator mended what was wrong around the adapter.
func TestSwapToTheSameReleaseTriesAtOnce(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.BreakerFailures, c.BreakerPause = 1, time.Hour })
	r.kill(t, 0)
	done, err := r.swap(t, "")
	if err != nil || len(done) != 4 {
		t.Errorf("swap to the release that crashed: %v, %v; want it launched", kinds(done), err)
	}
	if s, err := r.Adapter("one"); err != nil || s.State != host.Serving {
		t.Errorf("state %v, %v; want SERVING", s.State, err)
	}
}

// TestBreakerTriesByItself has an adapter that cannot start for a while.
func TestBreakerTriesByItself(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken")
	r := rigged(t, func(c *host.Config) {
		c.Env = []string{brokenFile + "=" + broken}
		c.BreakerFailures, c.BreakerPause = 2, 20*time.Millisecond
	})
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.kill(t, 0)
	eventually(t, "several trials", func() bool {
		s, _ := r.Adapter("one")
		return s.State == host.CrashLooping && s.Restarts > 4
	})
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a trial that works", func() bool {
		_, err := call(t.Context(), r.Host, "one", "nothing")
		return err == nil
	})
	if s, err := r.Adapter("one"); err != nil || s.State != host.Serving || s.Message != "" {
		t.Errorf("status %+v, %v; want SERVING", s, err)
	}
}

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("memory is looked at on Linux only")
	}
	log := &logBuffer{}
	r := rigged(t, func(c *host.Config) {
		c.MemoryLimit, c.MemoryInterval, c.Logger = 250<<20, 10*time.Millisecond, log.logger()
	})
	before := r.serving(t)
	_, err := call(t.Context(), r.Host, "one", "grow")
	if err != nil && status.Code(err) != codes.Unavailable {
		t.Errorf("call that needs too much = %v", err)
	}
	eventually(t, "the end of the large process", func() bool { return gone(before.PID) })
	if generation, err := callAfter(t, r.Host, 1); err != nil || generation != 2 {
		t.Errorf("next call on generation %d, %v; want 2", generation, err)
	}
	entry := log.nth("adapter restarts", 0)
	if reason, _ := entry["reason"].(string); !strings.Contains(reason, "more memory") {
		t.Errorf("log entry %v, want the reason", entry)
	}
}

// TestOrphanHoldsNobody has a process that the adapter started, which outlives it and keeps its standard error open.
func TestOrphanHoldsNobody(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	lease, err := r.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := adapterv1.NewMarketplaceAdapterServiceClient(lease.Conn()).
		GetOrders(t.Context(), &adapterv1.GetOrdersRequest{OrderNumbers: []string{"orphan"}})
	lease.Release()
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(answer.GetOrders()[0].GetOrderNumber())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(orphan, syscall.SIGKILL) })
	r.kill(t, 0)
	if generation, err := callAfter(t, r.Host, 1); err != nil || generation != 2 {
		t.Errorf("next call on generation %d, %v; want 2", generation, err)
	}
	if gone(orphan) {
		t.Error("the orphan ended: this test shows nothing")
	}
}

func TestFloodOfOutputStopsNobody(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	r := rigged(t, func(c *host.Config) { c.Logger = log.logger() })
	for _, command := range []string{"flood", "nothing"} {
		if generation, err := call(t.Context(), r.Host, "one", command); err != nil || generation != 1 {
			t.Errorf("%s: generation %d, %v", command, generation, err)
		}
	}
}

// TestFrozenProcessDoesNotHoldASwap: the watchdog ends a process that retires as well.
func TestFrozenProcessDoesNotHoldASwap(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) {
		c.WatchInterval, c.WatchTimeout, c.WatchMisses = 100*time.Millisecond, time.Second, 2
	})
	frozen := make(chan error, 1)
	go func() {
		_, err := call(t.Context(), r.Host, "one", "freeze")
		frozen <- err
	}()
	eventually(t, "a call in flight", func() bool {
		s, _ := r.Adapter("one")
		return s.Generation.Leases == 1
	})
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	if err := <-frozen; status.Code(err) != codes.Unavailable {
		t.Errorf("call in flight = %v, want UNAVAILABLE", err)
	}
	if left := processes(r.cfg.WorkDir); len(left) != 1 {
		t.Errorf("processes: %v, want one", left)
	}
}

// TestSaveMustSucceedBeforeTheFirstServes: what serves is what a restart would serve.
func TestSaveMustSucceedBeforeTheFirstServes(t *testing.T) {
	t.Parallel()
	saved := &memory{fail: errors.New("disk full")}
	h := running(t, func(c *host.Config) { c.Releases = saved }, "one")
	eventually(t, "a failed start", func() bool {
		s, _ := h.Adapter("one")
		return s.Restarts > 1 && strings.Contains(s.Message, "disk full")
	})
	saved.failWith(nil)
	if _, err := call(t.Context(), h, "one", "nothing"); err != nil {
		t.Errorf("call once the database is back: %v", err)
	}
}
