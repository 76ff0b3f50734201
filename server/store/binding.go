package store

import (
	"slices"
	"strings"
	"time"
)

// AccountKeys are the names by which a marketplace knows an account, as adapters give them ("login:some-shop"), and one that
// relais makes of the adapter and the account id. Two stores of one marketplace never share a name.
type AccountKeys []string

// accountKeys returns the names of an account that an adapter reported.
func accountKeys(adapter string, a Account) AccountKeys {
	keys := AccountKeys{"adapter/" + adapter + ":" + a.ID}
	for _, k := range a.Keys {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// share reports whether two accounts have a name in common.
func (k AccountKeys) share(other AccountKeys) bool {
	return slices.ContainsFunc(k, func(key string) bool { return slices.Contains(other, key) })
}

// Bindings is which adapters a store speaks through, and which of them an order belongs to.
type Bindings struct {
	// Current is the adapter of new orders.
	Current string
	// Adapters is the adapters that the store holds credentials for, Current first.
	Adapters []Binding
	// Former is the adapters that the store was bound to once and holds no credentials for any more.
	Former []string
	// Moved is true when the store was ever bound to more than one adapter.
	Moved bool
	// Origin is the adapter that the store was first bound to, and Turns when it went to which other one, oldest first.
	Origin string
	Turns  []Turn
}

// Lane names what work of a store that may speak through all of these adapters has in common with that of others: each lane has workers
// of its own. Work through one adapter is in that adapter's lane. What a moving store does through both, an import above all, may wait
// for either: in the lane of the one, a marketplace that hangs behind the other would hold up the stores that have nothing to do with
// it. So those stores share a lane of their own.
func Lane(adapters ...string) string {
	return strings.Join(slices.Sorted(slices.Values(adapters)), "+")
}

// Lane is the lane of work that may speak through every adapter of the store.
func (b Bindings) Lane() string {
	adapters := make([]string, len(b.Adapters))
	for i, x := range b.Adapters {
		adapters[i] = x.Adapter
	}
	return Lane(adapters...)
}

// Binding is one adapter that a store speaks through.
type Binding struct {
	Adapter string
	// ImportStart is the start of the last import that read everything through this adapter; zero before the first.
	ImportStart time.Time
	// FirstAttempt is the start of the first import through this adapter, whatever became of it; zero when there was none.
	FirstAttempt time.Time
	// FailingSince is the start of the first import that could not read through this adapter since one could, or since
	// refused credentials were found to work; zero while all is well.
	FailingSince time.Time
	// Standing is how the credentials stand with the marketplace. It is kept with the binding, so that one adapter of a moving store
	// does not hold up the other.
	Standing Standing
}

// Turn says that orders bought at an instant or later belong to an adapter.
type Turn struct {
	At      time.Time
	Adapter string
}

// Owner returns the adapter that an order bought at that instant belongs to. It may be one that the store no longer speaks
// through.
func (b Bindings) Owner(purchase time.Time) string {
	owner := b.Origin
	for _, t := range b.Turns {
		if purchase.Before(t.At) {
			break
		}
		owner = t.Adapter
	}
	return owner
}

// lastTurn is when new orders last went to another adapter; zero when they never did.
func (b Bindings) lastTurn() time.Time {
	if len(b.Turns) == 0 {
		return time.Time{}
	}
	return b.Turns[len(b.Turns)-1].At
}

// GivenUp reports whether an adapter that the store leaves has failed for so long that its orders may go to the other one. What
// failed before the store left it does not count.
func (b Bindings) GivenUp(adapter string, now time.Time, p MigrationPolicy) bool {
	for _, x := range b.Adapters {
		if x.Adapter != adapter || adapter == b.Current || x.FailingSince.IsZero() {
			continue
		}
		since := x.FailingSince
		if turn := b.lastTurn(); turn.After(since) {
			since = turn
		}
		return now.Sub(since) >= p.Patience
	}
	return false
}

// Speaks reports whether the store holds credentials for the adapter.
func (b Bindings) Speaks(adapter string) bool {
	return slices.ContainsFunc(b.Adapters, func(x Binding) bool { return x.Adapter == adapter })
}
