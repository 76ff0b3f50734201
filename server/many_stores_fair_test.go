package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// turns is how the stores of a fleet came to be imported.
type turns struct {
	starts  map[string][]time.Time // of the imports of each store, the oldest first; two at least
	planned map[string]time.Time   // when the second was due, where that is known
	round   time.Duration          // how long it took to import all of them, when all were due at once
}

// patience is how late an import may begin: a slow machine is given the time in which it can import every store twice.
func (w turns) patience() time.Duration { return max(manyStoresInterval/2, 2*w.round) }

// unfair tells, in words, which store waited out of proportion. What it asks for holds on a loaded machine too: it is about the order
// in which stores come, and about time as that machine itself needs it.
func (w turns) unfair() []string {
	var complaints []string
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	var lastFirst, firstSecond string // the store whose first turn came last, and the one whose second came first
	for id, starts := range w.starts {
		if lastFirst == "" || starts[0].After(w.starts[lastFirst][0]) {
			lastFirst = id
		}
		if firstSecond == "" || starts[1].Before(w.starts[firstSecond][1]) {
			firstSecond = id
		}
		if gap, most := starts[1].Sub(starts[0]), manyStoresInterval*13/10+w.patience(); gap > most {
			complain("%s waited %s for its second turn, longer than %s", id, gap, most)
		}
		if due, ok := w.planned[id]; ok && starts[1].Sub(due) > w.patience() {
			complain("%s began %s after it was due, longer than %s", id, starts[1].Sub(due), w.patience())
		}
	}
	if w.starts[firstSecond][1].Before(w.starts[lastFirst][0]) {
		complain("%s had its second turn before %s had its first", firstSecond, lastFirst)
	}
	slices.Sort(complaints)
	return complaints
}

// TestUnfair: the judge of TestManyStores sees a store that is left behind.
func TestUnfair(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds ...int) []time.Time {
		var all []time.Time
		for _, s := range seconds {
			all = append(all, begin.Add(time.Duration(s)*time.Second))
		}
		return all
	}
	due := func(seconds int) map[string]time.Time { return map[string]time.Time{"b": at(seconds)[0]} }
	for _, c := range []struct {
		name string
		turns
		want string // a part of the only complaint; empty when all is fair
	}{
		{"each in its turn", turns{map[string][]time.Time{"a": at(0, 60), "b": at(1, 61)}, due(61), 2 * time.Second}, ""},
		{"late, as the spread and the machine allow", turns{map[string][]time.Time{"a": at(0, 66), "b": at(1, 90)}, due(66), 2 * time.Second}, ""},
		{"late on a machine that is as slow", turns{map[string][]time.Time{"a": at(0, 60), "b": at(50, 200)}, due(110), 50 * time.Second}, ""},
		{"long after it was due", turns{map[string][]time.Time{"a": at(0, 60), "b": at(1, 92)}, due(61), 2 * time.Second}, "b began 31s after it was due, longer than 30s"},
		{"left out for a round", turns{map[string][]time.Time{"a": at(0, 60), "b": at(1, 121)}, nil, 2 * time.Second}, "b waited 2m0s for its second turn, longer than 1m48s"},
		{"behind one that had its turn already", turns{map[string][]time.Time{"a": at(0, 60), "b": at(61, 121)}, nil, 62 * time.Second}, "a had its second turn before b had its first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := c.unfair()
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("complaints %q, want %q", got, c.want)
			}
		})
	}
}
