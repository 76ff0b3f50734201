package store_test

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at is n minutes after noon.
func at(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func TestOwner(t *testing.T) {
	t.Parallel()
	turns := []store.Turn{{At: at(10), Adapter: "beta"}, {At: at(20), Adapter: "alpha"}, {At: at(30), Adapter: "gamma"}}
	back := []store.Turn{{At: at(20), Adapter: "beta"}, {At: at(10), Adapter: "alpha"}} // by a clock that was set back
	for _, c := range []struct {
		name     string
		turns    []store.Turn
		purchase time.Time
		want     string
	}{
		{"never moved", nil, at(0), "alpha"},
		{"long before", turns, time.Time{}, "alpha"},
		{"just before the cut-over", turns, at(10).Add(-1), "alpha"},
		{"at the cut-over", turns, at(10), "beta"},
		{"at the cut-over, told in another zone", turns, at(10).In(time.FixedZone("Paris", 3600)), "beta"},
		{"just before it was undone", turns, at(20).Add(-1), "beta"},
		{"when it was undone", turns, at(20), "alpha"},
		{"just before the next cut-over", turns, at(30).Add(-1), "alpha"},
		{"at the next cut-over", turns, at(30), "gamma"},
		{"in the far future", turns, at(1_000_000), "gamma"},
		{"before both turns of a clock that was set back", back, at(9), "alpha"},
		{"between them", back, at(15), "alpha"},
		{"after them", back, at(20), "alpha"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := store.Bindings{Current: "any", Origin: "alpha", Turns: c.turns}
			if got := b.Owner(c.purchase); got != c.want {
				t.Errorf("Owner = %s, want %s", got, c.want)
			}
		})
	}
}

func TestSpeaks(t *testing.T) {
	t.Parallel()
	b := store.Bindings{Current: "beta", Origin: "gamma", Adapters: []store.Binding{{Adapter: "beta"}, {Adapter: "alpha"}}}
	for adapter, want := range map[string]bool{"beta": true, "alpha": true, "gamma": false, "": false} {
		if got := b.Speaks(adapter); got != want {
			t.Errorf("Speaks(%q) = %t", adapter, got)
		}
	}
}

func TestGivenUp(t *testing.T) {
	t.Parallel()
	p := store.MigrationPolicy{Keep: time.Nanosecond, Patience: 10 * time.Minute}
	left := []store.Turn{{At: at(-200), Adapter: "beta"}}
	for _, c := range []struct {
		name    string
		turns   []store.Turn
		adapter string
		since   time.Time // when alpha began to fail
		want    bool
	}{
		{"all is well", left, "alpha", time.Time{}, false},
		{"failing since now", left, "alpha", at(10), false},
		{"just within patience", left, "alpha", at(0).Add(1), false},
		{"for as long as there is patience", left, "alpha", at(0), true},
		{"for longer", left, "alpha", at(-100), true},
		{"since the future, by a clock that was set back", left, "alpha", at(11), false},
		{"since before the store left it, which is not long ago", []store.Turn{{At: at(1), Adapter: "beta"}}, "alpha", at(-100), false},
		{"since before the store left it, which is long ago", []store.Turn{{At: at(0), Adapter: "beta"}}, "alpha", at(-100), true},
		{"what counts is the last turn", append(left, store.Turn{At: at(-50), Adapter: "alpha"}, store.Turn{At: at(1), Adapter: "beta"}), "alpha", at(-100), false},
		{"the adapter of new orders is never given up", left, "beta", at(-100), false},
		{"nor one that the store does not speak through", left, "gamma", at(-100), false},
		{"a turn that is not known", nil, "alpha", at(-100), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := store.Bindings{Current: "beta", Origin: "alpha", Turns: c.turns, Adapters: []store.Binding{
				{Adapter: "beta", FailingSince: at(-1000)}, {Adapter: "alpha", FailingSince: c.since},
			}}
			if got := b.GivenUp(c.adapter, at(10), p); got != c.want {
				t.Errorf("GivenUp = %t", got)
			}
		})
	}
}

func TestLeaving(t *testing.T) {
	t.Parallel()
	m := store.Migration{Source: "alpha", Target: "beta", Cutover: at(0)}
	if got := m.Leaving(); got != "alpha" {
		t.Errorf("a moving store leaves %s", got)
	}
	m.Undone = at(1)
	if got := m.Leaving(); got != "beta" {
		t.Errorf("a returning store leaves %s", got)
	}
}

// TestLane: stores that speak through the same adapters share a lane, whichever has their new orders; others do not.
func TestLane(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		adapters []string
		want     string
	}{
		{"one adapter", []string{"alpha"}, store.Lane("alpha")},
		{"moving", []string{"beta", "alpha"}, store.Lane("alpha", "beta")},
		{"moving back", []string{"alpha", "beta"}, store.Lane("beta", "alpha")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := store.Bindings{Current: c.adapters[0], Former: []string{"gamma"}}
			for _, adapter := range c.adapters {
				b.Adapters = append(b.Adapters, store.Binding{Adapter: adapter})
			}
			if got := b.Lane(); got != c.want {
				t.Errorf("in lane %q, want %q", got, c.want)
			}
			for _, other := range []string{"", store.Lane("alpha"), store.Lane("beta"), store.Lane("alpha", "beta")} {
				if other != c.want && b.Lane() == other {
					t.Errorf("shares lane %q", other)
				}
			}
		})
	}
}
