// Package store owns seller stores: connecting, settings, credentials and health. It knows neither gRPC, nor a database,
// nor an adapter process: it declares what it needs of them.
package store

import (
	"context"
	"errors"
	"time"
)

// Store is one seller account connected to a marketplace.
type Store struct {
	ID      string // last part of "stores/{store}"
	Adapter string // the adapter that new orders belong to
	// Adapters is the adapters that the store holds credentials for, Adapter first: two while it moves from one to the other,
	// none once it is disconnected. Storage writes it with the credentials.
	Adapters    []string
	Environment string // the operator's environment
	Marketplace string // for example "cdiscount"
	AccountID   string // unique within the marketplace
	ShopName    string // public name on the marketplace
	Acceptance  Acceptance

	Settings Settings
	Paused   bool   // set by PauseStore, independent of health
	Health   Health // of the exchange with the marketplace
	// PauseTime is since when the store is paused; zero while it is not, and when that is not known.
	PauseTime time.Time

	CreateTime     time.Time
	UpdateTime     time.Time
	DisconnectTime time.Time // zero while connected

	// LastImportStart and LastImportFinish are of the last import that succeeded. They are the import cursor: storage
	// writes them in the transaction that ends the run, nothing else does.
	LastImportStart  time.Time
	LastImportFinish time.Time
	// NextImport is when the store is imported by itself; zero for a store that never was. Storage writes it for the schedule. It says
	// nothing of whether an import will start: see PlannedImport.
	NextImport time.Time
	// PolicyChange is when the acceptance policy changed, until the orders that waited then have been judged by it; zero afterwards.
	PolicyChange time.Time
	// NextProbe is when the credentials for Adapter are tried next because they were refused; zero while they work. Storage reads it
	// from their standing.
	NextProbe time.Time
}

// Connected reports whether the store holds credentials.
func (s Store) Connected() bool { return s.DisconnectTime.IsZero() }

// Acceptance tells who accepts a new order; empty means that the marketplace did not say. Storage keeps these words.
type Acceptance string

// The ways to accept.
const (
	AcceptedBySeller      Acceptance = "MANUAL"
	AcceptedByMarketplace Acceptance = "AUTOMATIC"
)

// Settings is what people may set. The JSON form is what storage keeps.
type Settings struct {
	DisplayName          string               `json:"display_name,omitempty"`
	Branding             Branding             `json:"branding,omitzero"`
	CustomerNotification CustomerNotification `json:"customer_notification,omitzero"`
	LookBack             LookBack             `json:"look_back,omitzero"`
	AcceptancePolicy     AcceptancePolicy     `json:"acceptance_policy,omitzero"`
	ImportSchedule       ImportSchedule       `json:"import_schedule,omitzero"`
}

// Branding is how the seller presents itself to buyers.
type Branding struct {
	LogoURI            string `json:"logo_uri,omitempty"`
	WebsiteURI         string `json:"website_uri,omitempty"`
	SupportEmail       string `json:"support_email,omitempty"`
	SupportPhone       string `json:"support_phone,omitempty"`
	PackingSlipMessage string `json:"packing_slip_message,omitempty"`
}

// CustomerNotification says whether buyers want to be told by the seller.
type CustomerNotification struct {
	OnShipment bool   `json:"on_shipment,omitempty"`
	OnDelivery bool   `json:"on_delivery,omitempty"`
	ReplyTo    string `json:"reply_to,omitempty"`
}

// LookBack is how far imports look back, in days of 24 hours; zero means the default.
type LookBack struct {
	FirstImportDays int `json:"first_import_days,omitempty"`
	LaterImportDays int `json:"later_import_days,omitempty"`
}

// HealthState is how the exchange with the marketplace goes.
type HealthState string

// The health states. Storage keeps these words.
const (
	Healthy         HealthState = "HEALTHY"
	Retrying        HealthState = "RETRYING"
	AuthRequired    HealthState = "AUTH_REQUIRED"
	Throttled       HealthState = "THROTTLED"
	MarketplaceDown HealthState = "MARKETPLACE_DOWN"
)

// Health is a state, why, and since when.
type Health struct {
	State   HealthState
	Reason  string
	Message string
	Since   time.Time
}

// Ref names a store and the adapter through which it is spoken to: an order born on one adapter stays with it.
type Ref struct {
	StoreID string
	Adapter string
}

// Access is everything an adapter call needs to act for a store. It holds secrets: never log it.
type Access struct {
	Ref
	AccountID   string
	Credentials map[string]string
	Environment map[string]string // marketplace addresses by the adapter's key
	State       []byte            // what the adapter returned last
}

// Sealed is a secret as storage keeps it: AEAD ciphertext and the id of the key that sealed it.
type Sealed struct {
	KeyID      string
	Ciphertext []byte
}

// Errors of a Repository. The service turns them into problems.
var (
	ErrNotFound      = errors.New("store not found")
	ErrIDTaken       = errors.New("store id taken")
	ErrAccountTaken  = errors.New("marketplace account connected already")
	ErrShipmentsOpen = errors.New("store has open shipments or decisions")
	ErrNoCredentials = errors.New("store holds no credentials for the adapter")
	ErrNoMigration   = errors.New("store has no migration")
	ErrNotMoving     = errors.New("migration is not in the state that the change needs")
)

// ListQuery is a page of stores ordered by id.
type ListQuery struct {
	AfterID          string // exclusive; empty for the first page
	Limit            int
	ShowDisconnected bool
}

// Repository is what this package asks of a database. Every method is one transaction.
type Repository interface {
	// CreateStore stores a new store, bound to its adapter, with the names of its account and its sealed credentials.
	// Errors: ErrIDTaken; ErrAccountTaken when a store of the marketplace, connected or not, has one of the names.
	CreateStore(ctx context.Context, s Store, keys AccountKeys, credentials Sealed) error
	// ReconnectStore replaces a disconnected store by s, adds the names of its account and stores the credentials. It is due for an
	// import at once.
	// ErrAccountTaken when it is connected, or another store has one of the names; ErrNotFound.
	ReconnectStore(ctx context.Context, s Store, keys AccountKeys, credentials Sealed) error
	// GetStore returns a store. ErrNotFound.
	GetStore(ctx context.Context, id string) (Store, error)
	// FindStore returns the store of a marketplace that has one of the names, connected or not; of several the first by id.
	// ErrNotFound.
	FindStore(ctx context.Context, marketplace string, keys AccountKeys) (Store, error)
	// ListStores returns a page ordered by id.
	ListStores(ctx context.Context, q ListQuery) ([]Store, error)
	// UpdateStore reads the store, applies change and writes it, in one transaction. change must not use the
	// repository. The import cursor, adapters, marketplace, account and create time are never written by it. Whatever else
	// change sets is kept, NextImport and PolicyChange too. ErrNotFound.
	UpdateStore(ctx context.Context, id string, change func(*Store) error) (Store, error)
	// DisconnectStore erases all credentials and adapter states, ends a migration, and sets DisconnectTime. With open shipments or decisions it
	// returns ErrShipmentsOpen, or, forced, ends them as NEEDS_ATTENTION: the message of each, and an event of each
	// shipment, says why. A disconnected store stays as it is. ErrNotFound.
	DisconnectStore(ctx context.Context, id string, now time.Time, force bool) (Store, error)

	// Credentials returns the sealed credentials of a store for an adapter. ErrNoCredentials.
	Credentials(ctx context.Context, ref Ref) (Sealed, error)
	// AccountID returns the account of a store as the adapter names it. ErrNoCredentials when the store was never bound to it.
	AccountID(ctx context.Context, ref Ref) (string, error)
	// UnnamedAccounts returns the connected stores of a marketplace, with the adapter, of whose account no name is known but the
	// one that relais makes itself.
	UnnamedAccounts(ctx context.Context, marketplace string) ([]Ref, error)
	// AccountKeys returns the names of a store's account that the adapter told.
	AccountKeys(ctx context.Context, ref Ref) (AccountKeys, error)
	// AddAccountKeys adds names of a store's account that the adapter told. A name that another store has is left there:
	// ErrAccountTaken. ErrNotFound.
	AddAccountKeys(ctx context.Context, ref Ref, keys AccountKeys) error
	// ChangeStanding reads how the credentials of a store for an adapter stand, writes what change makes of that, and returns it,
	// in one transaction; change must not use the repository. When they were refused and work afterwards, failures of earlier imports
	// count no more.
	// While they do not, nothing of the store is due through the adapter but a probe. An adapter that the store holds no credentials
	// for is left alone, and a zero Standing is returned; change is not called.
	ChangeStanding(ctx context.Context, ref Ref, change func(Standing) Standing) (Standing, error)
	// Adapters returns the adapters that stores are bound to or ever were.
	Adapters(ctx context.Context) ([]string, error)
	// DueProbes returns the credentials for an adapter that are to be tried again, by the time of their next probe, the most overdue
	// first. Those of paused and disconnected stores are left out.
	DueProbes(ctx context.Context, adapter string, now time.Time, limit int) ([]Ref, error)
	// NextProbe returns the earliest time after an instant at which one of them is due; zero when there is none.
	NextProbe(ctx context.Context, adapter string, after time.Time) (time.Time, error)
	// ReplaceCredentials replaces them and erases the adapter state, which belonged to the old ones. They count as working. ErrNoCredentials when
	// there were none (the store is disconnected).
	ReplaceCredentials(ctx context.Context, ref Ref, credentials Sealed) error
	// AdapterState returns the sealed state that the adapter returned last; a zero Sealed when there is none.
	AdapterState(ctx context.Context, ref Ref) (Sealed, error)
	// SaveAdapterState replaces it. A store without credentials for the adapter is left alone.
	SaveAdapterState(ctx context.Context, ref Ref, state Sealed) error

	MigrationRepository
}
