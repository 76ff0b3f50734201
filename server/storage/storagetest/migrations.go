package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// migration is a move of the shop that begins at a minute.
func migration(source, target string, minute int) store.Migration {
	return store.Migration{StoreID: shop, Source: source, Target: target, Cutover: at(minute), Match: store.MatchVerified}
}

// movedStore is the shop as it is after a move to an adapter, with a new value in every field that a move writes.
func movedStore(t *testing.T, r Repositories, target string, minute int) store.Store {
	t.Helper()
	s, err := r.Stores.GetStore(t.Context(), shop)
	noError(t, err)
	s.Adapter, s.Adapters, s.AccountID = target, []string{target, s.Adapter}, target+"'s "+shop
	s.ShopName, s.Acceptance, s.UpdateTime = "Shop at "+target, store.AcceptedByMarketplace, at(minute)
	s.Health = store.Health{State: store.Healthy, Reason: target, Since: at(minute)}
	return s
}

// tryMove moves the shop, with credentials and account keys that tell the target.
func tryMove(t *testing.T, r Repositories, source, target string, minute int) error {
	t.Helper()
	s := movedStore(t, r, target, minute)
	return r.Stores.StartMigration(t.Context(), migration(source, target, minute), s, keysOf(s), sealed("credentials for "+target))
}

func move(t *testing.T, r Repositories, source, target string, minute int) {
	t.Helper()
	noError(t, tryMove(t, r, source, target, minute))
}

func undo(t *testing.T, r Repositories, minute int) {
	t.Helper()
	noError(t, r.Stores.UndoMigration(t.Context(), shop, at(minute)))
}

// complete ends the shop's migration, of which nothing must be left.
func complete(t *testing.T, r Repositories, leaving string, minute int) {
	t.Helper()
	done, err := r.Stores.CompleteMigration(t.Context(), shop, leaving, at(minute), false)
	noError(t, err)
	if !done {
		t.Fatalf("something is left on %s", leaving)
	}
}

// getMigration returns the last migration of the shop.
func getMigration(t *testing.T, r Repositories) store.Migration {
	t.Helper()
	m, err := r.Stores.Migration(t.Context(), shop)
	noError(t, err)
	return m
}

// picture is all that a migration changes of the shop.
type picture struct {
	Store        store.Store
	Bindings     store.Bindings
	Migration    store.Migration
	Alpha, Beta  store.Sealed // credentials
	StateA       store.Sealed // alpha's
	StateB       store.Sealed // beta's
	FoundByB     string       // the store that has beta's name of the account
	NoMigration  bool
	NoStoreFound bool
}

func take(t *testing.T, r Repositories) (p picture) {
	t.Helper()
	var err error
	p.Store, err = r.Stores.GetStore(t.Context(), shop)
	noError(t, err)
	p.Bindings = bindings(t, r)
	if p.Migration, err = r.Stores.Migration(t.Context(), shop); err != nil {
		wantError(t, err, store.ErrNoMigration)
		p.NoMigration = true
	}
	for ref, to := range map[store.Ref]*store.Sealed{shopRef: &p.Alpha, betaRef: &p.Beta} {
		if *to, err = r.Stores.Credentials(t.Context(), ref); err != nil {
			wantError(t, err, store.ErrNoCredentials)
		}
	}
	for ref, to := range map[store.Ref]*store.Sealed{shopRef: &p.StateA, betaRef: &p.StateB} {
		*to, err = r.Stores.AdapterState(t.Context(), ref)
		noError(t, err)
	}
	found, err := r.Stores.FindStore(t.Context(), "market", store.AccountKeys{"login:beta's " + shop})
	if err != nil {
		wantError(t, err, store.ErrNotFound)
		p.NoStoreFound = true
	}
	p.FoundByB = found.ID
	return p
}

var migrationCases = []testCase{
	{"a move stores the migration, the target's credentials and account, and binds new orders to it", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		noError(t, r.Stores.SaveAdapterState(t.Context(), shopRef, sealed("alpha's state")))
		before := take(t, r)
		if !before.NoMigration || !before.NoStoreFound {
			t.Errorf("before the move: %+v", before)
		}
		want := picture{
			Store: movedStore(t, r, beta, 10), Migration: migration(alpha, beta, 10),
			Alpha: before.Alpha, Beta: sealed("credentials for beta"), StateA: sealed("alpha's state"), FoundByB: shop,
			Bindings: store.Bindings{
				Current: beta, Origin: alpha, Moved: true, Turns: []store.Turn{{At: at(10), Adapter: beta}},
				Adapters: []store.Binding{{Adapter: beta}, {Adapter: alpha}},
			},
		}
		move(t, r, alpha, beta, 10)
		same(t, "after the move", take(t, r), want)
		_, err := r.Stores.Migration(t.Context(), "other")
		wantError(t, err, store.ErrNoMigration)
	}},
	{"how the account was recognised is kept", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		m := migration(alpha, beta, 10)
		m.Match = store.MatchStated
		s := movedStore(t, r, beta, 10)
		noError(t, r.Stores.StartMigration(t.Context(), m, s, keysOf(s), sealed("x")))
		same(t, "migration", getMigration(t, r), m)
	}},
	{"state of earlier credentials for the target is erased", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		noError(t, r.Stores.SaveAdapterState(t.Context(), betaRef, sealed("beta's state")))
		undo(t, r, 20)
		same(t, "state while it returns", take(t, r).StateB, sealed("beta's state"))
		move(t, r, alpha, beta, 30)
		same(t, "state for new credentials", take(t, r).StateB, store.Sealed{})
	}},
	{"a store that does not exist, or never moved", func(t *testing.T, r Repositories) {
		connect(t, r, "other")
		s := newStore(shop)
		for what, err := range map[string]error{
			"Migration":         second(r.Stores.Migration(t.Context(), shop)),
			"StartMigration":    r.Stores.StartMigration(t.Context(), migration(alpha, beta, 10), s, keysOf(s), sealed("x")),
			"UndoMigration":     r.Stores.UndoMigration(t.Context(), shop, at(10)),
			"CompleteMigration": second(r.Stores.CompleteMigration(t.Context(), shop, alpha, at(10), false)),
		} {
			t.Log(what)
			wantError(t, err, store.ErrNotFound)
		}
		connect(t, r, shop)
		before := take(t, r)
		wantError(t, r.Stores.UndoMigration(t.Context(), shop, at(10)), store.ErrNoMigration)
		wantError(t, second(r.Stores.CompleteMigration(t.Context(), shop, alpha, at(10), false)), store.ErrNoMigration)
		same(t, "after", take(t, r), before)
	}},
	{"a migration counts the open orders of its two adapters", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		bound := func(storeID, adapter string, orders ...order.Order) {
			t.Helper()
			applyBatch(t, r, order.Batch{Ref: store.Ref{StoreID: storeID, Adapter: adapter}, Orders: orders, Time: at(1)})
		}
		bound(shop, alpha, newOrder("1", order.ReadyToShip), newOrder("2", order.Shipped), newOrder("3", order.Unrecognized))
		bound("other", alpha, newOrder("1", order.ReadyToShip))
		move(t, r, alpha, beta, 10)
		bound(shop, beta, newOrder("4", order.Processing), newOrder("5", order.Cancelled))
		want := migration(alpha, beta, 10)
		want.SourceOpen, want.TargetOpen = 2, 1
		same(t, "migration", getMigration(t, r), want)
		undo(t, r, 20)
		want.Undone = at(20)
		same(t, "undone", getMigration(t, r), want)
	}},
	{"a move needs a store that is bound to its source and is not moving otherwise", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		refuses := func(what, source, target string) {
			t.Helper()
			t.Log(what)
			before := take(t, r)
			wantError(t, tryMove(t, r, source, target, 90), store.ErrNotMoving)
			same(t, "after", take(t, r), before)
		}
		refuses("from another adapter", beta, aaa)
		move(t, r, alpha, beta, 10)
		refuses("again", alpha, beta)
		refuses("on to a third", beta, aaa)
		refuses("back without undoing", beta, alpha)
		undo(t, r, 20)
		refuses("undone, to a third", alpha, aaa)
		refuses("undone, the other way round", beta, alpha)
		complete(t, r, beta, 30)
		disconnect(t, r, 40)
		refuses("without credentials", alpha, beta)
	}},
	{"a move refuses a name of another store and changes nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		before := take(t, r)
		s := movedStore(t, r, beta, 10)
		keys := store.AccountKeys{"login:beta's " + shop, "login:account-other"}
		wantError(t, r.Stores.StartMigration(t.Context(), migration(alpha, beta, 10), s, keys, sealed("x")), store.ErrAccountTaken)
		same(t, "after", take(t, r), before)
		finds(t, r, "other", "login:account-other")
	}},
	{"a move of an undone pair starts over", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		undo(t, r, 20)
		want := movedStore(t, r, beta, 30)
		move(t, r, alpha, beta, 30)
		got := take(t, r)
		same(t, "migration", got.Migration, migration(alpha, beta, 30))
		same(t, "store", got.Store, want)
		undo(t, r, 40)
		ended := migration(alpha, beta, 30)
		ended.Undone = at(40)
		same(t, "undone again", getMigration(t, r), ended)
	}},
	{"a store that has moved may move on, and back", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		complete(t, r, alpha, 20)
		move(t, r, beta, aaa, 30)
		same(t, "moving on", getMigration(t, r), migration(beta, aaa, 30))
		complete(t, r, beta, 40)
		move(t, r, aaa, alpha, 50)
		same(t, "moving back", getMigration(t, r), migration(aaa, alpha, 50))
		same(t, "credentials", take(t, r).Alpha, sealed("credentials for alpha"))
	}},
	{"undo binds new orders to the source again, keeps both credentials and makes the store healthy", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		setHealth(t, r, store.Health{State: store.AuthRequired, Reason: problem.ReasonCredentialsRejected, Message: "refused", Since: at(15)})
		want := take(t, r)
		undo(t, r, 20)
		want.Store.Health = store.Health{State: store.Healthy, Since: at(20)}
		want.Store.Adapter, want.Store.Adapters, want.Store.AccountID, want.Store.UpdateTime = alpha, []string{alpha, beta}, "account-shop", at(20)
		want.Bindings.Current, want.Bindings.Adapters = alpha, []store.Binding{{Adapter: alpha}, {Adapter: beta}}
		want.Bindings.Turns = append(want.Bindings.Turns, store.Turn{At: at(20), Adapter: alpha})
		want.Migration.Undone = at(20)
		same(t, "after", take(t, r), want)
	}},
	{"a migration is undone once, and not after its end", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		refuses := func(what string) {
			t.Helper()
			t.Log(what)
			before := take(t, r)
			wantError(t, r.Stores.UndoMigration(t.Context(), shop, at(90)), store.ErrNotMoving)
			same(t, "after", take(t, r), before)
		}
		move(t, r, alpha, beta, 10)
		undo(t, r, 20)
		refuses("undone")
		complete(t, r, beta, 30)
		refuses("undone and complete")
		move(t, r, alpha, beta, 40)
		complete(t, r, alpha, 50)
		refuses("complete")
		move(t, r, beta, aaa, 60)
		disconnect(t, r, 70)
		refuses("ended by a disconnect")
	}},
	{"disconnect erases both credentials and ends the migration", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		move(t, r, alpha, beta, 10)
		noError(t, r.Stores.SaveAdapterState(t.Context(), betaRef, sealed("beta's state")))
		disconnect(t, r, 20)
		got := take(t, r)
		want := migration(alpha, beta, 10)
		want.Completed, want.Abandoned = at(20), true
		same(t, "migration", got.Migration, want)
		same(t, "adapters", append(got.Store.Adapters, spoken(got.Bindings)...), []string{})
		same(t, "secrets", []store.Sealed{got.Alpha, got.Beta, got.StateA, got.StateB}, make([]store.Sealed, 4))
	}},
	{"disconnect leaves a migration that has ended as it is", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		complete(t, r, alpha, 20)
		want := getMigration(t, r)
		disconnect(t, r, 30)
		same(t, "migration", getMigration(t, r), want)
	}},
	{"of several moves one begins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		targets := []string{beta, aaa, beta, aaa, "gamma", beta}
		errs := make([]error, len(targets))
		stores := make([]store.Store, len(targets))
		for i, target := range targets {
			stores[i] = movedStore(t, r, target, 10+i)
		}
		together(len(targets), func(i int) {
			errs[i] = r.Stores.StartMigration(t.Context(), migration(alpha, targets[i], 10+i), stores[i], keysOf(stores[i]), sealed(targets[i]))
		})
		won := -1
		for i, err := range errs {
			switch {
			case err != nil:
				wantError(t, err, store.ErrNotMoving)
			case won >= 0:
				t.Errorf("moves %d and %d have begun", won, i)
			default:
				won = i
			}
		}
		if won < 0 {
			t.Fatal("no move has begun")
		}
		same(t, "migration", getMigration(t, r), migration(alpha, targets[won], 10+won))
		same(t, "adapters", spoken(bindings(t, r)), []string{targets[won], alpha})
	}},
	{"of several undos one counts", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 10)
		errs := make([]error, 8)
		together(len(errs), func(i int) { errs[i] = r.Stores.UndoMigration(t.Context(), shop, at(20+i)) })
		var undone time.Time
		for i, err := range errs {
			switch {
			case err != nil:
				wantError(t, err, store.ErrNotMoving)
			case !undone.IsZero():
				t.Error("it was undone twice")
			default:
				undone = at(20 + i)
			}
		}
		same(t, "undone", getMigration(t, r).Undone, undone)
		same(t, "turns", len(bindings(t, r).Turns), 2)
	}},
}

// second is the error of a call that returns something beside it.
func second[T any](_ T, err error) error { return err }
