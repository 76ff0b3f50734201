package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/relaishq/relais/server/carrier"
)

// TestReadmeCarriers: the file that the README shows is read, and does what the README says of it.
func TestReadmeCarriers(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "<!-- carriers:begin -->\n```yaml\n")
	file, _, ok := strings.Cut(rest, "```\n<!-- carriers:end -->")
	if !ok {
		t.Fatal("the README shows no file of carriers")
	}
	carriers := loadCarriers(t, file)
	for _, c := range []struct {
		carrier, network string
		known, serves    bool
	}{
		{"Chronopost", "COLISSIMO", true, true},
		{"Chronopost", "MONDIAL_RELAY", true, false},
		{"Facteur Volant", "COLISSIMO", true, false},
	} {
		if known, serves := carriers.Serves(c.carrier, c.network); known != c.known || serves != c.serves {
			t.Errorf("%s and %s: known %v, serves %v", c.carrier, c.network, known, serves)
		}
	}
	// What it knew of Chronopost is still there.
	list := []carrier.Listed{{Code: "13", Name: "Chronopost"}, {Code: "90", Name: "FACTEUR VOLANT EXPRESS"}}
	for written, want := range map[string]string{"chrono": "Chronopost", "fv24": "FACTEUR VOLANT EXPRESS", "Le Volant": "FACTEUR VOLANT EXPRESS"} {
		if match, err := carriers.Resolve(written, list); match.Listed.Name != want {
			t.Errorf("%q is %q, %v; want %q", written, match.Listed.Name, err, want)
		}
	}
	for name, want := range map[string]string{"Facteur Volant": "https://facteur-volant.example/colis/A1", "Chronopost": "https://www.chronopost.fr/"} {
		if page, _ := carriers.TrackingURL(name, "A1"); !strings.HasPrefix(page, want) {
			t.Errorf("%s: page %q, want %q", name, page, want)
		}
	}
	// Its words for networks are all there are.
	for _, network := range []string{"COLISSIMO", "MONDIAL_RELAY", "RELAIS_COLIS", "NONE"} {
		if !strings.Contains(string(readme), "`"+network+"`") {
			t.Errorf("the README does not name %s", network)
		}
		loadCarriers(t, "carriers: [{name: A, serves: ["+network+"]}]\n")
	}
}

// loadCarriers is what a server knows of carriers with a file of this content.
func loadCarriers(t *testing.T, content string) carrier.Table {
	t.Helper()
	path := filepath.Join(t.TempDir(), "carriers.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := mustLoad(t, sources{env: []string{"RELAIS_CARRIERS_FILE=" + path}})
	return cfg.Carriers
}
