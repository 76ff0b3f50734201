package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/relaishq/relais/"

// wall says that packages below one path must not reach packages below others, directly or through anything else.
type wall struct {
	name   string
	below  []string
	apart  []string // packages below that the wall does not stand around
	never  []string
	except []string // reached packages that are allowed all the same, with those below them
}

// walls are those of the design. Paths are relative to the module unless they hold a dot.
var walls = []wall{
	{
		name: "server never reaches a concrete adapter or the sandbox", below: []string{"server"},
		never: []string{"adapters/cdiscount", "adapters/octopia", "adapters/sandbox"},
	},
	{
		name: "an adapter never reaches the server, the sandbox, go-plugin or a database", below: []string{"adapters/cdiscount", "adapters/octopia"},
		never: []string{"server", "adapters/sandbox", "adapters/launch", "adapters/sdk/serve", "github.com/hashicorp/go-plugin", "database/sql"},
	},
	{name: "cdiscount never reaches octopia", below: []string{"adapters/cdiscount"}, never: []string{"adapters/octopia"}},
	{name: "octopia never reaches cdiscount", below: []string{"adapters/octopia"}, never: []string{"adapters/cdiscount"}},
	{
		name: "the sandbox shares no types with what it tests", below: []string{"adapters/sandbox"},
		never: []string{"server", "proto", "adapters/sdk", "adapters/cdiscount", "adapters/octopia", "adapters/launch"},
	},
	{
		name: "the core reaches no transport, database or process", below: []string{"server/store", "server/order", "server/shipment", "server/decision", "server/delivery", "server/due", "server/carrier", "server/problem"},
		never:  []string{"google.golang.org/grpc", "google.golang.org/protobuf", "proto", "database/sql", "server/api", "server/host", "server/adapter", "server/storage"},
		except: []string{"database/sql/driver"}, // google/uuid implements its Valuer; no database comes with it
	},
	{name: "the api reaches no database or process", below: []string{"server/api"}, never: []string{"server/storage", "modernc.org/sqlite"}},
	{
		name: "the CLI is a client like any other, and runs the conformance checks", below: []string{"server/cli"},
		never: []string{"server/api", "server/store", "server/order", "server/shipment", "server/storage", "server/host", "adapters"},
		// The last two are what the checks start an adapter with.
		except: []string{module + "adapters/conformance", module + "adapters/launch", module + "adapters/sdk/handshake"},
	},
	{
		name: "only the CLI verifies adapters", below: []string{"server"}, apart: []string{"server", "server/cli"},
		never: []string{"adapters/conformance"},
	},
	{name: "the sdk knows nothing of processes", below: []string{"adapters/sdk"}, never: []string{"server", "adapters/launch", "adapters/sandbox", "adapters/cdiscount"}},
	{name: "the host knows processes, not marketplaces", below: []string{"server/host"}, never: []string{"server/order", "server/shipment", "server/store", "server/storage"}},
}

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Deps       []string
}

func TestWalls(t *testing.T) {
	t.Parallel()
	packages := goList(t)
	for _, w := range walls {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			for _, hit := range w.breaches(packages) {
				t.Error(hit)
			}
		})
	}
}

// TestWallsCanBreak shows that a breach is found.
func TestWallsCanBreak(t *testing.T) {
	t.Parallel()
	packages := []listed{
		{ImportPath: module + "server/order", Deps: []string{"context", "google.golang.org/grpc/codes"}},
		{ImportPath: module + "server/cli", Deps: []string{module + "adapters/conformance", module + "adapters/sdk/serve"}},
		{ImportPath: module + "server/host", Deps: []string{module + "adapters/conformance"}},
	}
	found := 0
	for _, w := range walls {
		found += len(w.breaches(packages))
	}
	if found != 3 {
		t.Errorf("%d breaches found, want 3", found)
	}
}

func (w wall) breaches(packages []listed) []string {
	var hits []string
	for _, p := range packages {
		if !slices.ContainsFunc(w.below, func(path string) bool { return under(p.ImportPath, path) }) {
			continue
		}
		if slices.ContainsFunc(w.apart, func(path string) bool { return p.ImportPath == module+path }) {
			continue
		}
		for _, dep := range p.Deps {
			allowed := slices.ContainsFunc(w.except, func(path string) bool { return dep == path || strings.HasPrefix(dep, path+"/") })
			if slices.ContainsFunc(w.never, func(path string) bool { return under(dep, path) }) && !allowed {
				hits = append(hits, p.ImportPath+" reaches "+dep)
			}
		}
	}
	return hits
}

// under reports whether a package is path or below it.
func under(pkg, path string) bool {
	if !strings.Contains(path, ".") && path != "database/sql" {
		path = module + path
	}
	return pkg == path || strings.HasPrefix(pkg, path+"/")
}

func goList(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps=false", "-json=ImportPath,Deps", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatalf("decode go list: %v", err)
		}
		packages = append(packages, p)
	}
}
