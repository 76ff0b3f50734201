package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/relaishq/relais/server/carrier"
)

// TestCarriers: the operator's carriers are known beside those that relais knows, in either language of the file.
func TestCarriers(t *testing.T) {
	t.Parallel()
	list := []carrier.Listed{{Code: "1", Name: "Colissimo"}, {Code: "2", Name: "Facteur Volant Express"}}
	for _, c := range []struct {
		name, file, written string
		want                string // name of the row; empty when it is unknown
	}{
		{"no file: what relais knows", "", "colissimo", "Colissimo"},
		{"no file: what it does not know", "", "fv24", ""},
		{"YAML: a new carrier", "testdata/carriers.yaml", "fv24", "Facteur Volant Express"},
		{"YAML: another name", "testdata/carriers.yaml", "le petit colis", "Colissimo"},
		{"JSON: a new carrier", "testdata/carriers.json", "fv24", "Facteur Volant Express"},
		{"JSON: another name", "testdata/carriers.json", "le petit colis", "Colissimo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, sources{env: []string{"RELAIS_CARRIERS_FILE=" + c.file}})
			match, err := cfg.Carriers.Resolve(c.written, list)
			if match.Listed.Name != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%q is %q, %v; want %q", c.written, match.Listed.Name, err, c.want)
			}
		})
	}
	cfg := mustLoad(t, sources{env: []string{"RELAIS_CARRIERS_FILE=testdata/carriers.yaml"}})
	if page, ok := cfg.Carriers.TrackingURL("Facteur Volant", "A1"); !ok || page != "https://facteur-volant.example/colis/A1" {
		t.Errorf("tracking page %q, %v", page, ok)
	}
	if known, serves := cfg.Carriers.Serves("Facteur Volant", "MONDIAL_RELAY"); !known || serves {
		t.Errorf("pickup network: known %v, serves %v", known, serves)
	}
}

// TestCarriersRefused: a server does not start with a file that it understands in part. The error names the file and the entry.
func TestCarriersRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, content string
		want                []string
	}{
		{"no YAML", "c.yaml", "carriers: [", []string{"decode"}},
		{"no JSON", "c.json", "carriers: []", []string{"decode"}},
		{"a list at the top", "c.yaml", "- name: A\n", nil},
		{"another key", "c.yaml", "carriers: [{name: A}]\nnetworks: [X]\n", []string{"one key, carriers"}},
		{"no carriers", "c.yaml", "carriers: []\n", []string{"one key, carriers"}},
		{"empty", "c.yaml", "", []string{"one key, carriers"}},
		{"an entry that is a text", "c.yaml", "carriers: [{name: A}, B]\n", []string{"entry 2", "must have the keys name"}},
		{"a misspelt key", "c.yaml", "carriers: [{name: Anvil, alias: [x]}]\n", []string{`carrier "Anvil"`, `unknown field "alias"`}},
		{"a text instead of a list", "c.yaml", "carriers: [{name: Anvil, aliases: x}]\n", []string{`carrier "Anvil"`, "aliases must be a list of texts"}},
		{"a number instead of a text", "c.yaml", "carriers: [{name: 12}]\n", []string{"entry 1", "name must be a text"}},
		{"no name", "c.yaml", "carriers: [{aliases: [x]}]\n", []string{"entry 1", "no letter or digit"}},
		{"twice", "c.yaml", "carriers: [{name: Anvil}, {name: ANVIL}]\n", []string{`carrier "ANVIL"`, "two entries"}},
		{"a name that means another carrier", "c.yaml", "carriers: [{name: Anvil, aliases: [Colissimo]}]\n", []string{`carrier "Anvil"`, "already"}},
		{"an unknown network", "c.yaml", "carriers: [{name: Anvil, serves: [MOON]}]\n", []string{`carrier "Anvil"`, "MOON"}},
		{"a page without the number", "c.yaml", "carriers: [{name: Anvil, tracking_page: 'https://anvil.example/'}]\n", []string{`carrier "Anvil"`, "tracking page"}},
		{"several at once", "c.yaml", "carriers: [{name: A, x: 1}, {name: B, y: 1}]\n", []string{`carrier "A"`, `carrier "B"`}},
		{"too large", "c.yaml", "carriers: [{name: '" + strings.Repeat("a", 1<<20) + "'}]\n", []string{"larger than"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, path, c.want)
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		refused(t, filepath.Join(t.TempDir(), "none.yaml"), []string{"no such file"})
	})
	t.Run("a directory", func(t *testing.T) {
		t.Parallel()
		refused(t, t.TempDir(), nil)
	})
}

// refused loads a configuration with a file of carriers that must be refused with these words, the path told once.
func refused(t *testing.T, path string, want []string) {
	t.Helper()
	_, err := load(t, sources{env: []string{"RELAIS_CARRIERS_FILE=" + path}})
	if err == nil {
		t.Fatal("it was accepted")
	}
	for _, part := range append([]string{"carriers.file (RELAIS_CARRIERS_FILE)"}, want...) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if n := strings.Count(err.Error(), path); n != 1 {
		t.Errorf("error %q tells the path %d times", err, n)
	}
}
