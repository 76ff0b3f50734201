package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// later tells of what was saved, right after.
type later struct {
	*memory
	saved  func(release.Desired)
	pinned func(release.Pin)
}

func (l *later) SaveDesiredRelease(ctx context.Context, d release.Desired) error {
	err := l.memory.SaveDesiredRelease(ctx, d)
	if err == nil && l.saved != nil {
		l.saved(d)
	}
	return err
}

func (l *later) SavePin(ctx context.Context, p release.Pin) error {
	err := l.memory.SavePin(ctx, p)
	if err == nil && l.pinned != nil {
		l.pinned(p)
	}
	return err
}

// riggedLater is a rig whose database tells of what was saved.
func riggedLater(t *testing.T, pause time.Duration) (*rig, *later) {
	t.Helper()
	l := &later{}
	r := rigged(t, func(c *host.Config) {
		l.memory, _ = c.Releases.(*memory)
		c.Releases, c.BackoffMin, c.BackoffMax = l, pause, pause
	})
	return r, l
}

// lose kills the process of a release that was just saved, and takes the database away.
func (r *rig) lose(t *testing.T, sum string) {
	t.Helper()
	sockets := leftovers(t, r.cfg.WorkDir)["sockets"]
	for _, process := range processes(filepath.Join(r.cfg.WorkDir, "releases", "one", sum)) {
		pid, err := strconv.Atoi(process)
		if err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	eventually(t, "the end of the process to be seen", func() bool { return leftovers(t, r.cfg.WorkDir)["sockets"] < sockets })
	r.memory.failWith(errors.New("disk full"))
}

// TestRefusedSwapIsTakenBackLater: a database that goes away between the saving and the taking back names a release that does not serve.
// It is put right by itself when it is back, by the next command before that, and the release's copy is kept meanwhile.
func TestRefusedSwapIsTakenBackLater(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		pause time.Duration
		then  func(*rig) error
		want  func(release.Desired) bool
	}{
		{"by itself", 10 * time.Millisecond, func(*rig) error { return nil }, func(d release.Desired) bool { return d.Release.Version == "1.0.0" && !d.Unloaded }},
		{"by a swap to what serves", time.Hour, func(r *rig) error {
			_, err := r.swap(t, "")
			return err
		}, func(d release.Desired) bool { return d.Release.Version == "1.0.0" && !d.Unloaded }},
		{"by an unload", time.Hour, func(r *rig) error { return r.Unload(t.Context(), "one") }, func(d release.Desired) bool {
			return d.Release.Version == "1.0.0" && d.Unloaded
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, l := riggedLater(t, tt.pause)
			l.saved = func(d release.Desired) {
				if d.Release.Version == "2.0.0" {
					r.lose(t, d.Release.SHA256)
				}
			}
			if _, err := r.swap(t, "next"); !problem.HasReason(err, problem.ReasonReleaseRefused) {
				t.Fatalf("swap to a release that ends = %v", err)
			}
			wrong := r.memory.desired()
			if _, err := os.Stat(filepath.Join(r.cfg.WorkDir, "releases", "one", wrong.Release.SHA256)); err != nil || wrong.Release.Version != "2.0.0" {
				t.Fatalf("saved %+v, its copy: %v", wrong, err)
			}
			if err := tt.then(r); tt.pause == time.Hour && !problem.HasReason(err, problem.ReasonCommandFailed) {
				t.Errorf("while the database is away: %v", err)
			}
			r.memory.failWith(nil)
			if err := tt.then(r); err != nil {
				t.Errorf("when it is back: %v", err)
			}
			eventually(t, "the database is right", func() bool { return tt.want(r.memory.desired()) })
			eventually(t, "the copy is gone", func() bool { return leftovers(t, r.cfg.WorkDir)["releases/one"] == 1 })
		})
	}
}

// TestUnloadedSlotIsTakenBack: also when the slot is unloaded already, the database names the release that it should.
func TestUnloadedSlotIsTakenBack(t *testing.T) {
	t.Parallel()
	r, l := riggedLater(t, time.Hour)
	if err := r.Unload(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	l.saved = func(d release.Desired) {
		if d.Release.Version == "2.0.0" {
			r.lose(t, d.Release.SHA256)
		}
	}
	if _, err := r.swap(t, "next"); !problem.HasReason(err, problem.ReasonReleaseRefused) {
		t.Fatalf("swap to a release that ends = %v", err)
	}
	r.memory.failWith(nil)
	if err := r.Unload(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if d := r.memory.desired(); !d.Unloaded || d.Release.Version != "1.0.0" {
		t.Errorf("saved %+v, want it unloaded", d)
	}
}

// TestRefusedPinIsTakenBackLater: a pin that did not come about is not one after a restart, nor is one forgotten that did not go.
func TestRefusedPinIsTakenBackLater(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		before string // the variant that the store is pinned to
	}{{"the first", ""}, {"in the place of another", "plain-2"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, l := riggedLater(t, 10*time.Millisecond)
			if tt.before != "" {
				if err := r.pin(t, "canary", tt.before, time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			before, _ := r.memory.Pins(t.Context())
			l.pinned = func(p release.Pin) {
				if p.Release.Version == "2.0.0" {
					r.lose(t, p.Release.SHA256)
				}
			}
			if err := r.pin(t, "canary", "next", time.Hour); !problem.HasReason(err, problem.ReasonReleaseRefused) {
				t.Fatalf("pin to a release that ends = %v", err)
			}
			wrong, _ := r.memory.Pins(t.Context())
			if _, err := os.Stat(filepath.Join(r.cfg.WorkDir, "releases", "one", wrong[0].Release.SHA256)); err != nil || wrong[0].Release.Version != "2.0.0" {
				t.Fatalf("saved %+v, its copy: %v", wrong, err)
			}
			r.memory.failWith(nil)
			eventually(t, "the database is right", func() bool {
				after, _ := r.memory.Pins(t.Context())
				return cmp.Equal(before, after) || len(before) == 0 && len(after) == 0
			})
			eventually(t, "the copy is gone", func() bool { return leftovers(t, r.cfg.WorkDir)["releases/one"] == 1+len(before) })
		})
	}
}

// TestForgottenPinIsForgottenLater: a pin that ended while the database was away does not come back with the next server.
func TestForgottenPinIsForgottenLater(t *testing.T) {
	t.Parallel()
	r, l := riggedLater(t, 10*time.Millisecond)
	if err := r.pin(t, "canary", "next", time.Hour); err != nil {
		t.Fatal(err)
	}
	l.saved = func(d release.Desired) { r.memory.failWith(errors.New("disk full")) }
	if err := r.Unload(t.Context(), "one"); err != nil { // it is saved; the pin's end is not
		t.Fatal(err)
	}
	if saved, _ := r.memory.Pins(t.Context()); len(saved) != 1 || len(r.pins(t)) != 0 {
		t.Fatalf("pins %+v, saved %+v", r.pins(t), saved)
	}
	r.memory.failWith(nil)
	eventually(t, "the pin is forgotten", func() bool {
		saved, _ := r.memory.Pins(t.Context())
		return len(saved) == 0
	})
}

// TestTakingBackIsTriedAgainAtTheEnd: a server that stops does not leave it to the next one after one failure.
func TestTakingBackIsTriedAgainAtTheEnd(t *testing.T) {
	t.Parallel()
	r, l := riggedLater(t, 10*time.Millisecond)
	stopped := make(chan error, 1)
	l.pinned = func(release.Pin) {
		beginStop(t, r.Host, stopped)
		r.memory.failTimes(2, errors.New("database is locked"))
	}
	if err := r.pin(t, "canary", "next", time.Hour); !problem.HasReason(err, problem.ReasonServerStopping) {
		t.Errorf("pin while the server stops = %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if saved, _ := r.memory.Pins(t.Context()); len(saved) != 0 {
		t.Errorf("saved %+v, want nothing", saved)
	}
}
