// Package xmlpulltest knows where package xmlpull is stricter than encoding/xml, for tests that hold one against the other.
package xmlpulltest

import (
	"regexp"
	"slices"
	"unicode/utf8"
)

// Documents that encoding/xml reads and xmlpull refuses on purpose.
var stricter = []*regexp.Regexp{
	regexp.MustCompile(`<![^-\[]|<!\[[^C]`),                                     // document types
	regexp.MustCompile(`(?i)<\?xml`),                                            // declarations: place, form
	regexp.MustCompile(`&#(x0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*5[5-7][0-9]{3});`), // surrogates
	regexp.MustCompile(`&[^;]{62,}`),                                            // entities without measure
}

// names have characters outside of ASCII: the two packages follow different editions of XML 1.0.
var names = regexp.MustCompile(`<[^>]*[^\x00-\x7f]`)

// MayRefuse reports whether xmlpull may refuse a document that encoding/xml reads.
func MayRefuse(doc string) bool {
	return !legal(doc) || MayDiffer(doc) || slices.ContainsFunc(stricter, func(r *regexp.Regexp) bool { return r.MatchString(doc) })
}

// MayDiffer reports whether xmlpull may read a document that encoding/xml refuses.
func MayDiffer(doc string) bool { return names.MatchString(doc) }

// legal reports whether XML allows every character: encoding/xml does not look inside of comments and instructions.
func legal(doc string) bool {
	for _, r := range doc {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return utf8.ValidString(doc)
}
