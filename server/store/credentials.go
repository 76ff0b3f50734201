package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/problem"
)

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
	ref := Ref{StoreID: id, Adapter: adapter}
	info, err := s.marketplace.AdapterInfo(ctx, ref)
	if err != nil {
		return Store{}, err
	}
	if !slices.Contains(st.Adapters, adapter) {
		return Store{}, NotConnected(ref)
	}
	accountID, err := s.repository.AccountID(ctx, ref)
	if err != nil {
		return Store{}, asProblem(err, id)
	}
	account, err := s.verify(ctx, ref, st.Environment, accountID, info, credentials)
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

// verify holds credentials for an adapter against what it asks for, and asks the marketplace whose they are. accountID is empty for
// an account that relais does not know yet.
func (s *Service) verify(
	ctx context.Context, ref Ref, environment, accountID string, info AdapterInfo, credentials map[string]string,
) (Account, error) {
	if err := checkCredentialFields(credentials, info.Credentials); err != nil {
		return Account{}, err
	}
	addresses, err := s.environments.Addresses(environment, ref.Adapter, info.EnvironmentKeys)
	if err != nil {
		return Account{}, err
	}
	return s.marketplace.CheckConnection(ctx, Access{Ref: ref, AccountID: accountID, Credentials: credentials, Environment: addresses})
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

// probeTimeout bounds a probe: an adapter that was given up must not hold up those that work.
const probeTimeout = 20 * time.Second

// Probe asks the marketplace through an adapter whether it answers at all.
func (s *Service) Probe(ctx context.Context, ref Ref) error {
	account, err := s.answer(ctx, ref)
	if err != nil {
		return err
	}
	s.keepState(ctx, ref, account.State)
	return nil
}

// answer is what the marketplace answers a probe.
func (s *Service) answer(ctx context.Context, ref Ref) (Account, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	st, err := s.connected(ctx, ref.StoreID)
	if err != nil {
		return Account{}, err
	}
	return s.account(ctx, st, ref.Adapter)
}

// account asks the marketplace through one of the store's adapters whose credentials it holds.
func (s *Service) account(ctx context.Context, st Store, adapter string) (Account, error) {
	ref := Ref{StoreID: st.ID, Adapter: adapter}
	info, err := s.marketplace.AdapterInfo(ctx, ref)
	if err != nil {
		return Account{}, err
	}
	access, err := s.vault.Access(ctx, ref, info.EnvironmentKeys)
	if err != nil {
		return Account{}, err
	}
	account, err := s.marketplace.CheckConnection(ctx, access)
	if err != nil {
		return Account{}, err
	}
	if account.ID != access.AccountID {
		return Account{}, problem.New(problem.Precondition, problem.ReasonAccountMismatch,
			"the marketplace says that the credentials of store %q belong to another account now; rotate them", st.ID)
	}
	return account, nil
}

// checked notes that the marketplace just answered well, and what it said of the account.
func (s *Service) checked(ctx context.Context, ref Ref, account Account) (Store, error) {
	if err := s.repository.AddAccountKeys(ctx, ref, accountKeys(ref.Adapter, account)); errors.Is(err, ErrAccountTaken) {
		// The account works; that the marketplace gives its name to two of them is for a person to look at.
		s.log.WarnContext(ctx, "the marketplace gives one name to the accounts of two stores", "store", ref.StoreID, "adapter", ref.Adapter)
	} else if err != nil {
		return Store{}, asProblem(err, ref.StoreID)
	}
	standing, err := s.stand(ctx, ref, func(Standing) Standing { return Standing{} })
	if err != nil {
		return Store{}, err
	}
	return s.update(ctx, ref.StoreID, func(st *Store) error {
		if st.Adapter == ref.Adapter {
			if account.ShopName != "" {
				st.ShopName = account.ShopName
			}
			st.Acceptance = account.Acceptance
		}
		st.Health, _ = healthAfter(*st, ref.Adapter, nil, standing)
		return nil
	})
}
