package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/relaishq/relais/server/problem"
)

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
	ref := Ref{StoreID: r.StoreID, Adapter: r.Adapter}
	info, err := s.marketplace.AdapterInfo(ctx, ref)
	if err != nil {
		return Store{}, err
	}
	account, err := s.verify(ctx, ref, r.Environment, "", info, r.Credentials)
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
	if reflect.DeepEqual(st.Settings, Settings{}) {
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
