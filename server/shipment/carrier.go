package shipment

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"github.com/relaishq/relais/server/problem"
)

// maxNearMatches is how many carriers an unknown one is answered with.
const maxNearMatches = 5

// resolveCarrier finds the marketplace's own carrier for what the caller wrote: by name, then by code where the code is
// unique. Case, accents and everything but letters and digits do not matter. Error: CARRIER_UNKNOWN with near matches.
func resolveCarrier(written string, list []Carrier) (Carrier, error) {
	want := fold(written)
	for _, c := range list {
		if fold(c.Name) == want {
			return c, nil
		}
	}
	var byCode []Carrier
	for _, c := range list {
		if fold(c.Code) == want {
			byCode = append(byCode, c)
		}
	}
	if len(byCode) == 1 {
		return byCode[0], nil
	}
	near := nearMatches(want, list)
	message := "carrier " + quoteShort(written) + " is not one of the marketplace's carriers; ListCarriers shows them"
	if len(near) > 0 {
		message += ". Near: " + strings.Join(near, ", ")
	}
	p := problem.New(problem.Invalid, problem.ReasonCarrierUnknown, "%s", message)
	p.Fields = []problem.Field{{Path: "shipment.carrier", Message: message}}
	return Carrier{}, p.With("near_matches", strings.Join(near, ", "))
}

// nearMatches returns carriers that the writer may have meant, nearest first.
func nearMatches(want string, list []Carrier) []string {
	type match struct {
		name     string
		distance int
	}
	var matches []match
	for _, c := range list {
		name := fold(c.Name)
		d := editDistance(want, name)
		if strings.Contains(name, want) || strings.Contains(want, name) {
			d = min(d, 1)
		}
		if d <= max(2, len(want)/3) {
			matches = append(matches, match{c.Name, d})
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return a.distance - b.distance })
	var names []string
	for _, m := range matches[:min(len(matches), maxNearMatches)] {
		names = append(names, m.name)
	}
	return names
}

// fold reduces a name to what matters for comparing it: letters and digits, lower case, without accents.
func fold(s string) string {
	t := transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), cases.Fold())
	folded, _, err := transform.String(t, s)
	if err != nil {
		folded = strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, folded)
}

// editDistance is the Levenshtein distance in bytes of folded names, which are nearly all ASCII.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// quoteShort quotes what a caller wrote, cut to a readable length.
func quoteShort(s string) string {
	r := []rune(s)
	if len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return "\"" + s + "\""
}
