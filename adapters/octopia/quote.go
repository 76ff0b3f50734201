package octopia

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoteLimit bounds how much of the marketplace's words is passed on, in characters.
const quoteLimit = 160

// vocabulary are the words that quote passes on, in small letters: those of the texts that the contract quotes, or that any API of
// this kind says of a request (octopia-rest.md 2, 6.3, and the examples of octopia-openapi.yaml). None of them can be a value.
var vocabulary = wordSet(`
	a able accept accepted acceptance access address allowed already an and api application are approved array as at attempt authorized
	bad be because been before being body by
	call calls can cancel cancelled cannot carrier carriers cdiscount changed channel character characters client closed code conflict contain
	contains content could count country current
	data date delegated delivered delivery detail details different do does
	each element empty entity entered error errors exceeded exceeds exist exists expected expired
	failed field fields for forbidden format found from full further
	gateway given greater
	had has have header
	if in incorrect internal invalid is it item items its
	json
	last later least length less limit line lines list long longer
	many maximum may media method minimum missing more must
	name no not null number numbers
	object octopia of on one only operation or order orders other out over
	page parameter parcel parcels partial possible problem processable processed provided
	quantity quota
	range rate reached read refuse refused rejected replenished request requests required resource route
	same seller server service set shipment shipments shipped shipping should size some state status string switch
	text than that the their there these this those times to token too tracking transition try type
	unable unauthorized unavailable unexpected unique unknown unprocessable unsupported url usage use used
	valid validation value values volume
	was were when whole will with without wrong
	you your
	hour hours minute minutes second seconds
`)

// wordSet makes a set of words.
func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// quote makes a text of the marketplace fit to be shown and logged: one line, bounded, and without anything that may be of a
// person or a secret. The texts are sentences around values that the marketplace puts in: only words of the vocabulary and of the
// API's statuses are passed on, everything else is left out.
func quote(text string) string {
	var words []string
	for word := range strings.FieldsSeq(text) {
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
	if utf8.RuneCountInString(quoted) > quoteLimit {
		return string([]rune(quoted)[:quoteLimit]) + "…"
	}
	return quoted
}

// passable reports whether a word is passed on: it is known, and nothing but a sentence's punctuation is around it.
func passable(word string) bool {
	bare := strings.Trim(word, ".,;:!?'\"()")
	if statusOf(bare) != unrecognized || bare == lineCancelRequest {
		return true
	}
	for _, r := range bare {
		if r > unicode.MaxASCII {
			return false
		}
	}
	return vocabulary[strings.ToLower(bare)]
}
