package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/store"
)

// reviewCases: stores whose acceptance policy changed are told until their orders have been judged by it.
var reviewCases = []testCase{
	{"stores whose policy changed are due, the earliest change first", func(t *testing.T, r Repositories) {
		connect(t, r, "a", "b", "c", "d")
		for id, minute := range map[string]int{"a": 5, "b": 3, "d": 6} {
			changePolicy(t, r, id, minute)
		}
		same(t, "due", dueReviews(t, r, 5, 10), []decision.Review{{StoreID: "b", Change: at(3)}, {StoreID: "a", Change: at(5)}})
		same(t, "the first", dueReviews(t, r, 5, 1), []decision.Review{{StoreID: "b", Change: at(3)}})
		nextReview(t, r, 3)
	}},
	{"nothing is to be reviewed without changes", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		setPaused(t, r, shop, false)
		same(t, "due", len(dueReviews(t, r, 9, 10)), 0)
		next, err := r.Decisions.NextReview(t.Context(), alpha, time.Time{})
		noError(t, err)
		same(t, "next", next.IsZero(), true)
	}},
	{"paused and disconnected stores wait, and those that are connected again begin anew", func(t *testing.T, r Repositories) {
		connect(t, r, "fine", "gone", "paused")
		for id, minute := range map[string]int{"fine": 3, "gone": 1, "paused": 2} {
			changePolicy(t, r, id, minute)
		}
		setPaused(t, r, "paused", true)
		_, err := r.Stores.DisconnectStore(t.Context(), "gone", at(4), false)
		noError(t, err)
		same(t, "due", dueReviews(t, r, 9, 10), []decision.Review{{StoreID: "fine", Change: at(3)}})
		nextReview(t, r, 3)
		setPaused(t, r, "paused", false)
		noError(t, r.Stores.ReconnectStore(t.Context(), newStore("gone"), keysOf(newStore("gone")), sealed("new")))
		same(t, "due again", dueReviews(t, r, 9, 10), []decision.Review{{StoreID: "paused", Change: at(2)}, {StoreID: "fine", Change: at(3)}})
	}},
	{"a review ends once, unless the policy changed again", func(t *testing.T, r Repositories) {
		connect(t, r, "again", shop)
		changePolicy(t, r, "again", 1)
		changePolicy(t, r, shop, 2)
		due := dueReviews(t, r, 9, 10)
		changePolicy(t, r, "again", 3)
		for _, review := range append(due, decision.Review{StoreID: "unknown", Change: at(1)}) {
			noError(t, r.Decisions.EndReview(t.Context(), review))
		}
		same(t, "due", dueReviews(t, r, 9, 10), []decision.Review{{StoreID: "again", Change: at(3)}})
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "to be judged", got.PolicyChange.IsZero(), true)
	}},
}

// changePolicy notes that the policy of a store changed at a minute.
func changePolicy(t *testing.T, r Repositories, id string, minute int) {
	t.Helper()
	_, err := r.Stores.UpdateStore(t.Context(), id, func(s *store.Store) error {
		s.PolicyChange = at(minute)
		return nil
	})
	noError(t, err)
}

func dueReviews(t *testing.T, r Repositories, minute, limit int) []decision.Review {
	t.Helper()
	due, err := r.Decisions.DueReviews(t.Context(), alpha, at(minute), limit)
	noError(t, err)
	return due
}

func nextReview(t *testing.T, r Repositories, minute int) {
	t.Helper()
	next, err := r.Decisions.NextReview(t.Context(), alpha, time.Time{})
	noError(t, err)
	same(t, "next", next, at(minute))
}
