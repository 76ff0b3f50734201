package main

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// runsOf lists the imports of a store, newest first.
func (s *system) runsOf(store string) []*marketplacev1.Import {
	s.t.Helper()
	list, err := s.api.ListImports(s.t.Context(), &marketplacev1.ListImportsRequest{Parent: store, PageSize: 500})
	if err != nil {
		s.t.Fatalf("ListImports: %v", err)
	}
	return list.GetImports()
}

// TestHealthHealsBySchedule: whatever the marketplace fails with, the store says so, is imported again by its schedule, and is
// healthy again without anybody acting. What was sold meanwhile comes in.
func TestHealthHealsBySchedule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rule fault.Rule
		want marketplacev1.StoreHealth_State
	}{
		{"down", fault.Rule{Operation: "GetOrderList", Kind: fault.HTTP503}, marketplacev1.StoreHealth_STATE_MARKETPLACE_DOWN},
		{"throttled", fault.Rule{Operation: "GetOrderList", Kind: fault.Throttle, Params: fault.Params{Seconds: 60}}, marketplacev1.StoreHealth_STATE_THROTTLED},
		{"unreadable", fault.Rule{Operation: "GetOrderList", Kind: fault.Malformed}, marketplacev1.StoreHealth_STATE_RETRYING},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0, "RELAIS_IMPORT_INTERVAL=10m")
			s.connect()
			waitFor(t, func() bool { return s.scheduled() == 1 })
			good := s.store().GetLastImportStartTime()

			s.inject(c.rule)
			number := s.create(world.Spec{Variety: world.HomeTracked})
			s.pass(12 * time.Minute)
			waitFor(t, func() bool { return s.scheduled() == 2 })
			st := s.store()
			if h := st.GetHealth(); h.GetState() != c.want || h.GetMessage() == "" || h.GetReason() == "" {
				t.Errorf("the store is %s (%s: %s), want %s", h.GetState(), h.GetReason(), h.GetMessage(), c.want)
			}
			if !st.GetLastImportStartTime().AsTime().Equal(good.AsTime()) {
				t.Errorf("a failed import counts as good: %s", st.GetLastImportStartTime().AsTime())
			}
			waitFor(t, func() bool { return s.store().GetNextImportTime().AsTime().After(s.clock.now()) })

			s.sandbox.Faults().Clear()
			s.pass(12 * time.Minute)
			waitFor(t, func() bool { return s.scheduled() == 3 })
			st = s.store()
			if h := st.GetHealth(); h.GetState() != marketplacev1.StoreHealth_STATE_HEALTHY || h.GetMessage() != "" || h.GetReason() != "" {
				t.Errorf("afterwards the store is %s (%s: %s)", h.GetState(), h.GetReason(), h.GetMessage())
			}
			if !st.GetLastImportStartTime().AsTime().After(good.AsTime()) {
				t.Error("the good import does not count")
			}
			s.order(number)
		})
	}
}

// TestSweepAfterAnOutage: a server that was away for longer than the look-back imports every store as soon as it is back, over
// windows that reach back beyond its last import, and spreads what comes next.
func TestSweepAfterAnOutage(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_IMPORT_INTERVAL=10m")
	s.connect()
	second := connectRequest("second")
	second.Credentials.Values["login"] = "demo2-api"
	if _, err := s.api.ConnectStore(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	stores := []string{"stores/demo", "stores/second"}
	begun := map[string]time.Time{}
	for _, name := range stores {
		waitFor(t, func() bool {
			runs := s.runsOf(name)
			if len(runs) != 1 || runs[0].GetState() != marketplacev1.Import_STATE_SUCCEEDED {
				return false
			}
			begun[name] = runs[0].GetStartTime().AsTime()
			return true
		})
	}

	s.stop()
	var sold []string
	for range 4 { // 40 days, longer than the 30 that a later import looks back
		s.advance(10 * 24 * time.Hour)
		sold = append(sold, s.create(world.Spec{Variety: world.HomeTracked}))
	}
	s.advance(time.Hour)
	back := s.clock.now()
	s.start()

	for _, name := range stores {
		var run *marketplacev1.Import
		waitFor(t, func() bool {
			runs := s.runsOf(name)
			run = runs[0]
			return len(runs) == 2 && run.GetState() != marketplacev1.Import_STATE_RUNNING
		})
		if run.GetState() != marketplacev1.Import_STATE_SUCCEEDED || !run.GetScheduled() {
			t.Errorf("%s: the import ended %s, scheduled: %v", name, run.GetState(), run.GetScheduled())
		}
		if after := run.GetStartTime().AsTime().Sub(back); after > time.Minute {
			t.Errorf("%s: the import began %s after the start", name, after)
		}
		for _, w := range run.GetWindows() {
			if since := w.GetSinceTime().AsTime(); since.After(begun[name].Add(-24 * time.Hour)) {
				t.Errorf("%s: the window by %s begins %s, the last import began %s", name, w.GetAxis(), since, begun[name])
			}
		}
		waitFor(t, func() bool { // planned anew
			st, err := s.api.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: name})
			return err == nil && st.GetNextImportTime().AsTime().After(s.clock.now())
		})
	}
	orders := s.orders(nil)
	for _, number := range sold {
		if orders[number] == nil {
			t.Errorf("order %s, sold during the outage, was lost", number)
		}
	}
}

// TestOneImportForAll: whoever asks while a scheduled import runs gets that one, and the schedule joins one that was asked for.
func TestOneImportForAll(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_IMPORT_INTERVAL=10m")
	s.connect()
	waitFor(t, func() bool { return s.scheduled() == 1 })
	slow := func() {
		s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.Latency, Params: fault.Params{Milliseconds: 1500}, Times: 1})
	}
	ask := func() *marketplacev1.Import {
		run, err := s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}

	slow()
	s.pass(12 * time.Minute)
	waitFor(t, func() bool { return len(s.runsOf("stores/demo")) == 2 })
	run := ask()
	if !run.GetScheduled() || len(s.runsOf("stores/demo")) != 2 {
		t.Errorf("asked for while the schedule's import runs: %v", run)
	}
	s.await(run.GetName())
	waitFor(t, func() bool { return s.store().GetNextImportTime().AsTime().After(s.clock.now()) })

	slow()
	run = ask()
	s.pass(12 * time.Minute)
	if ended := s.await(run.GetName()); ended.GetScheduled() || ended.GetState() != marketplacev1.Import_STATE_SUCCEEDED {
		t.Errorf("the import that was asked for: %v", ended)
	}
	waitFor(t, func() bool { return s.store().GetNextImportTime().AsTime().After(s.clock.now()) }) // the schedule's turn is over
	if n := len(s.runsOf("stores/demo")); n != 3 {
		t.Errorf("%d imports, want 3", n)
	}
}

// TestNextImportIsTold: set where an import will start by itself, and unset where none will.
func TestNextImportIsTold(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_IMPORT_INTERVAL=10m")
	s.connect()
	waitFor(t, func() bool { return s.store().GetNextImportTime().AsTime().After(s.clock.now()) })
	s.updateSettings(&marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{Disabled: true}}, "settings.import_schedule.disabled")
	if next := s.store().GetNextImportTime(); next != nil {
		t.Errorf("without a schedule the next import is %s", next.AsTime())
	}
	s.updateSettings(&marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(time.Hour)}}, "settings.import_schedule")
	waitFor(t, func() bool { return s.store().GetNextImportTime().AsTime().Sub(s.clock.now()) > 50*time.Minute })
	if st, err := s.api.PauseStore(t.Context(), &marketplacev1.PauseStoreRequest{Name: "stores/demo"}); err != nil || st.GetNextImportTime() != nil {
		t.Errorf("paused: %v, %v", st.GetNextImportTime(), err)
	}
	if st, err := s.api.ResumeStore(t.Context(), &marketplacev1.ResumeStoreRequest{Name: "stores/demo"}); err != nil || st.GetNextImportTime() == nil {
		t.Errorf("resumed: %v, %v", st.GetNextImportTime(), err)
	}
	s.stop()
	s.environ = append(s.environ, "RELAIS_IMPORT_INTERVAL=0")
	s.start()
	if s.store().GetNextImportTime() == nil {
		t.Error("on a server without an interval the next import of a store with its own is not told")
	}
	s.updateSettings(&marketplacev1.StoreSettings{}, "settings.import_schedule.interval")
	if next := s.store().GetNextImportTime(); next != nil {
		t.Errorf("without any interval the next import is %s", next.AsTime())
	}
}
