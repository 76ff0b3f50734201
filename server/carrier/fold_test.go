package carrier_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/relaishq/relais/server/carrier"
)

func TestFold(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"case, blanks and signs", "La Poste - Courrier 2", "lapostecourrier2"},
		{"accent", "Colis Privé", "colisprive"},
		{"accent as a mark", "Prive\u0301", "prive"},
		{"sharp s", "Straße", "strasse"},
		{"dotted capital i", "İ", "i"},
		{"ligature", "ﬁn", "fin"},
		{"ligatures that are letters", "CŒUR Æ", "coeurae"},
		{"letter with two small forms", "ΟΔΟΣ οδος ς", "οδοσοδοσσ"},
		{"letters that cases.Fold turns to and fro", "Ꭰꭰ", "ꭰꭰ"},
		{"full width", "ＤＰＤ４", "dpd4"},
		{"a mark that folds to a letter", "α\u0345", "α"},
		{"broken text", "D\xffP\xc3", "dp"},
		{"nothing left", "–_\u200b\U0001F4E6", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := carrier.Fold(tt.in); got != tt.want {
				t.Errorf("Fold(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// TestFoldTwice: folding what is folded changes nothing, for each character that there is, alone and between letters.
func TestFoldTwice(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !unicode.IsPrint(r) && !unicode.IsControl(r) { // most code points are no character
			continue
		}
		for _, s := range []string{string(r), "e" + string(r) + "\u0301E"} {
			once := carrier.Fold(s)
			if twice := carrier.Fold(once); twice != once {
				t.Errorf("%U: Fold(%q) = %q, and again %q", r, s, once, twice)
			}
		}
	}
}
