package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// holdings counts what a server holds on to, by kind.
type holdings map[string]int

// beyond tells what is held that was not before, and how much of it in all.
func (h holdings) beyond(before holdings) (n int, what []string) {
	for _, kind := range slices.Sorted(maps.Keys(h)) {
		if more := h[kind] - before[kind]; more > 0 {
			n += more
			what = append(what, fmt.Sprintf("%d %s, %d before", h[kind], kind, before[kind]))
		}
	}
	return n, what
}

// holdings looks at what the server has: descriptors of each kind, processes, and what lies below its data directory. The
// database's own files are left out: their descriptors come and go with its pool. Everything else is the same whenever the same
// clients are connected and nothing is under way.
func (r *swapRun) holdings() holdings {
	r.t.Helper()
	h := r.belongings()
	fds := fmt.Sprintf("/proc/%d/fd", r.chaos.process.cmd.Process.Pid)
	entries, err := os.ReadDir(fds)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(fds, entry.Name()))
		switch kind, _, numbered := strings.Cut(target, ":["); {
		case err != nil: // closed meanwhile
		case strings.HasPrefix(target, filepath.Join(r.chaos.s.dir, "relais.db")):
		case numbered:
			h["descriptors of a "+kind]++
		default:
			h["descriptors of "+target]++
		}
	}
	return h
}

// belongings counts what a server could leave behind: processes, sockets, and copies of releases that nobody can go back to.
func (r *swapRun) belongings() holdings {
	r.t.Helper()
	adapters := filepath.Join(r.chaos.s.dir, "adapters")
	h := holdings{"processes": len(r.processes()), "socket directories": len(r.entries(filepath.Join(adapters, "sockets")))}
	for _, name := range r.entries(filepath.Join(adapters, "releases")) {
		if r.builds[name] == nil {
			h["unfinished copies"]++
			continue
		}
		for _, sum := range r.entries(filepath.Join(adapters, "releases", name)) {
			if r.builds[name][sum] == "" {
				h["copies of releases of "+name]++
			}
		}
	}
	return h
}

// entries are the names in a directory, none when it does not exist.
func (r *swapRun) entries(dir string) (names []string) {
	r.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// processes lists those that run a copy of an adapter of this server.
func (r *swapRun) processes() (pids []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, r.chaos.s.dir) {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}

// leaks counts what is held beyond what was held before, once it had time to go away.
func (r *swapRun) leaks(when string, before holdings) {
	r.t.Helper()
	r.awaitGone(when, before, r.holdings)
}

// leaksAfterStop counts what the server left when an operator stopped it. Only its copies of the two builds belong there.
func (r *swapRun) leaksAfterStop() {
	r.t.Helper()
	r.awaitGone("after the server was stopped", nil, r.belongings)
}

func (r *swapRun) awaitGone(when string, before holdings, look func() holdings) {
	const patience = 10 * time.Second // imports that the load began end in that time
	deadline := time.Now().Add(patience)
	n, what := look().beyond(before)
	for n > 0 && time.Now().Before(deadline) {
		pause(r.t.Context(), 100*time.Millisecond)
		n, what = look().beyond(before)
	}
	r.result.Leaked += n
	for _, sentence := range what {
		r.chaos.mustNot("%s there are %s", when, sentence)
	}
}
