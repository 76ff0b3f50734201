package carrier

import (
	"bytes"
	_ "embed" // carriers.json
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// None in Entry.Serves says that the carrier serves none of the pickup networks.
const None = "NONE"

// Entry is what the table knows of one carrier.
type Entry struct {
	// Name is the canonical name: how relais itself calls the carrier. Required.
	Name string `json:"name"`
	// Spellings are other names under which marketplaces list the carrier, the preferred one first.
	Spellings []string `json:"spellings"`
	// Aliases are what sellers' systems call the carrier.
	Aliases []string `json:"aliases"`
	// Serves are the pickup networks that the carrier delivers to, in the words of order.PickupNetwork, or None alone. Empty
	// means not known.
	Serves []string `json:"serves"`
	// TrackingPage is the public page of one parcel: an absolute https URL with {n} once, after the host, where the tracking
	// number goes. Empty means not known.
	TrackingPage string `json:"tracking_page"`
}

// Table is the carriers that relais knows. It never changes: Extend returns another one. The zero Table knows none.
type Table struct {
	carriers []known
	words    map[string]int // index in carriers, by folded name, spelling and alias
	networks []string       // pickup networks to which only a carrier that serves them delivers
	other    []Listed       // how marketplaces list "any other carrier"
}

// known is a checked Entry.
type known struct {
	Entry
	listed []string // folded names under which marketplaces list it, the preferred one first
}

//go:embed carriers.json
var carriers []byte

var defaultTable = sync.OnceValue(func() Table {
	t, err := parse(carriers)
	if err != nil {
		panic("carriers.json, part of this binary, is wrong: " + err.Error())
	}
	return t
})

// Default returns the table that relais ships with.
func Default() Table { return defaultTable() }

// parse reads a table from its file.
func parse(data []byte) (Table, error) {
	var file struct {
		Networks []string `json:"networks"`
		Other    []Listed `json:"other"`
		Carriers []Entry  `json:"carriers"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return Table{}, fmt.Errorf("decode: %w", err)
	}
	return Table{networks: file.Networks, other: file.Other}.Extend(file.Carriers)
}

// Extend returns the table with the operator's entries. An entry whose name is known adds its spellings and aliases to those
// that are there; its tracking page and networks, where given, replace the known ones. Any other entry is a new carrier. t is
// unchanged. The error tells everything that is wrong, with the name of each entry.
func (t Table) Extend(more []Entry) (Table, error) {
	x := Table{
		carriers: slices.Clone(t.carriers), words: make(map[string]int, len(t.words)+len(more)),
		networks: t.networks, other: t.other,
	}
	for word, i := range t.words {
		x.words[word] = i
	}
	var errs []error
	seen := make(map[string]bool, len(more))
	for i, e := range more {
		name := Fold(e.Name)
		var err error
		switch {
		case name == "":
			err = fmt.Errorf("entry %d: the name %q has no letter or digit", i+1, e.Name)
		case seen[name]:
			err = fmt.Errorf("carrier %q: there are two entries of this name", e.Name)
		default:
			seen[name] = true
			err = x.add(e)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return Table{}, err
	}
	return x, nil
}

// add checks an entry and puts it into the table, which belongs to the caller alone.
func (t *Table) add(e Entry) error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("carrier %q: "+format, append([]any{e.Name}, args...)...))
	}
	i, isKnown := t.words[Fold(e.Name)]
	if isKnown && Fold(t.carriers[i].Name) != Fold(e.Name) {
		fail("is another word for %q: write that name", t.carriers[i].Name)
		return errors.Join(errs...)
	}
	if !isKnown {
		i = len(t.carriers)
		t.carriers = append(t.carriers, known{})
	}
	for _, word := range slices.Concat([]string{e.Name}, e.Spellings, e.Aliases) {
		folded := Fold(word)
		owner, taken := t.words[folded]
		switch {
		case folded == "":
			fail("the word %q has no letter or digit", word)
		case taken && owner != i:
			fail("%q means %q already", word, t.carriers[owner].Name)
		default:
			t.words[folded] = i
		}
	}
	if err := t.checkNetworks(e.Serves); err != nil {
		fail("%w", err)
	}
	if e.TrackingPage != "" {
		if err := checkPage(e.TrackingPage); err != nil {
			fail("tracking page %q: %w", e.TrackingPage, err)
		}
	}
	t.carriers[i] = t.carriers[i].with(e)
	return errors.Join(errs...)
}

// with returns a copy of k with what e adds. The zero known becomes e.
func (k known) with(e Entry) known {
	if k.Name == "" {
		k.Name = strings.TrimSpace(e.Name)
	}
	k.Spellings = slices.Concat(k.Spellings, e.Spellings)
	k.Aliases = slices.Concat(k.Aliases, e.Aliases)
	if len(e.Serves) > 0 {
		k.Serves = slices.Clone(e.Serves)
	}
	if e.TrackingPage != "" {
		k.TrackingPage = e.TrackingPage
	}
	k.listed = []string{Fold(k.Name)}
	for _, s := range k.Spellings {
		k.listed = append(k.listed, Fold(s))
	}
	return k
}

// checkNetworks refuses a network that no order can have: it would refuse or allow nothing, silently.
func (t Table) checkNetworks(serves []string) error {
	for _, network := range serves {
		switch {
		case network == None && len(serves) > 1:
			return fmt.Errorf("serves %s and others", None)
		case network != None && !slices.Contains(t.networks, network):
			return fmt.Errorf("serves %q, which is not one of %s or %s", network, strings.Join(t.networks, ", "), None)
		}
	}
	return nil
}

// lookup returns what the table knows of a carrier by any of its words.
func (t Table) lookup(word string) (known, bool) {
	if i, ok := t.words[Fold(word)]; ok {
		return t.carriers[i], true
	}
	return known{}, false
}

// Serves reports whether a carrier delivers to a pickup network; both as the table and order.PickupNetwork write them. known is
// false when the table does not know the carrier, the network, or what the carrier serves: then nothing can be said against it.
func (t Table) Serves(carrier, network string) (known, serves bool) {
	k, ok := t.lookup(carrier)
	if !ok || len(k.Serves) == 0 || !slices.Contains(t.networks, network) {
		return false, false
	}
	return true, slices.Contains(k.Serves, network)
}
