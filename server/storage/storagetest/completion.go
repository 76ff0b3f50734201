package storagetest

import (
	"testing"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// incomplete checks that the shop's migration cannot be completed, and that trying changes nothing.
func incomplete(t *testing.T, r Repositories, leaving string) {
	t.Helper()
	incompleteWhen(t, r, leaving, false)
}

func incompleteWhen(t *testing.T, r Repositories, leaving string, givenUp bool) {
	t.Helper()
	before := take(t, r)
	done, err := r.Stores.CompleteMigration(t.Context(), shop, leaving, at(90), givenUp)
	noError(t, err)
	if done {
		t.Errorf("the migration is complete, and something is left on %s", leaving)
	}
	same(t, "after", take(t, r), before)
}

var completionCases = []testCase{
	{"completion erases the credentials and the state of the adapter that is left", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		noError(t, r.Stores.SaveAdapterState(t.Context(), shopRef, sealed("alpha's state")))
		move(t, r, alpha, beta, 10)
		noError(t, r.Stores.SaveAdapterState(t.Context(), betaRef, sealed("beta's state")))
		want := take(t, r)
		complete(t, r, alpha, 20)
		want.Alpha, want.StateA, want.Store.Adapters = store.Sealed{}, store.Sealed{}, []string{beta}
		want.Bindings.Adapters, want.Bindings.Former, want.Migration.Completed = []store.Binding{{Adapter: beta}}, []string{alpha}, at(20)
		same(t, "after", take(t, r), want)
		_, err := r.Stores.Credentials(t.Context(), store.Ref{StoreID: "other", Adapter: alpha})
		noError(t, err)
	}},
	{"completion of an undone migration erases the target's", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		undo(t, r, 20)
		want := take(t, r)
		complete(t, r, beta, 30)
		want.Beta, want.Store.Adapters = store.Sealed{}, []string{alpha}
		want.Bindings.Adapters, want.Bindings.Former, want.Migration.Completed = []store.Binding{{Adapter: alpha}}, []string{beta}, at(30)
		want.FoundByB, want.NoStoreFound = "", true
		same(t, "after", take(t, r), want)
	}},
	{"a migration is completed once, and only away from the adapter that the store leaves", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		refuses := func(leaving string) {
			t.Helper()
			before := take(t, r)
			done, err := r.Stores.CompleteMigration(t.Context(), shop, leaving, at(90), false)
			wantError(t, err, store.ErrNotMoving)
			same(t, "done", done, false)
			same(t, "after", take(t, r), before)
		}
		move(t, r, alpha, beta, 10)
		refuses(beta)
		refuses(aaa)
		undo(t, r, 20)
		refuses(alpha)
		complete(t, r, beta, 30)
		refuses(beta)
		move(t, r, alpha, beta, 40)
		disconnect(t, r, 50)
		refuses(alpha)
	}},
	{"an open order that is left stops completion", func(t *testing.T, r Repositories) {
		for i, status := range []order.Status{order.PendingAcceptance, order.Processing, order.ReadyToShip, order.Unrecognized} {
			id := numbered("n", i)
			if i == 0 {
				connect(t, r, shop)
				move(t, r, alpha, beta, 10)
			}
			apply(t, r, shop, at(20+i), newOrder(id, status))
			incomplete(t, r, alpha)
			apply(t, r, shop, at(30+i), newOrder(id, order.Delivered))
		}
		complete(t, r, alpha, 40)
	}},
	{"an open shipment that is left stops completion", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := ship(t, r, "p1", "1")
		apply(t, r, shop, at(5), newOrder("1", order.Shipped)) // only the shipment is open
		move(t, r, alpha, beta, 10)
		for _, state := range []delivery.State{delivery.Queued, delivery.Sending, delivery.Acknowledged} {
			s.State = state
			s = update(t, r, s)
			incomplete(t, r, alpha)
		}
		s.State = delivery.Confirmed
		update(t, r, s)
		complete(t, r, alpha, 20)
	}},
	{"an open decision that is left stops completion", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		d := decide(t, r, "1")
		apply(t, r, shop, at(5), newOrder("1", order.Cancelled))
		move(t, r, alpha, beta, 10)
		for _, state := range []delivery.State{delivery.Queued, delivery.Sending, delivery.Acknowledged} {
			d.State = state
			d = updateDecision(t, r, d)
			incomplete(t, r, alpha)
		}
		d.State = delivery.Rejected
		updateDecision(t, r, d)
		complete(t, r, alpha, 20)
	}},
	{"an import that runs stops completion", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		move(t, r, alpha, beta, 10)
		if _, _, err := r.Orders.StartImport(t.Context(), newImport("other", "i0")); err != nil {
			t.Fatal(err)
		}
		begin(t, r, runOf("i1", 20, beta, alpha))
		incomplete(t, r, alpha)
		finish(t, r, "i1", order.Failed)
		complete(t, r, alpha, 40) // that of the other store still runs
	}},
	{"completion ends a health that tells of the adapter's failures, and no other", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		fails := store.Health{State: store.Retrying, Reason: problem.ReasonLeavingAdapterFails, Message: "alpha", Since: at(11)}
		setHealth(t, r, fails)
		apply(t, r, shop, at(12), newOrder("1", order.ReadyToShip))
		incomplete(t, r, alpha)
		same(t, "health while it moves", take(t, r).Store.Health, fails)
		apply(t, r, shop, at(13), newOrder("1", order.Delivered))
		complete(t, r, alpha, 20)
		same(t, "health", take(t, r).Store.Health, store.Health{State: store.Healthy, Since: at(20)})
		move(t, r, beta, alpha, 30)
		refused := store.Health{State: store.AuthRequired, Reason: problem.ReasonCredentialsRejected, Message: "m", Since: at(31)}
		setHealth(t, r, refused)
		complete(t, r, beta, 40)
		same(t, "health of the adapter of new orders", take(t, r).Store.Health, refused)
	}},
	{"what is open elsewhere does not stop completion", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		move(t, r, alpha, beta, 10)
		applyBatch(t, r, order.Batch{Ref: betaRef, Time: at(11), Orders: []order.Order{
			newOrder("1", order.ReadyToShip), newOrder("2", order.PendingAcceptance),
		}})
		s, d := newShipment("p1", "1"), newDecision("2", decision.Accept)
		s.Adapter, d.Adapter = beta, beta
		create(t, r, s)
		put(t, r, d)
		apply(t, r, "other", at(11), newOrder("1", order.ReadyToShip), newOrder("2", order.PendingAcceptance))
		s, d = newShipment("p1", "1"), newDecision("2", decision.Accept)
		s.StoreID, d.StoreID = "other", "other"
		create(t, r, s)
		put(t, r, d)
		complete(t, r, alpha, 20)
	}},
	{"of several completions one counts", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		dones, errs := make([]bool, 8), make([]error, 8)
		together(len(dones), func(i int) { dones[i], errs[i] = r.Stores.CompleteMigration(t.Context(), shop, alpha, at(20), false) })
		won := 0
		for i, done := range dones {
			if done {
				won++
				noError(t, errs[i])
				continue
			}
			wantError(t, errs[i], store.ErrNotMoving)
		}
		same(t, "completions", won, 1)
	}},
	{"of an undo and a completion one counts", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		var done bool
		var completed, undone error
		together(2, func(i int) {
			if i == 0 {
				undone = r.Stores.UndoMigration(t.Context(), shop, at(20))
				return
			}
			done, completed = r.Stores.CompleteMigration(t.Context(), shop, alpha, at(20), false)
		})
		if done {
			wantError(t, undone, store.ErrNotMoving)
			same(t, "adapters", spoken(bindings(t, r)), []string{beta})
			return
		}
		noError(t, undone)
		wantError(t, completed, store.ErrNotMoving)
		same(t, "adapters", spoken(bindings(t, r)), []string{alpha, beta})
	}},
	{"of a move and a disconnect nothing is left half done", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := movedStore(t, r, beta, 10)
		var moved, disconnected error
		together(2, func(i int) {
			if i == 0 {
				moved = r.Stores.StartMigration(t.Context(), migration(alpha, beta, 10), s, keysOf(s), sealed("x"))
				return
			}
			_, disconnected = r.Stores.DisconnectStore(t.Context(), shop, at(20), false)
		})
		noError(t, disconnected)
		got := take(t, r)
		same(t, "secrets", []store.Sealed{got.Alpha, got.Beta}, make([]store.Sealed, 2))
		same(t, "adapters", spoken(got.Bindings), []string{})
		same(t, "connected", got.Store.Connected(), false)
		if moved != nil {
			wantError(t, moved, store.ErrNotMoving)
		}
		if !got.NoMigration && got.Migration.Completed.IsZero() {
			t.Error("a disconnected store is moving")
		}
	}},
}
