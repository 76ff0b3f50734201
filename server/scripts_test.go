package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// leaves matches a pipe into a command that stops reading before the end. Whoever still writes then dies of it, and under
// `set -o pipefail` the pipe has failed although what was looked for was there: now and then, as the writer is quick or slow.
var leaves = regexp.MustCompile(`(^|[^|])\|\s*(grep\s+(-[a-zA-Z]*[qm]|--quiet|--max-count)|head\b|sed\s+(-[nE]+\s+)?'?[0-9]*q\b)`)

// TestScriptsReadPipesToTheEnd: no script and no line of a README pipes into a command that leaves early. Capture the output and
// search that, or let sed or awk read it all.
func TestScriptsReadPipesToTheEnd(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"../Makefile", "../README.md", "../.tools/*.sh", "../.ci/*", "../.ci/*/run", "../adapters/*/README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(content), "\n") {
			if leaves.MatchString(line) {
				t.Errorf("%s:%d: the pipe is left before its end: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// TestLeavesEarly: the rule finds what it is for, and no more.
func TestLeavesEarly(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`relais shipment list demo | grep -q CONFIRMED`:      true,
		`relais shipment list demo |grep -Fq -- CONFIRMED`:   true,
		`relais order list demo | grep -m 1 X`:               true,
		`relais carrier list demo | head -n 8`:               true,
		`relais carrier list demo | sed 8q`:                  true,
		`relais carrier list demo | sed -n 1,8p`:             false,
		`relais adapter list | grep -c SERVING`:              false,
		`grep -q CONFIRMED <<<"$out" || head -n 1 "$log"`:    false,
		`relais order list demo | awk 'NR > 1 { print $1 }'`: false,
		`sed -n 's|a|b|p' | grep -v '^head'`:                 false,
	} {
		if got := leaves.MatchString(line); got != want {
			t.Errorf("%s: found %v, want %v", line, got, want)
		}
	}
}
