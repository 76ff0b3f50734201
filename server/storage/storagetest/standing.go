package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/store"
)

// How credentials can stand besides working.
var (
	suspected = store.Standing{Refusals: 1, Since: at(1), NextProbe: at(60)}
	refused   = store.Standing{Refusals: 3, Since: at(1), Refused: true, NextProbe: at(60)}
	garbled   = store.Standing{Garbled: 2, Since: at(1)} // and works, as far as anybody knows
	doubted   = store.Standing{Garbled: 5, Since: at(1), NextProbe: at(60)}
)

// setStanding writes how credentials stand.
func setStanding(t *testing.T, r Repositories, ref store.Ref, s store.Standing) {
	t.Helper()
	_, err := r.Stores.ChangeStanding(t.Context(), ref, func(store.Standing) store.Standing { return s })
	noError(t, err)
}

// refuse notes that credentials were refused and that this is believed.
func refuse(t *testing.T, r Repositories, ref store.Ref) {
	t.Helper()
	setStanding(t, r, ref, refused)
}

// restore notes that credentials work.
func restore(t *testing.T, r Repositories, ref store.Ref) {
	t.Helper()
	setStanding(t, r, ref, store.Standing{})
}

// probeAt makes credentials some that are tried at a minute.
func probeAt(t *testing.T, r Repositories, ref store.Ref, minute int) {
	t.Helper()
	setStanding(t, r, ref, store.Standing{Refusals: 1, Since: at(0), NextProbe: at(minute)})
}

// dueProbes lists what is to be tried at a minute, at most as many as limit of each adapter; what is next agrees.
func dueProbes(t *testing.T, r Repositories, minute, limit int) (refs []store.Ref) {
	t.Helper()
	adapters, err := r.Stores.Adapters(t.Context())
	noError(t, err)
	for _, adapter := range adapters {
		due, err := r.Stores.DueProbes(t.Context(), adapter, at(minute), limit)
		noError(t, err)
		refs = append(refs, due...)
	}
	next := nextProbe(t, r)
	same(t, "the next probe is due", !next.IsZero() && !next.After(at(minute)), len(refs) > 0)
	return refs
}

func nextProbe(t *testing.T, r Repositories) (next time.Time) {
	t.Helper()
	adapters, err := r.Stores.Adapters(t.Context())
	noError(t, err)
	for _, adapter := range adapters {
		at, err := r.Stores.NextProbe(t.Context(), adapter, time.Time{})
		noError(t, err)
		if next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

// of is the credentials of a store for its first adapter.
func of(storeID string) store.Ref { return store.Ref{StoreID: storeID, Adapter: alpha} }

var standingCases = []testCase{
	{"a change gets what stands and returns what it made of it", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		var seen []store.Standing
		for _, s := range []store.Standing{suspected, refused, {}, garbled, doubted} {
			got, err := r.Stores.ChangeStanding(t.Context(), shopRef, func(x store.Standing) store.Standing {
				seen = append(seen, x)
				return s
			})
			noError(t, err)
			same(t, "returned", got, s)
			same(t, "stored", cursorOf(t, r, alpha).Standing, s)
		}
		same(t, "what changes were given", seen, []store.Standing{{}, suspected, refused, {}, garbled})
	}},
	{"concurrent changes lose nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		const n = 16
		together(n, func(int) {
			if _, err := r.Stores.ChangeStanding(t.Context(), shopRef, func(x store.Standing) store.Standing {
				x.Refusals++
				x.NextProbe = at(60)
				return x
			}); err != nil {
				t.Error(err)
			}
		})
		same(t, "refusals", cursorOf(t, r, alpha).Standing.Refusals, n)
	}},
	{"credentials that are not there do not stand", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for _, ref := range []store.Ref{betaRef, {StoreID: "unknown", Adapter: alpha}} {
			got, err := r.Stores.ChangeStanding(t.Context(), ref, func(store.Standing) store.Standing {
				t.Errorf("the standing of %v was to be changed", ref)
				return refused
			})
			noError(t, err)
			same(t, "standing", got, store.Standing{})
		}
	}},
	{"probes are due by their time, the most overdue first, at most as many as asked for", func(t *testing.T, r Repositories) {
		connect(t, r, "a", "b", "c", "d")
		same(t, "due", dueProbes(t, r, 99, 10), []store.Ref(nil))
		for id, minute := range map[string]int{"a": 5, "b": 3, "c": 4, "d": 6} {
			probeAt(t, r, of(id), minute)
		}
		for after, want := range map[int]time.Time{0: at(3), 3: at(4), 4: at(5), 6: {}} {
			next, err := r.Stores.NextProbe(t.Context(), alpha, at(after))
			noError(t, err)
			same(t, "next", next, want)
		}
		same(t, "due", dueProbes(t, r, 2, 10), []store.Ref(nil))
		same(t, "due", dueProbes(t, r, 5, 10), []store.Ref{of("b"), of("c"), of("a")})
		same(t, "limited", dueProbes(t, r, 5, 2), []store.Ref{of("b"), of("c")})
		restore(t, r, of("b"))
		same(t, "next", nextProbe(t, r), at(4))
	}},
	{"paused and disconnected stores are not probed", func(t *testing.T, r Repositories) {
		connect(t, r, "fine", "other", "paused", shop)
		for _, id := range []string{"fine", "paused", shop} {
			probeAt(t, r, of(id), 3)
		}
		setPaused(t, r, "paused", true)
		disconnect(t, r, 4)
		same(t, "due", dueProbes(t, r, 5, 10), []store.Ref{of("fine")})
		probeAt(t, r, of("fine"), 9)
		same(t, "next", nextProbe(t, r), at(9))
		setPaused(t, r, "paused", false)
		same(t, "resumed", dueProbes(t, r, 5, 10), []store.Ref{of("paused")})
		reconnect(t, r, alpha, 6)
		same(t, "connected again", cursorOf(t, r, alpha).Standing, store.Standing{})
	}},
	{"both adapters of a moving store are probed, until one is left for good", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		probeAt(t, r, shopRef, 7)
		probeAt(t, r, betaRef, 8)
		same(t, "due", dueProbes(t, r, 9, 10), []store.Ref{shopRef, betaRef})
		complete(t, r, alpha, 9)
		same(t, "due", dueProbes(t, r, 9, 10), []store.Ref{betaRef})
	}},
	{"a store tells the next probe of the adapter of new orders", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		told := func() time.Time {
			t.Helper()
			st, err := r.Stores.GetStore(t.Context(), shop)
			noError(t, err)
			return st.NextProbe
		}
		same(t, "while all is well", told(), time.Time{})
		probeAt(t, r, shopRef, 7)
		same(t, "refused", told(), at(7))
		st, err := r.Stores.UpdateStore(t.Context(), shop, func(s *store.Store) error {
			s.NextProbe = at(99)
			return nil
		})
		noError(t, err)
		same(t, "as the update returns it", st.NextProbe, at(7))
		same(t, "after the update", told(), at(7))
		move(t, r, alpha, beta, 8)
		same(t, "moved", told(), time.Time{})
		undo(t, r, 9)
		disconnect(t, r, 10)
		same(t, "disconnected", told(), time.Time{})
	}},
	{"credentials of the source of a move are tried when it is undone", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		refuse(t, r, shopRef)
		refuse(t, r, betaRef)
		undo(t, r, 9)
		same(t, "the source", cursorOf(t, r, alpha).Standing, store.Standing{Refusals: 3, Since: at(1), Refused: true, NextProbe: at(9)})
		same(t, "the target", cursorOf(t, r, beta).Standing, refused)
	}},
	{"it survives a restart", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		refuse(t, r, shopRef)
		r = r.Reopen(t)
		same(t, "standing", cursorOf(t, r, alpha).Standing, refused)
		same(t, "due", dueProbes(t, r, 60, 10), []store.Ref{shopRef})
	}},
}
