package conformance_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/relaishq/relais/adapters/conformance"
)

// bin is where the binaries lie that the tests verify.
var bin string

// TestMain builds the adapters once: as binaries of their own, since that is what is verified, and without the race detector, since
// their memory is measured.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "relais-conformance-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m,
		goleak.Cleanup(func(code int) {
			_ = os.RemoveAll(dir)
			os.Exit(code)
		}),
		goleak.IgnoreTopFunction("github.com/relaishq/relais/adapters/launch.serveForkThread"),
	)
}

// build builds the invented adapters, the broken ones and the real ones.
func build() error {
	packages := []string{"./internal/example/cmd/...", "./internal/broken/cmd/..."}
	//nolint:noctx // before any test
	cmd := exec.Command("go", append([]string{"build", "-o", bin + string(filepath.Separator)}, packages...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the adapters: %w: %s", err, out)
	}
	for _, name := range []string{"cdiscount", "octopia"} {
		//nolint:noctx // before any test
		cmd := exec.Command("go", "build", "-o", adapterFile(name), "../../plugins/"+name)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", name, err, out)
		}
	}
	return nil
}

// adapterFile is the path of an adapter's binary.
func adapterFile(name string) string { return filepath.Join(bin, "relais-adapter-"+name) }

// bazaar starts a sandbox that speaks the invented marketplace's API as well: a process of its own, since the race detector would
// slow it down.
func bazaar(t *testing.T) string {
	t.Helper()
	s, err := conformance.StartSandbox(t.Context(), filepath.Join(bin, "relais-sandbox-bazaar"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s.URL()
}
