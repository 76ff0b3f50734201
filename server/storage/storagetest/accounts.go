package storagetest

import (
	"slices"
	"testing"

	"github.com/relaishq/relais/server/store"
)

// finds checks which of the shop's marketplace's stores has a name; an empty id stands for none.
func finds(t *testing.T, r Repositories, id string, names ...string) {
	t.Helper()
	got, err := r.Stores.FindStore(t.Context(), "market", names)
	if id == "" {
		wantError(t, err, store.ErrNotFound)
		return
	}
	noError(t, err)
	same(t, "store found", got.ID, id)
}

// createNamed creates a store that has these names.
func createNamed(t *testing.T, r Repositories, id string, names ...string) error {
	t.Helper()
	return r.Stores.CreateStore(t.Context(), newStore(id), names, sealed("of "+id))
}

var accountCases = []testCase{
	{"a store is found by any of its account's names, connected or not", func(t *testing.T, r Repositories) {
		noError(t, createNamed(t, r, "b", "login:b", "seller:2"))
		noError(t, createNamed(t, r, "a", "login:a", "seller:1"))
		for range 2 {
			finds(t, r, "a", "login:a")
			finds(t, r, "a", "seller:1")
			finds(t, r, "a", "login:unknown", "seller:1")
			finds(t, r, "a", "login:b", "seller:1") // of several the first by id
			finds(t, r, "b", "seller:2", "login:b")
			finds(t, r, "", "login:unknown")
			finds(t, r, "")
			for _, id := range []string{"a", "b"} {
				_, err := r.Stores.DisconnectStore(t.Context(), id, at(2), false)
				noError(t, err)
			}
		}
		_, err := r.Stores.FindStore(t.Context(), "elsewhere", store.AccountKeys{"login:a"})
		wantError(t, err, store.ErrNotFound)
	}},
	{"create refuses one shared name, and stores nothing", func(t *testing.T, r Repositories) {
		noError(t, createNamed(t, r, shop, "login:one", "seller:1"))
		wantError(t, createNamed(t, r, "other", "adapter/beta:9", "seller:1"), store.ErrAccountTaken)
		_, err := r.Stores.GetStore(t.Context(), "other")
		wantError(t, err, store.ErrNotFound)
		_, err = r.Stores.Credentials(t.Context(), store.Ref{StoreID: "other", Adapter: alpha})
		wantError(t, err, store.ErrNoCredentials)
		finds(t, r, "", "adapter/beta:9")
		noError(t, createNamed(t, r, "other", "adapter/beta:9"))
	}},
	{"ids that two adapters give are not compared", func(t *testing.T, r Repositories) {
		first, second := newStore(shop), newStore("other")
		first.AccountID, second.AccountID, second.Adapter, second.Adapters = "7", "7", beta, []string{beta}
		noError(t, r.Stores.CreateStore(t.Context(), first, store.AccountKeys{"adapter/alpha:7"}, sealed("x")))
		noError(t, r.Stores.CreateStore(t.Context(), second, store.AccountKeys{"adapter/beta:7"}, sealed("y")))
		for _, want := range []store.Store{first, second} {
			got, err := r.Stores.GetStore(t.Context(), want.ID)
			noError(t, err)
			same(t, "store", got, want)
		}
	}},
	{"reconnect refuses a name of another store and changes nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		disconnect(t, r, 5)
		before, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		again := newStore(shop)
		again.Adapter, again.ShopName = beta, "changed"
		wantError(t, r.Stores.ReconnectStore(t.Context(), again, store.AccountKeys{"seller:1", "login:account-other"}, sealed("again")), store.ErrAccountTaken)
		after, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "store", after, before)
		_, err = r.Stores.Credentials(t.Context(), betaRef)
		wantError(t, err, store.ErrNoCredentials)
		finds(t, r, "", "seller:1")
		finds(t, r, "other", "login:account-other")
	}},
	{"reconnect adds names to those that the account had", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		disconnect(t, r, 5)
		reconnect(t, r, beta, 6, "seller:1")
		finds(t, r, shop, "seller:1")
		finds(t, r, shop, "login:account-shop")
		wantError(t, createNamed(t, r, "other", "login:account-shop"), store.ErrAccountTaken)
	}},
	{"names are added, once, to a store that exists", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for range 2 {
			noError(t, r.Stores.AddAccountKeys(t.Context(), shopRef, store.AccountKeys{"seller:1", "login:account-shop", "seller:1"}))
		}
		finds(t, r, shop, "seller:1")
		wantError(t, r.Stores.AddAccountKeys(t.Context(), store.Ref{StoreID: "unknown", Adapter: alpha}, store.AccountKeys{"seller:2"}), store.ErrNotFound)
		finds(t, r, "", "seller:2")
	}},
	{"a name that another store has is left there, and no other is added", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		keys := store.AccountKeys{"seller:1", "login:account-other", "seller:2"}
		wantError(t, r.Stores.AddAccountKeys(t.Context(), shopRef, keys), store.ErrAccountTaken)
		finds(t, r, "other", "login:account-other")
		finds(t, r, "", "seller:1")
		finds(t, r, "", "seller:2")
	}},
	{"of several stores that are given one name one gets it", func(t *testing.T, r Repositories) {
		ids := []string{"a", "b", "c", "d", "e", "f"}
		connect(t, r, ids...)
		errs := make([]error, 2*len(ids))
		together(len(errs), func(i int) {
			if i < len(ids) {
				errs[i] = r.Stores.AddAccountKeys(t.Context(), store.Ref{StoreID: ids[i], Adapter: alpha}, store.AccountKeys{"seller:1"})
				return
			}
			errs[i] = r.Stores.CreateStore(t.Context(), newStore(numbered("new", i)), store.AccountKeys{"seller:1", numbered("login:", i)}, sealed("x"))
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantError(t, err, store.ErrAccountTaken)
		}
		same(t, "stores that got the name", won, 1)
	}},
	{"an account id is the adapter's, and outlives the credentials", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ids := func(what, current, alphas, betas string) {
			t.Helper()
			s, err := r.Stores.GetStore(t.Context(), shop)
			noError(t, err)
			same(t, "account of the store "+what, s.AccountID, current)
			for ref, want := range map[store.Ref]string{shopRef: alphas, betaRef: betas} {
				got, err := r.Stores.AccountID(t.Context(), ref)
				if want == "" {
					wantError(t, err, store.ErrNoCredentials)
					continue
				}
				noError(t, err)
				same(t, "account of "+ref.Adapter+" "+what, got, want)
			}
		}
		ids("at first", "account-shop", "account-shop", "")
		move(t, r, alpha, beta, 10)
		ids("while it moves", "beta's shop", "account-shop", "beta's shop")
		undo(t, r, 20)
		ids("while it returns", "account-shop", "account-shop", "beta's shop")
		move(t, r, alpha, beta, 30)
		complete(t, r, alpha, 40)
		ids("when it has moved", "beta's shop", "account-shop", "beta's shop")
		disconnect(t, r, 50)
		reconnect(t, r, alpha, 60)
		ids("connected again", "alpha's shop", "alpha's shop", "beta's shop")
		_, err := r.Stores.AccountID(t.Context(), store.Ref{StoreID: "unknown", Adapter: alpha})
		wantError(t, err, store.ErrNoCredentials)
	}},
}

// told is the names of the shop's account that an adapter told.
func told(t *testing.T, r Repositories, ref store.Ref) []string {
	t.Helper()
	names, err := r.Stores.AccountKeys(t.Context(), ref)
	noError(t, err)
	got := slices.Clone([]string(names))
	slices.Sort(got)
	return got
}

// unnamed is the connected stores of the shop's marketplace without names, as "<store>/<adapter>".
func unnamed(t *testing.T, r Repositories) []string {
	t.Helper()
	refs, err := r.Stores.UnnamedAccounts(t.Context(), "market")
	noError(t, err)
	var got []string
	for _, ref := range refs {
		got = append(got, ref.StoreID+"/"+ref.Adapter)
	}
	slices.Sort(got)
	return got
}

// moveNamed moves the shop to an adapter that gives its account these names.
func moveNamed(t *testing.T, r Repositories, source, target string, minute int, names ...string) error {
	t.Helper()
	return r.Stores.StartMigration(t.Context(), migration(source, target, minute), movedStore(t, r, target, minute), names, sealed(target))
}

var nameCases = []testCase{
	{"names are kept with the adapter that told them", func(t *testing.T, r Repositories) {
		connect(t, r, "other")
		noError(t, createNamed(t, r, shop, "login:shop"))
		noError(t, moveNamed(t, r, alpha, beta, 10, "login:shop", "seller:1"))
		noError(t, r.Stores.AddAccountKeys(t.Context(), shopRef, store.AccountKeys{"shop:x"}))
		noError(t, r.Stores.AddAccountKeys(t.Context(), betaRef, store.AccountKeys{"shop:x", "shop:y"}))
		same(t, "alpha's", told(t, r, shopRef), []string{"login:shop", "shop:x"})
		same(t, "beta's", told(t, r, betaRef), []string{"login:shop", "seller:1", "shop:x", "shop:y"})
		for _, ref := range []store.Ref{{StoreID: shop, Adapter: aaa}, {StoreID: "unknown", Adapter: alpha}} {
			same(t, "nobody's", told(t, r, ref), []string{})
		}
		disconnect(t, r, 20)
		same(t, "alpha's, without credentials", told(t, r, shopRef), []string{"login:shop", "shop:x"})
	}},
	{"an account without names is one that has only the name that relais makes", func(t *testing.T, r Repositories) {
		noError(t, createNamed(t, r, shop, "adapter/alpha:1"))
		noError(t, createNamed(t, r, "b", "adapter/alpha:2", "login:b"))
		noError(t, createNamed(t, r, "c", "adapter/alpha:3"))
		foreign := newStore("d")
		foreign.Marketplace = "elsewhere"
		noError(t, r.Stores.CreateStore(t.Context(), foreign, store.AccountKeys{"adapter/alpha:4"}, sealed("x")))
		same(t, "unnamed", unnamed(t, r), []string{"c/alpha", "shop/alpha"})
		noError(t, r.Stores.AddAccountKeys(t.Context(), store.Ref{StoreID: "c", Adapter: alpha}, store.AccountKeys{"adapter/alpha:3", "login:c"}))
		same(t, "when c has a name", unnamed(t, r), []string{"shop/alpha"})
		noError(t, moveNamed(t, r, alpha, beta, 10, "adapter/beta:1", "login:shop"))
		same(t, "another adapter's names are not alpha's", unnamed(t, r), []string{"shop/alpha"})
		disconnect(t, r, 20)
		same(t, "when it is disconnected", unnamed(t, r), []string{})
	}},
	{"names of a disconnected store go to the one that moves", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, createNamed(t, r, "gone", "seller:1", "login:gone"))
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(5), false)
		noError(t, err)
		noError(t, moveNamed(t, r, alpha, beta, 10, "adapter/beta:1", "seller:1"))
		finds(t, r, shop, "seller:1")
		finds(t, r, "gone", "login:gone") // what is not asked for stays
		same(t, "beta's", told(t, r, betaRef), []string{"adapter/beta:1", "seller:1"})
		same(t, "of the other store", told(t, r, store.Ref{StoreID: "gone", Adapter: alpha}), []string{"login:gone"})
		wantError(t, r.Stores.ReconnectStore(t.Context(), newStore("gone"), store.AccountKeys{"seller:1"}, sealed("x")), store.ErrAccountTaken)
	}},
	{"nobody but a move takes names from a disconnected store", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		noError(t, createNamed(t, r, "gone", "seller:1"))
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(5), false)
		noError(t, err)
		wantError(t, r.Stores.AddAccountKeys(t.Context(), shopRef, store.AccountKeys{"seller:1"}), store.ErrAccountTaken)
		wantError(t, createNamed(t, r, "new", "seller:1"), store.ErrAccountTaken)
		finds(t, r, "gone", "seller:1")
	}},
	{"a move that is refused takes no names", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		noError(t, createNamed(t, r, "gone", "seller:1"))
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(5), false)
		noError(t, err)
		wantError(t, moveNamed(t, r, alpha, beta, 10, "seller:1", "login:account-other"), store.ErrAccountTaken)
		finds(t, r, "gone", "seller:1")
	}},
	{"a move that was undone leaves no names of its target behind", func(t *testing.T, r Repositories) {
		noError(t, createNamed(t, r, shop, "adapter/alpha:1", "login:shop"))
		noError(t, moveNamed(t, r, alpha, beta, 10, "adapter/beta:1", "login:shop", "seller:1"))
		undo(t, r, 20)
		finds(t, r, shop, "seller:1") // until it is over
		complete(t, r, beta, 30)
		same(t, "beta's", told(t, r, betaRef), []string{})
		same(t, "alpha's", told(t, r, shopRef), []string{"adapter/alpha:1", "login:shop"})
		finds(t, r, shop, "login:shop")
		finds(t, r, "", "seller:1")
		noError(t, createNamed(t, r, "other", "seller:1")) // it was another account's after all
	}},
	{"a move that is complete leaves the names of its source", func(t *testing.T, r Repositories) {
		noError(t, createNamed(t, r, shop, "adapter/alpha:1", "login:shop"))
		noError(t, moveNamed(t, r, alpha, beta, 10, "adapter/beta:1", "seller:1"))
		complete(t, r, alpha, 20)
		same(t, "alpha's", told(t, r, shopRef), []string{"adapter/alpha:1", "login:shop"})
		wantError(t, createNamed(t, r, "other", "login:shop"), store.ErrAccountTaken)
	}},
}
