package storagetest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// scheduleFaults are the faults of a database that mixes up which stores are imported when.
var scheduleFaults = map[string]fault{
	"what is due now waits": {"Schedule/what_is_due_comes", changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
		return r.DueImports(ctx, lane, now.Add(-1), limit, own)
	})},
	"what is due soon is due now": {"Schedule/what_is_due_comes", changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
		return r.DueImports(ctx, lane, now.Add(time.Minute), limit, own)
	})},
	"the least overdue comes first": {"Schedule/what_is_due_comes", changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
		due, err := r.DueImports(ctx, lane, now, limit, own)
		slices.Reverse(due)
		return due, err
	})},
	"new stores come last": {"Schedule/a_store_that_was_never_planned", changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
		due, err := r.DueImports(ctx, lane, now, limit, own)
		slices.SortStableFunc(due, func(a, b order.Due) int { return compareBools(a.Time.IsZero(), b.Time.IsZero()) })
		return due, err
	})},
	"new stores are left out": {"Schedule/a_store_that_was_never_planned", changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
		due, err := r.DueImports(ctx, lane, now, limit, own)
		return slices.DeleteFunc(due, func(d order.Due) bool { return d.Time.IsZero() }), err
	})},
	"the limit does not count": {"Schedule/what_is_due_comes", changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, _ int, own bool) ([]order.Due, error) {
		return r.DueImports(ctx, lane, now, 1000, own)
	})},
	"nobody learns since when": {"Schedule/what_is_due_comes", changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
		due, err := r.DueImports(ctx, lane, now, limit, own)
		for i := range due {
			due[i].Time = time.Time{}
		}
		return due, err
	})},
	"nobody learns by which schedule": {"Schedule/a_change_of_the_store_plans", changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
		due, err := r.DueImports(ctx, lane, now, limit, own)
		for i := range due {
			due[i].Schedule = store.ImportSchedule{}
		}
		return due, err
	})},

	"paused stores are due":           {"Schedule/paused,_disconnected", alsoDue(func(s store.Store, _ store.Bindings) bool { return s.Paused })},
	"disconnected stores are due":     {"Schedule/paused,_disconnected", alsoDue(func(s store.Store, _ store.Bindings) bool { return !s.Connected() })},
	"stores without schedule are due": {"Schedule/paused,_disconnected", alsoDue(func(s store.Store, _ store.Bindings) bool { return s.Settings.ImportSchedule.Disabled })},
	"refused stores are due": {"Schedule/paused,_disconnected", alsoDue(func(s store.Store, b store.Bindings) bool {
		return slices.ContainsFunc(b.Adapters, func(x store.Binding) bool { return x.Adapter == s.Adapter && !x.Standing.Works() })
	})},
	"what was left out once is left out for ever": {"Schedule/paused,_disconnected", func(r *storagetest.Repositories) {
		r.Schedule = &forgetsReturned{r.Schedule, r.Stores, map[string]bool{}}
	}},

	"the next import is never known": {"Schedule/what_is_due_comes", changesNext(func(context.Context, order.ScheduleRepository, string, time.Time, bool) (time.Time, error) {
		return time.Time{}, nil
	})},
	"the next import is told twice": {"Schedule/what_is_due_comes", changesNext(func(ctx context.Context, r order.ScheduleRepository, lane string, after time.Time, own bool) (time.Time, error) {
		return r.NextDueImport(ctx, lane, after.Add(-1), own)
	})},
	"something is always due": {"Schedule/nothing_is_due_without_stores", changesNext(func(context.Context, order.ScheduleRepository, string, time.Time, bool) (time.Time, error) {
		return time.Unix(0, 0), nil
	})},
	"stores that are left out are next": {"Schedule/paused,_disconnected", func(r *storagetest.Repositories) {
		stores := r.Stores
		changesNext(func(ctx context.Context, _ order.ScheduleRepository, _ string, _ time.Time, _ bool) (time.Time, error) {
			all, err := stores.ListStores(ctx, store.ListQuery{Limit: 100, ShowDisconnected: true})
			first := slices.MinFunc(all, func(a, b store.Store) int { return a.NextImport.Compare(b.NextImport) })
			return first.NextImport, err
		})(r)
	}},

	"plans are not kept": {"Schedule/what_is_due_comes", plansOtherwise(func(context.Context, order.ScheduleRepository, order.Due, time.Time) error {
		return nil
	})},
	"a store that is gone is an error": {"Schedule/planning_a_store_that_is_gone", func(r *storagetest.Repositories) {
		stores := r.Stores
		plansOtherwise(func(ctx context.Context, r order.ScheduleRepository, d order.Due, at time.Time) error {
			_, err := stores.GetStore(ctx, d.StoreID)
			return errors.Join(err, r.PlanImport(ctx, d, at))
		})(r)
	}},
	"an old schedule goes on": {"Schedule/an_import_plans_nothing", func(r *storagetest.Repositories) {
		stores := r.Stores
		plansOtherwise(func(ctx context.Context, r order.ScheduleRepository, d order.Due, at time.Time) error {
			s, err := stores.GetStore(ctx, d.StoreID)
			d.Time = s.NextImport
			return errors.Join(err, r.PlanImport(ctx, d, at))
		})(r)
	}},
	"a store is planned once": {"Schedule/an_import_plans_nothing",
		plansOtherwise(func(ctx context.Context, r order.ScheduleRepository, d order.Due, at time.Time) error {
			if !d.Time.IsZero() {
				return nil
			}
			return r.PlanImport(ctx, d, at)
		})},
	"every store counts as having an interval": {"Schedule/stores_without_an_interval",
		changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, _ bool) ([]order.Due, error) {
			return r.DueImports(ctx, lane, now, limit, false)
		})},
	"only stores with an interval are due": {"Schedule/stores_without_an_interval",
		changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, _ bool) ([]order.Due, error) {
			return r.DueImports(ctx, lane, now, limit, true)
		})},
	"a store without an interval is next": {"Schedule/stores_without_an_interval",
		changesNext(func(ctx context.Context, r order.ScheduleRepository, lane string, after time.Time, _ bool) (time.Time, error) {
			return r.NextDueImport(ctx, lane, after, false)
		})},

	"another schedule changes nothing yet": {"Schedule/a_change_of_the_store_plans", func(r *storagetest.Repositories) {
		r.Stores = keepsPlans{r.Stores, r.Schedule}
	}},
	"any change makes a store due": {"Schedule/a_change_of_the_store_plans", func(r *storagetest.Repositories) {
		r.Stores = forgetsPlans{r.Stores}
	}},
	"a change tells the old plan": {"Schedule/a_change_of_the_store_plans", func(r *storagetest.Repositories) {
		r.Stores = tellsOldPlans{r.Stores}
	}},
	"nobody sees what is planned": {"Schedule/a_change_of_the_store_plans", func(r *storagetest.Repositories) {
		r.Stores = hidesPlans{r.Stores}
	}},
	"a store that is connected again waits": {"Schedule/a_store_that_is_connected_again", func(r *storagetest.Repositories) {
		r.Stores = keepsPlans{r.Stores, r.Schedule}
	}},
	"every import was asked for": {"Schedule/a_run_tells", func(r *storagetest.Repositories) {
		r.Orders = forgetsWhoAsked{r.Orders}
	}},
	"every decision is a person's": {"Schedule/a_decision_tells", func(r *storagetest.Repositories) {
		r.Decisions = forgetsRules{r.Decisions}
	}},
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// scheduleFault is a schedule of which one method does something else.
type scheduleFault struct {
	order.ScheduleRepository
	due  func(context.Context, order.ScheduleRepository, string, time.Time, int, bool) ([]order.Due, error)
	next func(context.Context, order.ScheduleRepository, string, time.Time, bool) (time.Time, error)
	plan func(context.Context, order.ScheduleRepository, order.Due, time.Time) error
}

func (f scheduleFault) DueImports(ctx context.Context, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
	if f.due == nil {
		return f.ScheduleRepository.DueImports(ctx, lane, now, limit, own)
	}
	return f.due(ctx, f.ScheduleRepository, lane, now, limit, own)
}

func (f scheduleFault) NextDueImport(ctx context.Context, lane string, after time.Time, own bool) (time.Time, error) {
	if f.next == nil {
		return f.ScheduleRepository.NextDueImport(ctx, lane, after, own)
	}
	return f.next(ctx, f.ScheduleRepository, lane, after, own)
}

func (f scheduleFault) PlanImport(ctx context.Context, d order.Due, at time.Time) error {
	if f.plan == nil {
		return f.ScheduleRepository.PlanImport(ctx, d, at)
	}
	return f.plan(ctx, f.ScheduleRepository, d, at)
}

func changesDue(due func(context.Context, order.ScheduleRepository, string, time.Time, int, bool) ([]order.Due, error)) func(*storagetest.Repositories) {
	return func(r *storagetest.Repositories) {
		r.Schedule = scheduleFault{ScheduleRepository: r.Schedule, due: due}
	}
}

func changesNext(next func(context.Context, order.ScheduleRepository, string, time.Time, bool) (time.Time, error)) func(*storagetest.Repositories) {
	return func(r *storagetest.Repositories) {
		r.Schedule = scheduleFault{ScheduleRepository: r.Schedule, next: next}
	}
}

func plansOtherwise(plan func(context.Context, order.ScheduleRepository, order.Due, time.Time) error) func(*storagetest.Repositories) {
	return func(r *storagetest.Repositories) {
		r.Schedule = scheduleFault{ScheduleRepository: r.Schedule, plan: plan}
	}
}

// alsoDue makes a schedule that tells stores which are to be left out.
func alsoDue(which func(store.Store, store.Bindings) bool) func(*storagetest.Repositories) {
	return func(r *storagetest.Repositories) {
		stores := r.Stores
		changesDue(func(ctx context.Context, r order.ScheduleRepository, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
			due, err := r.DueImports(ctx, lane, now, limit, own)
			all, listErr := stores.ListStores(ctx, store.ListQuery{Limit: 100, ShowDisconnected: true})
			for _, s := range all {
				b, _ := stores.Bindings(ctx, s.ID)
				if which(s, b) && !s.NextImport.After(now) {
					due = append(due, order.Due{StoreID: s.ID, Time: s.NextImport, Schedule: s.Settings.ImportSchedule})
				}
			}
			return due, errors.Join(err, listErr)
		})(r)
	}
}

// forgetsReturned leaves a store out for ever that was left out once.
type forgetsReturned struct {
	order.ScheduleRepository
	stores store.Repository
	gone   map[string]bool // by store: it was not due although no import was planned for later
}

func (f *forgetsReturned) DueImports(ctx context.Context, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
	due, err := f.ScheduleRepository.DueImports(ctx, lane, now, limit, own)
	all, listErr := f.stores.ListStores(ctx, store.ListQuery{Limit: 100})
	for _, s := range all {
		told := slices.ContainsFunc(due, func(d order.Due) bool { return d.StoreID == s.ID })
		f.gone[s.ID] = f.gone[s.ID] || !told && !s.NextImport.After(now)
	}
	return slices.DeleteFunc(due, func(d order.Due) bool { return f.gone[d.StoreID] }), errors.Join(err, listErr)
}

// keepsPlans keeps what was planned through every change of a store.
type keepsPlans struct {
	store.Repository
	schedule order.ScheduleRepository
}

func (f keepsPlans) keep(ctx context.Context, id string, change func() error) error {
	before, err := f.GetStore(ctx, id)
	if err != nil {
		return err
	}
	if err := change(); err != nil || before.NextImport.IsZero() {
		return err
	}
	after, err := f.GetStore(ctx, id)
	return errors.Join(err, f.schedule.PlanImport(ctx, order.Due{StoreID: id, Time: after.NextImport}, before.NextImport))
}

func (f keepsPlans) UpdateStore(ctx context.Context, id string, change func(*store.Store) error) (s store.Store, err error) {
	err = f.keep(ctx, id, func() error {
		s, err = f.Repository.UpdateStore(ctx, id, change)
		return err
	})
	return s, err
}

func (f keepsPlans) ReconnectStore(ctx context.Context, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	return f.keep(ctx, s.ID, func() error { return f.Repository.ReconnectStore(ctx, s, keys, c) })
}

// forgetsPlans makes a store due by any change.
type forgetsPlans struct{ store.Repository }

func (f forgetsPlans) UpdateStore(ctx context.Context, id string, change func(*store.Store) error) (store.Store, error) {
	return f.Repository.UpdateStore(ctx, id, func(s *store.Store) error {
		s.NextImport = time.Time{}
		return change(s)
	})
}

// tellsOldPlans answers a change with what was planned before.
type tellsOldPlans struct{ store.Repository }

func (f tellsOldPlans) UpdateStore(ctx context.Context, id string, change func(*store.Store) error) (store.Store, error) {
	before, err := f.GetStore(ctx, id)
	if err != nil {
		return before, err
	}
	after, err := f.Repository.UpdateStore(ctx, id, change)
	after.NextImport = before.NextImport
	return after, err
}

type hidesPlans struct{ store.Repository }

func (f hidesPlans) GetStore(ctx context.Context, id string) (store.Store, error) {
	s, err := f.Repository.GetStore(ctx, id)
	s.NextImport = time.Time{}
	return s, err
}

type forgetsWhoAsked struct{ order.Repository }

func (f forgetsWhoAsked) GetImport(ctx context.Context, storeID, id string) (order.Import, error) {
	run, err := f.Repository.GetImport(ctx, storeID, id)
	run.Scheduled = false
	return run, err
}

type forgetsRules struct{ decision.Repository }

func (f forgetsRules) PutDecision(ctx context.Context, d decision.Decision) (decision.Decision, bool, error) {
	d.DecidedBy = ""
	return f.Repository.PutDecision(ctx, d)
}
