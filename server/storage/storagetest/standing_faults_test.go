package storagetest_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// standingFaults are the faults of a database that mixes up how credentials stand, and when they are tried.
var standingFaults = map[string]fault{
	"a change gets nothing": {"Standing/a_change_gets_what_stands", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(stores store.Repository, ref store.Ref, change change) (store.Standing, error) {
			return stores.ChangeStanding(context.Background(), ref, func(store.Standing) store.Standing { return change(store.Standing{}) })
		}}
	}},
	"a change returns what stood before": {"Standing/a_change_gets_what_stands", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(stores store.Repository, ref store.Ref, change change) (before store.Standing, err error) {
			_, err = stores.ChangeStanding(context.Background(), ref, func(x store.Standing) store.Standing {
				before = x
				return change(x)
			})
			return before, err
		}}
	}},
	"a change is two transactions": {"Standing/concurrent_changes_lose_nothing", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(stores store.Repository, ref store.Ref, change change) (store.Standing, error) {
			keep := func(x store.Standing) store.Standing { return x }
			x, err := stores.ChangeStanding(context.Background(), ref, keep)
			if err != nil {
				return x, err
			}
			x = change(x)
			<-time.After(10 * time.Millisecond) // lets the others read before this one writes
			return stores.ChangeStanding(context.Background(), ref, func(store.Standing) store.Standing { return x })
		}}
	}},
	"credentials that are not there stand": {"Standing/credentials_that_are_not_there", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(stores store.Repository, ref store.Ref, change change) (store.Standing, error) {
			if _, err := stores.Credentials(context.Background(), ref); err != nil {
				return change(store.Standing{}), nil
			}
			return stores.ChangeStanding(context.Background(), ref, change)
		}}
	}},
	"suspicion holds up no shipments": {"Holds/nothing_is_due_through_an_adapter_whose", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(stores store.Repository, ref store.Ref, change change) (store.Standing, error) {
			return stores.ChangeStanding(context.Background(), ref, func(x store.Standing) store.Standing {
				if x = change(x); !x.Refused {
					x.NextProbe = time.Time{}
				}
				return x
			})
		}}
	}},
	"suspicion holds up no imports": {"Holds/nothing_is_due_through_an_adapter_whose", func(r *storagetest.Repositories) {
		r.Schedule = importsAnyway{r.Schedule, r.Stores}
	}},
	"probes are due by name": {"Standing/probes_are_due_by_their_time", func(r *storagetest.Repositories) {
		r.Stores = changesProbes{r.Stores, func(refs []store.Ref) []store.Ref {
			slices.SortFunc(refs, func(a, b store.Ref) int { return strings.Compare(a.StoreID, b.StoreID) })
			return refs
		}}
	}},
	"probes are due before their time": {"Standing/probes_are_due_by_their_time", func(r *storagetest.Repositories) {
		r.Stores = hurriesProbes{r.Stores}
	}},
	"the next probe is not told": {"Standing/probes_are_due_by_their_time", func(r *storagetest.Repositories) {
		r.Stores = forgetsProbes{r.Stores}
	}},
	"the next probe is told twice": {"Standing/probes_are_due_by_their_time", func(r *storagetest.Repositories) {
		r.Stores = repeatsProbes{r.Stores}
	}},
	"probes know no limit": {"Standing/probes_are_due_by_their_time", func(r *storagetest.Repositories) {
		r.Stores = unlimitedProbes{r.Stores}
	}},
	"paused stores are probed": {"Standing/paused_and_disconnected_stores", func(r *storagetest.Repositories) {
		r.Stores = changesProbes{r.Stores, func(refs []store.Ref) []store.Ref {
			return append(refs, store.Ref{StoreID: "paused", Adapter: "alpha"})
		}}
	}},
	"a resumed store stays without probes": {"Standing/paused_and_disconnected_stores", func(r *storagetest.Repositories) {
		r.Stores = changesProbes{r.Stores, func(refs []store.Ref) []store.Ref {
			return slices.DeleteFunc(refs, func(ref store.Ref) bool { return ref.StoreID == "paused" })
		}}
	}},
	"only the adapter of new orders is probed": {"Standing/both_adapters_of_a_moving_store", func(r *storagetest.Repositories) {
		stores := r.Stores
		r.Stores = changesProbes{stores, func(refs []store.Ref) []store.Ref {
			return slices.DeleteFunc(refs, func(ref store.Ref) bool {
				s, err := stores.GetStore(context.Background(), ref.StoreID)
				return err != nil || s.Adapter != ref.Adapter
			})
		}}
	}},
	"a store tells no next probe": {"Standing/a_store_tells_the_next_probe", func(r *storagetest.Repositories) {
		r.Stores = changesStores{r.Stores, func(s *store.Store) { s.NextProbe = time.Time{} }}
	}},
	"whoever updates a store plans its probes": {"Standing/a_store_tells_the_next_probe", func(r *storagetest.Repositories) {
		r.Stores = returnsTheChange{r.Stores}
	}},
	"an undone move leaves its source untried": {"Standing/credentials_of_the_source", func(r *storagetest.Repositories) {
		r.Stores = undoesOnly{r.Stores}
	}},
	"a restart forgets who was refused": {"Standing/it_survives_a_restart", func(r *storagetest.Repositories) { r.Reopen = open }},
}

// change is what ChangeStanding is given.
type change = func(store.Standing) store.Standing

// stands changes how credentials stand in its own way.
type stands struct {
	store.Repository
	change func(store.Repository, store.Ref, change) (store.Standing, error)
}

func (f stands) ChangeStanding(_ context.Context, ref store.Ref, change func(store.Standing) store.Standing) (store.Standing, error) {
	return f.change(f.Repository, ref, change)
}

// importsAnyway imports stores of which nobody is sure that their credentials are wrong.
type importsAnyway struct {
	order.ScheduleRepository
	stores store.Repository
}

func (f importsAnyway) DueImports(ctx context.Context, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
	due, err := f.ScheduleRepository.DueImports(ctx, lane, now, limit, own)
	b, readErr := f.stores.Bindings(ctx, "shop")
	if len(due) == 0 && readErr == nil && !b.Adapters[0].Standing.Refused {
		due = append(due, order.Due{StoreID: "shop"})
	}
	return due, err
}

// changesProbes changes which probes are due.
type changesProbes struct {
	store.Repository
	change func([]store.Ref) []store.Ref
}

func (f changesProbes) DueProbes(ctx context.Context, adapter string, now time.Time, limit int) ([]store.Ref, error) {
	refs, err := f.Repository.DueProbes(ctx, adapter, now, limit)
	return f.change(refs), err
}

type hurriesProbes struct{ store.Repository }

func (f hurriesProbes) DueProbes(ctx context.Context, adapter string, now time.Time, limit int) ([]store.Ref, error) {
	return f.Repository.DueProbes(ctx, adapter, now.Add(time.Hour), limit)
}

type forgetsProbes struct{ store.Repository }

func (f forgetsProbes) NextProbe(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, nil
}

type repeatsProbes struct{ store.Repository }

func (f repeatsProbes) NextProbe(ctx context.Context, adapter string, after time.Time) (time.Time, error) {
	return f.Repository.NextProbe(ctx, adapter, after.Add(-1))
}

type unlimitedProbes struct{ store.Repository }

func (f unlimitedProbes) DueProbes(ctx context.Context, adapter string, now time.Time, _ int) ([]store.Ref, error) {
	return f.Repository.DueProbes(ctx, adapter, now, 1000)
}

// changesStores changes what is read of a store.
type changesStores struct {
	store.Repository
	change func(*store.Store)
}

func (f changesStores) GetStore(ctx context.Context, id string) (store.Store, error) {
	s, err := f.Repository.GetStore(ctx, id)
	f.change(&s)
	return s, err
}

// undoesOnly leaves standings as they are when a move is undone.
type undoesOnly struct{ store.Repository }

func (f undoesOnly) UndoMigration(ctx context.Context, id string, now time.Time) error {
	before, err := f.Bindings(ctx, id)
	if err != nil {
		return err
	}
	if err := f.Repository.UndoMigration(ctx, id, now); err != nil {
		return err
	}
	for _, x := range before.Adapters {
		if _, err := f.ChangeStanding(ctx, store.Ref{StoreID: id, Adapter: x.Adapter}, func(store.Standing) store.Standing { return x.Standing }); err != nil {
			return err
		}
	}
	return nil
}
