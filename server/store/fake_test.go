package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// secret is a credential that must be in no error and no log.
const secret = "correct-horse-battery"

// world is a service with what stands around it: store "shop" in a database, adapters alpha, beta and gamma of one marketplace
// and foreign of another. One test uses it from one goroutine, but for what the prober does meanwhile: mu.
type world struct {
	*store.Service
	mu     *sync.Mutex // guards told, and of db and market what the prober uses
	db     *database
	market *marketplace
	log    *strings.Builder
	now    time.Time
	clock  func() time.Time // instead of now, if there is one
	told   []bool           // what StandingChanged was told
}

// database is a store.Repository. The methods that it does not have are not to be called.
type database struct {
	store.Repository
	mu          *sync.Mutex // see world
	stores      map[string]store.Store
	names       map[string]string // the store of an account's name
	told        map[store.Ref]store.AccountKeys
	unnamed     []store.Ref
	ids         map[store.Ref]string
	credentials map[store.Ref]store.Sealed
	states      map[store.Ref]store.Sealed
	bindings    store.Bindings
	last        *store.Migration
	left        bool   // something is left on the adapter that the store leaves
	onUpdate    func() // what another call does just before a store is written
	onUndo      func() // and before a migration is undone
	onReplace   func() // and before credentials are replaced

	migrationErr, standErr, startErr, undoErr, completeErr, addErr, replaceErr error

	started   []started
	undone    []time.Time
	completed []string // adapters, with "!" when given up
	standings []string // "<adapter> works", "<adapter> suspected" or "<adapter> refused"
	created   []string // ids
	updates   int
}

// marketplace is a store.Marketplace.
type marketplace struct {
	mu        *sync.Mutex              // see world
	accounts  map[string]store.Account // by adapter
	errs      map[string]error
	described []store.Ref     // whose adapter was described
	checks    []string        // "<adapter> <account id>"
	within    []time.Duration // what was left of the time of each check
}

// started is what StartMigration was given.
type started struct {
	Migration   store.Migration
	Store       store.Store
	Keys        store.AccountKeys
	Credentials string
}

var (
	shopAlpha = store.Ref{StoreID: "shop", Adapter: "alpha"}
	shopBeta  = store.Ref{StoreID: "shop", Adapter: "beta"}
)

func newWorld() *world {
	shop := store.Store{
		ID: "shop", Adapter: "alpha", Adapters: []string{"alpha"}, Environment: "production", Marketplace: "market",
		AccountID: "a-1", ShopName: "Old name", Health: store.Health{State: store.Throttled}, UpdateTime: at(-100),
	}
	mu := &sync.Mutex{}
	w := &world{
		mu: mu, now: noon, log: &strings.Builder{},
		db: &database{
			mu:     mu,
			stores: map[string]store.Store{"shop": shop, "other": {ID: "other", Marketplace: "market"}},
			names:  map[string]string{"adapter/alpha:a-1": "shop", "login:one": "shop", "login:two": "other"},
			ids:    map[store.Ref]string{shopAlpha: "a-1"}, credentials: map[store.Ref]store.Sealed{shopAlpha: {Ciphertext: []byte(`{}`)}},
			states:   map[store.Ref]store.Sealed{},
			told:     map[store.Ref]store.AccountKeys{shopAlpha: {"adapter/alpha:a-1", "login:one"}},
			bindings: store.Bindings{Current: "alpha", Origin: "alpha", Adapters: []store.Binding{{Adapter: "alpha"}}},
		},
		market: &marketplace{
			mu: mu,
			accounts: map[string]store.Account{
				"alpha": {ID: "a-1", Keys: store.AccountKeys{"login:one"}},
				"beta":  {ID: "b-1", Keys: store.AccountKeys{"seller:7", "login:one"}, Acceptance: store.AcceptedByMarketplace, State: []byte("token")},
			},
			errs: map[string]error{},
		},
	}
	w.Service = store.NewService(store.Config{
		Repository: w.db, Vault: store.NewVault(w.db, glass{}, addresses{}), Marketplace: w.market, Environments: addresses{},
		Refusals:        store.RefusalPolicy{Suspicion: 5 * time.Minute, ProbeMin: 15 * time.Minute, ProbeMax: time.Hour},
		StandingChanged: w.standingChanged,
		Now:             w.time, Log: w.logger(),
	})
	return w
}

func (w *world) standingChanged(works bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, works)
}

func (w *world) logger() *slog.Logger { return slog.New(slog.NewTextHandler(w.log, nil)) }

func (w *world) time() time.Time {
	if w.clock != nil {
		return w.clock()
	}
	return w.now
}

// moving makes the shop one that went from alpha to beta at a minute.
func (d *database) moving(minute int) {
	d.last = &store.Migration{StoreID: "shop", Source: "alpha", Target: "beta", Cutover: at(minute)}
	shop := d.stores["shop"]
	shop.Adapter, shop.Adapters = "beta", []string{"beta", "alpha"}
	d.stores["shop"] = shop
	d.ids[shopBeta], d.credentials[shopBeta] = "b-1", store.Sealed{Ciphertext: []byte(`{}`)}
	d.bindings = store.Bindings{
		Current: "beta", Origin: "alpha", Moved: true, Turns: []store.Turn{{At: at(minute), Adapter: "beta"}},
		Adapters: []store.Binding{{Adapter: "beta"}, {Adapter: "alpha"}},
	}
}

// returning makes it one that went back to alpha.
func (d *database) returning(minute int) {
	d.last.Undone = at(minute)
	shop := d.stores["shop"]
	shop.Adapter, shop.Adapters = "alpha", []string{"alpha", "beta"}
	d.stores["shop"] = shop
	d.bindings.Current = "alpha"
	slices.Reverse(d.bindings.Adapters)
}

// disconnect makes a store one that is disconnected.
func (d *database) disconnect(id string) {
	s := d.stores[id]
	s.DisconnectTime = noon
	d.stores[id] = s
}

// ill gives the shop a health.
func (d *database) ill(state store.HealthState, reason string) {
	s := d.stores["shop"]
	s.Health = store.Health{State: state, Reason: reason}
	d.stores["shop"] = s
}

func (d *database) GetStore(_ context.Context, id string) (store.Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.stores[id]
	if !ok {
		return s, fmt.Errorf("get store: %w", store.ErrNotFound)
	}
	return s, nil
}

func (d *database) FindStore(_ context.Context, _ string, keys store.AccountKeys) (store.Store, error) {
	var ids []string
	for _, k := range keys {
		if id, ok := d.names[k]; ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return store.Store{}, fmt.Errorf("find store: %w", store.ErrNotFound)
	}
	return d.stores[slices.Min(ids)], nil
}

func (d *database) UpdateStore(_ context.Context, id string, change func(*store.Store) error) (store.Store, error) {
	if d.onUpdate != nil {
		d.onUpdate()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stores[id]
	if err := change(&s); err != nil {
		return s, err
	}
	d.updates++
	d.stores[id] = s
	return s, nil
}

func (d *database) Credentials(_ context.Context, ref store.Ref) (store.Sealed, error) {
	c, ok := d.credentials[ref]
	if !ok {
		return c, store.ErrNoCredentials
	}
	return c, nil
}

func (d *database) AccountID(_ context.Context, ref store.Ref) (string, error) {
	id, ok := d.ids[ref]
	if !ok {
		return "", store.ErrNoCredentials
	}
	return id, nil
}

func (d *database) AccountKeys(_ context.Context, ref store.Ref) (store.AccountKeys, error) {
	return d.told[ref], nil
}

func (d *database) AddAccountKeys(_ context.Context, ref store.Ref, keys store.AccountKeys) error {
	if d.addErr != nil {
		return d.addErr
	}
	for _, k := range keys {
		if id, ok := d.names[k]; ok && id != ref.StoreID {
			return fmt.Errorf("add: %w", store.ErrAccountTaken)
		}
	}
	for _, k := range keys {
		d.names[k] = ref.StoreID
		d.told[ref] = append(d.told[ref], k)
	}
	return nil
}

func (d *database) UnnamedAccounts(context.Context, string) ([]store.Ref, error) {
	return d.unnamed, nil
}

func (d *database) ChangeStanding(_ context.Context, ref store.Ref, change func(store.Standing) store.Standing) (s store.Standing, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.standErr != nil {
		return s, d.standErr
	}
	for i, x := range d.bindings.Adapters {
		if x.Adapter == ref.Adapter {
			s = change(x.Standing)
			d.bindings.Adapters[i].Standing = s
		}
	}
	word := " suspected"
	switch {
	case s.Works():
		word = " works"
	case s.Refused:
		word = " refused"
	}
	d.standings = append(d.standings, ref.Adapter+word)
	return s, nil
}

func (d *database) Adapters(context.Context) (adapters []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.bindings.Adapters {
		adapters = append(adapters, x.Adapter)
	}
	return adapters, nil
}

func (d *database) DueProbes(_ context.Context, adapter string, now time.Time, _ int) (refs []store.Ref, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.bindings.Adapters {
		if next := x.Standing.NextProbe; x.Adapter == adapter && !next.IsZero() && !next.After(now) {
			refs = append(refs, store.Ref{StoreID: "shop", Adapter: x.Adapter})
		}
	}
	return refs, nil
}

func (d *database) NextProbe(_ context.Context, adapter string, after time.Time) (next time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.bindings.Adapters {
		if at := x.Standing.NextProbe; x.Adapter == adapter && at.After(after) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

func (d *database) CreateStore(_ context.Context, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	d.stores[s.ID] = s
	d.created = append(d.created, s.ID)
	d.credentials[store.Ref{StoreID: s.ID, Adapter: s.Adapter}] = c
	for _, k := range keys {
		d.names[k] = s.ID
	}
	return nil
}

func (d *database) ReplaceCredentials(_ context.Context, ref store.Ref, c store.Sealed) error {
	if d.onReplace != nil {
		d.onReplace()
	}
	if d.replaceErr == nil {
		d.credentials[ref] = c
	}
	return d.replaceErr
}

func (d *database) AdapterState(_ context.Context, ref store.Ref) (store.Sealed, error) {
	return d.states[ref], nil
}

func (d *database) SaveAdapterState(_ context.Context, ref store.Ref, state store.Sealed) error {
	d.states[ref] = state
	return nil
}

func (d *database) Bindings(_ context.Context, id string) (store.Bindings, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.stores[id]; !ok {
		return store.Bindings{}, fmt.Errorf("read bindings: %w", store.ErrNotFound)
	}
	b := d.bindings
	b.Adapters = slices.Clone(b.Adapters)
	return b, nil
}

func (d *database) Migration(context.Context, string) (store.Migration, error) {
	switch {
	case d.migrationErr != nil:
		return store.Migration{}, d.migrationErr
	case d.last == nil:
		return store.Migration{}, fmt.Errorf("read migration: %w", store.ErrNoMigration)
	}
	return *d.last, nil
}

func (d *database) StartMigration(_ context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	if d.startErr != nil {
		return d.startErr
	}
	d.started = append(d.started, started{m, s, keys, string(c.Ciphertext)})
	d.last = &m
	return nil
}

func (d *database) UndoMigration(_ context.Context, _ string, now time.Time) error {
	d.undone = append(d.undone, now)
	if d.onUndo != nil {
		d.onUndo()
	}
	if d.undoErr == nil {
		d.last.Undone = now
	}
	return d.undoErr
}

func (d *database) CompleteMigration(_ context.Context, _, leaving string, _ time.Time, givenUp bool) (bool, error) {
	if givenUp {
		leaving += "!"
	}
	d.completed = append(d.completed, leaving)
	return !d.left, d.completeErr
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// wantReason checks the reason of a problem; an empty one stands for no error.
func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	switch p := problem.As(err); {
	case reason == "" && err != nil:
		t.Errorf("error %v, want none", err)
	case reason != "" && (p == nil || p.Reason != reason):
		t.Errorf("error %v, want %s", err, reason)
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("the error holds a secret: %v", err)
	}
}
