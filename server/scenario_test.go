package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// scenarioStep is one line of testdata/scenario.json: what happens on the marketplace, what the servers do, and what both
// must then know.
type scenarioStep struct {
	Say                string                 `json:"say"`
	CreateEveryVariety bool                   `json:"create_every_variety"`
	Create             []world.Spec           `json:"create"`
	Change             map[string]world.Patch `json:"change"`
	// Accept, Refuse and Ship name orders by the adapter through which it is done.
	Accept  map[string][]string `json:"accept"`
	Refuse  map[string][]string `json:"refuse"`
	Ship    map[string][]string `json:"ship"`
	Advance *world.Duration     `json:"advance"`
	Import  bool                `json:"import"`
	// Expect is what both servers know of orders, as far as it is written down.
	Expect []map[string]any `json:"expect"`
}

// TestScenario drives both adapters against one world, each under a server of its own, and asserts that they give the same
// orders, field by field. What may differ is in the table of the Octopia adapter's README: nothing else differs, and everything
// in the table does.
func TestScenario(t *testing.T) {
	t.Parallel()
	var steps []scenarioStep
	text, err := os.ReadFile("testdata/scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&steps); err != nil {
		t.Fatal(err)
	}
	sandbox, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{World: world.Config{Seed: 4}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sandbox.Close() })
	both := map[string]*system{"cdiscount": newSystemAt(t, sandbox), "octopia": newSystemAt(t, sandbox)}
	both["octopia"].clock = both["cdiscount"].clock // they live at the same time
	both["octopia"].stop()
	both["octopia"].start()
	both["cdiscount"].connect()
	req := connectRequest("demo")
	req.Store.Adapter, req.Credentials = "adapters/octopia", both["octopia"].octopiaCredentials("demo")
	if _, err := both["octopia"].api.ConnectStore(t.Context(), req); err != nil {
		t.Fatalf("ConnectStore: %v", err)
	}

	allowed := differencesTable(t)
	seen := map[string]string{}
	for i, step := range steps {
		where := fmt.Sprintf("step %d (%s)", i+1, step.Say)
		runScenarioStep(t, both, step)
		if !step.Import {
			continue
		}
		soap, rest := both["cdiscount"].orders(nil), both["octopia"].orders(nil)
		for number, o := range soap {
			r, ok := rest[number]
			if !ok {
				t.Errorf("%s: order %s is known through cdiscount only", where, number)
				continue
			}
			for path, values := range differences(t, o, r) {
				if seen[path] == "" {
					seen[path] = fmt.Sprintf("%s, order %s: %s", where, number, values)
				}
			}
		}
		for number := range rest {
			if soap[number] == nil {
				t.Errorf("%s: order %s is known through octopia only", where, number)
			}
		}
		for name, known := range map[string]map[string]*marketplacev1.Order{"cdiscount": soap, "octopia": rest} {
			for _, want := range step.Expect {
				number, _ := want["order_number"].(string)
				if at, ok := contains(fields(t, known[number]), want); !ok {
					t.Errorf("%s: through %s order %s is not as expected at %s: %s", where, name, number, at, protojson.Format(known[number]))
				}
			}
		}
	}
	for path, example := range seen {
		if !slices.ContainsFunc(allowed, func(a string) bool { return within(path, a) }) {
			t.Errorf("%s differs and is not in the table of adapters/octopia/README.md: %s", path, example)
		}
	}
	for _, path := range allowed {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(s string) bool { return within(s, path) }) {
			t.Errorf("%s is in the table of adapters/octopia/README.md and never differs", path)
		}
	}
}

// runScenarioStep does what a step says, in the order of its fields.
func runScenarioStep(t *testing.T, both map[string]*system, step scenarioStep) {
	t.Helper()
	any := both["cdiscount"]
	if step.CreateEveryVariety {
		for _, v := range world.Varieties() {
			any.create(world.Spec{Variety: v})
		}
	}
	for _, spec := range step.Create {
		any.create(spec)
	}
	for number, patch := range step.Change {
		any.change(number, patch)
	}
	for adapter, numbers := range step.Accept {
		for _, n := range numbers {
			both[adapter].decideTo(n, accept)
		}
	}
	for adapter, numbers := range step.Refuse {
		for _, n := range numbers {
			both[adapter].decideTo(n, refuse)
		}
	}
	for adapter, numbers := range step.Ship {
		for _, n := range numbers {
			both[adapter].ship(n)
		}
	}
	if step.Advance != nil {
		any.advance(time.Duration(*step.Advance))
	}
	if step.Import {
		for _, name := range slices.Sorted(maps.Keys(both)) {
			both[name].imported()
		}
	}
}

// decideTo decides about an order and waits until the marketplace shows it.
func (s *system) decideTo(number string, kind marketplacev1.Decision_Kind) {
	s.t.Helper()
	if _, err := s.decide(number, kind); err != nil {
		s.t.Fatalf("decide about %s: %v", number, err)
	}
	if d := s.decided(number); d.GetState() != marketplacev1.Decision_STATE_CONFIRMED {
		s.t.Fatalf("the decision about %s ended %s: %s", number, d.GetState(), d.GetMessage())
	}
}

// differencesTable reads which fields may differ: the paths in the first cells of the table in the adapter's README.
func differencesTable(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../adapters/octopia/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Differences from the cdiscount adapter\n")
	if !found {
		t.Fatal("adapters/octopia/README.md has no section of differences")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var paths []string
	for line := range strings.SplitSeq(section, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			paths = append(paths, m[1])
		}
	}
	if len(paths) == 0 {
		t.Fatal("the table of differences names no field")
	}
	return paths
}

// ours are facts of relais itself, not of the order: whose it is, when it was stored, and what the seller decided here.
var ours = []string{"adapter", "create_time", "update_time", "decision"}

// fields is an order as JSON values, without what is relais's own. The lines are in the order of their SKUs: which line comes
// first says nothing.
func fields(t *testing.T, o *marketplacev1.Order) map[string]any {
	t.Helper()
	encoded, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(encoded, &all); err != nil {
		t.Fatal(err)
	}
	for _, name := range ours {
		delete(all, name)
	}
	if lines, ok := all["lines"].([]any); ok {
		slices.SortStableFunc(lines, func(a, b any) int {
			return strings.Compare(fmt.Sprint(a.(map[string]any)["sku"]), fmt.Sprint(b.(map[string]any)["sku"]))
		})
	}
	return all
}

// differences returns the paths at which two orders differ, and both values. "lines[].sku" is any line's.
func differences(t *testing.T, a, b *marketplacev1.Order) map[string]string {
	left, right := map[string]string{}, map[string]string{}
	flatten("", fields(t, a), left)
	flatten("", fields(t, b), right)
	index := regexp.MustCompile(`\[\d+\]`)
	found := map[string]string{}
	for path := range maps.Keys(merged(left, right)) {
		if left[path] != right[path] {
			found[index.ReplaceAllString(path, "[]")] = fmt.Sprintf("%q and %q", left[path], right[path])
		}
	}
	return found
}

// within reports whether a path is that of a row of the table, or lies below it.
func within(path, row string) bool {
	rest, ok := strings.CutPrefix(path, row)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// flatten writes every value with its path.
func flatten(path string, value any, into map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			flatten(strings.TrimPrefix(path+"."+name, "."), field, into)
		}
	case []any:
		for i, item := range v {
			flatten(path+"["+strconv.Itoa(i)+"]", item, into)
		}
	default:
		into[path] = fmt.Sprint(v)
	}
}

// contains reports whether an order has everything that is expected, else where it does not.
func contains(got, want any) (at string, ok bool) {
	switch want := want.(type) {
	case map[string]any:
		have, _ := got.(map[string]any)
		for name, value := range want {
			if at, ok := contains(have[name], value); !ok {
				return strings.TrimSuffix(name+"."+at, "."), false
			}
		}
		return "", true
	case []any:
		have, _ := got.([]any)
		if len(have) != len(want) {
			return "length", false
		}
		for i, value := range want {
			if at, ok := contains(have[i], value); !ok {
				return strconv.Itoa(i) + "." + at, false
			}
		}
		return "", true
	default:
		return "", got == want
	}
}
