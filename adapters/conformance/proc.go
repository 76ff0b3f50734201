package conformance

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// procStatus reads one line of /proc/<pid>/status that holds kB, in bytes. It reports false where there is none.
func procStatus(pid int, name string) (int64, bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}

// memory is the resident memory that belongs to a process alone, in bytes: its code, which comes in as it is used, is not in it.
func memory(pid int) (int64, bool) { return procStatus(pid, "RssAnon") }

// peakMemory is the most resident memory that a process ever had, in bytes.
func peakMemory(pid int) (int64, bool) { return procStatus(pid, "VmHWM") }

// descriptors is how many open descriptors a process has.
func descriptors(pid int) (int, bool) {
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	return len(entries), err == nil
}

// networkSockets is how many sockets of TCP and UDP a process holds, whether they are connected or not.
func networkSockets(pid int) (int, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	entries, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return 0, false
	}
	held := map[string]bool{} // inodes
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, "fd", e.Name()))
		if inode, isSocket := strings.CutPrefix(target, "socket:["); err == nil && isSocket {
			held[strings.TrimSuffix(inode, "]")] = true
		}
	}
	n := 0
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		// One socket a line, of the whole network namespace; the inode is the tenth field. A table that is not there is of a protocol
		// that the system does not have.
		text, _ := os.ReadFile(filepath.Join(dir, "net", table))
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 9 && held[fields[9]] {
				n++
			}
		}
	}
	return n, true
}
