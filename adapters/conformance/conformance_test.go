package conformance_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/relaishq/relais/adapters/conformance"
	"github.com/relaishq/relais/adapters/conformance/conformancetest"
	"github.com/relaishq/relais/adapters/conformance/internal/broken"
	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sandbox/emulator"
)

// TestAdaptersConform verifies every adapter of this repository, the invented ones included.
func TestAdaptersConform(t *testing.T) {
	url := bazaar(t)
	for _, name := range []string{"bazaar", "bazaar-next", "cdiscount", "octopia"} {
		t.Run(name, func(t *testing.T) {
			conformancetest.Run(t, conformance.Options{Adapter: adapterFile(name), SandboxURL: url})
		})
	}
}

// TestEveryCheckCanFail runs each broken adapter against the check that must find it.
func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	url := bazaar(t)
	alone := map[bool][]broken.Variant{}
	for _, v := range broken.Variants() {
		alone[measured(v.Check)] = append(alone[measured(v.Check)], v)
	}
	// Those that measure come last, each by itself.
	var wait sync.WaitGroup
	places := make(chan struct{}, 4)
	for _, v := range alone[false] {
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			mustFail(t, url, v)
		})
	}
	wait.Wait()
	for _, v := range alone[true] {
		mustFail(t, url, v)
	}
}

// measured reports whether a check depends on what else runs.
func measured(id string) bool {
	return slices.Contains([]string{"deadline-kept", "cancel-kept", "memory-flat", "descriptors-flat", "rate-budget-kept"}, id)
}

// mustFail says when a broken adapter passes the check that is there for it.
func mustFail(t *testing.T, url string, v broken.Variant) {
	t.Helper()
	options := conformance.Options{
		Adapter: adapterFile("broken"), Env: []string{broken.Env + "=" + v.Name}, SandboxURL: url,
		Run: func(i conformance.Info) bool { return i.ID == v.Check },
	}
	var got []conformance.Result
	if _, err := conformance.Verify(t.Context(), options, func(r conformance.Result) { got = append(got, r) }); err != nil {
		t.Errorf("the adapter that %s: %v", v.Name, err)
		return
	}
	if len(got) != 1 || got[0].Outcome != conformance.Fail || got[0].Detail == "" {
		t.Errorf("the adapter that %s: %s gives %+v, want a failure", v.Name, v.Check, got)
	}
	t.Logf("%s: %s\n%s", v.Check, v.Name, got[0].Detail)
}

// TestLawfulAdaptersPass: no check asks for more than the protocol does.
func TestLawfulAdaptersPass(t *testing.T) {
	t.Parallel()
	url := bazaar(t)
	for _, v := range broken.Lawful() {
		conformancetest.Run(t, conformance.Options{
			Adapter: adapterFile("broken"), Env: []string{broken.Env + "=" + v.Name}, SandboxURL: url,
			Run: func(i conformance.Info) bool { return i.ID == v.Check },
		})
	}
}

// TestNamesOfFiles: a binary is verified under the names that a server's plugin directory may give it.
func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file string
		want conformance.Outcome
	}{
		{"relais-adapter-cdiscount", conformance.Pass},
		{"relais-adapter-cdiscount@1.4.0", conformance.Pass},
		{"relais-adapter-cdiscount@", conformance.Fail},
		{"relais-adapter-octopia", conformance.Fail},
		{"relais-adapter-octopia@1.4.0", conformance.Fail},
		{"cdiscount", conformance.Fail},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), tt.file)
			if err := os.Symlink(adapterFile("cdiscount"), path); err != nil {
				t.Fatal(err)
			}
			var got []conformance.Result
			options := conformance.Options{Adapter: path, Run: func(i conformance.Info) bool { return i.ID == "describe-complete" }}
			if _, err := conformance.Verify(t.Context(), options, func(r conformance.Result) { got = append(got, r) }); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].Outcome != tt.want {
				t.Errorf("describe-complete = %+v, want %v", got, tt.want)
			}
		})
	}
}

// TestEveryCheckHasABrokenAdapter: a check that nothing fails proves nothing.
func TestEveryCheckHasABrokenAdapter(t *testing.T) {
	t.Parallel()
	fails, names := map[string]bool{}, map[string]bool{}
	for _, v := range broken.Variants() {
		if names[v.Name] {
			t.Errorf("two variants are called %q", v.Name)
		}
		fails[v.Check], names[v.Name] = true, true
	}
	for _, c := range conformance.Checks() {
		if !fails[c.ID] {
			t.Errorf("no broken adapter fails %s", c.ID)
		}
		delete(fails, c.ID)
	}
	for id := range fails {
		t.Errorf("a broken adapter is to fail %s, which is no check", id)
	}
}

// TestChecksAreDescribed: ids are unique and stable in form, and each check says what it proves.
func TestChecksAreDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range conformance.Checks() {
		if seen[c.ID] || c.ID != strings.ToLower(c.ID) || !strings.Contains(c.ID, "-") || c.Title == "" || !strings.HasSuffix(c.Proves, ".") {
			t.Errorf("check %+v", c)
		}
		seen[c.ID] = true
	}
}

// TestREADMEListsEveryCheck keeps the README's table as the checks are.
func TestREADMEListsEveryCheck(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	_, table, _ := strings.Cut(string(text), "\n## The checks\n")
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	var want []string
	for _, c := range conformance.Checks() {
		want = append(want, "| `"+c.ID+"` | "+c.Title+" | "+c.Proves+" |")
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the table of checks must be:\n%s", strings.Join(want, "\n"))
	}
}

// TestWithoutSandbox: what needs none is checked, the rest says why it was not; results come in order.
func TestWithoutSandbox(t *testing.T) {
	t.Parallel()
	var ids []string
	var want []string
	for _, c := range conformance.Checks() {
		want = append(want, c.ID)
	}
	summary, err := conformance.Verify(t.Context(), conformance.Options{Adapter: adapterFile("bazaar")}, func(r conformance.Result) {
		ids = append(ids, r.ID)
		info := conformance.Checks()[len(ids)-1]
		if info.Sandbox != (r.Outcome == conformance.Skip) || info.Sandbox != (r.Detail != "") || r.Outcome == conformance.Fail {
			t.Errorf("without a sandbox: %+v", r)
		}
	})
	if err != nil || !slices.Equal(ids, want) {
		t.Fatalf("error %v, results in the order %v", err, ids)
	}
	if summary.Adapter != "bazaar" || summary.Marketplace != "bazaar" || summary.Failed != 0 || summary.Passed == 0 ||
		summary.Passed+summary.Skipped != len(want) {
		t.Errorf("summary %+v", summary)
	}
}

// TestNothingCanBeSaid: where there is no verdict there is an error.
func TestNothingCanBeSaid(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	plain, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	for _, tc := range []struct {
		name    string
		ctx     context.Context
		options conformance.Options
		is      error
		says    string
	}{
		{"no such file", t.Context(), conformance.Options{Adapter: "nowhere"}, launch.ErrNotFound, "nowhere"},
		{"no adapter", t.Context(), conformance.Options{Adapter: "/bin/true"}, nil, "start adapter /bin/true"},
		{"no sandbox there", t.Context(), conformance.Options{Adapter: adapterFile("bazaar"), SandboxURL: "http://127.0.0.1:9"}, nil, "does not answer"},
		{"a sandbox of other marketplaces", t.Context(), conformance.Options{Adapter: adapterFile("bazaar"), SandboxURL: plain.URL()}, nil, `no credentials for "bazaar"`},
		{"no time", ended, conformance.Options{Adapter: adapterFile("bazaar")}, context.Canceled, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := conformance.Verify(tc.ctx, tc.options, nil)
			if err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestStartSandbox starts a sandbox as a process and verifies an adapter against it.
func TestStartSandbox(t *testing.T) {
	t.Parallel()
	s, err := conformance.StartSandbox(t.Context(), filepath.Join(bin, "relais-sandbox-bazaar"))
	if err != nil {
		t.Fatal(err)
	}
	summary, err := conformance.Verify(t.Context(), conformance.Options{
		Adapter: adapterFile("bazaar"), SandboxURL: s.URL(), Run: func(i conformance.Info) bool { return i.ID == "connect-account" },
	}, nil)
	if err != nil || summary.Passed != 1 {
		t.Errorf("summary %+v, error %v", summary, err)
	}
	for range 2 {
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for _, program := range []string{"/bin/true", filepath.Join(bin, "relais-sandbox-nowhere")} {
		if _, err := conformance.StartSandbox(t.Context(), program); err == nil || !strings.Contains(err.Error(), program) {
			t.Errorf("%s: error %v", program, err)
		}
	}
}

// TestKnowsNoMarketplace: the suite reaches adapters and the sandbox through processes and the control API only, so that the server's
// CLI may use it.
func TestKnowsNoMarketplace(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "./conformancetest").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/relaishq/relais/"
	for pkg := range strings.Lines(string(out)) {
		pkg = strings.TrimPrefix(strings.TrimSpace(pkg), module)
		for _, wall := range []string{"server", "adapters/sandbox", "adapters/cdiscount", "adapters/octopia", "adapters/conformance/internal/example"} {
			if pkg == wall || strings.HasPrefix(pkg, wall+"/") {
				t.Errorf("the suite reaches %s", pkg)
			}
		}
	}
}
