package storagetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// bindingsFault is a database that tells other bindings than it has, by both ports.
func bindingsFault(noticedBy string, change func(*store.Bindings)) fault {
	return fault{noticedBy, func(r *storagetest.Repositories) {
		r.Stores, r.Orders = changesBindings{r.Stores, change}, changesOrderBindings{r.Orders, change}
	}}
}

type changesBindings struct {
	store.Repository
	change func(*store.Bindings)
}

func (f changesBindings) Bindings(ctx context.Context, id string) (store.Bindings, error) {
	b, err := f.Repository.Bindings(ctx, id)
	f.change(&b)
	return b, err
}

type changesOrderBindings struct {
	order.Repository
	change func(*store.Bindings)
}

func (f changesOrderBindings) Bindings(ctx context.Context, id string) (store.Bindings, error) {
	b, err := f.Repository.Bindings(ctx, id)
	f.change(&b)
	return b, err
}

type inventsBindings struct{ store.Repository }

func (f inventsBindings) Bindings(ctx context.Context, id string) (store.Bindings, error) {
	b, err := f.Repository.Bindings(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Bindings{}, nil
	}
	return b, err
}

type sortsAdapters struct{ store.Repository }

func (f sortsAdapters) GetStore(ctx context.Context, id string) (store.Store, error) {
	s, err := f.Repository.GetStore(ctx, id)
	slices.Sort(s.Adapters)
	return s, err
}

type takesFirstName struct{ store.Repository }

func (f takesFirstName) FindStore(ctx context.Context, marketplace string, keys store.AccountKeys) (store.Store, error) {
	return f.Repository.FindStore(ctx, marketplace, keys[:min(1, len(keys))])
}

// dropsTakenNames stores what it can of the names of an account.
type dropsTakenNames struct{ store.Repository }

func (f dropsTakenNames) free(ctx context.Context, s store.Store, keys store.AccountKeys) store.AccountKeys {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool {
		found, err := f.FindStore(ctx, s.Marketplace, store.AccountKeys{k})
		return err == nil && found.ID != s.ID
	})
}

func (f dropsTakenNames) CreateStore(ctx context.Context, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	return f.Repository.CreateStore(ctx, s, f.free(ctx, s, keys), c)
}

func (f dropsTakenNames) ReconnectStore(ctx context.Context, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	return f.Repository.ReconnectStore(ctx, s, f.free(ctx, s, keys), c)
}

func (f dropsTakenNames) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	return f.Repository.StartMigration(ctx, m, s, f.free(ctx, s, keys), c)
}

// comparesIDs takes an account id for a name.
type comparesIDs struct{ store.Repository }

func (f comparesIDs) CreateStore(ctx context.Context, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	return f.Repository.CreateStore(ctx, s, append(slices.Clone(keys), s.AccountID), c)
}

type reconnectsNameless struct{ store.Repository }

func (f reconnectsNameless) ReconnectStore(ctx context.Context, s store.Store, _ store.AccountKeys, c store.Sealed) error {
	return f.Repository.ReconnectStore(ctx, s, nil, c)
}

type addsOneByOne struct{ store.Repository }

func (f addsOneByOne) AddAccountKeys(ctx context.Context, ref store.Ref, keys store.AccountKeys) error {
	var errs []error
	for _, k := range keys {
		errs = append(errs, f.Repository.AddAccountKeys(ctx, ref, store.AccountKeys{k}))
	}
	return errors.Join(errs...)
}

// hidesNameErrors takes names in without storing them when that fails with err.
type hidesNameErrors struct {
	store.Repository
	err error
}

func (f hidesNameErrors) AddAccountKeys(ctx context.Context, ref store.Ref, keys store.AccountKeys) error {
	err := f.Repository.AddAccountKeys(ctx, ref, keys)
	if errors.Is(err, f.err) {
		return nil
	}
	return err
}

type oneAccountID struct{ store.Repository }

func (f oneAccountID) AccountID(ctx context.Context, ref store.Ref) (string, error) {
	s, err := f.GetStore(ctx, ref.StoreID)
	if err != nil {
		return "", fmt.Errorf("%w: %w", store.ErrNoCredentials, err)
	}
	return s.AccountID, nil
}

// attemptsEverything takes a start for one of every adapter.
type attemptsEverything struct{ order.Repository }

func (f attemptsEverything) StartImport(ctx context.Context, run order.Import) (order.Import, bool, error) {
	for _, a := range []string{"alpha", "beta"} {
		missing := !slices.ContainsFunc(run.Windows, func(w order.Window) bool { return w.Adapter == a })
		if missing && len(run.Windows) > 0 {
			w := run.Windows[0]
			w.Adapter = a
			run.Windows = append(run.Windows, w)
		}
	}
	return f.Repository.StartImport(ctx, run)
}

// changesParts changes what a run says of its end.
type changesParts struct {
	order.Repository
	change func(*order.Import)
}

func (f changesParts) FinishImport(ctx context.Context, run order.Import) error {
	run.Parts = slices.Clone(run.Parts)
	f.change(&run)
	return f.Repository.FinishImport(ctx, run)
}

type silentWindows struct{ order.Repository }

func (f silentWindows) GetImport(ctx context.Context, storeID, id string) (order.Import, error) {
	run, err := f.Repository.GetImport(ctx, storeID, id)
	for i, w := range run.Windows {
		if strings.Contains(w.Failure.Message, "down") && !w.Finished.IsZero() {
			run.Windows[i].Failure = order.Failure{}
		}
	}
	return run, err
}
