package host_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// limit lowers a limit of this process and returns what lifts it again.
func limit(t *testing.T, resource int, to uint64) (lift func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(resource, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: to, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(resource, &before); err != nil {
			t.Fatal(err)
		}
	}
}

// leave lets this process open so many descriptors more.
func leave(t *testing.T, free int) (lift func()) {
	t.Helper()
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	open := make(map[int]bool)
	for _, link := range links {
		if _, err := os.Readlink(filepath.Join("/proc/self/fd", link.Name())); err == nil { // not the one that listed them
			number, _ := strconv.Atoi(link.Name())
			open[number] = true
		}
	}
	next := 0 // descriptors get the lowest numbers that are free
	for ; free > 0 || open[next]; next++ {
		if !open[next] {
			free--
		}
	}
	return limit(t, syscall.RLIMIT_NOFILE, uint64(next))
}

// TestSwapsWithoutDescriptors: a swap that finds none free, then one with a single one, and so on until it works, so that each place that
// needs one fails in turn. The old generation serves on each time, and nothing is left.
func TestSwapsWithoutDescriptors(t *testing.T) {
	r := rigged(t, nil)
	file := handshake.FilePrefix + "one@next"
	install(t, r.cfg.PluginDir, file, "next")
	before, saved, held := r.serving(t), r.memory.desired(), r.remains(t)
	var steps []string // at which it failed
	const most = 64
	for free := 0; ; free++ {
		lift := leave(t, free)
		_, callErr := call(t.Context(), r.Host, "one", "nothing")
		err := r.Swap(t.Context(), "one", file, func(host.Step) {})
		lift()
		if callErr != nil {
			t.Errorf("call with %d descriptors: %v", free, callErr)
		}
		if err == nil {
			t.Logf("works with %d descriptors, failed at %v with fewer", free, steps)
			break
		}
		if free == most {
			t.Fatalf("swap with %d descriptors: %v", free, err)
		}
		got := problem.As(err)
		if got == nil || got.Reason != problem.ReasonCommandFailed || !strings.Contains(got.Message, "version 1.0.0 (generation 1) serves on") {
			t.Fatalf("swap with %d descriptors = %v, want COMMAND_FAILED", free, err)
		}
		step := got.Metadata["step"]
		if step == "launch" && !strings.Contains(got.Message, "could not be started") {
			t.Errorf("message %q with %d descriptors does not tell that the machine is to blame", got.Message, free)
		}
		if !slices.Contains(steps, step) {
			steps = append(steps, step)
		}
		if diff := cmp.Diff(before, r.serving(t)) + cmp.Diff(saved, r.memory.desired()); diff != "" {
			t.Errorf("with %d descriptors, serving and saved (-before +after)\n%s", free, diff)
		}
		r.leavesNothing(t, held)
		if t.Failed() {
			return
		}
	}
	if diff := cmp.Diff([]string{"register", "launch"}, steps); diff != "" {
		t.Errorf("steps that failed (-want +got)\n%s", diff)
	}
	if g := r.serving(t); g.Release.Version != "2.0.0" {
		t.Errorf("serving %+v", g)
	}
	held["releases/one"]++ // to roll back to
	r.leavesNothing(t, held)
}

// TestSwapOnAFullDisk: the copy does not find the room.
func TestSwapOnAFullDisk(t *testing.T) {
	r := rigged(t, nil)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
	before, saved, held := r.serving(t), r.memory.desired(), r.remains(t)
	lift := limit(t, syscall.RLIMIT_FSIZE, 1<<20)
	err := r.Swap(t.Context(), "one", "", func(host.Step) {})
	lift()
	got := problem.As(err)
	if got == nil || got.Reason != problem.ReasonCommandFailed || got.Metadata["step"] != "register" ||
		!strings.Contains(got.Message, "cannot write its own copy") || !strings.Contains(got.Message, "file too large") ||
		!strings.Contains(got.Message, "(generation 1) serves on") {
		t.Errorf("swap = %v, want COMMAND_FAILED at register and why", err)
	}
	if diff := cmp.Diff(before, r.serving(t)) + cmp.Diff(saved, r.memory.desired()); diff != "" {
		t.Errorf("serving and saved (-before +after)\n%s", diff)
	}
	r.leavesNothing(t, held)
	if err := r.Swap(context.Background(), "one", "", func(host.Step) {}); err != nil {
		t.Errorf("swap with more room: %v", err)
	}
}
