package host_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// leftovers is what a host has in its work directory and how many processes run for it, for comparison.
func leftovers(t *testing.T, work string) map[string]int {
	t.Helper()
	count := map[string]int{"processes": len(processes(work))}
	for _, dir := range []string{"releases", "releases/one", "sockets"} {
		entries, err := os.ReadDir(filepath.Join(work, dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		count[dir] = len(entries)
	}
	return count
}

// processes are the processes that run a binary below a work directory, or have their own directory there: an adapter's is the one of
// its socket, and what it starts inherits that.
func processes(work string) (pids []string) {
	sockets, err := filepath.EvalSymlinks(filepath.Join(work, "sockets")) // elsewhere, when the path is long
	if err != nil {
		sockets = work
	}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range all {
		exe, _ := os.Readlink(process + "/exe")
		cwd, _ := os.Readlink(process + "/cwd")
		if strings.HasPrefix(exe, work) || strings.HasPrefix(cwd, sockets) {
			pids = append(pids, filepath.Base(process))
		}
	}
	return pids
}

// remains is what a host holds on to: leftovers, and what this process has for it: children, those included that nobody reaped, and
// descriptors. It tells something only when no other test runs: those that use it are not parallel.
func (r *rig) remains(t *testing.T) map[string]int {
	t.Helper()
	held := leftovers(t, r.cfg.WorkDir)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, _ := os.ReadFile(path)
		_, fields, _ := strings.Cut(string(stat), ") ") // "1 (name) S parent …"
		var state string
		var parent int
		if _, err := fmt.Sscan(fields, &state, &parent); err == nil && parent == os.Getpid() {
			held["children"]++
		}
	}
	for _, target := range descriptors() {
		if kind, inode, ok := strings.Cut(target, ":["); ok && kind != "anon_inode" { // a socket or a pipe
			target = strings.TrimRight(kind+inode, "0123456789]")
		}
		held["descriptor of "+target]++
	}
	return held
}

// descriptors are what this process has open; none where there is no /proc.
func descriptors() (targets []string) {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil { // but for the one of the listing itself
			targets = append(targets, target)
		}
	}
	return targets
}

// leavesNothing waits until the host holds what it held before, and no more.
func (r *rig) leavesNothing(t *testing.T, before map[string]int) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(10 * time.Second)
	for {
		diff := cmp.Diff(before, r.remains(t))
		if diff == "" {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Errorf("left behind (-before +after)\n%s", diff)
			return
		}
	}
}
