package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// dueStores lists the stores that are due at a minute.
func dueStores(t *testing.T, r Repositories, minute, limit int) []string {
	t.Helper()
	due, err := r.Schedule.DueImports(t.Context(), alpha, at(minute), limit, false)
	noError(t, err)
	var ids []string
	for _, d := range due {
		ids = append(ids, d.StoreID)
	}
	return ids
}

var scheduleCases = []testCase{
	{"a store that was never planned is due at once, and before all others", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		plan(t, r, "other", -10)
		same(t, "due", dueStores(t, r, 0, 10), []string{shop, "other"})
	}},
	{"what is due comes the most overdue first, at most as many as asked for", func(t *testing.T, r Repositories) {
		connect(t, r, "a", "b", "c", "d")
		for id, minute := range map[string]int{"a": 5, "b": 3, "c": 4, "d": 6} {
			plan(t, r, id, minute)
		}
		same(t, "due", dueStores(t, r, 5, 10), []string{"b", "c", "a"})
		same(t, "the first two", dueStores(t, r, 5, 2), []string{"b", "c"})
		due, err := r.Schedule.DueImports(t.Context(), alpha, at(5), 1, false)
		noError(t, err)
		same(t, "due since", due, []order.Due{{StoreID: "b", Time: at(3)}})
		for after, want := range map[int]time.Time{0: at(3), 3: at(4), 4: at(5), 6: {}} {
			next, err := r.Schedule.NextDueImport(t.Context(), alpha, at(after), false)
			noError(t, err)
			same(t, "next", next, want)
		}
	}},
	{"nothing is due without stores", func(t *testing.T, r Repositories) {
		same(t, "due", len(dueStores(t, r, 0, 10)), 0)
		next, err := r.Schedule.NextDueImport(t.Context(), alpha, time.Time{}, false)
		noError(t, err)
		same(t, "next", next.IsZero(), true)
	}},
	{"paused, disconnected, refused and disabled stores are left out", func(t *testing.T, r Repositories) {
		connect(t, r, "disabled", "disconnected", "fine", "paused", "refused")
		setPaused(t, r, "paused", true)
		_, err := r.Stores.DisconnectStore(t.Context(), "disconnected", at(1), false)
		noError(t, err)
		refuse(t, r, store.Ref{StoreID: "refused", Adapter: alpha})
		setSchedule(t, r, "disabled", store.ImportSchedule{Disabled: true})
		same(t, "due", dueStores(t, r, 5, 10), []string{"fine"})
		plan(t, r, "fine", 9)
		next, err := r.Schedule.NextDueImport(t.Context(), alpha, time.Time{}, false)
		noError(t, err)
		same(t, "next", next, at(9))

		setPaused(t, r, "paused", false)
		restore(t, r, store.Ref{StoreID: "refused", Adapter: alpha})
		setSchedule(t, r, "disabled", store.ImportSchedule{})
		same(t, "due again", dueStores(t, r, 5, 10), []string{"disabled", "paused", "refused"})
	}},
	{"a change of the store plans anew only when it says so", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		plan(t, r, shop, 60)
		setPaused(t, r, shop, true)
		setPaused(t, r, shop, false)
		hourly := store.ImportSchedule{Interval: time.Hour}
		setSchedule(t, r, shop, hourly)
		same(t, "due", len(dueStores(t, r, 5, 10)), 0)
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "planned", got.NextImport, at(60))
		same(t, "planned anew", replan(t, r, shop, 4).NextImport, at(4))
		due, err := r.Schedule.DueImports(t.Context(), alpha, at(5), 10, false)
		noError(t, err)
		same(t, "due", due, []order.Due{{StoreID: shop, Time: at(4), Schedule: hourly}})
	}},
	{"an import plans nothing for a store that was planned anew meanwhile", func(t *testing.T, r Repositories) {
		connect(t, r, "new", "new-changed", "planned", "planned-changed")
		plan(t, r, "planned", 1)
		plan(t, r, "planned-changed", 2)
		due, err := r.Schedule.DueImports(t.Context(), alpha, at(2), 10, false)
		noError(t, err)
		replan(t, r, "new-changed", 3)
		replan(t, r, "planned-changed", 4)
		for _, d := range due {
			noError(t, r.Schedule.PlanImport(t.Context(), d, at(60)))
		}
		same(t, "still due", dueStores(t, r, 5, 10), []string{"new-changed", "planned-changed"})
	}},
	{"stores without an interval of their own are left out when asked", func(t *testing.T, r Repositories) {
		connect(t, r, "disabled", "none", "own")
		for _, id := range []string{"disabled", "own"} {
			setSchedule(t, r, id, store.ImportSchedule{Interval: time.Hour, Disabled: id == "disabled"})
		}
		plan(t, r, "none", 2)
		plan(t, r, "own", 3)
		due, err := r.Schedule.DueImports(t.Context(), alpha, at(5), 10, true)
		noError(t, err)
		same(t, "due", due, []order.Due{{StoreID: "own", Time: at(3), Schedule: store.ImportSchedule{Interval: time.Hour}}})
		next, err := r.Schedule.NextDueImport(t.Context(), alpha, time.Time{}, true)
		noError(t, err)
		same(t, "next", next, at(3))
		same(t, "all that are due", dueStores(t, r, 5, 10), []string{"none", "own"})
	}},
	{"a store that is connected again is due at once", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		plan(t, r, shop, 60)
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(1), false)
		noError(t, err)
		noError(t, r.Stores.ReconnectStore(t.Context(), newStore(shop), keysOf(newStore(shop)), sealed("new")))
		same(t, "due", dueStores(t, r, 5, 10), []string{shop})
	}},
	{"planning a store that is gone does nothing", func(t *testing.T, r Repositories) {
		plan(t, r, "unknown", 1)
	}},
	{"a run tells whether the schedule started it", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		run := newImport(shop, "i1")
		run.Scheduled = true
		_, _, err := r.Orders.StartImport(t.Context(), run)
		noError(t, err)
		got, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "scheduled", got.Scheduled, true)
	}},
	{"a decision tells the rule that made it", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.PendingAcceptance))
		d := newDecision("1", decision.Accept)
		d.DecidedBy = "every order is accepted"
		got, _, err := r.Decisions.PutDecision(t.Context(), d)
		noError(t, err)
		same(t, "rule", got.DecidedBy, d.DecidedBy)
	}},
}

// plan sets when a store is due that was never planned.
func plan(t *testing.T, r Repositories, id string, minute int) {
	t.Helper()
	noError(t, r.Schedule.PlanImport(t.Context(), order.Due{StoreID: id}, at(minute)))
}

// replan makes a store due at a minute, as another schedule does.
func replan(t *testing.T, r Repositories, id string, minute int) store.Store {
	t.Helper()
	changed, err := r.Stores.UpdateStore(t.Context(), id, func(s *store.Store) error {
		s.NextImport = at(minute)
		return nil
	})
	noError(t, err)
	return changed
}

// setSchedule replaces the schedule of a store.
func setSchedule(t *testing.T, r Repositories, id string, s store.ImportSchedule) store.Store {
	t.Helper()
	changed, err := r.Stores.UpdateStore(t.Context(), id, func(st *store.Store) error {
		st.Settings.ImportSchedule = s
		return nil
	})
	noError(t, err)
	return changed
}
