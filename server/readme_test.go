package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/relaishq/relais/server/config"
)

var update = flag.Bool("update", false, "write the generated part of the README")

// TestReadmeConfiguration: the table of config/README.md is the one that the code documents itself with.
// `go test ./server -run Readme -update` writes it.
func TestReadmeConfiguration(t *testing.T) {
	t.Parallel()
	const path, begin, end = "config/README.md", "<!-- configuration:begin -->\n", "<!-- configuration:end -->"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("config/README.md has no configuration markers")
	}
	if table == config.Table() {
		return
	}
	if !*update {
		t.Fatal("the table of config/README.md is stale: run go test ./server -run Readme -update")
	}
	if err := os.WriteFile(path, []byte(before+begin+config.Table()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
