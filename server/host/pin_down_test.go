package host_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// TestPinToAReleaseThatIsDown: it is not the release's fault, and the operator reads what to wait for.
func TestPinToAReleaseThatIsDown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		down func(t *testing.T, r *rig)
		says string
	}{
		{"it is restarted", func(t *testing.T, r *rig) {
			_, _ = callFor(t.Context(), r.Host, "canary", "exit")
			eventually(t, "the crash is seen", func() bool { return r.pins(t)[0].State == host.Restarting })
		}, "exit status 7"},
		{"it does not answer", func(t *testing.T, r *rig) {
			lease, err := r.Lease(t.Context(), "one", "canary")
			if err != nil {
				t.Fatal(err)
			}
			defer lease.Release()
			stopped := r.pins(t)[0].Generation.PID
			_ = syscall.Kill(stopped, syscall.SIGSTOP)
			t.Cleanup(func() { _ = syscall.Kill(stopped, syscall.SIGCONT) })
			eventually(t, "the watchdog waits", lease.Suspect)
		}, "does not answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rigged(t, func(c *host.Config) {
				c.WatchInterval, c.WatchTimeout, c.WatchMisses = 50*time.Millisecond, time.Second, 1_000_000
				c.BackoffMin, c.BackoffMax = time.Hour, time.Hour
			})
			if err := r.pin(t, "canary", "next", time.Hour); err != nil {
				t.Fatal(err)
			}
			tt.down(t, r)
			got := problem.As(r.pin(t, "other", "next", time.Hour))
			if got == nil || got.Kind != problem.Unavailable || got.Reason != problem.ReasonAdapterDown || got.RetryAfter <= 0 {
				t.Fatalf("Pin = %v, want ADAPTER_DOWN with a delay", got)
			}
			for _, words := range []string{tt.says, "pin the store again", r.pins(t)[0].Release.SHA256[:12]} {
				if !strings.Contains(got.Message, words) {
					t.Errorf("message %q lacks %q", got.Message, words)
				}
			}
			r.routes(t, "afterwards", map[string]string{"other": "1.0.0"})
		})
	}
}
