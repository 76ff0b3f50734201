package storagetest

import (
	"testing"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// healthCases: how an adapter's credentials stand is kept with the binding.
var healthCases = []testCase{
	{"refused credentials are told of their adapter only", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		move(t, r, alpha, beta, 5)
		refuse(t, r, shopRef)
		same(t, "bindings", bindings(t, r).Adapters, []store.Binding{{Adapter: beta}, {Adapter: alpha, Standing: refused}})
		refuse(t, r, betaRef)
		restore(t, r, shopRef)
		same(t, "bindings", bindings(t, r).Adapters, []store.Binding{{Adapter: beta, Standing: refused}, {Adapter: alpha}})
		other, err := r.Stores.Bindings(t.Context(), "other")
		noError(t, err)
		same(t, "bindings of the other store", other.Adapters, []store.Binding{{Adapter: alpha}})
	}},
	{"an adapter that works has not failed", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		importThrough(t, r, 10, order.Failed, betaFailed, alphaFailed)
		refuse(t, r, shopRef)
		same(t, "refused", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), FailingSince: at(10), Standing: refused})
		restore(t, r, shopRef)
		same(t, "works", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10)})
		same(t, "the other one", cursorOf(t, r, beta), store.Binding{Adapter: beta, FirstAttempt: at(10), FailingSince: at(10)})
		importThrough(t, r, 20, order.Failed, betaRead, alphaFailed)
		same(t, "fails again", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), FailingSince: at(20)})
	}},
	{"answers that nobody could read leave failures as they are", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		importThrough(t, r, 10, order.Failed, alphaFailed)
		want := store.Binding{Adapter: alpha, FirstAttempt: at(10), FailingSince: at(10)}
		for _, s := range []store.Standing{garbled, {}, doubted, {}} {
			setStanding(t, r, shopRef, s)
			want.Standing = s
			same(t, "alpha", cursorOf(t, r, alpha), want)
		}
	}},
	{"a read says nothing of refused credentials", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		refuse(t, r, shopRef)
		importThrough(t, r, 10, order.Succeeded, alphaRead) // whoever read tells the health too
		same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), ImportStart: at(10), Standing: refused})
	}},
	{"an adapter without credentials is left alone", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		complete(t, r, alpha, 6)
		before := take(t, r)
		for _, ref := range []store.Ref{shopRef, {StoreID: shop, Adapter: aaa}, {StoreID: "unknown", Adapter: alpha}} {
			refuse(t, r, ref)
		}
		same(t, "after", take(t, r), before)
		move(t, r, beta, alpha, 7)
		same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha})
	}},
	{"replaced credentials count as working, of their adapter only", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		importThrough(t, r, 10, order.Failed, betaFailed, alphaFailed)
		for _, ref := range []store.Ref{shopRef, betaRef} {
			refuse(t, r, ref)
		}
		noError(t, r.Stores.ReplaceCredentials(t.Context(), shopRef, sealed("new")))
		same(t, "bindings", bindings(t, r).Adapters, []store.Binding{
			{Adapter: beta, FirstAttempt: at(10), FailingSince: at(10), Standing: refused}, {Adapter: alpha, FirstAttempt: at(10)},
		})
	}},
	{"so do those of a store that is connected again, or moves again", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		refuse(t, r, shopRef)
		disconnect(t, r, 5)
		reconnect(t, r, alpha, 6)
		same(t, "connected again", bindings(t, r).Adapters, []store.Binding{{Adapter: alpha}})
		move(t, r, alpha, beta, 10)
		refuse(t, r, betaRef)
		undo(t, r, 11)
		same(t, "undone", bindings(t, r).Adapters, []store.Binding{{Adapter: alpha}, {Adapter: beta, Standing: refused}})
		move(t, r, alpha, beta, 12)
		same(t, "moved again", bindings(t, r).Adapters, []store.Binding{{Adapter: beta}, {Adapter: alpha}})
	}},
}
