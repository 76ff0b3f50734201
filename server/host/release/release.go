// Package release keeps the adapter binaries that a server runs: copies named by their hash, which of them each slot is meant to
// serve, and what is asked of one that is to take another's place. It knows files, neither processes nor marketplaces.
package release

import (
	"context"
	"errors"
	"time"
)

// Release is one adapter binary.
type Release struct {
	// SHA256 of the file, in hexadecimal.
	SHA256 string
	// Version is what the binary says of itself; known once it was started.
	Version string
}

// IsZero reports whether there is no release.
func (r Release) IsZero() bool { return r.SHA256 == "" }

// Desired is which release the slot of an adapter is meant to serve, over restarts of the server.
type Desired struct {
	// Adapter is the name of the adapter and of its slot.
	Adapter string
	// Release that is served; the one that was served last when Unloaded.
	Release Release
	// Previous is the release that was served before, for a rollback; zero when there was none.
	Previous Release
	// Unloaded is true when the operator took the adapter out of service.
	Unloaded bool
	// ChangeTime is when the above was decided, UTC.
	ChangeTime time.Time
}

// Pin holds a store on a release for a while, whichever one serves.
type Pin struct {
	// Adapter is the name of the adapter.
	Adapter string
	// Store is the id of the store.
	Store string
	// Release that the store's calls go to.
	Release Release
	// ExpireTime is when they go to the release that serves again, UTC.
	ExpireTime time.Time
	// Ended says why they do so already; empty while the pin holds.
	Ended string
}

// ErrNotConnected says that a store does not speak through an adapter, so that it cannot be pinned to a release of it.
var ErrNotConnected = errors.New("the store is not connected through the adapter")

// Repository keeps what is desired.
type Repository interface {
	// DesiredReleases returns what was saved of every adapter, ordered by adapter.
	DesiredReleases(ctx context.Context) ([]Desired, error)
	// SaveDesiredRelease saves what is desired of Desired.Adapter, in the place of what was saved before. It is durable when this
	// returns nil, and nothing changed when it returns an error.
	SaveDesiredRelease(ctx context.Context, d Desired) error
	// Pins returns every pin that was saved, also those that ended or expired, ordered by adapter and store. A pin is gone when its
	// store is disconnected or leaves the adapter.
	Pins(ctx context.Context) ([]Pin, error)
	// SavePin saves a pin of a store, in the place of the one that it had with this adapter. It is durable when this returns nil, and
	// nothing changed when it returns an error. It is ErrNotConnected for a store that is not connected through the adapter, or does
	// not exist.
	SavePin(ctx context.Context, p Pin) error
	// DeletePin forgets the pin of a store with an adapter. One that does not exist is no error.
	DeletePin(ctx context.Context, adapter, store string) error
	// LastSwaps returns the swap that was saved last of every adapter, ordered by adapter.
	LastSwaps(ctx context.Context) ([]Swap, error)
	// SaveLastSwap saves what is known of the last swap of Swap.Adapter, in the place of what was saved before. It is durable when this
	// returns nil, and nothing changed when it returns an error.
	SaveLastSwap(ctx context.Context, s Swap) error
}

// MaxNamed is how many of the stores that use an adapter are named: enough to see which they are, and few enough to read.
const MaxNamed = 5

// Use is what the connected stores ask of an adapter: those whose new orders go to it, and those that are leaving it and have
// credentials for it still.
type Use struct {
	// Stores is how many there are.
	Stores int
	// Named are the ids of the first of them, in order, at most MaxNamed.
	Named []string
	// Marketplaces are the marketplaces of these stores, each once, in order.
	Marketplaces []string
	// Environments are the environments in which they are called, each once, in order.
	Environments []string
	// Decisions is true when an order of theirs waits for a decision to be delivered, or a store accepts orders by a policy.
	Decisions bool
	// PartialShipments is true when a shipment that names lines of its order waits to be delivered. They may be all of them: it takes the
	// order itself to tell.
	PartialShipments bool
	// Corrections is true when a shipment that replaces another waits to be delivered. It may be one that the marketplace takes as the
	// first: it takes the order itself to tell.
	Corrections bool
	// CredentialsTime is when the last of their credentials were given, UTC; zero when that was before times were kept.
	CredentialsTime time.Time
}

// Stores tells what the stores need.
type Stores interface {
	// AdapterUse returns what the connected stores ask of an adapter, as of now. An adapter that no store uses has the zero Use.
	AdapterUse(ctx context.Context, adapter string) (Use, error)
	// HasStore reports whether a store exists, connected or not.
	HasStore(ctx context.Context, store string) (bool, error)
	// StoreUse returns what one store asks of an adapter. A store that is not connected through the adapter, or does not exist, has the
	// zero Use.
	StoreUse(ctx context.Context, adapter, store string) (Use, error)
}
