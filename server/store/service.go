package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/problem"
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
	// AdapterInfo describes an adapter. ADAPTER_NOT_FOUND, ADAPTER_DOWN.
	AdapterInfo(ctx context.Context, adapter string) (AdapterInfo, error)
	// CheckConnection asks the marketplace whose credentials these are.
	CheckConnection(ctx context.Context, a Access) (Account, error)
}

// Service connects, changes and disconnects stores. Its errors are problems.
type Service struct {
	repository   Repository
	vault        *Vault
	marketplace  Marketplace
	environments Environments
	now          func() time.Time
	log          *slog.Logger
}

// NewService returns a service over these collaborators.
func NewService(r Repository, v *Vault, m Marketplace, e Environments, now func() time.Time, log *slog.Logger) *Service {
	return &Service{repository: r, vault: v, marketplace: m, environments: e, now: now, log: log}
}

// ConnectRequest is what ConnectStore is given.
type ConnectRequest struct {
	StoreID     string // empty: one is made from the shop's name
	Adapter     string
	Environment string   // empty means "production"
	Settings    Settings // none, when the account was connected before: those it had then
	Credentials map[string]string
}

// DefaultEnvironment is the environment of a store that names none.
const DefaultEnvironment = "production"

var storeIDPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{2,39}$`)

// Connect verifies the credentials with the marketplace and stores them sealed. Nothing is stored when they are refused.
func (s *Service) Connect(ctx context.Context, r ConnectRequest) (Store, error) {
	if r.StoreID != "" && !storeIDPattern.MatchString(r.StoreID) {
		return Store{}, problem.InvalidField("store_id", "%q must be 3 to 40 of a-z, 0-9 and \"-\", starting with a letter", r.StoreID)
	}
	if err := r.Settings.validate("store.settings"); err != nil {
		return Store{}, err
	}
	if r.Environment == "" {
		r.Environment = DefaultEnvironment
	}
	info, err := s.marketplace.AdapterInfo(ctx, r.Adapter)
	if err != nil {
		return Store{}, err
	}
	if err := checkCredentialFields(r.Credentials, info.Credentials); err != nil {
		return Store{}, err
	}
	addresses, err := s.environments.Addresses(r.Environment, r.Adapter, info.EnvironmentKeys)
	if err != nil {
		return Store{}, err
	}
	account, err := s.marketplace.CheckConnection(ctx, Access{
		Ref:         Ref{StoreID: r.StoreID, Adapter: r.Adapter},
		Credentials: r.Credentials,
		Environment: addresses,
	})
	if err != nil {
		return Store{}, err
	}
	now := s.now()
	st := Store{
		ID: r.StoreID, Adapter: r.Adapter, Adapters: []string{r.Adapter}, Environment: r.Environment,
		Marketplace: info.Marketplace, AccountID: account.ID, ShopName: account.ShopName, Acceptance: account.Acceptance,
		Settings: r.Settings, Health: Health{State: Healthy, Since: now},
		CreateTime: now, UpdateTime: now,
	}
	if st, err = s.save(ctx, st, accountKeys(r.Adapter, account), r.Credentials); err != nil {
		return Store{}, err
	}
	s.keepState(ctx, Ref{StoreID: st.ID, Adapter: st.Adapter}, account.State)
	s.log.InfoContext(ctx, "store connected", "store", st.ID, "adapter", st.Adapter, "environment", st.Environment)
	return st, nil
}

// learnAccounts asks the marketplace for the names of accounts of which only the adapter's own id is known: stores of a relais
// that did not know names yet. A store that cannot be asked now is asked the next time.
func (s *Service) learnAccounts(ctx context.Context, marketplace, adapter string) error {
	unnamed, err := s.repository.UnnamedAccounts(ctx, marketplace)
	if err != nil {
		return fmt.Errorf("find accounts without names: %w", err)
	}
	for _, ref := range unnamed {
		if ref.Adapter == adapter { // ids of one adapter tell accounts apart
			continue
		}
		st, err := s.repository.GetStore(ctx, ref.StoreID)
		if err != nil {
			return fmt.Errorf("read store %s: %w", ref.StoreID, err)
		}
		account, err := s.account(ctx, st, ref.Adapter)
		if err != nil {
			s.log.WarnContext(ctx, "names of account not learnt", "store", ref.StoreID, "adapter", ref.Adapter)
			continue
		}
		s.keepState(ctx, ref, account.State)
		if err := s.repository.AddAccountKeys(ctx, ref, accountKeys(ref.Adapter, account)); err != nil && !errors.Is(err, ErrAccountTaken) {
			return asProblem(err, ref.StoreID)
		}
	}
	return nil
}

// save stores a verified store: as a new one, or under its old name when the account was connected before.
func (s *Service) save(ctx context.Context, st Store, keys AccountKeys, credentials map[string]string) (Store, error) {
	if err := s.learnAccounts(ctx, st.Marketplace, st.Adapter); err != nil {
		return Store{}, err
	}
	known, err := s.repository.FindStore(ctx, st.Marketplace, keys)
	switch {
	case errors.Is(err, ErrNotFound):
		return s.create(ctx, st, keys, credentials)
	case err != nil:
		return Store{}, fmt.Errorf("find store of account: %w", err)
	case known.Connected() && known.Adapter != st.Adapter:
		return Store{}, accountTaken(known.ID, "is connected already as store "+known.ID+" through adapter "+known.Adapter+
			"; MigrateStore moves that store to adapter "+st.Adapter)
	case known.Connected():
		return Store{}, accountTaken(known.ID, "is connected already as store "+known.ID+"; rotate its credentials or disconnect it first")
	case st.ID != "" && st.ID != known.ID:
		return Store{}, accountTaken(known.ID, "was connected before as store "+known.ID+", which holds its orders; leave store_id empty to connect it again under that name")
	}
	// Under the old name, so that the orders it holds are not imported twice. Its import cursor stays too.
	st.ID, st.CreateTime = known.ID, known.CreateTime
	st.LastImportStart, st.LastImportFinish = known.LastImportStart, known.LastImportFinish
	if st.Settings == (Settings{}) {
		st.Settings = known.Settings
	}
	sealed, err := s.vault.sealCredentials(Ref{StoreID: st.ID, Adapter: st.Adapter}, credentials)
	if err != nil {
		return Store{}, err
	}
	if err := s.repository.ReconnectStore(ctx, st, keys, sealed); err != nil {
		if errors.Is(err, ErrAccountTaken) {
			return Store{}, accountTaken(known.ID, "is connected already as store "+known.ID)
		}
		return Store{}, fmt.Errorf("reconnect store: %w", err)
	}
	return st, nil
}

// create stores a new store. An id that it made itself is made again when taken.
func (s *Service) create(ctx context.Context, st Store, keys AccountKeys, credentials map[string]string) (Store, error) {
	given := st.ID != ""
	for {
		if !given {
			st.ID = makeID(st.ShopName, st.Marketplace)
		}
		sealed, err := s.vault.sealCredentials(Ref{StoreID: st.ID, Adapter: st.Adapter}, credentials)
		if err != nil {
			return Store{}, err
		}
		err = s.repository.CreateStore(ctx, st, keys, sealed)
		switch {
		case errors.Is(err, ErrAccountTaken): // another call connected it meanwhile
			return Store{}, accountTaken("", "was connected by another call meanwhile")
		case errors.Is(err, ErrIDTaken) && given:
			return Store{}, problem.New(problem.Exists, problem.ReasonStoreIDTaken,
				"store %q exists; choose another store_id or leave it empty", st.ID)
		case errors.Is(err, ErrIDTaken):
			continue
		case err != nil:
			return Store{}, fmt.Errorf("create store: %w", err)
		}
		return st, nil
	}
}

// accountTaken is the problem of an account that has a store; storeID may be empty when it is not known which.
func accountTaken(storeID, message string) error {
	p := problem.New(problem.Exists, problem.ReasonAccountConnected, "this marketplace account %s", message)
	if storeID != "" {
		return p.With("store", "stores/"+storeID)
	}
	return p
}

// makeID makes a store id that people can tell apart: the shop's name and four random hex digits.
func makeID(shopName, marketplace string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(shopName) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 24 {
			break
		}
	}
	base := strings.Trim(b.String(), "-")
	if base == "" {
		base = marketplace
	}
	var random [2]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand.Read crashes the program instead
	return base + "-" + hex.EncodeToString(random[:])
}

// checkCredentialFields holds the credentials against the adapter's schema and names every field that is wrong.
func checkCredentialFields(given map[string]string, schema []CredentialField) error {
	var fields []problem.Field
	var known []string
	for _, f := range schema {
		known = append(known, f.Key)
		if given[f.Key] == "" && !f.Optional {
			fields = append(fields, problem.Field{Path: "credentials.values[" + f.Key + "]", Message: "is required"})
		}
	}
	for key := range given {
		if !slices.Contains(known, key) {
			fields = append(fields, problem.Field{
				Path: "credentials.values", Message: "has a key that the adapter does not know; it knows " + strings.Join(known, ", "),
			})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	p := problem.InvalidField("credentials.values", "does not match what the adapter needs: %s", strings.Join(known, ", "))
	p.Fields = fields
	return p
}

// Get returns a store.
func (s *Service) Get(ctx context.Context, id string) (Store, error) {
	st, err := s.repository.GetStore(ctx, id)
	if err != nil {
		return Store{}, asProblem(err, id)
	}
	return st, nil
}

// List returns a page of stores ordered by id.
func (s *Service) List(ctx context.Context, q ListQuery) ([]Store, error) {
	return s.repository.ListStores(ctx, q)
}

// Update replaces the settings of a store by what change makes of them.
func (s *Service) Update(ctx context.Context, id string, change func(*Settings)) (Store, error) {
	return s.update(ctx, id, func(st *Store) error {
		change(&st.Settings)
		return st.Settings.validate("store.settings")
	})
}

// RotateCredentials verifies new credentials of the same account and replaces the old ones by them. adapter names one of those
// that a moving store speaks through; empty means the one of new orders.
func (s *Service) RotateCredentials(ctx context.Context, id, adapter string, credentials map[string]string) (Store, error) {
	st, err := s.connected(ctx, id)
	if err != nil {
		return Store{}, err
	}
	if adapter == "" {
		adapter = st.Adapter
	}
	info, err := s.marketplace.AdapterInfo(ctx, adapter)
	if err != nil {
		return Store{}, err
	}
	ref := Ref{StoreID: id, Adapter: adapter}
	if !slices.Contains(st.Adapters, adapter) {
		return Store{}, NotConnected(ref)
	}
	if err := checkCredentialFields(credentials, info.Credentials); err != nil {
		return Store{}, err
	}
	addresses, err := s.environments.Addresses(st.Environment, adapter, info.EnvironmentKeys)
	if err != nil {
		return Store{}, err
	}
	accountID, err := s.repository.AccountID(ctx, ref)
	if err != nil {
		return Store{}, asProblem(err, id)
	}
	account, err := s.marketplace.CheckConnection(ctx, Access{
		Ref: ref, AccountID: accountID, Credentials: credentials, Environment: addresses,
	})
	if err != nil {
		return Store{}, err
	}
	if account.ID != accountID {
		return Store{}, problem.New(problem.Precondition, problem.ReasonAccountMismatch,
			"these credentials belong to another marketplace account than store %q; connect that account as a store of its own", id)
	}
	sealed, err := s.vault.sealCredentials(ref, credentials)
	if err != nil {
		return Store{}, err
	}
	err = s.repository.ReplaceCredentials(ctx, ref, sealed)
	if errors.Is(err, ErrNoCredentials) {
		if now, err := s.Get(ctx, id); err == nil && now.Connected() { // its move became complete meanwhile
			return Store{}, NotConnected(ref)
		}
	}
	if err != nil {
		return Store{}, asProblem(err, id)
	}
	s.keepState(ctx, ref, account.State)
	return s.checked(ctx, ref, account)
}

// Check asks the marketplace now whether the stored credentials work, through every adapter that the store speaks through. The
// store's health tells the answer afterwards; an error is that of the adapter of new orders.
func (s *Service) Check(ctx context.Context, id string) (Store, error) {
	st, err := s.connected(ctx, id)
	if err != nil {
		return Store{}, err
	}
	var failed error
	for _, adapter := range st.Adapters {
		ref := Ref{StoreID: id, Adapter: adapter}
		account, err := s.account(ctx, st, adapter)
		if err != nil {
			s.Report(ctx, ref, err)
			if adapter == st.Adapter {
				failed = err
			}
			continue
		}
		s.keepState(ctx, ref, account.State)
		if _, err = s.checked(ctx, ref, account); err != nil {
			return Store{}, err
		}
	}
	if failed != nil {
		return Store{}, failed
	}
	return s.Get(ctx, id)
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
		st.Paused = paused
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

// checked notes that the marketplace just answered well, and what it said of the account.
func (s *Service) checked(ctx context.Context, ref Ref, account Account) (Store, error) {
	if err := s.repository.AddAccountKeys(ctx, ref, accountKeys(ref.Adapter, account)); errors.Is(err, ErrAccountTaken) {
		// The account works; that the marketplace gives its name to two of them is for a person to look at.
		s.log.WarnContext(ctx, "the marketplace gives one name to the accounts of two stores", "store", ref.StoreID, "adapter", ref.Adapter)
	} else if err != nil {
		return Store{}, asProblem(err, ref.StoreID)
	}
	if err := s.repository.SetAdapterHealth(ctx, ref, AdapterWorks); err != nil {
		return Store{}, fmt.Errorf("note that the credentials of store %s work: %w", ref.StoreID, err)
	}
	return s.update(ctx, ref.StoreID, func(st *Store) error {
		if st.Adapter == ref.Adapter {
			if account.ShopName != "" {
				st.ShopName = account.ShopName
			}
			st.Acceptance = account.Acceptance
		}
		if health, changes := healthAfter(*st, ref.Adapter, nil); changes {
			health.Since = st.UpdateTime
			st.Health = health
		}
		return nil
	})
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
