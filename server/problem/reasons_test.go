package problem_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reasonsTable is the document in which callers look a reason up, beside the API.
const reasonsTable = "../../proto/relais/marketplace/v1/README.md"

// codeWords is how the table writes the code of each kind of problem.
var codeWords = map[string]string{
	"Internal": "INTERNAL", "Invalid": "INVALID_ARGUMENT", "NotFound": "NOT_FOUND", "Precondition": "FAILED_PRECONDITION",
	"Exists": "ALREADY_EXISTS", "Exhausted": "RESOURCE_EXHAUSTED", "Unavailable": "UNAVAILABLE",
}

// resources are what can carry a reason beside the error of a call.
var resources = []string{"shipment", "decision", "import", "health"}

// TestEveryReasonIsInTheTable: callers find each reason in the table, no other, with what it means and what to do.
func TestEveryReasonIsInTheTable(t *testing.T) {
	t.Parallel()
	words := slices.Sorted(maps.Values(constants(t)))
	var listed []string
	for _, r := range table(t) {
		listed = append(listed, r.reason)
		if r.meaning == "" || r.advice == "" || len(r.where) == 0 {
			t.Errorf("%s: the row has an empty cell", r.reason)
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(words, listed); diff != "" {
		t.Errorf("%s (-the server knows, +the table has):\n%s", reasonsTable, diff)
	}
}

// TestTableTellsTheCodes: a call ends with a reason only with the code that the table gives it.
func TestTableTellsTheCodes(t *testing.T) {
	t.Parallel()
	made := codes(t, constants(t))
	for _, r := range table(t) {
		var told []string
		for _, where := range r.where {
			word := strings.Trim(where, "`")
			switch {
			case word == where && slices.Contains(resources, word):
			case word != where && slices.Contains(slices.Collect(maps.Values(codeWords)), word):
				told = append(told, word)
			default:
				t.Errorf("%s: %s is neither a code nor one of %v", r.reason, where, resources)
			}
		}
		for _, code := range told {
			if !made[r.reason][code] {
				t.Errorf("%s: no call ends with %s", r.reason, code)
			}
		}
		if len(told) == 0 && len(made[r.reason]) > 0 {
			t.Errorf("%s: the table tells no code; the server has %v", r.reason, slices.Sorted(maps.Keys(made[r.reason])))
		}
	}
}

// row is a line of the table.
type row struct {
	reason          string
	where           []string
	meaning, advice string
}

var tableRow = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| ([^|]*) \\| ([^|]*) \\| ([^|]*) \\|$")

func table(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(reasonsTable)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, m := range tableRow.FindAllStringSubmatch(string(text), -1) {
		rows = append(rows, row{m[1], strings.Split(m[2], ", "), m[3], m[4]})
	}
	return rows
}

// constants returns the reasons that the server knows, by the name of the constant.
func constants(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found[spec.Names[0].Name] = word
		return true
	})
	if len(found) == 0 {
		t.Fatal("problem.go has no reasons")
	}
	return found
}

// codes returns the codes that the server's code gives to each reason: a kind and a reason beside each other, in a call of New or in
// a literal.
func codes(t *testing.T, reasons map[string]string) map[string]map[string]bool {
	t.Helper()
	made := map[string]map[string]bool{reasons["ReasonInvalidField"]: {"INVALID_ARGUMENT": true}} // by InvalidField
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			var parts []ast.Expr
			switch n := n.(type) {
			case *ast.CallExpr:
				parts = n.Args
			case *ast.CompositeLit:
				parts = n.Elts
			}
			var code, reason string
			for _, part := range parts {
				if pair, ok := part.(*ast.KeyValueExpr); ok {
					part = pair.Value
				}
				if s, ok := part.(*ast.SelectorExpr); ok {
					code, reason = code+codeWords[s.Sel.Name], reason+reasons[s.Sel.Name]
				}
			}
			if code != "" && reason != "" {
				if made[reason] == nil {
					made[reason] = map[string]bool{}
				}
				made[reason][code] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}
