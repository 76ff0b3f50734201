package storagetest_test

import (
	"context"
	"errors"
	"slices"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// pinFaults are the faults of a database that mixes up which store is pinned, and what one store uses.
var pinFaults = map[string]fault{
	"pins are listed by time": {"Pins/pins_are_listed", func(r *storagetest.Repositories) {
		r.Releases = listsPins{r.Releases, func(all []release.Pin) { slices.Reverse(all) }}
	}},
	"nobody learns why a pin ended": {"Pins/pins_are_listed", func(r *storagetest.Repositories) {
		r.Releases = listsPins{r.Releases, func(all []release.Pin) {
			for i := range all {
				all[i].Ended = ""
			}
		}}
	}},
	"the first pin stays": {"Pins/a_store_has_one_pin", func(r *storagetest.Repositories) {
		r.Releases = keepsPins{r.Releases}
	}},
	"anybody is pinned": {"Pins/a_pin_of_a_store_that_is_not_connected", func(r *storagetest.Repositories) {
		r.Releases = pinsAnybody{r.Releases}
	}},
	"pins outlive their store": {"Pins/a_store_that_is_disconnected", func(r *storagetest.Repositories) {
		r.Releases = &remembersPins{Repository: r.Releases}
	}},
	"pins outlive a migration": {"Pins/a_store_that_left", func(r *storagetest.Repositories) {
		r.Releases = &remembersPins{Repository: r.Releases}
	}},
	"new credentials end a pin": {"Pins/new_credentials", func(r *storagetest.Repositories) {
		r.Stores = unpinsRotated{r.Stores, r.Releases}
	}},
	"all stores are unpinned at once": {"Pins/a_deleted_pin_is_gone", func(r *storagetest.Repositories) {
		r.Releases = unpins{r.Releases, func(p release.Pin, adapter, _ string) bool { return p.Adapter == adapter }}
	}},
	"a store is unpinned from every adapter": {"Pins/a_deleted_pin_is_gone", func(r *storagetest.Repositories) {
		r.Releases = unpins{r.Releases, func(p release.Pin, _, store string) bool { return p.Store == store }}
	}},
	"a restart forgets pins": {"Pins/pins_survive", func(r *storagetest.Repositories) {
		r.Reopen = open
	}},
	"a store uses what all do": {"StoreUse/what_other_stores_use", func(r *storagetest.Repositories) {
		r.InUse = oneIsAll{r.InUse}
	}},
	"a store that was disconnected does not exist": {"StoreUse/a_store_exists,_connected_or_not", func(r *storagetest.Repositories) {
		r.InUse = onlyConnected{r.InUse}
	}},
	"every store uses an adapter": {"StoreUse/a_store_uses_the_adapter", func(r *storagetest.Repositories) {
		r.InUse = oneIsAll{r.InUse}
	}},
}

// listsPins changes what is listed.
type listsPins struct {
	release.Repository
	change func([]release.Pin)
}

func (f listsPins) Pins(ctx context.Context) ([]release.Pin, error) {
	all, err := f.Repository.Pins(ctx)
	f.change(all)
	return all, err
}

type keepsPins struct{ release.Repository }

func (f keepsPins) SavePin(ctx context.Context, p release.Pin) error {
	all, err := f.Pins(ctx)
	if slices.ContainsFunc(all, func(old release.Pin) bool { return old.Adapter == p.Adapter && old.Store == p.Store }) {
		return err
	}
	return f.Repository.SavePin(ctx, p)
}

type pinsAnybody struct{ release.Repository }

func (f pinsAnybody) SavePin(ctx context.Context, p release.Pin) error {
	_ = f.Repository.SavePin(ctx, p)
	return nil
}

// remembersPins lists every pin that was ever saved.
type remembersPins struct {
	release.Repository
	all []release.Pin
}

func (f *remembersPins) SavePin(ctx context.Context, p release.Pin) error {
	err := f.Repository.SavePin(ctx, p)
	if err == nil {
		f.all = append(f.all, p)
	}
	return err
}

func (f *remembersPins) Pins(context.Context) ([]release.Pin, error) { return f.all, nil }

// unpinsRotated unpins a store that gets new credentials.
type unpinsRotated struct {
	store.Repository
	releases release.Repository
}

func (f unpinsRotated) ReplaceCredentials(ctx context.Context, ref store.Ref, credentials store.Sealed) error {
	return errors.Join(f.Repository.ReplaceCredentials(ctx, ref, credentials), f.releases.DeletePin(ctx, ref.Adapter, ref.StoreID))
}

// unpins deletes more pins than it is asked to.
type unpins struct {
	release.Repository
	also func(p release.Pin, adapter, store string) bool
}

func (f unpins) DeletePin(ctx context.Context, adapter, store string) error {
	all, err := f.Pins(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if f.also(p, adapter, store) {
			if err := f.Repository.DeletePin(ctx, p.Adapter, p.Store); err != nil {
				return err
			}
		}
	}
	return f.Repository.DeletePin(ctx, adapter, store)
}

// onlyConnected knows stores while they use an adapter.
type onlyConnected struct{ release.Stores }

func (f onlyConnected) HasStore(ctx context.Context, store string) (bool, error) {
	use, err := f.StoreUse(ctx, "alpha", store)
	return use.Stores > 0, err
}

// oneIsAll does not look at the store.
type oneIsAll struct{ release.Stores }

func (f oneIsAll) StoreUse(ctx context.Context, adapter, _ string) (release.Use, error) {
	return f.AdapterUse(ctx, adapter)
}
