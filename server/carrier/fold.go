package carrier

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// asTwoLetters are the ligatures that Unicode takes for letters of their own.
var asTwoLetters = strings.NewReplacer("ß", "ss", "œ", "oe", "æ", "ae")

// Fold reduces a name to what matters for comparing it: letters and digits, without case, accents, width or ligatures. Two
// names are the same when their folds are equal and not empty. Folding a second time changes nothing.
func Fold(name string) string {
	ascii := strings.IndexFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
	if ascii { // nearly every name
		return strings.Map(asciiLetterOrDigit, name)
	}
	// A byte that is no character says nothing, and norm leaves whole what stands next to it.
	name = strings.ToValidUTF8(name, " ")
	// Accents become marks of their own, which are no letters. They go before case does: one of them has a letter as capital.
	s := strings.Map(letterOrDigit, norm.NFKD.String(name))
	// By way of the capital, so that a letter with two small forms (σ, ς) has one. cases.Fold of x/text would do, but it turns
	// some letters (Cherokee) to and fro.
	return asTwoLetters.Replace(strings.ToLower(strings.ToUpper(s)))
}

// asciiLetterOrDigit is letterOrDigit and lower case in one step.
func asciiLetterOrDigit(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return r
	case 'A' <= r && r <= 'Z':
		return r - 'A' + 'a'
	default:
		return -1
	}
}

// letterOrDigit drops everything else.
func letterOrDigit(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return -1
}
