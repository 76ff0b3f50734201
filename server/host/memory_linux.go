package host

import (
	"bytes"
	"os"
	"strconv"
)

// residentBytes is how much memory a process has resident; zero when that cannot be told. What the process shares with others, such
// as its code, counts. Processes that it started do not.
func residentBytes(pid int) int64 {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
