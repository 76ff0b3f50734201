package carrier_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/relaishq/relais/server/carrier"
)

// FuzzResolve holds what is true of every answer: a match is a row of the list that fits by its rule, an unknown carrier names
// rows of the list only, and the row for other carriers is offered for unknown ones only.
func FuzzResolve(f *testing.F) {
	for _, written := range []string{"Colissimo", "laposte_colissimo", "pcc", "14", "1.0", "", "\u00a0", "D\xffPD", "ＤＰＤ", "ﬁ\u0345İ", "zzz\x00", "autre", "usp", "\xf2î"} {
		f.Add(written, "Véloce", "v1")
	}
	f.Add("VELOCE", "véloce", "dpd")
	f.Fuzz(func(t *testing.T, written, name, code string) {
		table := carrier.Default()
		for _, list := range [][]carrier.Listed{octopia(), append(cdiscount(), carrier.Listed{Code: code, Name: name})} {
			if once := carrier.Fold(written); carrier.Fold(once) != once {
				t.Fatalf("Fold(%q) is not stable", written)
			}
			m, err := table.Resolve(written, list)
			other, hasOther := table.Other(written, list)
			var unknown *carrier.UnknownError
			switch {
			case err == nil:
				checkMatch(t, written, m, list)
				if hasOther {
					t.Fatalf("%q is listed, and yet %+v", written, other)
				}
			case !errors.As(err, &unknown):
				t.Fatalf("error %T", err)
			default:
				checkUnknown(t, unknown, list)
				if hasOther && (other.Rule != carrier.RuleOther || !other.AnyOther || unknown.Ambiguous) {
					t.Fatalf("Other(%q) = %+v, and Resolve says %v", written, other, err)
				}
			}
		}
	})
}

func checkMatch(t *testing.T, written string, m carrier.Match, list []carrier.Listed) {
	t.Helper()
	fits := false
	switch word := strings.TrimSpace(written); m.Rule {
	case carrier.RuleName:
		fits = strings.TrimSpace(m.Listed.Name) == word || carrier.Fold(m.Listed.Name) == carrier.Fold(word)
	case carrier.RuleCode:
		fits = strings.EqualFold(strings.TrimSpace(m.Listed.Code), word)
	case carrier.RuleAlias:
		fits = m.Carrier != ""
	}
	if !fits || !slices.Contains(list, m.Listed) {
		t.Fatalf("Resolve(%q) = %+v", written, m)
	}
}

func checkUnknown(t *testing.T, e *carrier.UnknownError, list []carrier.Listed) {
	t.Helper()
	if len(e.Near) > 5 || e.Ambiguous && len(e.Near) < 2 || utf8.RuneCountInString(e.Written) > 41 {
		t.Fatalf("error %+v", e)
	}
	for i, near := range e.Near {
		listed := slices.ContainsFunc(list, func(l carrier.Listed) bool { return strings.TrimSpace(l.Name) == near })
		if !listed || slices.Contains(e.Near[:i], near) {
			t.Fatalf("near match %q of %+v", near, e)
		}
	}
}
