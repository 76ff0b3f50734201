package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// TestCheck: every adapter that a store speaks through is asked; the error is that of the adapter of new orders.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		with      func(w *world)
		reason    string
		health    string // the reason of the store's health
		standings []string
	}{
		{"both answer", func(*world) {}, "", "", []string{"beta works", "alpha works"}},
		{"the adapter that is left is down", func(w *world) { w.market.errs["alpha"] = down }, "", problem.ReasonLeavingAdapterFails, []string{"beta works"}},
		{"the adapter that is left is refused", func(w *world) { w.market.errs["alpha"] = rejected },
			"", problem.ReasonLeavingAdapterFails, []string{"beta works", "alpha suspected"}},
		{"the adapter of new orders is refused", func(w *world) { w.market.errs["beta"] = rejected },
			problem.ReasonCredentialsRejected, problem.ReasonCredentialsRejected, []string{"beta suspected", "alpha works"}},
		{"both are down", func(w *world) { w.market.errs["beta"], w.market.errs["alpha"] = down, down },
			problem.ReasonMarketplaceDown, problem.ReasonMarketplaceDown, nil},
		{"the adapter that is left answers again", func(w *world) { w.db.ill(store.Retrying, problem.ReasonLeavingAdapterFails) },
			"", "", []string{"beta works", "alpha works"}},
		{"the account of the adapter that is left is another one", func(w *world) { w.market.accounts["alpha"] = store.Account{ID: "a-2"} },
			"", problem.ReasonLeavingAdapterFails, []string{"beta works"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.db.moving(-10)
			w.db.ill(store.Healthy, "")
			c.with(w)
			st, err := w.Check(t.Context(), "shop")
			wantReason(t, err, c.reason)
			same(t, "asked", w.market.checks, []string{"beta b-1", "alpha a-1"})
			same(t, "health", w.db.stores["shop"].Health.Reason, c.health)
			same(t, "noted", w.db.standings, c.standings)
			if err == nil {
				same(t, "store", st, w.db.stores["shop"])
			}
		})
	}
}

// TestCheckLearnsNames: each adapter's names of the account are kept with it; one that another store has is left there.
func TestCheckLearnsNames(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.db.moving(-10)
	w.db.told = map[store.Ref]store.AccountKeys{}
	_, err := w.Check(t.Context(), "shop")
	wantReason(t, err, "")
	same(t, "names", w.db.told, map[store.Ref]store.AccountKeys{
		shopBeta: {"adapter/beta:b-1", "seller:7", "login:one"}, shopAlpha: {"adapter/alpha:a-1", "login:one"},
	})

	w = newWorld()
	w.market.accounts["alpha"] = store.Account{ID: "a-1", Keys: store.AccountKeys{"login:two"}}
	_, err = w.Check(t.Context(), "shop")
	wantReason(t, err, "")
	same(t, "owner of the name", w.db.names["login:two"], "other")
	same(t, "told", strings.Contains(w.log.String(), "one name to the accounts of two stores"), true)
}

// TestProbe: it asks one adapter whether it answers, does not take long, and keeps the state that comes back.
func TestProbe(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.db.moving(-10)
	wantReason(t, w.Probe(t.Context(), shopBeta), "")
	same(t, "asked", w.market.checks, []string{"beta b-1"})
	same(t, "state", w.db.states, map[store.Ref]store.Sealed{shopBeta: {Ciphertext: []byte("token")}})
	same(t, "with a deadline", len(w.market.within) == 1 && w.market.within[0] <= 20*time.Second, true)
	w.market.errs["alpha"] = down
	wantReason(t, w.Probe(t.Context(), shopAlpha), problem.ReasonMarketplaceDown)
	wantReason(t, w.Probe(t.Context(), store.Ref{StoreID: "shop", Adapter: "gone"}), problem.ReasonAdapterNotFound)
	w.db.disconnect("shop")
	wantReason(t, w.Probe(t.Context(), shopBeta), problem.ReasonStoreDisconnected)
	same(t, "store", w.db.updates, 0)
}

// TestRotateCredentialsThatAreErased: a move may become complete, or the store be disconnected, while new credentials are checked.
func TestRotateCredentialsThatAreErased(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		with   func(w *world)
		reason string
	}{
		{"nothing happens meanwhile", func(*world) {}, ""},
		{"the move becomes complete", func(w *world) { w.db.replaceErr = fmt.Errorf("replace: %w", store.ErrNoCredentials) }, problem.ReasonAdapterNotConnected},
		{"the store is disconnected", func(w *world) {
			w.db.replaceErr = fmt.Errorf("replace: %w", store.ErrNoCredentials)
			w.db.onReplace = func() { w.db.disconnect("shop") }
		}, problem.ReasonStoreDisconnected},
		{"the store never spoke through it", func(w *world) {
			shop := w.db.stores["shop"]
			shop.Adapters = []string{"beta"}
			w.db.stores["shop"] = shop
		}, problem.ReasonAdapterNotConnected},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.db.moving(-10)
			c.with(w)
			_, err := w.RotateCredentials(t.Context(), "shop", "alpha", map[string]string{"token": secret})
			wantReason(t, err, c.reason)
			replaced := string(w.db.credentials[shopAlpha].Ciphertext) != `{}`
			same(t, "replaced", replaced, c.reason == "")
		})
	}
}

// TestConnectLearnsNames: before a store is connected, the accounts of which no name is known are asked for theirs through their
// own adapters, so that no account is connected twice.
func TestConnectLearnsNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		with   func(w *world)
		reason string
		asked  []string
	}{
		{"the account is that of a store of another adapter", func(*world) {}, problem.ReasonAccountConnected, []string{"beta", "alpha a-1"}},
		{"the account is another one", func(w *world) {
			w.market.accounts["alpha"] = store.Account{ID: "a-1", Keys: store.AccountKeys{"login:three"}}
		}, "", []string{"beta", "alpha a-1"}},
		{"the other store cannot be asked", func(w *world) { w.market.errs["alpha"] = down }, "", []string{"beta", "alpha a-1"}},
		{"the other store has a name that belongs to a third one", func(w *world) {
			w.market.accounts["alpha"] = store.Account{ID: "a-1", Keys: store.AccountKeys{"login:two"}}
		}, "", []string{"beta", "alpha a-1"}},
		{"every name is known", func(w *world) { w.db.unnamed = nil }, "", []string{"beta"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.db.unnamed = []store.Ref{shopAlpha}
			delete(w.db.names, "login:one") // of a relais that did not know names yet
			c.with(w)
			_, err := w.Connect(t.Context(), store.ConnectRequest{StoreID: "new", Adapter: "beta", Credentials: map[string]string{"token": secret}})
			wantReason(t, err, c.reason)
			same(t, "created", len(w.db.created) == 1, c.reason == "")
			same(t, "asked", w.market.checks, c.asked)
		})
	}
	t.Run("ids of one adapter tell accounts apart", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.db.unnamed = []store.Ref{shopAlpha}
		_, err := w.Connect(t.Context(), store.ConnectRequest{StoreID: "new", Adapter: "alpha", Credentials: map[string]string{"token": secret}})
		wantReason(t, err, problem.ReasonAccountConnected)
		same(t, "asked", w.market.checks, []string{"alpha"})
	})
	t.Run("names cannot be kept", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.db.unnamed, w.db.addErr = []store.Ref{shopAlpha}, errors.New("disk full")
		_, err := w.Connect(t.Context(), store.ConnectRequest{StoreID: "new", Adapter: "beta", Credentials: map[string]string{"token": secret}})
		if !errors.Is(err, w.db.addErr) {
			t.Errorf("error %v", err)
		}
		same(t, "created", w.db.created, []string{})
	})
}
