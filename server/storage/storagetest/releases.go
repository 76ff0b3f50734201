package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// newDesired has a value in every field.
func newDesired(adapter string) release.Desired {
	return release.Desired{
		Adapter: adapter, Release: release.Release{SHA256: "aa", Version: "2"}, Previous: release.Release{SHA256: "bb", Version: "1"},
		ChangeTime: at(3),
	}
}

// desired lists what is desired.
func desired(t *testing.T, r Repositories) []release.Desired {
	t.Helper()
	all, err := r.Releases.DesiredReleases(t.Context())
	noError(t, err)
	return all
}

// use is what stores use of adapter alpha.
func use(t *testing.T, r Repositories) release.Use {
	t.Helper()
	got, err := r.InUse.AdapterUse(t.Context(), alpha)
	noError(t, err)
	got.CredentialsTime = time.Time{} // the database's clock; it has a case of its own
	return got
}

// credentialsTime is when the last credentials of a store of adapter alpha were given.
func credentialsTime(t *testing.T, r Repositories) time.Time {
	t.Helper()
	got, err := r.InUse.AdapterUse(t.Context(), alpha)
	noError(t, err)
	return got.CredentialsTime
}

var releaseCases = []testCase{
	{"what is desired is listed by adapter", func(t *testing.T, r Repositories) {
		same(t, "at first", len(desired(t, r)), 0)
		second, first := newDesired("b"), newDesired("a")
		first.Unloaded = true
		noError(t, r.Releases.SaveDesiredRelease(t.Context(), second))
		noError(t, r.Releases.SaveDesiredRelease(t.Context(), first))
		same(t, "desired", desired(t, r), []release.Desired{first, second})
	}},
	{"saving replaces what was saved before, of this adapter only", func(t *testing.T, r Repositories) {
		noError(t, r.Releases.SaveDesiredRelease(t.Context(), newDesired("a")))
		noError(t, r.Releases.SaveDesiredRelease(t.Context(), newDesired("b")))
		next := release.Desired{Adapter: "a", Release: release.Release{SHA256: "cc", Version: "3"}, Unloaded: true, ChangeTime: at(4)}
		noError(t, r.Releases.SaveDesiredRelease(t.Context(), next))
		same(t, "desired", desired(t, r), []release.Desired{next, newDesired("b")})
	}},
	{"what is desired survives a restart", func(t *testing.T, r Repositories) {
		noError(t, r.Releases.SaveDesiredRelease(t.Context(), newDesired("a")))
		same(t, "desired", desired(t, r.Reopen(t)), []release.Desired{newDesired("a")})
	}},
}

// newSwap has a value in every field, also in those that exclude each other.
func newSwap(adapter string) release.Swap {
	return release.Swap{
		Adapter: adapter, StartTime: at(1), EndTime: at(2), File: "relais-adapter-a", Rollback: true, Watched: true,
		Step: release.SwapStep{
			Kind: "retire", Done: true, Took: 3 * time.Second, SHA256: "aa", Version: "2", Generation: 4, Calls: 5, Limit: 6 * time.Second, Cut: 7,
			Killed: true, Unchanged: true,
		},
		Failure: release.Failure{Reason: "RELEASE_REFUSED", Message: "it has no version; 1 serves on", Metadata: map[string]string{"step": "probe"}},
	}
}

// lastSwaps lists the last swaps.
func lastSwaps(t *testing.T, r Repositories) []release.Swap {
	t.Helper()
	all, err := r.Releases.LastSwaps(t.Context())
	noError(t, err)
	return all
}

var lastSwapCases = []testCase{
	{"last swaps are listed by adapter", func(t *testing.T, r Repositories) {
		same(t, "at first", len(lastSwaps(t, r)), 0)
		noError(t, r.Releases.SaveLastSwap(t.Context(), newSwap("b")))
		noError(t, r.Releases.SaveLastSwap(t.Context(), newSwap("a")))
		same(t, "last swaps", lastSwaps(t, r), []release.Swap{newSwap("a"), newSwap("b")})
	}},
	{"a later swap replaces all of the one before, of this adapter only", func(t *testing.T, r Repositories) {
		noError(t, r.Releases.SaveLastSwap(t.Context(), newSwap("a")))
		noError(t, r.Releases.SaveLastSwap(t.Context(), newSwap("b")))
		began := release.Swap{Adapter: "a", StartTime: at(0)} // by a clock that was set
		noError(t, r.Releases.SaveLastSwap(t.Context(), began))
		same(t, "last swaps", lastSwaps(t, r), []release.Swap{began, newSwap("b")})
	}},
	{"a last swap is no release that is desired, and needs none", func(t *testing.T, r Repositories) {
		noError(t, r.Releases.SaveLastSwap(t.Context(), newSwap("a")))
		same(t, "desired", len(desired(t, r)), 0)
		noError(t, r.Releases.SaveDesiredRelease(t.Context(), newDesired("a")))
		same(t, "last swaps", lastSwaps(t, r), []release.Swap{newSwap("a")})
	}},
	{"last swaps survive a restart", func(t *testing.T, r Repositories) {
		noError(t, r.Releases.SaveLastSwap(t.Context(), newSwap("a")))
		same(t, "last swaps", lastSwaps(t, r.Reopen(t)), []release.Swap{newSwap("a")})
	}},
}

var useCases = []testCase{
	{"an adapter that no store uses has no use", func(t *testing.T, r Repositories) {
		same(t, "use", use(t, r), release.Use{})
		connect(t, r, shop)
		other, err := r.InUse.AdapterUse(t.Context(), "beta")
		noError(t, err)
		same(t, "use of another adapter", other, release.Use{})
	}},
	{"connected stores count, disconnected ones do not", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "gone", "paused")
		setPaused(t, r, "paused", true)
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(1), false)
		noError(t, err)
		same(t, "use", use(t, r), release.Use{Stores: 2, Named: []string{"paused", shop}, Marketplaces: []string{"market"}, Environments: []string{"production"}})
	}},
	{"the first five stores are named in order, and all are counted", func(t *testing.T, r Repositories) {
		connect(t, r, "f", "b", "gone", "e", "a", "c", "d")
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(1), false)
		noError(t, err)
		got := use(t, r)
		same(t, "named", got.Named, []string{"a", "b", "c", "d", "e"})
		same(t, "stores", got.Stores, 6)
	}},
	{"a store that is moving is named of both adapters, until the move is complete", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, moveNamed(t, r, alpha, beta, 10, "login:moved"))
		named := func(adapter string) []string {
			got, err := r.InUse.AdapterUse(t.Context(), adapter)
			noError(t, err)
			return got.Named
		}
		same(t, "of the adapter that it leaves", named(alpha), []string{shop})
		same(t, "of the adapter that it goes to", named(beta), []string{shop})
		done, err := r.Stores.CompleteMigration(t.Context(), shop, alpha, at(11), true)
		noError(t, err)
		same(t, "complete", done, true)
		same(t, "of the adapter that it left", len(named(alpha)), 0)
		same(t, "of the adapter that it went to", named(beta), []string{shop})
	}},
	{"each environment of connected stores is told once, in order", func(t *testing.T, r Repositories) {
		for id, environment := range map[string]string{"one": "staging", "two": "production", "three": "staging", "gone": "sandbox"} {
			s := newStore(id)
			s.Environment = environment
			noError(t, r.Stores.CreateStore(t.Context(), s, keysOf(s), sealed(id)))
		}
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(1), false)
		noError(t, err)
		same(t, "environments", use(t, r).Environments, []string{"production", "staging"})
	}},
	{"a store that is leaving the adapter counts", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, moveNamed(t, r, alpha, beta, 10, "login:moved"))
		same(t, "use", use(t, r), release.Use{Stores: 1, Named: []string{shop}, Marketplaces: []string{"market"}, Environments: []string{"production"}})
	}},
	{"a policy that accepts orders uses decisions, a manual one does not", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for mode, want := range map[store.AcceptanceMode]bool{store.AcceptAll: true, store.AcceptManually: false, store.AcceptListed: true, "": false} {
			_, err := r.Stores.UpdateStore(t.Context(), shop, func(s *store.Store) error {
				s.Settings.AcceptancePolicy.Mode = mode
				return nil
			})
			noError(t, err)
			same(t, "decisions with "+string(mode), use(t, r).Decisions, want)
		}
	}},
	{"an open decision uses decisions, one that ended does not", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		d := decide(t, r, "1")
		same(t, "with an open one", use(t, r).Decisions, true)
		d.State = delivery.Confirmed
		updateDecision(t, r, d)
		same(t, "with one that ended", use(t, r).Decisions, false)
	}},
	{"credentials have the time at which they were given last", func(t *testing.T, r Repositories) {
		before := time.Now()
		connect(t, r, shop)
		first := credentialsTime(t, r)
		same(t, "connected in time", !first.Before(before) && !first.After(time.Now()), true)
		same(t, "after a look", credentialsTime(t, r), first)
		ref := store.Ref{StoreID: shop, Adapter: alpha}
		noError(t, r.Stores.ReplaceCredentials(t.Context(), ref, store.Sealed{KeyID: "k", Ciphertext: []byte("new")}))
		same(t, "later with new ones", credentialsTime(t, r).After(first), true)
	}},
	{"an open shipment that names lines uses partial shipments, one of a whole order does not", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip), newOrder("2", order.ReadyToShip))
		whole := newShipment("whole", "1")
		whole.Items = nil
		create(t, r, whole)
		same(t, "with one that names none", use(t, r).PartialShipments, false)
		part := create(t, r, newShipment("part", "2"))
		same(t, "with an open one that does", use(t, r).PartialShipments, true)
		part.State = delivery.Confirmed
		update(t, r, part)
		same(t, "with one that was delivered", use(t, r).PartialShipments, false)
	}},
	{"an open shipment that replaces another uses corrections, the first of an order does not", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip), newOrder("2", order.ReadyToShip))
		first := newShipment("first", "1")
		first.Replaces, first.ReplacedTracking = "", ""
		create(t, r, first)
		same(t, "with one that replaces none", use(t, r).Corrections, false)
		correction := create(t, r, newShipment("correction", "2"))
		same(t, "with an open one that does", use(t, r).Corrections, true)
		correction.State = delivery.Confirmed
		update(t, r, correction)
		same(t, "with one that was delivered", use(t, r).Corrections, false)
	}},
}
