package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/store"
)

// both is the lane of a store that moves between the two adapters.
var both = store.Lane(beta, alpha)

// dueIn lists the stores that are due for an import in a lane, late in the day; what is due next agrees.
func dueIn(t *testing.T, r Repositories, lane string) (ids []string) {
	t.Helper()
	due, err := r.Schedule.DueImports(t.Context(), lane, at(9000), 10, false)
	noError(t, err)
	for _, d := range due {
		ids = append(ids, d.StoreID)
	}
	next, err := r.Schedule.NextDueImport(t.Context(), lane, time.Time{}, false)
	noError(t, err)
	same(t, "the next import is known", next.IsZero(), len(due) == 0)
	return ids
}

// sameLanes expects these lanes, of imports and of reviews.
func sameLanes(t *testing.T, r Repositories, want ...string) {
	t.Helper()
	imports, err := r.Schedule.Lanes(t.Context())
	noError(t, err)
	same(t, "lanes of imports", imports, want)
	reviews, err := r.Decisions.Lanes(t.Context())
	noError(t, err)
	same(t, "lanes of reviews", reviews, want)
}

// laneCases: work is told by lane, so that a marketplace that hangs holds up its own stores only.
var laneCases = []testCase{
	{"there are no lanes without stores", func(t *testing.T, r Repositories) {
		sameLanes(t, r)
		same(t, "due", dueIn(t, r, alpha), []string(nil))
	}},
	{"a moving store is imported in a lane of its own until it has moved", func(t *testing.T, r Repositories) {
		connect(t, r, "other", shop)
		for id, minute := range map[string]int{"other": 10, shop: 20} {
			plan(t, r, id, minute)
		}
		sameLanes(t, r, alpha)
		same(t, "before", dueIn(t, r, alpha), []string{"other", shop})
		move(t, r, alpha, beta, 51)
		sameLanes(t, r, alpha, both)
		same(t, "of the adapter that it leaves", dueIn(t, r, alpha), []string{"other"})
		same(t, "of the adapter that it goes to", dueIn(t, r, beta), []string(nil))
		same(t, "of both", dueIn(t, r, both), []string{shop})
		noError(t, r.Stores.ReplaceCredentials(t.Context(), shopRef, sealed("new")))
		same(t, "of both, with new credentials", dueIn(t, r, both), []string{shop})
		complete(t, r, alpha, 60)
		sameLanes(t, r, alpha, beta)
		same(t, "afterwards", dueIn(t, r, beta), []string{shop})
	}},
	{"a store that turns back is in the lane of both until it is back", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		plan(t, r, shop, 20)
		move(t, r, alpha, beta, 51)
		undo(t, r, 55)
		same(t, "on its way back", dueIn(t, r, both), []string{shop})
		complete(t, r, beta, 60)
		sameLanes(t, r, alpha)
		same(t, "afterwards", dueIn(t, r, alpha), []string{shop})
	}},
	{"a disconnected store is in no lane", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 51)
		disconnect(t, r, 60)
		sameLanes(t, r)
		same(t, "due", dueIn(t, r, both), []string(nil))
		reconnect(t, r, beta, 61)
		sameLanes(t, r, beta)
		plan(t, r, shop, 70)
		same(t, "connected again", dueIn(t, r, beta), []string{shop})
	}},
	{"a moving store is reviewed in the lane of both", func(t *testing.T, r Repositories) {
		connect(t, r, "other", shop)
		move(t, r, alpha, beta, 51)
		changePolicy(t, r, "other", 52)
		changePolicy(t, r, shop, 53)
		for lane, want := range map[string][]decision.Review{
			alpha: {{StoreID: "other", Change: at(52)}}, beta: nil, both: {{StoreID: shop, Change: at(53)}},
		} {
			due, err := r.Decisions.DueReviews(t.Context(), lane, at(60), 10)
			noError(t, err)
			same(t, "due in "+lane, due, want)
			next, err := r.Decisions.NextReview(t.Context(), lane, at(1))
			noError(t, err)
			same(t, "next in "+lane, next.IsZero(), want == nil)
		}
	}},
	{"credentials are tried again in the lane of their adapter", func(t *testing.T, r Repositories) {
		connect(t, r, "other", shop)
		move(t, r, alpha, beta, 5)
		for ref, minute := range map[store.Ref]int{of("other"): 6, shopRef: 7, betaRef: 8} {
			probeAt(t, r, ref, minute)
		}
		for adapter, want := range map[string][]store.Ref{alpha: {of("other"), shopRef}, beta: {betaRef}, both: nil} {
			due, err := r.Stores.DueProbes(t.Context(), adapter, at(60), 10)
			noError(t, err)
			same(t, "due through "+adapter, due, want)
		}
		for adapter, want := range map[string]time.Time{alpha: at(6), beta: at(8), both: {}} {
			next, err := r.Stores.NextProbe(t.Context(), adapter, at(1))
			noError(t, err)
			same(t, "next through "+adapter, next, want)
		}
	}},
	{"lanes survive a restart", func(t *testing.T, r Repositories) {
		connect(t, r, "other", shop)
		plan(t, r, shop, 20)
		move(t, r, alpha, beta, 51)
		r = r.Reopen(t)
		sameLanes(t, r, alpha, both)
		same(t, "of both", dueIn(t, r, both), []string{shop})
	}},
}
