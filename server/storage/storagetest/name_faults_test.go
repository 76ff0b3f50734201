package storagetest_test

import (
	"context"
	"slices"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// nameFaults are the faults of a database that mixes up the names of accounts, or which adapters a store had.
var nameFaults = map[string]fault{
	"adapters share names": {"AccountNames/names_are_kept_with_the_adapter", func(r *storagetest.Repositories) {
		r.Stores = sharesNames{r.Stores}
	}},
	"a name of another adapter is one": {"AccountNames/an_account_without_names", func(r *storagetest.Repositories) {
		r.Stores = changesUnnamed{r.Stores, func(refs []store.Ref) []store.Ref {
			return slices.DeleteFunc(refs, func(ref store.Ref) bool {
				other, err := r.Stores.AccountID(context.Background(), store.Ref{StoreID: ref.StoreID, Adapter: "beta"})
				return err == nil && other != ""
			})
		}}
	}},
	"accounts stay without names": {"AccountNames/an_account_without_names", func(r *storagetest.Repositories) {
		var all []store.Ref
		r.Stores = changesUnnamed{r.Stores, func(refs []store.Ref) []store.Ref {
			for _, ref := range refs {
				if !slices.Contains(all, ref) {
					all = append(all, ref)
				}
			}
			return slices.Clone(all)
		}}
	}},
	"disconnected stores keep their names": {"AccountNames/names_of_a_disconnected_store", func(r *storagetest.Repositories) {
		r.Stores = respectsAll{r.Stores}
	}},
	"anybody takes names of disconnected stores": {"AccountNames/nobody_but_a_move", func(r *storagetest.Repositories) {
		r.Stores = hidesNameErrors{r.Stores, store.ErrAccountTaken}
	}},
	"a move takes what names it can": {"AccountNames/a_move_that_is_refused", func(r *storagetest.Repositories) {
		r.Stores = dropsTakenNames{r.Stores}
	}},
	"an undone move leaves names": {"AccountNames/a_move_that_was_undone", func(r *storagetest.Repositories) {
		r.Stores = keepsNames{r.Stores}
	}},
	"a complete move forgets names": {"AccountNames/a_move_that_is_complete", func(r *storagetest.Repositories) {
		r.Stores = forgetsNames{r.Stores}
	}},

	"former adapters are forgotten": bindingsFault("Bindings/adapters_that_it_holds_no_credentials", func(b *store.Bindings) { b.Former = nil }),
	"the adapter that is left is a former one": bindingsFault("Bindings/adapters_that_it_holds_no_credentials", func(b *store.Bindings) {
		for _, x := range b.Adapters {
			if x.Adapter != b.Current {
				b.Former = append(b.Former, x.Adapter)
			}
		}
	}),

	"open orders come adapter by adapter": {"Moves/open_orders_of_several", func(r *storagetest.Repositories) {
		r.Orders = listsOneByOne{r.Orders}
	}},
	"every order can be read under its number": {"Matches/by_a_reference_that_only_both_have", func(r *storagetest.Repositories) {
		r.Orders = changesMatches{r.Orders, func(_ store.Ref, m *order.Match) { m.Readable = true }}
	}},
	"only its own orders can be read through an adapter": {"Matches/an_order_is_known_by_its_number", func(r *storagetest.Repositories) {
		r.Orders = changesMatches{r.Orders, func(ref store.Ref, m *order.Match) { m.Readable = m.Adapter == ref.Adapter }}
	}},
}

type sharesNames struct{ store.Repository }

func (f sharesNames) AccountKeys(ctx context.Context, ref store.Ref) (store.AccountKeys, error) {
	var all store.AccountKeys
	for _, ref.Adapter = range []string{"alpha", "beta"} {
		keys, err := f.Repository.AccountKeys(ctx, ref)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	return all, nil
}

// changesUnnamed tells other accounts without names than there are.
type changesUnnamed struct {
	store.Repository
	change func([]store.Ref) []store.Ref
}

func (f changesUnnamed) UnnamedAccounts(ctx context.Context, marketplace string) ([]store.Ref, error) {
	refs, err := f.Repository.UnnamedAccounts(ctx, marketplace)
	return f.change(refs), err
}

// respectsAll moves no store to an account of which another has a name, connected or not.
type respectsAll struct{ store.Repository }

func (f respectsAll) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	for _, k := range keys {
		if found, err := f.FindStore(ctx, s.Marketplace, store.AccountKeys{k}); err == nil && found.ID != s.ID {
			return store.ErrAccountTaken
		}
	}
	return f.Repository.StartMigration(ctx, m, s, keys, c)
}

// keepsNames adds again what a completion forgot.
type keepsNames struct{ store.Repository }

func (f keepsNames) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	ref := store.Ref{StoreID: id, Adapter: leaving}
	keys, err := f.AccountKeys(ctx, ref)
	if err != nil {
		return false, err
	}
	done, err := f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
	if err != nil {
		return done, err
	}
	return done, f.AddAccountKeys(ctx, ref, keys)
}

// forgetsNames knows the names of adapters with credentials only.
type forgetsNames struct{ store.Repository }

func (f forgetsNames) AccountKeys(ctx context.Context, ref store.Ref) (store.AccountKeys, error) {
	if s, err := f.GetStore(ctx, ref.StoreID); err != nil || !slices.Contains(s.Adapters, ref.Adapter) {
		return nil, err
	}
	return f.Repository.AccountKeys(ctx, ref)
}

// listsOneByOne lists the open orders of one adapter after those of the other.
type listsOneByOne struct{ order.Repository }

func (f listsOneByOne) UnseenOpenOrders(ctx context.Context, storeID string, adapters []string, importID, after string, limit int) ([]string, error) {
	var all []string
	for _, a := range adapters {
		open, err := f.Repository.UnseenOpenOrders(ctx, storeID, []string{a}, importID, after, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, open...)
	}
	return all[:min(limit, len(all))], nil
}

// changesMatches tells more or less of what it found.
type changesMatches struct {
	order.Repository
	change func(store.Ref, *order.Match)
}

func (f changesMatches) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	found, err := f.Repository.MatchOrders(ctx, ref, orders)
	for _, m := range found {
		if m != nil {
			f.change(ref, m)
		}
	}
	return found, err
}
