package octopia

import (
	"slices"
	"strings"
	"unicode"
)

// quoteLimit bounds how much of the marketplace's words is passed on, in characters.
const quoteLimit = 160

// harmless are the words with a capital letter that quote passes on: what the known texts begin with and speak of
// (octopia-rest.md 2, 6.3), beside the names of statuses.
var harmless = []string{
	"A", "An", "Bad", "Cannot", "Carrier", "Cdiscount", "Conflict", "Error", "Failed", "Forbidden", "Found", "Internal", "Invalid",
	"Many", "Media", "Missing", "No", "Not", "Octopia", "Only", "Order", "Out", "Parcel", "Processable", "Quota", "Rate", "Request",
	"Requests", "Resource", "Seller", "SellerId", "Server", "Shipment", "Shipping", "Status", "The", "This", "Too", "Try", "Type",
	"Unauthorized", "Unknown", "Unprocessable", "Unsupported", "Validation", "Value", "You",
}

// quote makes a text of the marketplace fit to be shown and logged: one line, bounded, and without anything that may be of a
// person or a secret. The texts are sentences around values that the marketplace puts in: every word with a digit, an @, a
// slash or a capital letter stands for such a value and is left out, unless it is known to be none.
func quote(text string) string {
	var words []string
	for _, word := range strings.Fields(text) {
		if !passable(word) {
			word = "…"
		}
		if word != "…" || len(words) == 0 || words[len(words)-1] != "…" {
			words = append(words, word)
		}
		if len(words) > quoteLimit {
			break
		}
	}
	quoted := strings.Join(words, " ")
	if runes := []rune(quoted); len(runes) > quoteLimit {
		return string(runes[:quoteLimit]) + "…"
	}
	return quoted
}

// passable reports whether a word is passed on.
func passable(word string) bool {
	if strings.ContainsAny(word, "@/") {
		return false
	}
	bare := strings.TrimFunc(word, unicode.IsPunct)
	if slices.Contains(harmless, bare) || statusOf(bare) != unrecognized || bare == lineCancelRequest {
		return true
	}
	return !strings.ContainsFunc(word, func(r rune) bool {
		return unicode.IsUpper(r) || unicode.IsTitle(r) || unicode.IsDigit(r) || unicode.IsControl(r)
	})
}
