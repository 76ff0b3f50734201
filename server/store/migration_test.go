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

// toBeta moves the shop to beta.
func toBeta() store.MigrateRequest {
	return store.MigrateRequest{StoreID: "shop", Target: "beta", Credentials: map[string]string{"token": secret}}
}

// TestMigrate: what is stored of a move that goes well.
func TestMigrate(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.now = noon.In(time.FixedZone("Paris", 3600))
	beta := w.market.accounts["beta"]
	beta.Keys = append(beta.Keys, "seller:7")
	w.market.accounts["beta"] = beta
	shop := w.db.stores["shop"]
	m, err := w.Migrate(t.Context(), toBeta())
	wantReason(t, err, "")
	shop.Adapter, shop.AccountID, shop.Acceptance, shop.UpdateTime = "beta", "b-1", store.AcceptedByMarketplace, noon
	shop.Health = store.Health{State: store.Healthy, Since: noon}
	want := store.Migration{StoreID: "shop", Source: "alpha", Target: "beta", Cutover: noon, Match: store.MatchVerified}
	same(t, "migration", m, want)
	same(t, "time zone", m.Cutover.Location() == time.UTC, true)
	same(t, "stored", w.db.started, []started{{
		want, shop, store.AccountKeys{"adapter/beta:b-1", "seller:7", "login:one"}, `{"token":"` + secret + `"}`,
	}})
	same(t, "state", w.db.states, map[store.Ref]store.Sealed{shopBeta: {Ciphertext: []byte("token")}})
	same(t, "asked", w.market.checks, []string{"beta"})
	if strings.Contains(w.log.String(), secret) {
		t.Errorf("the log holds a secret:\n%s", w.log)
	}
}

// TestSameAccount: how the account of new credentials is recognised as the store's.
func TestSameAccount(t *testing.T) {
	t.Parallel()
	down := problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "down")
	for _, c := range []struct {
		name    string
		with    func(w *world)
		stated  bool
		want    store.AccountMatch
		reason  string
		asksOld bool
	}{
		{"a name that the store has", func(*world) {}, false, store.MatchVerified, "", false},
		{"a name that the store has, stated too", func(*world) {}, true, store.MatchVerified, "", false},
		{"a name that the old adapter tells only now", func(w *world) {
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:new"}}
			w.market.accounts["alpha"] = store.Account{ID: "a-1", Keys: store.AccountKeys{"login:new"}}
		}, false, store.MatchVerified, "", true},
		{"an id is a name only of its own adapter", func(w *world) {
			w.market.accounts["beta"] = store.Account{ID: "a-1"}
		}, false, "", problem.ReasonAccountMismatch, true},
		{"no name in common", func(w *world) { w.market.accounts["beta"] = store.Account{ID: "b-1"} }, false, "", problem.ReasonAccountMismatch, true},
		{"no name in common, but stated", func(w *world) { w.market.accounts["beta"] = store.Account{ID: "b-1"} }, true, store.MatchStated, "", true},
		{"the old adapter is down", func(w *world) {
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:new"}}
			w.market.errs["alpha"] = down
		}, false, "", problem.ReasonAccountMismatch, true},
		{"the old adapter is down, but stated", func(w *world) {
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:new"}}
			w.market.errs["alpha"] = down
		}, true, store.MatchStated, "", true},
		{"the old credentials belong to another account now", func(w *world) {
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:new"}}
			w.market.accounts["alpha"] = store.Account{ID: "a-2", Keys: store.AccountKeys{"login:new"}}
		}, false, "", problem.ReasonAccountMismatch, true},
		{"a name that only the target of an earlier move told", func(w *world) {
			w.db.told[shopBeta], w.db.names["login:beta"] = store.AccountKeys{"login:beta"}, "shop"
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:beta"}}
		}, false, "", problem.ReasonAccountMismatch, true},
		{"a name of a disconnected store, and one of its own", func(w *world) {
			w.db.disconnect("other")
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:two", "login:one"}}
		}, false, store.MatchVerified, "", false},
		{"a name of a disconnected store only", func(w *world) {
			w.db.disconnect("other")
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:two"}}
		}, false, "", problem.ReasonAccountMismatch, true},
		{"a name of a disconnected store only, but stated", func(w *world) {
			w.db.disconnect("other")
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:two"}}
		}, true, store.MatchStated, "", true},
		{"a name of another store", func(w *world) {
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:two"}}
		}, false, "", problem.ReasonAccountConnected, false},
		{"a name of another store cannot be stated away", func(w *world) {
			w.market.accounts["beta"] = store.Account{ID: "b-1", Keys: store.AccountKeys{"login:two"}}
		}, true, "", problem.ReasonAccountConnected, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.with(w)
			r := toBeta()
			r.SameAccount = c.stated
			m, err := w.Migrate(t.Context(), r)
			wantReason(t, err, c.reason)
			same(t, "match", m.Match, c.want)
			same(t, "moves", len(w.db.started) == 1, c.reason == "")
			want := []string{"beta"}
			if c.asksOld {
				want = append(want, "alpha a-1")
			}
			same(t, "asked", w.market.checks, want)
		})
	}
}

// TestMigrateRefuses: whatever stops a move, nothing is stored, and what can be known before is not asked of a marketplace.
func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		with   func(w *world, r *store.MigrateRequest)
		reason string
		asks   bool
	}{
		{"a store that does not exist", func(_ *world, r *store.MigrateRequest) { r.StoreID = "unknown" }, problem.ReasonStoreNotFound, false},
		{"a disconnected store", func(w *world, _ *store.MigrateRequest) { w.db.disconnect("shop") }, problem.ReasonStoreDisconnected, false},
		{"an adapter that is not there", func(_ *world, r *store.MigrateRequest) { r.Target = "unknown" }, problem.ReasonAdapterNotFound, false},
		{"an adapter of another marketplace", func(_ *world, r *store.MigrateRequest) { r.Target = "foreign" }, problem.ReasonMarketplaceMismatch, false},
		{"the adapter that the store is on", func(_ *world, r *store.MigrateRequest) { r.Target = "alpha" }, problem.ReasonAdapterUnchanged, false},
		{"the adapter that the store is on again", func(w *world, r *store.MigrateRequest) {
			w.db.moving(-20)
			w.db.returning(-10)
			r.Target = "alpha"
		}, problem.ReasonAdapterUnchanged, false},
		{"the adapter that it leaves: that is an undo", func(w *world, r *store.MigrateRequest) {
			w.db.moving(-10)
			r.Target = "alpha"
		}, problem.ReasonMigrationUnderWay, false},
		{"a third adapter while it moves", func(w *world, r *store.MigrateRequest) {
			w.db.moving(-10)
			r.Target = "gamma"
		}, problem.ReasonMigrationUnderWay, false},
		{"a third adapter while it returns", func(w *world, r *store.MigrateRequest) {
			w.db.moving(-20)
			w.db.returning(-10)
			r.Target = "gamma"
		}, problem.ReasonMigrationUnderWay, false},
		{"credentials without a field", func(_ *world, r *store.MigrateRequest) { r.Credentials = nil }, problem.ReasonInvalidField, false},
		{"credentials with a field of another adapter", func(_ *world, r *store.MigrateRequest) { r.Credentials["login"] = secret }, problem.ReasonInvalidField, false},
		{"an environment without addresses", func(w *world, _ *store.MigrateRequest) {
			shop := w.db.stores["shop"]
			shop.Environment = "test"
			w.db.stores["shop"] = shop
		}, problem.ReasonEnvironmentNotFound, false},
		{"credentials that the marketplace refuses", func(w *world, _ *store.MigrateRequest) {
			w.market.errs["beta"] = problem.New(problem.Precondition, problem.ReasonCredentialsRejected, "refused")
		}, problem.ReasonCredentialsRejected, true},
		{"an account that is connected meanwhile", func(w *world, _ *store.MigrateRequest) {
			w.db.startErr = fmt.Errorf("start: %w", store.ErrAccountTaken)
		}, problem.ReasonAccountConnected, true},
		{"a store that is moved meanwhile", func(w *world, _ *store.MigrateRequest) {
			w.db.startErr = fmt.Errorf("start: %w", store.ErrNotMoving)
		}, problem.ReasonMigrationUnderWay, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, r := newWorld(), toBeta()
			c.with(w, &r)
			_, err := w.Migrate(t.Context(), r)
			wantReason(t, err, c.reason)
			same(t, "stored", len(w.db.started), 0)
			same(t, "state", w.db.states, map[store.Ref]store.Sealed{})
			same(t, "asked a marketplace", len(w.market.checks) > 0, c.asks)
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("the log holds a secret:\n%s", w.log)
			}
		})
	}
}

// TestMigrateAgain: the move that is under way, or done, is told as it is; one that was undone starts over.
func TestMigrateAgain(t *testing.T) {
	t.Parallel()
	t.Run("under way", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.db.moving(-10)
		m, err := w.Migrate(t.Context(), toBeta())
		wantReason(t, err, "")
		same(t, "migration", m, *w.db.last)
		same(t, "stored", len(w.db.started), 0)
		same(t, "asked", len(w.market.checks), 0)
	})
	t.Run("undone", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.db.moving(-20)
		w.db.returning(-10)
		m, err := w.Migrate(t.Context(), toBeta())
		wantReason(t, err, "")
		same(t, "migration", m, store.Migration{StoreID: "shop", Source: "alpha", Target: "beta", Cutover: noon, Match: store.MatchVerified})
	})
	t.Run("to the next one, when it is complete", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.db.moving(-20)
		w.db.last.Completed = at(-10)
		w.market.accounts["gamma"] = store.Account{ID: "g-1", Keys: store.AccountKeys{"login:one"}}
		r := toBeta()
		r.Target = "gamma"
		m, err := w.Migrate(t.Context(), r)
		wantReason(t, err, "")
		same(t, "migration", m, store.Migration{StoreID: "shop", Source: "beta", Target: "gamma", Cutover: noon, Match: store.MatchVerified})
	})
}

func TestUndoMigration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		with   func(w *world)
		reason string
		undone []time.Time // what the database was told
	}{
		{"moving", func(w *world) { w.db.moving(-10) }, "", []time.Time{noon}},
		{"undone already", func(w *world) { w.db.moving(-10); w.db.returning(-5) }, "", nil},
		{"never moved", func(*world) {}, problem.ReasonMigrationNotFound, nil},
		{"complete", func(w *world) {
			w.db.moving(-10)
			w.db.last.Completed = at(-1)
			w.db.undoErr = fmt.Errorf("undo: %w", store.ErrNotMoving)
		}, problem.ReasonMigrationComplete, []time.Time{noon}},
		{"undone by another call meanwhile", func(w *world) {
			w.db.moving(-10)
			w.db.undoErr = fmt.Errorf("undo: %w", store.ErrNotMoving)
			w.db.onUndo = func() { w.db.last.Undone = at(-1) }
		}, "", []time.Time{noon}},
		{"the store is gone meanwhile", func(w *world) {
			w.db.moving(-10)
			w.db.undoErr = fmt.Errorf("undo: %w", store.ErrNotFound)
		}, problem.ReasonStoreNotFound, []time.Time{noon}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.with(w)
			m, err := w.UndoMigration(t.Context(), "shop")
			wantReason(t, err, c.reason)
			same(t, "undone", w.db.undone, c.undone)
			same(t, "the prober is told", len(w.told) == 1 && !w.told[0], c.name == "moving")
			if c.reason == "" {
				same(t, "migration", m, *w.db.last)
			}
		})
	}
}

// TestConclude: a migration ends when nothing can be unknown of the adapter that is left, and not before it was kept for long enough.
func TestConclude(t *testing.T) {
	t.Parallel()
	policy := store.MigrationPolicy{Keep: 60 * time.Minute, Patience: 30 * time.Minute}
	broken := errors.New("disk full")
	leaving := func(w *world, b store.Binding) {
		w.db.moving(-60)
		b.Adapter = "alpha"
		w.db.bindings.Adapters[1] = b
		w.db.bindings.Adapters[0].ImportStart = noon
	}
	read := store.Binding{ImportStart: at(-10)}
	for _, c := range []struct {
		name string
		with func(w *world)
		want []string // adapters that were asked to be left, with "!" when given up
		err  error
	}{
		{"never moved", func(*world) {}, nil, nil},
		{"everything was read since the cut-over", func(w *world) { leaving(w, read) }, []string{"alpha"}, nil},
		{"by an import that began at the cut-over", func(w *world) { leaving(w, store.Binding{ImportStart: at(-60)}) }, []string{"alpha"}, nil},
		{"by one that began just before", func(w *world) { leaving(w, store.Binding{ImportStart: at(-60).Add(-1)}) }, nil, nil},
		{"never read", func(w *world) { leaving(w, store.Binding{}) }, nil, nil},
		{"not yet kept for long enough", func(w *world) { leaving(w, read); w.now = noon.Add(-1) }, nil, nil},
		{"failing within patience", func(w *world) { leaving(w, store.Binding{FailingSince: at(-30).Add(1)}) }, nil, nil},
		{"failing for longer", func(w *world) { leaving(w, store.Binding{FailingSince: at(-30)}) }, []string{"alpha!"}, nil},
		{"failing for longer now, but not yet when the last import began", func(w *world) {
			leaving(w, store.Binding{FailingSince: at(-30)})
			w.db.bindings.Adapters[0].ImportStart = noon.Add(-1)
		}, nil, nil},
		{"failing for longer, but the adapter of new orders took nothing over yet", func(w *world) {
			leaving(w, store.Binding{FailingSince: at(-100)})
			w.db.bindings.Adapters[0].ImportStart = time.Time{}
		}, nil, nil},
		{"failing since long before the cut-over", func(w *world) {
			leaving(w, store.Binding{FailingSince: at(-500)})
			w.now = at(100)
			w.db.bindings.Adapters[0].ImportStart = at(-31)
		}, nil, nil},
		{"read since the cut-over, and failing for longer", func(w *world) {
			leaving(w, store.Binding{ImportStart: at(-50), FailingSince: at(-40)})
		}, []string{"alpha!"}, nil},
		{"failing for longer, but not kept for long enough", func(w *world) {
			leaving(w, store.Binding{FailingSince: at(-59)})
			w.now = noon.Add(-1)
		}, nil, nil},
		{"without credentials for what is left", func(w *world) { leaving(w, read); w.db.bindings.Adapters = w.db.bindings.Adapters[:1] }, []string{"alpha"}, nil},
		{"complete already", func(w *world) { leaving(w, read); w.db.last.Completed = at(-5) }, nil, nil},
		{"undone a moment ago", func(w *world) {
			leaving(w, read)
			w.db.returning(-10)
			w.db.bindings.Adapters[1].ImportStart = at(-5)
		}, nil, nil},
		{"undone, and the target was read since", func(w *world) {
			w.db.moving(-200)
			w.db.returning(-60)
			w.db.bindings.Adapters[1].ImportStart = at(-60)
		}, []string{"beta"}, nil},
		{"undone, and the target was read before only", func(w *world) {
			w.db.moving(-200)
			w.db.returning(-60)
			w.db.bindings.Adapters[0].ImportStart, w.db.bindings.Adapters[1].ImportStart = noon, at(-61)
		}, nil, nil},
		{"something is left", func(w *world) { leaving(w, read); w.db.left = true }, []string{"alpha"}, nil},
		{"another call was faster", func(w *world) { leaving(w, read); w.db.completeErr = store.ErrNotMoving }, []string{"alpha"}, nil},
		{"the migration cannot be read", func(w *world) { leaving(w, read); w.db.migrationErr = broken }, nil, broken},
		{"the end cannot be written", func(w *world) { leaving(w, read); w.db.completeErr = broken }, []string{"alpha"}, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.with(w)
			if err := w.Conclude(t.Context(), "shop", policy); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			same(t, "left", w.db.completed, c.want)
			complete := len(c.want) > 0 && !w.db.left && w.db.completeErr == nil
			same(t, "told as complete", strings.Contains(w.log.String(), "migration complete"), complete)
		})
	}
}
