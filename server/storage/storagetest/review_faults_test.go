package storagetest_test

import (
	"context"
	"slices"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// reviewFaults are the faults of a database that mixes up whose orders are to be judged by another policy.
var reviewFaults = map[string]fault{
	"the latest change comes first": {"Reviews/stores_whose_policy_changed", changesReviews(func(due []decision.Review) []decision.Review {
		slices.Reverse(due)
		return due
	})},
	"nobody learns when the policy changed": {"Reviews/stores_whose_policy_changed", changesReviews(func(due []decision.Review) []decision.Review {
		for i := range due {
			due[i].Change = time.Time{}
		}
		return due
	})},
	"changes to come are reviewed now": {"Reviews/stores_whose_policy_changed", func(r *storagetest.Repositories) {
		r.Decisions = hurriesReviews{r.Decisions}
	}},
	"the next review is never known": {"Reviews/stores_whose_policy_changed", func(r *storagetest.Repositories) {
		r.Decisions = forgetsNextReview{r.Decisions}
	}},
	"every change of a store is one of its policy": {"Reviews/nothing_is_to_be_reviewed", func(r *storagetest.Repositories) {
		r.Stores = alwaysChangesPolicy{r.Stores}
	}},
	"a pause ends reviews": {"Reviews/paused_and_disconnected_stores_wait", func(r *storagetest.Repositories) {
		r.Stores = forgetsReviews{r.Stores}
	}},
	"paused stores are reviewed": {"Reviews/paused_and_disconnected_stores_wait", func(r *storagetest.Repositories) {
		stores := r.Stores
		changesReviews(func(due []decision.Review) []decision.Review {
			all, _ := stores.ListStores(context.Background(), store.ListQuery{Limit: 100})
			for _, s := range all {
				if s.Paused {
					due = append(due, decision.Review{StoreID: s.ID, Change: s.PolicyChange})
				}
			}
			return due
		})(r)
	}},
	"reviews never end": {"Reviews/a_review_ends_once", func(r *storagetest.Repositories) {
		r.Decisions = reviewsForEver{r.Decisions}
	}},
	"a review ends the next one too": {"Reviews/a_review_ends_once", func(r *storagetest.Repositories) {
		r.Decisions = endsEveryReview{r.Decisions, r.Stores}
	}},
}

// reviewsChanged changes which reviews are due.
type reviewsChanged struct {
	decision.Repository
	change func([]decision.Review) []decision.Review
}

func (f reviewsChanged) DueReviews(ctx context.Context, lane string, now time.Time, limit int) ([]decision.Review, error) {
	due, err := f.Repository.DueReviews(ctx, lane, now, limit)
	return f.change(due), err
}

func changesReviews(change func([]decision.Review) []decision.Review) func(*storagetest.Repositories) {
	return func(r *storagetest.Repositories) { r.Decisions = reviewsChanged{r.Decisions, change} }
}

type hurriesReviews struct{ decision.Repository }

func (f hurriesReviews) DueReviews(ctx context.Context, lane string, now time.Time, limit int) ([]decision.Review, error) {
	return f.Repository.DueReviews(ctx, lane, now.Add(time.Minute), limit)
}

type forgetsNextReview struct{ decision.Repository }

func (forgetsNextReview) NextReview(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, nil
}

// alwaysChangesPolicy notes a change of policy with any change of a store.
type alwaysChangesPolicy struct{ store.Repository }

func (f alwaysChangesPolicy) UpdateStore(ctx context.Context, id string, change func(*store.Store) error) (store.Store, error) {
	return f.Repository.UpdateStore(ctx, id, func(s *store.Store) error {
		s.PolicyChange = s.UpdateTime
		return change(s)
	})
}

// forgetsReviews takes a pause for the end of a review.
type forgetsReviews struct{ store.Repository }

func (f forgetsReviews) UpdateStore(ctx context.Context, id string, change func(*store.Store) error) (store.Store, error) {
	return f.Repository.UpdateStore(ctx, id, func(s *store.Store) error {
		err := change(s)
		if s.Paused {
			s.PolicyChange = time.Time{}
		}
		return err
	})
}

type reviewsForEver struct{ decision.Repository }

func (reviewsForEver) EndReview(context.Context, decision.Review) error { return nil }

// endsEveryReview does not look whether the policy changed again.
type endsEveryReview struct {
	decision.Repository
	stores store.Repository
}

func (f endsEveryReview) EndReview(ctx context.Context, r decision.Review) error {
	if s, err := f.stores.GetStore(ctx, r.StoreID); err == nil {
		r.Change = s.PolicyChange
	}
	return f.Repository.EndReview(ctx, r)
}
