package store

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// CredentialField is one credential that an adapter asks for.
type CredentialField struct {
	Key      string
	Optional bool
}

// AdapterInfo is what this package needs to know of an adapter.
type AdapterInfo struct {
	Marketplace     string
	Credentials     []CredentialField
	EnvironmentKeys []EnvironmentKey
}

// Account is the marketplace account that credentials belong to.
type Account struct {
	ID         string
	ShopName   string
	Keys       AccountKeys // the names by which the marketplace knows it, as far as the adapter tells
	Acceptance Acceptance
	State      []byte // new adapter state, nil when it did not change
}

// Marketplace is what this package asks of adapters. Errors are problems.
type Marketplace interface {
	// AdapterInfo describes an adapter, as far as this store is concerned: two stores may be on two releases of it. The store's id is
	// empty when it has none yet. ADAPTER_NOT_FOUND, ADAPTER_DOWN.
	AdapterInfo(ctx context.Context, ref Ref) (AdapterInfo, error)
	// CheckConnection asks the marketplace whose credentials these are.
	CheckConnection(ctx context.Context, a Access) (Account, error)
}

// Config is what a service needs. All fields are required but where they say what zero means.
type Config struct {
	Repository   Repository
	Vault        *Vault
	Marketplace  Marketplace
	Environments Environments
	// Refusals says when refused credentials are believed to be wrong.
	Refusals RefusalPolicy
	// StandingChanged is told, after it was written, when credentials begin or go on not to work, or are due for another probe (false),
	// or work again (true). It must not block.
	StandingChanged func(works bool)
	// ImportInterval is the time between two imports of a store that has none of its own; zero when such a store is not imported by
	// itself.
	ImportInterval time.Duration
	Now            func() time.Time
	Log            *slog.Logger
}

// Service connects, changes and disconnects stores. Its errors are problems.
type Service struct {
	repository      Repository
	vault           *Vault
	marketplace     Marketplace
	environments    Environments
	refusals        RefusalPolicy
	standingChanged func(works bool)
	importInterval  time.Duration
	now             func() time.Time
	log             *slog.Logger
}

// NewService returns a service.
func NewService(cfg Config) *Service {
	return &Service{
		repository: cfg.Repository, vault: cfg.Vault, marketplace: cfg.Marketplace, environments: cfg.Environments,
		refusals: cfg.Refusals, standingChanged: cfg.StandingChanged, importInterval: cfg.ImportInterval, now: cfg.Now, log: cfg.Log,
	}
}

// Get returns a store.
func (s *Service) Get(ctx context.Context, id string) (Store, error) {
	st, err := s.repository.GetStore(ctx, id)
	if err != nil {
		return Store{}, asProblem(err, id)
	}
	return st, nil
}

// Usable reports whether the credentials of a store for an adapter may be used, besides to try whether they work again.
// STORE_NOT_FOUND.
func (s *Service) Usable(ctx context.Context, ref Ref) (bool, error) {
	b, err := s.repository.Bindings(ctx, ref.StoreID)
	if err != nil {
		return false, asProblem(err, ref.StoreID)
	}
	return slices.ContainsFunc(b.Adapters, func(x Binding) bool {
		return x.Adapter == ref.Adapter && x.Standing.NextProbe.IsZero()
	}), nil
}

// List returns a page of stores ordered by id.
func (s *Service) List(ctx context.Context, q ListQuery) ([]Store, error) {
	return s.repository.ListStores(ctx, q)
}

// Update replaces the settings of a store by what change makes of them. A store that is to be imported by itself more often, less
// often or again is due at once. Another acceptance policy is noted, for the orders that wait to be judged by it.
func (s *Service) Update(ctx context.Context, id string, change func(*Settings)) (Store, error) {
	return s.update(ctx, id, func(st *Store) error {
		before := st.Settings
		change(&st.Settings)
		// What was planned was planned after another interval.
		if st.Settings.ImportSchedule.Every(s.importInterval) != before.ImportSchedule.Every(s.importInterval) {
			st.NextImport = st.UpdateTime
		}
		if !st.Settings.AcceptancePolicy.same(before.AcceptancePolicy) {
			st.PolicyChange = st.UpdateTime
		}
		return st.Settings.validate("store.settings")
	})
}

// Pause stops imports and shipments of a store.
func (s *Service) Pause(ctx context.Context, id string) (Store, error) {
	return s.setPaused(ctx, id, true)
}

// Resume ends a pause.
func (s *Service) Resume(ctx context.Context, id string) (Store, error) {
	return s.setPaused(ctx, id, false)
}

func (s *Service) setPaused(ctx context.Context, id string, paused bool) (Store, error) {
	return s.update(ctx, id, func(st *Store) error {
		if !st.Connected() {
			return Disconnected(id)
		}
		switch {
		case paused == st.Paused: // since when stays as it is
		case paused:
			st.Paused, st.PauseTime = true, st.UpdateTime
		default:
			st.Paused, st.PauseTime = false, time.Time{}
		}
		return nil
	})
}

// Disconnect erases the credentials of a store; its orders stay readable. With open shipments it must be forced.
func (s *Service) Disconnect(ctx context.Context, id string, force bool) (Store, error) {
	st, err := s.repository.DisconnectStore(ctx, id, s.now(), force)
	if err != nil {
		return Store{}, asProblem(err, id)
	}
	s.log.InfoContext(ctx, "store disconnected", "store", id, "forced", force)
	return st, nil
}

func (s *Service) connected(ctx context.Context, id string) (Store, error) {
	st, err := s.Get(ctx, id)
	if err == nil && !st.Connected() {
		err = Disconnected(id)
	}
	return st, err
}

func (s *Service) update(ctx context.Context, id string, change func(*Store) error) (Store, error) {
	st, err := s.repository.UpdateStore(ctx, id, func(st *Store) error {
		st.UpdateTime = s.now()
		return change(st)
	})
	if err != nil {
		return Store{}, asProblem(err, id)
	}
	return st, nil
}

// keepState keeps new adapter state. It is a cache: failing to keep it costs one token, so it only warns.
func (s *Service) keepState(ctx context.Context, ref Ref, state []byte) {
	if state == nil {
		return
	}
	if err := s.vault.SaveState(ctx, ref, state); err != nil {
		s.log.WarnContext(ctx, "adapter state not kept", "store", ref.StoreID, "adapter", ref.Adapter, "error", err)
	}
}
