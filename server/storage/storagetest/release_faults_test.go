package storagetest_test

import (
	"context"
	"slices"
	"time"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// releaseFaults are the faults of a database that mixes up which release is served, and what stores use.
var releaseFaults = map[string]fault{
	"a run does not tell that another process went on": {"Imports/a_batch_that_another_process", func(r *storagetest.Repositories) {
		r.Orders = resumesSilently{r.Orders}
	}},
	"releases are listed by time": {"Releases/what_is_desired_is_listed", func(r *storagetest.Repositories) {
		r.Releases = lists{r.Releases, func(all []release.Desired) { slices.Reverse(all) }}
	}},
	"what is unloaded comes back": {"Releases/what_is_desired_is_listed", func(r *storagetest.Repositories) {
		r.Releases = lists{r.Releases, func(all []release.Desired) {
			for i := range all {
				all[i].Unloaded = false
			}
		}}
	}},
	"the first release stays": {"Releases/saving_replaces", func(r *storagetest.Repositories) {
		r.Releases = keepsReleases{r.Releases}
	}},
	"all adapters share a release": {"Releases/saving_replaces", func(r *storagetest.Repositories) {
		r.Releases = sharesReleases{r.Releases}
	}},
	"a restart forgets releases": {"Releases/what_is_desired_survives", func(r *storagetest.Repositories) {
		r.Reopen = open
	}},
	"every store uses every adapter": {"AdapterUse/an_adapter_that_no_store_uses", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, func(string) string { return "alpha" }, nil}
	}},
	"disconnected stores count": {"AdapterUse/connected_stores_count", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Stores++ }}
	}},
	"stores are not named": {"AdapterUse/the_first_five_stores", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Named = nil }}
	}},
	"stores are named in any order": {"AdapterUse/the_first_five_stores", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { slices.Reverse(u.Named) }}
	}},
	"all stores are named": {"AdapterUse/the_first_five_stores", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) {
			if len(u.Named) == release.MaxNamed {
				u.Named = append(u.Named, "f")
			}
		}}
	}},
	"only named stores count": {"AdapterUse/the_first_five_stores", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Stores = len(u.Named) }}
	}},
	"stores that leave are not named": {"AdapterUse/a_store_that_is_moving", func(r *storagetest.Repositories) {
		stores := r.Stores
		r.InUse = uses{r.InUse, nil, func(u *release.Use) {
			u.Named = slices.DeleteFunc(u.Named, func(id string) bool {
				s, err := stores.GetStore(context.Background(), id)
				return err != nil || s.Adapter != "alpha"
			})
		}}
	}},
	"stores that left are named": {"AdapterUse/a_store_that_is_moving", func(r *storagetest.Repositories) {
		named := r.InUse
		r.InUse = uses{r.InUse, nil, func(u *release.Use) {
			if u.Stores == 0 {
				other, _ := named.AdapterUse(context.Background(), "beta")
				u.Named = other.Named
			}
		}}
	}},
	"environments are not told": {"AdapterUse/each_environment", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Environments = nil }}
	}},
	"an environment is told for each store": {"AdapterUse/each_environment", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Environments = append(u.Environments, u.Environments...) }}
	}},
	"environments of disconnected stores are told": {"AdapterUse/each_environment", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Environments = slices.Insert(u.Environments, 1, "sandbox") }}
	}},
	"environments are told in any order": {"AdapterUse/each_environment", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { slices.Reverse(u.Environments) }}
	}},
	"leaving stores do not count": {"AdapterUse/a_store_that_is_leaving", func(r *storagetest.Repositories) {
		stores := r.Stores
		r.InUse = uses{r.InUse, nil, func(u *release.Use) {
			if s, err := stores.GetStore(context.Background(), "shop"); err == nil && s.Adapter != "alpha" {
				*u = release.Use{}
			}
		}}
	}},
	"policies are not looked at": {"AdapterUse/a_policy_that_accepts", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Decisions = false }}
	}},
	"a manual policy accepts": {"AdapterUse/a_policy_that_accepts", func(r *storagetest.Repositories) {
		stores := r.Stores
		r.InUse = uses{r.InUse, nil, func(u *release.Use) {
			s, err := stores.GetStore(context.Background(), "shop")
			u.Decisions = u.Decisions || err == nil && s.Settings.AcceptancePolicy.Mode == store.AcceptManually
		}}
	}},
	"decisions that ended count": {"AdapterUse/an_open_decision", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Decisions = true }}
	}},
	"credentials have no time": {"AdapterUse/credentials_have_the_time", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.CredentialsTime = time.Time{} }}
	}},
	"credentials keep their first time": {"AdapterUse/credentials_have_the_time", func(r *storagetest.Repositories) {
		var first time.Time
		r.InUse = uses{r.InUse, nil, func(u *release.Use) {
			if first.IsZero() {
				first = u.CredentialsTime
			}
			u.CredentialsTime = first
		}}
	}},
	"whole orders are parts": {"AdapterUse/an_open_shipment_that_names", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.PartialShipments = true }}
	}},
	"every shipment is a correction": {"AdapterUse/an_open_shipment_that_replaces", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Corrections = true }}
	}},
	"corrections are not looked at": {"AdapterUse/an_open_shipment_that_replaces", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.Corrections = false }}
	}},
	"parts are not looked at": {"AdapterUse/an_open_shipment_that_names", func(r *storagetest.Repositories) {
		r.InUse = uses{r.InUse, nil, func(u *release.Use) { u.PartialShipments = false }}
	}},
}

// resumesSilently does not count the processes that went on with a window.
type resumesSilently struct{ order.Repository }

func (f resumesSilently) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	b.Resumed = false
	return f.Repository.ApplyBatch(ctx, b)
}

// lists changes what is listed.
type lists struct {
	release.Repository
	change func([]release.Desired)
}

func (f lists) DesiredReleases(ctx context.Context) ([]release.Desired, error) {
	all, err := f.Repository.DesiredReleases(ctx)
	f.change(all)
	return all, err
}

type keepsReleases struct{ release.Repository }

func (f keepsReleases) SaveDesiredRelease(ctx context.Context, d release.Desired) error {
	all, err := f.DesiredReleases(ctx)
	if slices.ContainsFunc(all, func(old release.Desired) bool { return old.Adapter == d.Adapter }) {
		return err
	}
	return f.Repository.SaveDesiredRelease(ctx, d)
}

type sharesReleases struct{ release.Repository }

func (f sharesReleases) SaveDesiredRelease(ctx context.Context, d release.Desired) error {
	all, err := f.DesiredReleases(ctx)
	if err != nil {
		return err
	}
	for _, old := range all {
		shared := d
		shared.Adapter = old.Adapter
		if err := f.Repository.SaveDesiredRelease(ctx, shared); err != nil {
			return err
		}
	}
	return f.Repository.SaveDesiredRelease(ctx, d)
}

// uses asks for another adapter, or changes the answer.
type uses struct {
	release.Stores
	adapter func(string) string
	change  func(*release.Use)
}

func (f uses) AdapterUse(ctx context.Context, adapter string) (release.Use, error) {
	if f.adapter != nil {
		adapter = f.adapter(adapter)
	}
	use, err := f.Stores.AdapterUse(ctx, adapter)
	if f.change != nil {
		f.change(&use)
	}
	return use, err
}
