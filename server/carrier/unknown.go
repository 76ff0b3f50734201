package carrier

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxNear is how many near matches an unknown carrier is answered with.
	maxNear = 5
	// maxQuoted is how much of what was written, in characters, an error repeats.
	maxQuoted = 40
	// minEdge is the length, in characters, from which one name counts at the begin or end of another; minInner anywhere in it.
	minEdge, minInner = 3, 4
)

// UnknownError says that a marketplace's list has no carrier, or not exactly one, for what was written.
type UnknownError struct {
	// Written is what was written, cut after 40 characters.
	Written string
	// Carrier is the canonical name of the carrier that the table takes it for, which the marketplace does not list; empty when
	// the table does not know it either.
	Carrier string
	// Near are names of the list that may be meant, nearest first, at most 5.
	Near []string
	// Ambiguous is true when what was written fits several carriers of the list equally well. Near names these then.
	Ambiguous bool
}

// Error says what is wrong and what is near.
func (e *UnknownError) Error() string {
	var b strings.Builder
	switch {
	case e.Written == "":
		return "no carrier is named"
	case e.Ambiguous:
		fmt.Fprintf(&b, "carrier %q fits several of the marketplace's carriers", e.Written)
	case e.Carrier != "":
		fmt.Fprintf(&b, "carrier %q is %s, which is not one of the marketplace's carriers", e.Written, e.Carrier)
	default:
		fmt.Fprintf(&b, "carrier %q is not one of the marketplace's carriers", e.Written)
	}
	if len(e.Near) > 0 {
		b.WriteString("; near: " + strings.Join(e.Near, ", "))
	}
	return b.String()
}

// unknown makes the error for what find did not find.
func (t Table) unknown(written string, list, rivals []Listed) *UnknownError {
	written = strings.TrimSpace(written)
	e := &UnknownError{Written: cut(written), Ambiguous: len(rivals) > 0}
	if len(written) > maxLength {
		return e
	}
	if e.Ambiguous {
		for _, l := range rivals[:min(len(rivals), maxNear)] {
			e.Near = append(e.Near, strings.TrimSpace(l.Name))
		}
		return e
	}
	if k, ok := t.lookup(written); ok {
		e.Carrier = k.Name
	}
	e.Near = t.near(written, list)
	return e
}

// near returns the names of the list that the writer may have meant, nearest first. A row is as near as the nearest word that
// the table has for it.
func (t Table) near(written string, list []Listed) []string {
	type candidate struct {
		name     string
		distance int
	}
	want := []rune(Fold(written))
	if len(want) == 0 {
		return nil
	}
	var found []candidate
	for _, l := range carriersWhere(list, func(Listed) bool { return true }) {
		words := []string{l.Name}
		if k, ok := t.lookup(l.Name); ok {
			words = slices.Concat(words, []string{k.Name}, k.Spellings, k.Aliases)
		}
		nearest, isNear := 0, false
		for _, word := range words {
			if d, ok := distance(want, []rune(Fold(word))); ok && (!isNear || d < nearest) {
				nearest, isNear = d, true
			}
		}
		if isNear {
			found = append(found, candidate{strings.TrimSpace(l.Name), nearest})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, c := range found[:min(len(found), maxNear)] {
		names = append(names, c.name)
	}
	return names
}

// distance returns how many characters a name is away from what was written, both folded; false when one is hardly a slip or a
// longer form of the other.
func distance(written, name []rune) (int, bool) {
	apart := max(len(written), len(name)) - min(len(written), len(name))
	inner := len(name) >= minInner && strings.Contains(string(written), string(name))
	if inner || isEdge(name, written) || isEdge(written, name) {
		return apart, true
	}
	limit := max(1, min(len(written), len(name))/3)
	if apart > limit {
		return 0, false
	}
	d := editDistance(written, name)
	return d, d <= limit
}

// isEdge reports whether a name is the begin or the end of another, and long enough for that to mean something.
func isEdge(part, whole []rune) bool {
	p, w := string(part), string(whole)
	return len(part) >= minEdge && (strings.HasPrefix(w, p) || strings.HasSuffix(w, p))
}

// editDistance is how many characters must be inserted, removed, replaced or swapped with their neighbour, each at most once,
// to make one name of the other.
func editDistance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// cut shortens what was written to a length that can be shown.
func cut(s string) string {
	if utf8.RuneCountInString(s) <= maxQuoted {
		return s
	}
	return string([]rune(s)[:maxQuoted]) + "…"
}
