package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/relaishq/relais/adapters/conformance"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestThirdAdapter: two adapters of a marketplace that nobody here has heard of are put into the plugin directory, one is bound
// to a store, the store is moved to the other, and orders ship through both. The server was built without knowing either; that
// both pass the conformance checks is shown in adapters/conformance.
func TestThirdAdapter(t *testing.T) {
	t.Parallel()
	plugins := t.TempDir()
	market := filepath.Join(t.TempDir(), "relais-sandbox-bazaar")
	const example = "./adapters/conformance/internal/example/cmd/"
	for out, pkg := range map[string]string{
		filepath.Join(plugins, "relais-adapter-bazaar"):      example + "relais-adapter-bazaar",
		filepath.Join(plugins, "relais-adapter-bazaar-next"): example + "relais-adapter-bazaar-next",
		market: example + "relais-sandbox-bazaar",
	} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", out, pkg)
		build.Dir = ".."
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, text)
		}
	}
	if err := os.Link(filepath.Join(binDir, "plugins", "relais-adapter-cdiscount"), filepath.Join(plugins, "relais-adapter-cdiscount")); err != nil {
		copyFile(t, filepath.Join(binDir, "plugins", "relais-adapter-cdiscount"), filepath.Join(plugins, "relais-adapter-cdiscount"))
	}
	bazaar, err := conformance.StartSandbox(t.Context(), market)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bazaar.Stop(t.Context()) }) // a context that has ended: it is killed
	s := newSystem(t, 0, "RELAIS_PLUGIN_DIR="+plugins, "RELAIS_SANDBOX_URL="+bazaar.URL(), "RELAIS_MIGRATION_KEEP=1ms")

	var sellers struct {
		Sellers []struct {
			Credentials map[string]map[string]string `json:"credentials"`
		} `json:"sellers"`
	}
	control(t, http.MethodGet, bazaar.URL()+"/sandbox/sellers", nil, &sellers)
	credentials := func(adapter string) *marketplacev1.Credentials { // those that the adapter asks for
		t.Helper()
		var a *marketplacev1.Adapter
		waitFor(t, func() bool { // it says what it asks for once it serves
			var err error
			if a, err = s.admin.GetAdapter(t.Context(), &marketplacev1.GetAdapterRequest{Name: adapter}); err != nil {
				t.Fatal(err)
			}
			return a.GetState() == marketplacev1.Adapter_STATE_SERVING
		})
		values := map[string]string{}
		for _, f := range a.GetCredentialFields() {
			values[f.GetKey()] = sellers.Sellers[0].Credentials["bazaar"][f.GetKey()]
		}
		return &marketplacev1.Credentials{Values: values}
	}
	if _, err := s.api.ConnectStore(t.Context(), &marketplacev1.ConnectStoreRequest{
		StoreId: "demo", Store: &marketplacev1.Store{Adapter: "adapters/bazaar", Environment: "sandbox"},
		Credentials: credentials("adapters/bazaar"),
	}); err != nil {
		t.Fatalf("ConnectStore: %v", err)
	}
	order := func() string {
		t.Helper()
		var made struct {
			Numbers []string `json:"numbers"`
		}
		control(t, http.MethodPost, bazaar.URL()+"/sandbox/orders", map[string]string{"variety": "home-tracked"}, &made)
		return made.Numbers[0]
	}
	before := order()
	s.imported()

	_, err = s.moves.MigrateStore(t.Context(), &marketplacev1.MigrateStoreRequest{
		Name: "stores/demo", TargetAdapter: "adapters/cdiscount", Credentials: demoCredentials(),
	})
	wantError(t, err, codes.FailedPrecondition, "MARKETPLACE_MISMATCH")
	m, err := s.moves.MigrateStore(t.Context(), &marketplacev1.MigrateStoreRequest{
		Name: "stores/demo", TargetAdapter: "adapters/bazaar-next", Credentials: credentials("adapters/bazaar-next"),
	})
	if err != nil || m.GetState() != moving || m.GetAccountMatch() != marketplacev1.Migration_ACCOUNT_MATCH_VERIFIED {
		t.Fatalf("MigrateStore: %v, %v", m, err)
	}
	// The sandbox is a process with a clock of its own: an order of the next second was surely bought after the move.
	waitFor(t, func() bool { return time.Since(m.GetCutoverTime().AsTime()) > time.Second })
	after := order()
	s.imported()
	adapters := map[string]string{before: "adapters/bazaar", after: "adapters/bazaar-next"}
	orders := s.orders(nil)
	if len(orders) != len(adapters) {
		t.Errorf("%d orders are known, want %d", len(orders), len(adapters))
	}
	for number, o := range orders {
		former := number // the new API numbers orders anew and tells the former number as reference
		if o.GetReference() == after {
			former = after
		}
		if o.GetAdapter() != adapters[former] {
			t.Errorf("order %s belongs to %s, want %s", number, o.GetAdapter(), adapters[former])
		}
		s.ship(number)
	}
	var log struct {
		Writes []struct {
			Order     string `json:"order"`
			Operation string `json:"operation"`
			Applied   bool   `json:"applied"`
		} `json:"writes"`
	}
	control(t, http.MethodGet, bazaar.URL()+"/sandbox/writes", nil, &log)
	shipped := map[string][]string{}
	for _, w := range log.Writes {
		if !w.Applied {
			t.Errorf("a write was not applied: %+v", w)
		}
		shipped[w.Order] = append(shipped[w.Order], w.Operation)
	}
	if len(shipped[before]) != 1 || len(shipped[after]) != 1 || slices.Equal(shipped[before], shipped[after]) {
		t.Errorf("each order ships once, through the API of its own: %v", shipped)
	}
	s.imported()
	waitFor(t, func() bool { return s.migration().GetState() == complete })
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
}

// control calls a sandbox's control API.
func control(t *testing.T, method, address string, body, answer any) {
	t.Helper()
	var sent io.Reader = strings.NewReader("")
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		sent = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, sent)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true // no connection stays open behind the test
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s %s: %s", method, address, fmt.Sprintf("%d %s", resp.StatusCode, text))
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		t.Fatal(err)
	}
}
