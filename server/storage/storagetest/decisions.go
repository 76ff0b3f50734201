package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
)

var decisionCases = []testCase{
	{"put stores every field", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		stored := decide(t, r, "1")
		want := newDecision("1", decision.Accept)
		want.Revision = stored.Revision
		same(t, "returned", stored, want)
		same(t, "stored", getDecision(t, r, "1"), want)
	}},
	{"put changes nothing when the order has another decision by now", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		first := decide(t, r, "1")
		for _, state := range delivery.States() {
			earlier := getDecision(t, r, "1")
			earlier.State = state
			earlier = updateDecision(t, r, earlier)
			for _, seen := range []int64{0, first.Revision, earlier.Revision + 1} { // none, an older one, one that never was
				d := newDecision("1", decision.Refuse)
				d.Revision = seen
				current, stored, err := r.Decisions.PutDecision(t.Context(), d)
				noError(t, err)
				if stored {
					t.Errorf("a decision that is %s was replaced by one that was taken in view of revision %d", state, seen)
				}
				same(t, "returned", current, earlier)
				same(t, "stored", getDecision(t, r, "1"), earlier)
			}
		}
	}},
	{"put changes nothing when the decision that was seen is gone", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.PendingAcceptance))
		d := newDecision("1", decision.Refuse)
		d.Revision = 1
		current, stored, err := r.Decisions.PutDecision(t.Context(), d)
		noError(t, err)
		same(t, "stored", stored, false)
		same(t, "returned", current, decision.Decision{})
		found, err := r.Decisions.Decisions(t.Context(), shop, []string{"1"})
		noError(t, err)
		same(t, "decisions", found, map[string]decision.Decision{})
	}},
	{"put replaces the decision that was seen with every field", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		earlier := decide(t, r, "1")
		for i, state := range []delivery.State{delivery.Confirmed, delivery.Rejected, delivery.NeedsAttention, delivery.Superseded, delivery.Cancelled} {
			earlier.State, earlier.NextAttempt = state, time.Time{}
			earlier = updateDecision(t, r, earlier)
			want := newDecision("1", decision.Refuse)
			want.CreateTime, want.Revision = at(20+i), earlier.Revision
			want.Delivery = delivery.New(at(20+i), at(30+i))
			want.Uncertain, want.SettledTime, want.LastOutcome = i%2 == 0, at(25+i), delivery.Unknown
			stored := put(t, r, want)
			if stored.Revision <= earlier.Revision {
				t.Errorf("revision %d follows %d", stored.Revision, earlier.Revision)
			}
			want.Revision = stored.Revision
			same(t, "returned", stored, want)
			same(t, "stored", getDecision(t, r, "1"), want)

			// Whoever still works on the decision before must not write into this one.
			earlier.Message = "late"
			_, err := r.Decisions.UpdateDecision(t.Context(), earlier)
			wantError(t, err, decision.ErrConflict)
			same(t, "after a late writer", getDecision(t, r, "1"), want)
			earlier = stored
		}
	}},
	{"a decision needs an order of its store", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		apply(t, r, "other", at(0), newOrder("1", order.PendingAcceptance))
		for _, storeID := range []string{shop, "unknown"} {
			d := newDecision("1", decision.Accept)
			d.StoreID = storeID
			_, _, err := r.Decisions.PutDecision(t.Context(), d)
			wantError(t, err, order.ErrNotFound)
		}
		found, err := r.Decisions.Decisions(t.Context(), shop, []string{"1"})
		noError(t, err)
		same(t, "decisions", found, map[string]decision.Decision{})
	}},
	{"of several puts for one order one wins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.PendingAcceptance))
		kinds, wins := make([]decision.Kind, 8), make([]bool, 8)
		together(len(kinds), func(i int) {
			kind := decision.Accept
			if i%2 == 1 {
				kind = decision.Refuse
			}
			d, stored, err := r.Decisions.PutDecision(t.Context(), newDecision("1", kind))
			if err != nil {
				t.Error(err)
			}
			kinds[i], wins[i] = d.Kind, stored
		})
		won := 0
		for i, stored := range wins {
			if stored {
				won++
			}
			if kinds[i] != kinds[0] {
				t.Errorf("one order is decided %s and %s", kinds[0], kinds[i])
			}
		}
		if won != 1 {
			t.Errorf("%d decisions were stored, want 1", won)
		}
	}},
	{"update writes progress and counts the revision", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		before := decide(t, r, "1")
		want := before
		want.Delivery = delivery.Delivery{
			State: delivery.Acknowledged, Reason: "R2", Message: "m2", SendCount: 7, SentTime: at(11), LastOutcome: delivery.Unknown,
			SettledTime: at(12), StillReady: 8, FailureCount: 9, NextAttempt: at(13), Deadline: at(14), UpdateTime: at(15),
		}
		got := updateDecision(t, r, want)
		want.Revision = before.Revision + 1
		same(t, "returned", got, want)
		same(t, "stored", getDecision(t, r, "1"), want)
	}},
	{"update of an older revision changes nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		old := decide(t, r, "1")
		fresh := old
		fresh.Message = "fresh"
		fresh = updateDecision(t, r, fresh)
		old.Message = "old"
		_, err := r.Decisions.UpdateDecision(t.Context(), old)
		wantError(t, err, decision.ErrConflict)
		same(t, "decision", getDecision(t, r, "1"), fresh)
	}},
	{"of several updates of one revision one wins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		d := decide(t, r, "1")
		errs := make([]error, 8)
		together(len(errs), func(i int) { _, errs[i] = r.Decisions.UpdateDecision(t.Context(), d) })
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantError(t, err, decision.ErrConflict)
		}
		if won != 1 {
			t.Errorf("%d updates won, want 1", won)
		}
	}},
	{"update of an unknown decision", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		decide(t, r, "1")
		elsewhere := newDecision("1", decision.Accept)
		elsewhere.StoreID = "other"
		for _, d := range []decision.Decision{newDecision("2", decision.Accept), elsewhere} {
			_, err := r.Decisions.UpdateDecision(t.Context(), d)
			wantError(t, err, decision.ErrNotFound)
		}
	}},
	{"decisions are found by order number", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		want := map[string]decision.Decision{"1": decide(t, r, "1"), "2": decide(t, r, "2")}
		decide(t, r, "4-not-asked-for")
		apply(t, r, shop, at(0), newOrder("3-undecided", order.PendingAcceptance))
		apply(t, r, "other", at(0), newOrder("1", order.PendingAcceptance))
		found, err := r.Decisions.Decisions(t.Context(), shop, []string{"2", "unknown", "1", "3-undecided"})
		noError(t, err)
		same(t, "decisions", found, want)
		for _, c := range []struct {
			storeID string
			numbers []string
		}{{"other", []string{"1"}}, {"unknown", []string{"1"}}, {shop, nil}, {shop, []string{"3-undecided"}}} {
			found, err := r.Decisions.Decisions(t.Context(), c.storeID, c.numbers)
			noError(t, err)
			same(t, "decisions of "+c.storeID, found, map[string]decision.Decision{})
		}
	}},
	{"the decisions of a whole page are found", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		numbers := make([]string, 500)
		for i := range numbers {
			numbers[i] = numbered("n", i)
		}
		last := decide(t, r, "n0499")
		found, err := r.Decisions.Decisions(t.Context(), shop, numbers)
		noError(t, err)
		same(t, "decisions", found, map[string]decision.Decision{"n0499": last})
	}},
}

var dueDecisionCases = []testCase{
	{"due are open decisions of working stores, the most overdue first", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "paused", "gone")
		add := func(storeID, number string, state delivery.State, next time.Time) {
			t.Helper()
			apply(t, r, storeID, at(0), newOrder(number, order.PendingAcceptance))
			d := newDecision(number, decision.Accept)
			d.StoreID, d.State, d.NextAttempt = storeID, state, next
			put(t, r, d)
		}
		add(shop, "a-late", delivery.Queued, at(30))
		add(shop, "b-sending", delivery.Sending, at(20))
		add(shop, "c-acknowledged", delivery.Acknowledged, at(25))
		add(shop, "d-now", delivery.Queued, at(40))
		add(shop, "e-later", delivery.Queued, at(40).Add(time.Nanosecond))
		add(shop, "f-unplanned", delivery.Queued, time.Time{})
		add(shop, "g-ended", delivery.NeedsAttention, at(1))
		add("paused", "h-paused", delivery.Queued, at(10))
		add("gone", "i-gone", delivery.Queued, at(5))
		setPaused(t, r, "paused", true)
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(6), true)
		noError(t, err)
		due := func(now time.Time, limit int, want ...string) {
			t.Helper()
			decisions, err := r.Decisions.DueDecisions(t.Context(), look(now, limit))
			noError(t, err)
			var numbers []string
			for _, d := range decisions {
				numbers = append(numbers, d.OrderNumber)
			}
			same(t, "due", numbers, want)
		}
		next := func(want time.Time) {
			t.Helper()
			got, err := r.Decisions.NextDecision(t.Context(), alpha, time.Time{})
			noError(t, err)
			same(t, "next", got, want)
		}
		due(at(40), 10, "b-sending", "c-acknowledged", "a-late", "d-now")
		due(at(40), 2, "b-sending", "c-acknowledged")
		due(at(19), 10)
		next(at(20))
		setPaused(t, r, "paused", false)
		due(at(20), 10, "h-paused", "b-sending")
		next(at(10))
	}},
	{"what is due is whole", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		want := decide(t, r, "1")
		due, err := r.Decisions.DueDecisions(t.Context(), look(at(10), 10))
		noError(t, err)
		same(t, "due", due, []decision.Decision{want})
	}},
	{"nothing is due when there are no decisions", func(t *testing.T, r Repositories) {
		next, err := r.Decisions.NextDecision(t.Context(), alpha, time.Time{})
		noError(t, err)
		same(t, "next", next, time.Time{})
		due, err := r.Decisions.DueDecisions(t.Context(), look(at(0), 10))
		noError(t, err)
		same(t, "due", due, []decision.Decision{})
	}},
}
