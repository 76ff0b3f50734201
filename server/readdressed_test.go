package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterserve "github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// readdressedAdapter makes the test binary, run as an adapter, the cdiscount adapter with one address more, which the sandbox has not.
const readdressedAdapter = "RELAIS_TEST_READDRESSED_ADAPTER"

func serveReaddressedAdapter() { adapterserve.Main(readdressed{cdiscount.New()}) }

type readdressed struct{ *cdiscount.Adapter }

func (a readdressed) Describe() *adapterv1.DescribeResponse {
	d := a.Adapter.Describe()
	d.EnvironmentKeys = append(d.EnvironmentKeys, &adapterv1.EnvironmentKey{
		Key: "label_url", Description: "Invented for tests.", ProductionUrl: "https://labels.example/",
	})
	return d
}

// TestSwapToAnAddressThatIsNotConfigured: a release that needs an address of its own does not serve before that is configured, when
// stores are connected in an environment that has none.
func TestSwapToAnAddressThatIsNotConfigured(t *testing.T) {
	t.Parallel()
	s, plugins := newSwappable(t, 5)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const file = "relais-adapter-cdiscount@readdressed"
	script := "#!/bin/sh\nexport " + readdressedAdapter + "=1\nexec '" + self + "'\n"
	if err := os.WriteFile(filepath.Join(plugins, file), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s.connect()
	refused := func(do string, err error) {
		t.Helper()
		wantError(t, err, codes.FailedPrecondition, "RELEASE_REFUSED")
		if want := "environments.sandbox.cdiscount.label_url"; !strings.Contains(status.Convert(err).Message(), want) {
			t.Errorf("%s: message %q lacks %s", do, status.Convert(err).Message(), want)
		}
	}
	_, err = s.admin.PinStore(t.Context(), pinRequest("demo", file))
	refused("pin", err)
	request := &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount", File: file}
	swap, err := s.admin.SwapAdapter(t.Context(), request)
	for err == nil {
		_, err = swap.Recv()
	}
	refused("swap", err)
	s.imported()

	config := filepath.Join(s.dir, "relais.yaml")
	if err := os.WriteFile(config, []byte("environments: {sandbox: {cdiscount: {label_url: "+s.sandbox.URL()+"/labels}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.environ = append(s.environ, "RELAIS_CONFIG="+config)
	s.start()
	swap, err = s.admin.SwapAdapter(t.Context(), request)
	completed(t, swap, err)
	s.imported()
}
