package store

import (
	"slices"
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
	// Moved is true when the store was ever bound to more than one adapter.
	Moved bool
	// Origin is the adapter that the store was first bound to, and Turns when it went to which other one, oldest first.
	Origin string
	Turns  []Turn
}

// Binding is one adapter that a store speaks through.
type Binding struct {
	Adapter string
	// ImportStart is the start of the last import that read everything through this adapter; zero before the first.
	ImportStart time.Time
	// FirstAttempt is the start of the first import through this adapter, whatever became of it; zero when there was none.
	FirstAttempt time.Time
	// FailingSince is the start of the first import that could not read through this adapter since one could; zero while all
	// is well.
	FailingSince time.Time
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

// Speaks reports whether the store holds credentials for the adapter.
func (b Bindings) Speaks(adapter string) bool {
	return slices.ContainsFunc(b.Adapters, func(x Binding) bool { return x.Adapter == adapter })
}
