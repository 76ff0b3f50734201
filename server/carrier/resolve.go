package carrier

import (
	"slices"
	"strings"
)

// maxLength is how long, in bytes, a text may be that is compared as a name. A longer one is in no list, unless it is there to
// the letter.
const maxLength = 256

// Listed is a carrier as a marketplace lists it.
type Listed struct {
	// Code is the marketplace's code or id. Several rows may share one.
	Code string `json:"code"`
	// Name is the marketplace's name: what it is sent.
	Name string `json:"name"`
}

// Rule is the way in which a carrier was found.
type Rule string

// The rules, in the order in which they are tried. RuleOther is never tried unasked.
const (
	RuleName  Rule = "NAME"  // the name is in the list
	RuleCode  Rule = "CODE"  // the code is in the list, once
	RuleAlias Rule = "ALIAS" // the table maps it to a name of the list
	RuleOther Rule = "OTHER" // the marketplace's row for any other carrier
)

// Match is the marketplace's carrier for what a seller wrote.
type Match struct {
	// Listed is the row, exactly as the list has it.
	Listed Listed
	// Rule is how it was found.
	Rule Rule
	// Carrier is the canonical name of the carrier, by which the table knows its tracking page and pickup networks; empty when
	// the table does not know it.
	Carrier string
	// AnyOther is true when the row stands for any carrier that the marketplace does not list, whichever rule found it: only a
	// tracking URL tells the buyer who delivers then.
	AnyOther bool
}

// Resolve finds the carrier that written means in a marketplace's list. The first rule that fits decides: NAME, to the letter
// and then folded; CODE, in any case, where only one carrier has it; ALIAS, a word of the table for a carrier that the list
// has. The error is an *UnknownError.
func (t Table) Resolve(written string, list []Listed) (Match, error) {
	row, rule, rivals := t.find(written, list)
	if rule == "" {
		return Match{}, t.unknown(written, list, rivals)
	}
	return t.match(row, rule, row.Name), nil
}

// Other returns the row for any other carrier, by which a marketplace takes one that is not in its list. It returns false when
// the list has no such row, and when there is no need of it: written names a carrier of the list, or several, or is no name at
// all. Carrier of the match is the one that was written, where the table knows it.
func (t Table) Other(written string, list []Listed) (Match, bool) {
	if len(written) > maxLength || Fold(written) == "" {
		return Match{}, false
	}
	if _, rule, rivals := t.find(written, list); rule != "" || len(rivals) > 0 {
		return Match{}, false
	}
	i := slices.IndexFunc(list, t.isOther)
	if i < 0 {
		return Match{}, false
	}
	return t.match(list[i], RuleOther, written), true
}

// Aliases returns for each row of a list what else Resolve takes for it: the words of the table that mean this row in this
// list. It is as long as the list.
func (t Table) Aliases(list []Listed) [][]string {
	aliases := make([][]string, len(list))
	for _, k := range t.carriers {
		i := k.in(list)
		if i < 0 {
			continue
		}
		seen := make(map[string]bool)
		for _, word := range slices.Concat([]string{k.Name}, k.Spellings, k.Aliases) {
			if seen[Fold(word)] {
				continue
			}
			seen[Fold(word)] = true
			if _, rule, _ := t.find(word, list); rule == RuleAlias { // and no name or code that goes before
				aliases[i] = append(aliases[i], word)
			}
		}
	}
	return aliases
}

// find applies the rules. Without a rule nothing was found; rivals are then the rows that fit equally well.
func (t Table) find(written string, list []Listed) (row Listed, rule Rule, rivals []Listed) {
	written = strings.TrimSpace(written)
	if written == "" {
		return Listed{}, "", nil
	}
	for _, l := range list {
		if strings.TrimSpace(l.Name) == written {
			return l, RuleName, nil
		}
	}
	if len(written) > maxLength {
		return Listed{}, "", nil
	}
	if folded := Fold(written); folded != "" {
		rows := carriersWhere(list, func(l Listed) bool { return Fold(l.Name) == folded })
		switch len(rows) {
		case 0:
		case 1:
			return rows[0], RuleName, nil
		default: // names that differ in an accent or a sign only: the marketplace may mean two carriers
			return Listed{}, "", rows
		}
	}
	// A code is not folded: "1.0", which a spreadsheet makes of 1, would become 10, another carrier.
	rivals = carriersWhere(list, func(l Listed) bool { return strings.EqualFold(strings.TrimSpace(l.Code), written) })
	if len(rivals) == 1 {
		return rivals[0], RuleCode, nil
	}
	if k, ok := t.lookup(written); ok {
		if i := k.in(list); i >= 0 {
			return list[i], RuleAlias, nil
		}
	}
	return Listed{}, "", rivals
}

// carriersWhere returns the rows that fit, one for each name: the name is what is sent, so rows of one name are one carrier.
func carriersWhere(list []Listed, fits func(Listed) bool) []Listed {
	var rows []Listed
	for _, l := range list {
		name := strings.TrimSpace(l.Name)
		same := func(r Listed) bool { return strings.TrimSpace(r.Name) == name }
		if name != "" && fits(l) && !slices.ContainsFunc(rows, same) {
			rows = append(rows, l)
		}
	}
	return rows
}

// in returns the index of the carrier's row in a list: the first of its preferred spelling that is there; -1 when none is.
func (k known) in(list []Listed) int {
	for _, spelling := range k.listed {
		if i := slices.IndexFunc(list, func(l Listed) bool { return Fold(l.Name) == spelling }); i >= 0 {
			return i
		}
	}
	return -1
}

// match completes a match; word is what names the carrier.
func (t Table) match(row Listed, rule Rule, word string) Match {
	k, _ := t.lookup(word)
	return Match{Listed: row, Rule: rule, Carrier: k.Name, AnyOther: t.isOther(row)}
}

// isOther reports whether a row is one of those that the table knows to stand for any other carrier: code and name must agree,
// since a carrier whose name alone looks so must not swallow all others.
func (t Table) isOther(row Listed) bool {
	return slices.ContainsFunc(t.other, func(o Listed) bool {
		return strings.EqualFold(strings.TrimSpace(row.Code), o.Code) && Fold(row.Name) == Fold(o.Name)
	})
}
