package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// newPin has a value in every field.
func newPin(adapter, storeID string) release.Pin {
	return release.Pin{
		Adapter: adapter, Store: storeID, Release: release.Release{SHA256: "aa", Version: "2"}, ExpireTime: at(9), Ended: "it was no good",
	}
}

// pins lists the pins.
func pins(t *testing.T, r Repositories) []release.Pin {
	t.Helper()
	all, err := r.Releases.Pins(t.Context())
	noError(t, err)
	return all
}

// pinAll pins the shop, which is between two adapters, to a release of each, and another store to one.
func pinAll(t *testing.T, r Repositories) {
	t.Helper()
	connect(t, r, shop, "two")
	move(t, r, alpha, beta, 1)
	for _, p := range []release.Pin{newPin(alpha, shop), newPin(alpha, "two"), newPin(beta, shop)} {
		noError(t, r.Releases.SavePin(t.Context(), p))
	}
}

var pinCases = []testCase{
	{"pins are listed by adapter and store", func(t *testing.T, r Repositories) {
		same(t, "at first", len(pins(t, r)), 0)
		connect(t, r, shop, "two")
		move(t, r, alpha, beta, 1)
		want := []release.Pin{newPin(alpha, shop), newPin(alpha, "two"), newPin(beta, shop)}
		want[1].Ended = ""
		for _, i := range []int{2, 1, 0} {
			noError(t, r.Releases.SavePin(t.Context(), want[i]))
		}
		same(t, "pins", pins(t, r), want)
	}},
	{"a store has one pin for each adapter, the last that was saved", func(t *testing.T, r Repositories) {
		pinAll(t, r)
		next := release.Pin{Adapter: alpha, Store: shop, Release: release.Release{SHA256: "bb", Version: "3"}, ExpireTime: at(10)}
		noError(t, r.Releases.SavePin(t.Context(), next))
		same(t, "pins", pins(t, r), []release.Pin{next, newPin(alpha, "two"), newPin(beta, shop)})
	}},
	{"a pin of a store that is not connected through the adapter is not saved", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		wantError(t, r.Releases.SavePin(t.Context(), newPin(alpha, "nobody")), release.ErrNotConnected)
		wantError(t, r.Releases.SavePin(t.Context(), newPin(beta, shop)), release.ErrNotConnected)
		disconnect(t, r, 5)
		wantError(t, r.Releases.SavePin(t.Context(), newPin(alpha, shop)), release.ErrNotConnected)
		same(t, "pins", len(pins(t, r)), 0)
	}},
	{"a store that is disconnected loses its pins, and does not find them when it comes back", func(t *testing.T, r Repositories) {
		pinAll(t, r)
		disconnect(t, r, 5)
		same(t, "pins", pins(t, r), []release.Pin{newPin(alpha, "two")})
		reconnect(t, r, alpha, 6)
		same(t, "pins afterwards", pins(t, r), []release.Pin{newPin(alpha, "two")})
	}},
	{"a store that left an adapter loses its pin there", func(t *testing.T, r Repositories) {
		pinAll(t, r)
		complete(t, r, alpha, 20)
		same(t, "pins", pins(t, r), []release.Pin{newPin(alpha, "two"), newPin(beta, shop)})
		move(t, r, beta, alpha, 30)
		same(t, "pins when it comes back", pins(t, r), []release.Pin{newPin(alpha, "two"), newPin(beta, shop)})
	}},
	{"new credentials leave a pin alone", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, r.Releases.SavePin(t.Context(), newPin(alpha, shop)))
		noError(t, r.Stores.ReplaceCredentials(t.Context(), shopRef, sealed("new")))
		same(t, "pins", pins(t, r), []release.Pin{newPin(alpha, shop)})
	}},
	{"a deleted pin is gone, the others stay", func(t *testing.T, r Repositories) {
		pinAll(t, r)
		noError(t, r.Releases.DeletePin(t.Context(), alpha, shop))
		noError(t, r.Releases.DeletePin(t.Context(), alpha, shop))
		noError(t, r.Releases.DeletePin(t.Context(), alpha, "nobody"))
		same(t, "pins", pins(t, r), []release.Pin{newPin(alpha, "two"), newPin(beta, shop)})
	}},
	{"pins survive a restart", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, r.Releases.SavePin(t.Context(), newPin(alpha, shop)))
		same(t, "pins", pins(t, r.Reopen(t)), []release.Pin{newPin(alpha, shop)})
	}},
}

// storeUse is what one store uses of adapter alpha, the time of its credentials left out.
func storeUse(t *testing.T, r Repositories, storeID string) release.Use {
	t.Helper()
	got, err := r.InUse.StoreUse(t.Context(), alpha, storeID)
	noError(t, err)
	got.CredentialsTime = time.Time{}
	return got
}

var storeUseCases = []testCase{
	{"a store exists, connected or not", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		_, err := r.Stores.DisconnectStore(t.Context(), "other", at(1), true)
		noError(t, err)
		for id, want := range map[string]bool{shop: true, "other": true, "nobody": false, "": false} {
			got, err := r.InUse.HasStore(t.Context(), id)
			noError(t, err)
			same(t, "store "+id+" exists", got, want)
		}
	}},
	{"a store uses the adapter that it is connected through", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		same(t, "use", storeUse(t, r, shop), release.Use{Stores: 1, Named: []string{shop}, Marketplaces: []string{"market"}, Environments: []string{"production"}})
		same(t, "use of a store that does not exist", storeUse(t, r, "nobody"), release.Use{})
		same(t, "use of no store", storeUse(t, r, ""), release.Use{})
		of, err := r.InUse.StoreUse(t.Context(), beta, shop)
		noError(t, err)
		same(t, "use of another adapter", of, release.Use{})
	}},
	{"a store's credentials have the time at which its own were given", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		before, err := r.InUse.StoreUse(t.Context(), alpha, shop)
		noError(t, err)
		connect(t, r, "other")
		after, err := r.InUse.StoreUse(t.Context(), alpha, shop)
		noError(t, err)
		same(t, "after another store was connected", after.CredentialsTime, before.CredentialsTime)
		same(t, "told", before.CredentialsTime.IsZero(), false)
	}},
	{"what other stores use does not count", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		_, err := r.Stores.UpdateStore(t.Context(), "other", func(s *store.Store) error {
			s.Settings.AcceptancePolicy.Mode, s.Environment = store.AcceptAll, "staging"
			return nil
		})
		noError(t, err)
		d := decide(t, r, "1") // of the shop
		apply(t, r, shop, at(0), newOrder("2", order.ReadyToShip))
		create(t, r, newShipment("part", "2"))
		same(t, "the shop's", storeUse(t, r, shop), release.Use{Stores: 1, Named: []string{shop}, Marketplaces: []string{"market"}, Environments: []string{"production"}, Decisions: true, PartialShipments: true, Corrections: true})
		same(t, "the other's", storeUse(t, r, "other"), release.Use{Stores: 1, Named: []string{"other"}, Marketplaces: []string{"market"}, Environments: []string{"staging"}, Decisions: true})
		d.State = delivery.Confirmed
		updateDecision(t, r, d)
		same(t, "the shop's without its decision", storeUse(t, r, shop),
			release.Use{Stores: 1, Named: []string{shop}, Marketplaces: []string{"market"}, Environments: []string{"production"}, PartialShipments: true, Corrections: true})
		_, err = r.Stores.UpdateStore(t.Context(), "other", func(s *store.Store) error {
			s.Settings.AcceptancePolicy.Mode = store.AcceptManually
			return nil
		})
		noError(t, err)
		same(t, "the other's without its policy", storeUse(t, r, "other"), release.Use{Stores: 1, Named: []string{"other"}, Marketplaces: []string{"market"}, Environments: []string{"staging"}})
	}},
}
