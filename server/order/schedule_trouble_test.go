package order_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// TestFailuresDoNotEndTheSchedule: whatever goes wrong, the store is imported again.
func TestFailuresDoNotEndTheSchedule(t *testing.T) {
	t.Parallel()
	set := func(p *planner, change func()) {
		p.mu.Lock()
		defer p.mu.Unlock()
		change()
	}
	for _, c := range []struct {
		name   string
		before func(p *planner)
		after  func(p *planner) // what a minute later ends the fault
		least  int              // imports within an hour
	}{
		{"the marketplace is down", func(p *planner) {
			p.onList = func(context.Context, store.Ref) error {
				return problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "down")
			}
		}, nil, 5},
		{"an import panics", func(p *planner) { p.onList = func(context.Context, store.Ref) error { panic("bug") } }, nil, 5},
		{"no import can be stored", func(p *planner) { p.startErr = errors.New("disk full") },
			func(p *planner) { set(p, func() { p.startErr = nil }) }, 5},
		{"no plan can be stored: better often than never", func(p *planner) { p.planErr = errors.New("disk full") },
			func(p *planner) { set(p, func() { p.planErr = nil }) }, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			schedule(t, 1, map[string]*row{"shop": {}}, c.before, func(t *testing.T, p *planner) {
				time.Sleep(time.Minute)
				if c.after != nil {
					c.after(p)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := len(p.starts("shop")); n < c.least || n > 20 {
					t.Errorf("%d imports, want %d to 20", n, c.least)
				}
			})
		})
	}
}

// TestPauseAndResume: a pause ends the schedule, and its end takes it up at once, also when it began just before the import did.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	schedule(t, 1, map[string]*row{"shop": {}}, nil, func(t *testing.T, p *planner) {
		synctest.Wait()
		same(t, "imports at first", len(p.starts("shop")), 1)
		p.change("shop", func(r *row) { r.paused = true })
		time.Sleep(time.Hour)
		synctest.Wait()
		same(t, "imports after a pause of an hour", len(p.starts("shop")), 1)
		p.change("shop", func(r *row) { r.paused = false })
		synctest.Wait()
		same(t, "imports as soon as it ends", len(p.starts("shop")), 2)
	})
	// The schedule saw the store as due, and found it paused.
	schedule(t, 1, map[string]*row{"shop": {}}, func(p *planner) { p.rows["shop"].paused = true }, func(t *testing.T, p *planner) {
		late := &lateDue{planner: p, row: order.Due{StoreID: "shop"}}
		s := order.NewScheduler(order.ScheduleConfig{
			Repository: late, Importer: p.importer, Interval: interval, Pause: time.Second, Workers: 1, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		s.Start()
		time.Sleep(time.Minute)
		synctest.Wait()
		same(t, "planned", p.rows["shop"].next.IsZero(), true)
		same(t, "stop", s.Stop(context.WithoutCancel(t.Context())), nil)
		p.change("shop", func(r *row) { r.paused = false })
		synctest.Wait()
		same(t, "imports", len(p.starts("shop")), 1)
	})
}

// lateDue tells a store once as due, whatever became of it.
type lateDue struct {
	*planner
	row  order.Due
	told bool
}

func (l *lateDue) DueImports(context.Context, string, time.Time, int, bool) ([]order.Due, error) {
	if l.told {
		return nil, nil
	}
	l.told = true
	return []order.Due{l.row}, nil
}

// TestAnotherScheduleDuringAnImport counts at once when the import ends.
func TestAnotherScheduleDuringAnImport(t *testing.T) {
	t.Parallel()
	schedule(t, 1, map[string]*row{"shop": {schedule: store.ImportSchedule{Interval: 24 * time.Hour}}},
		func(p *planner) { p.onList = lasting(time.Minute) },
		func(t *testing.T, p *planner) {
			synctest.Wait()
			p.change("shop", func(r *row) { // as store.Service does
				r.schedule, r.next = store.ImportSchedule{Interval: 5 * time.Minute}, time.Now()
			})
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if n := len(p.starts("shop")); n < 20 {
				t.Errorf("%d imports in two hours: the old interval of a day goes on", n)
			}
		})
}

// TestAnImportThatTheServerInterrupts leaves its store due for the next start.
func TestAnImportThatTheServerInterrupts(t *testing.T) {
	t.Parallel()
	schedule(t, 1, map[string]*row{"shop": {}, "next": {}}, func(p *planner) { p.onList = lasting(time.Hour) }, func(t *testing.T, p *planner) {
		synctest.Wait()
		same(t, "imports", len(p.runs), 1)
		same(t, "stop of the imports", p.importer.Stop(context.WithoutCancel(t.Context())), nil)
		time.Sleep(time.Minute) // a schedule that still runs starts nothing
		synctest.Wait()
		same(t, "imports after the stop", len(p.runs), 1)
		same(t, "plans", p.plans, 0)
	})
}
