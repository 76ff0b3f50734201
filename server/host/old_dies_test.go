package host_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// TestOldGenerationDiesDuringASwap kills the process that serves at each step. The swap goes on, and whether its release is good or bad one
// generation serves afterwards, with what belongs to it and nothing else.
func TestOldGenerationDiesDuringASwap(t *testing.T) {
	r := rigged(t, nil)
	if _, err := r.swap(t, "next"); err != nil { // there is a previous release from here on
		t.Fatal(err)
	}
	file := handshake.FilePrefix + "one@candidate"
	held := r.remains(t)
	variants := []string{"next", ""}
	for i, tt := range []struct {
		step host.StepKind
		bad  bool
	}{
		{host.Register, false}, {host.Launch, false}, {host.Probe, false}, {host.Publish, false}, {host.Retire, false},
		{host.Register, true}, {host.Launch, true}, {host.Probe, true},
	} {
		name := tt.step.String() + " of a good release"
		if tt.bad {
			name = tt.step.String() + " of a bad release"
		}
		t.Run(name, func(t *testing.T) {
			before := r.serving(t)
			lease, err := r.Lease(t.Context(), "one", "") // so that it does not end by itself
			if err != nil {
				t.Fatal(err)
			}
			defer lease.Release()
			install(t, r.cfg.PluginDir, file, variants[(i+1)%2])
			if tt.bad {
				install(t, r.cfg.PluginDir, file, "other")
			}
			err = r.Swap(t.Context(), "one", file, func(s host.Step) {
				if s.Kind != tt.step || s.Done {
					return
				}
				if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
					t.Errorf("kill the old process: %v", err)
				}
				eventually(t, "the end of the old process to be seen", lease.Suspect)
			})
			lease.Release()
			switch {
			case tt.bad && !problem.HasReason(err, problem.ReasonReleaseRefused):
				t.Errorf("swap = %v, want RELEASE_REFUSED", err)
			case !tt.bad && err != nil:
				t.Errorf("swap: %v", err)
			}
			after, saved := r.serving(t), r.memory.desired() // waits for one that serves
			if same := after.Release == before.Release; same != tt.bad || after.PID == before.PID || saved.Release != after.Release {
				t.Errorf("serving %+v after %+v, saved %+v", after, before, saved)
			}
			if _, err := call(t.Context(), r.Host, "one", "nothing"); err != nil {
				t.Errorf("call afterwards: %v", err)
			}
			r.leavesNothing(t, held)
		})
	}
}

// TestRetiringProcesses: those that do not end as they should are ended within their time, and take along what they started.
func TestRetiringProcesses(t *testing.T) {
	tests := []struct {
		name    string
		variant string // of the process that retires
		prepare func(t *testing.T, r *rig) (check func())
		cut     int
		killed  bool
	}{
		{"has a call that does not end", "next", func(t *testing.T, r *rig) func() {
			inFlight := make(chan error, 1)
			go func() {
				_, err := call(context.Background(), r.Host, "one", "wait")
				inFlight <- err
			}()
			eventually(t, "a call in flight", func() bool {
				s, _ := r.Adapter("one")
				return s.Generation.Leases == 1
			})
			return func() {
				if err := <-inFlight; status.Code(err) != codes.Unavailable {
					t.Errorf("the call = %v, want UNAVAILABLE", err)
				}
			}
		}, 1, false},
		{"is stopped", "next", func(t *testing.T, r *rig) func() {
			if err := syscall.Kill(r.serving(t).PID, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			return func() {}
		}, 0, true},
		{"does not end when it is asked to", "stubborn", func(*testing.T, *rig) func() { return func() {} }, 0, true},
		{"started a process of its own", "next", func(t *testing.T, r *rig) func() {
			if _, err := call(t.Context(), r.Host, "one", "child"); err != nil {
				t.Fatal(err)
			}
			if n := len(processes(r.cfg.WorkDir)); n != 2 {
				t.Fatalf("%d processes, want the adapter and its child", n)
			}
			return func() {}
		}, 0, false},
	}
	r := rigged(t, func(c *host.Config) { c.RetireTimeout, c.KillTimeout = 100*time.Millisecond, time.Second })
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	held := r.remains(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := r.swap(t, tt.variant); err != nil {
				t.Fatal(err)
			}
			before := r.serving(t)
			check := tt.prepare(t, r)
			done, err := r.swap(t, "decides")
			if err != nil {
				t.Fatal(err)
			}
			check()
			if last := done[len(done)-1]; last.Kind != host.Retire || last.Generation != before.Number || last.Cut != tt.cut || last.Killed != tt.killed {
				t.Errorf("last step %+v, want generation %d retired, %d calls cut, killed: %t", last, before.Number, tt.cut, tt.killed)
			}
			if !gone(before.PID) {
				t.Errorf("process %d is still there", before.PID)
			}
			r.leavesNothing(t, held)
		})
	}
}
