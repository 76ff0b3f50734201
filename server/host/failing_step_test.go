package host_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// aside renames a file or directory for the time of a test and returns what puts it back.
func aside(t *testing.T, path string) (back func()) {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".aside"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(os.RemoveAll(path), os.Rename(path+".aside", path)); err != nil {
			t.Fatal(err)
		}
	}
}

// inWork is a path in the work directory; it may be a pattern that one file matches.
func (r *rig) inWork(t *testing.T, pattern ...string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(append([]string{r.cfg.WorkDir}, pattern...)...))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d files match %v: %v", len(found), pattern, err)
	}
	return found[0]
}

// killCandidate kills the process that does not serve and waits until nothing of it is left.
func (r *rig) killCandidate(t *testing.T, serving int) {
	t.Helper()
	killed := 0
	for _, p := range processes(r.cfg.WorkDir) {
		if number, err := strconv.Atoi(p); err == nil && number != serving {
			_ = syscall.Kill(number, syscall.SIGKILL)
			killed++
		}
	}
	if killed != 1 {
		t.Fatalf("%d processes besides the one that serves, want one", killed)
	}
	eventually(t, "the end of the candidate to be seen", func() bool { return leftovers(t, r.cfg.WorkDir)["sockets"] == 1 })
}

// TestFailingSteps makes each step of a swap fail in turn, by what happens around a release that is good. The old generation serves on,
// the operator reads what failed, why, and what serves, and nothing is left. The rows share two hosts, which have to bear them one after
// the other: one that swaps, and one that rolls back.
func TestFailingSteps(t *testing.T) {
	harmless := func() {}
	tests := []struct {
		name     string
		rollback bool
		step     host.StepKind // which fails
		outage   bool          // it says nothing of the release
		harm     func(t *testing.T, r *rig) (mend func())
		says     []string
	}{
		{"library is gone", false, host.Register, true, func(t *testing.T, r *rig) func() {
			return aside(t, r.inWork(t, "releases"))
		}, []string{"cannot write its own copy", "no such file"}},
		{"copy changes before it is launched", false, host.Launch, false, func(t *testing.T, r *rig) func() {
			path := r.inWork(t, "releases", ".incoming-*", "*")
			if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("other"), 0o700)); err != nil {
				t.Fatal(err)
			}
			return harmless
		}, []string{"the adapter's file was changed"}},
		{"copy is lost before it is launched", false, host.Launch, false, func(t *testing.T, r *rig) func() {
			if err := os.Remove(r.inWork(t, "releases", ".incoming-*", "*")); err != nil {
				t.Fatal(err)
			}
			return harmless
		}, []string{"the adapter's file was not found"}},
		{"sockets have no directory", false, host.Launch, true, func(t *testing.T, r *rig) func() {
			return inPlace(t, r.inWork(t, "sockets"))
		}, []string{"sockets was lost and cannot be made again", "is not the server's own directory; remove it"}},
		{"process is killed before the probe", false, host.Probe, false, func(t *testing.T, r *rig) func() {
			r.killCandidate(t, r.serving(t).PID)
			return harmless
		}, []string{"does not describe itself"}},
		{"stores cannot be asked", false, host.Probe, true, func(_ *testing.T, r *rig) func() {
			r.stores.fail = errors.New("database away")
			return func() { r.stores.fail = nil }
		}, []string{"database away"}},
		{"place of the copy is taken", false, host.Publish, true, func(t *testing.T, r *rig) func() {
			sum, err := release.Hash(t.Context(), build(t, "next"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(r.cfg.WorkDir, "releases", "one", sum, handshake.FilePrefix+"one", "full"), 0o700); err != nil {
				t.Fatal(err)
			}
			return harmless // what is no copy goes with the copies that nothing needs
		}, []string{"cannot write its own copy", "exists"}},
		{"adapter's copies are gone and a file lies there", false, host.Publish, true, func(t *testing.T, r *rig) func() {
			back := aside(t, r.inWork(t, "releases", "one"))
			write(t, r.inWork(t, "releases"), "one", "", 0o600)
			return back
		}, []string{"cannot write its own copy", "not a directory"}},
		{"choice cannot be saved", false, host.Publish, true, func(_ *testing.T, r *rig) func() {
			r.memory.failWith(errors.New("disk full"))
			return func() { r.memory.failWith(nil) }
		}, []string{"save which release is served", "disk full"}},
		{"process dies while the choice is saved", false, host.Publish, false, diesWhileSaved("2.0.0"), []string{"ended after the probe", "killed"}},

		{"previous release's process is killed before the probe", true, host.Probe, false, func(t *testing.T, r *rig) func() {
			r.killCandidate(t, r.serving(t).PID)
			return harmless
		}, []string{"does not describe itself"}},
		{"choice to roll back cannot be saved", true, host.Publish, true, func(_ *testing.T, r *rig) func() {
			r.memory.failWith(errors.New("disk full"))
			return func() { r.memory.failWith(nil) }
		}, []string{"disk full"}},
		{"previous release's process dies while the choice is saved", true, host.Publish, false, diesWhileSaved("1.0.0"),
			[]string{"ended after the probe", "killed"}},
	}
	file := handshake.FilePrefix + "one@next"
	withNext := func(c *host.Config) { install(t, c.PluginDir, file, "next") }
	forth, back := rigged(t, withNext), rigged(t, withNext)
	swap := func(r *rig, report host.Report) error { return r.Swap(t.Context(), "one", file, report) }
	rollback := func(r *rig, report host.Report) error { return r.Rollback(t.Context(), "one", report) }
	if err := swap(back, func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, command := forth, swap
			if tt.rollback {
				r, command = back, rollback
			}
			before, saved, held := r.serving(t), r.memory.desired(), r.remains(t)
			mend := harmless
			err := command(r, func(s host.Step) {
				if s.Kind == tt.step && !s.Done {
					mend = tt.harm(t, r)
				}
			})
			mend()
			got := problem.As(err)
			reason, verdict := problem.ReasonReleaseRefused, "refused at the step "
			if tt.outage {
				reason, verdict = problem.ReasonCommandFailed, "could not finish the step "
			}
			if got == nil || got.Reason != reason || got.Metadata["step"] != tt.step.String() {
				t.Fatalf("swap = %v, want %s at step %s", err, reason, tt.step)
			}
			tt.says = append(tt.says, verdict+tt.step.String(),
				fmt.Sprintf("version %s (generation %d) serves on", before.Release.Version, before.Number))
			for _, words := range tt.says {
				if !strings.Contains(got.Message, words) {
					t.Errorf("message %q lacks %q", got.Message, words)
				}
			}
			if generation, err := call(t.Context(), r.Host, "one", "nothing"); err != nil || generation != before.Number {
				t.Errorf("call afterwards on generation %d: %v", generation, err)
			}
			if diff := cmp.Diff(before, r.serving(t)); diff != "" {
				t.Errorf("serving (-before +after)\n%s", diff)
			}
			if diff := cmp.Diff(saved, r.memory.desired()); diff != "" {
				t.Errorf("saved (-before +after)\n%s", diff)
			}
			r.leavesNothing(t, held)
		})
	}
	if err := swap(forth, func(host.Step) {}); err != nil || forth.serving(t).Release.Version != "2.0.0" {
		t.Errorf("swap after all that: %v", err)
	}
	if err := rollback(back, func(host.Step) {}); err != nil || back.serving(t).Release.Version != "1.0.0" {
		t.Errorf("rollback after all that: %v", err)
	}
}

// diesWhileSaved kills the candidate at the last moment at which that can be seen: its release is in the database already.
func diesWhileSaved(version string) func(*testing.T, *rig) func() {
	return func(t *testing.T, r *rig) func() {
		serving := r.serving(t).PID
		r.memory.onSave = func(d release.Desired) {
			if d.Release.Version == version { // else it is taken back
				r.killCandidate(t, serving)
			}
		}
		return func() { r.memory.onSave = nil }
	}
}

// TestUndoThatFails: what is saved cannot be taken back. The old generation serves on, and the database is put right at the next
// opportunity, at which the copy that it named goes.
func TestUndoThatFails(t *testing.T) {
	r := rigged(t, nil)
	before, held := r.serving(t), r.remains(t)
	dies := diesWhileSaved("2.0.0")(t, r)
	kill := r.memory.onSave
	r.memory.onSave = func(d release.Desired) {
		if kill(d); d.Release.Version != "2.0.0" {
			r.memory.failWith(errors.New("disk full"))
		}
	}
	if _, err := r.swap(t, "next"); !problem.HasReason(err, problem.ReasonReleaseRefused) || !strings.Contains(err.Error(), "(generation 1) serves on") {
		t.Errorf("swap = %v, want it refused", err)
	}
	if diff := cmp.Diff(before, r.serving(t)); diff != "" || r.memory.desired().Release.Version != "2.0.0" {
		t.Fatalf("saved %+v; serving (-before +after)\n%s", r.memory.desired(), diff)
	}
	dies()
	r.memory.failWith(nil)
	r.kill(t, 0)
	if after := r.serving(t); after.Release != before.Release || r.memory.desired().Release != before.Release {
		t.Errorf("saved %+v, serving %+v", r.memory.desired(), after)
	}
	if _, err := r.swap(t, "decides"); err != nil { // whose end removes what nothing needs
		t.Fatal(err)
	}
	held["releases/one"]++ // the previous release
	r.leavesNothing(t, held)
}

// TestGivenUpSwaps: the operator goes away at each step. Before the release is published that is the end of the swap, afterwards the rest
// happens without them.
func TestGivenUpSwaps(t *testing.T) {
	r := rigged(t, nil)
	file := handshake.FilePrefix + "one@next"
	install(t, r.cfg.PluginDir, file, "next")
	held := r.remains(t)
	for _, step := range []host.StepKind{host.Register, host.Launch, host.Probe, host.Publish} {
		t.Run(step.String(), func(t *testing.T) {
			before, saved := r.serving(t), r.memory.desired()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := r.Swap(ctx, "one", file, func(s host.Step) {
				if s.Kind == step && !s.Done {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "(generation 1) serves on") {
				t.Errorf("swap = %v, want the context's error and what serves", err)
			}
			if diff := cmp.Diff(before, r.serving(t)); diff != "" {
				t.Errorf("serving (-before +after)\n%s", diff)
			}
			if diff := cmp.Diff(saved, r.memory.desired()); diff != "" {
				t.Errorf("saved (-before +after)\n%s", diff)
			}
			r.leavesNothing(t, held)
		})
	}
	t.Run("retire", func(t *testing.T) {
		lease, err := r.Lease(t.Context(), "one", "")
		if err != nil {
			t.Fatal(err)
		}
		defer lease.Release()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err = r.Swap(ctx, "one", file, func(s host.Step) {
			if s.Kind == host.Retire {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "generation 1, which retires without further help") {
			t.Errorf("swap = %v, want the context's error and what retires", err)
		}
		if got := r.serving(t).Release; got.Version != "2.0.0" || r.memory.desired().Release != got {
			t.Errorf("serving %+v, saved %+v", got, r.memory.desired())
		}
		lease.Release()
		held["releases/one"]++ // to roll back to
		r.leavesNothing(t, held)
	})
}

// TestStepOutOfTime: a database that does not answer holds a swap for as long as the operator waits, and no longer.
func TestStepOutOfTime(t *testing.T) {
	r := rigged(t, nil)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
	before, saved, held := r.serving(t), r.memory.desired(), r.remains(t)
	ctx, cancel := context.WithTimeout(t.Context(), slow)
	defer cancel()
	r.memory.onSave = func(release.Desired) {
		cancel()
		r.memory.failWith(ctx.Err())
	}
	err := r.Swap(ctx, "one", "", func(host.Step) {})
	r.memory.onSave = nil
	r.memory.failWith(nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "(generation 1) serves on") {
		t.Errorf("swap = %v, want the context's error and what serves", err)
	}
	if diff := cmp.Diff(before, r.serving(t)) + cmp.Diff(saved, r.memory.desired()); diff != "" {
		t.Errorf("serving and saved (-before +after)\n%s", diff)
	}
	r.leavesNothing(t, held)
}
