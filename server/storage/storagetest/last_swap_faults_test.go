package storagetest_test

import (
	"context"
	"slices"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/storage/storagetest"
)

// lastSwapFaults are the faults of a database that mixes up what became of swaps.
var lastSwapFaults = map[string]fault{
	"last swaps are listed by time": {"LastSwaps/last_swaps_are_listed", func(r *storagetest.Repositories) {
		r.Releases = listsSwaps{r.Releases, func(all []release.Swap) { slices.Reverse(all) }}
	}},
	"what failed is forgotten": {"LastSwaps/last_swaps_are_listed", func(r *storagetest.Repositories) {
		r.Releases = listsSwaps{r.Releases, func(all []release.Swap) {
			for i := range all {
				all[i].Failure = release.Failure{}
			}
		}}
	}},
	"metadata of failures is forgotten": {"LastSwaps/last_swaps_are_listed", func(r *storagetest.Repositories) {
		r.Releases = listsSwaps{r.Releases, func(all []release.Swap) {
			for i := range all {
				all[i].Failure.Metadata = nil
			}
		}}
	}},
	"steps are forgotten": {"LastSwaps/last_swaps_are_listed", func(r *storagetest.Repositories) {
		r.Releases = listsSwaps{r.Releases, func(all []release.Swap) {
			for i := range all {
				all[i].Step = release.SwapStep{}
			}
		}}
	}},
	"the first swap stays": {"LastSwaps/a_later_swap_replaces", func(r *storagetest.Repositories) {
		r.Releases = savesSwaps{r.Releases, func(old, s release.Swap) release.Swap {
			if s.Adapter == old.Adapter {
				return old
			}
			return s
		}}
	}},
	"the swap that began last stays": {"LastSwaps/a_later_swap_replaces", func(r *storagetest.Repositories) {
		r.Releases = savesSwaps{r.Releases, func(old, s release.Swap) release.Swap {
			if s.Adapter == old.Adapter && s.StartTime.Before(old.StartTime) {
				return old
			}
			return s
		}}
	}},
	"the failure before stays": {"LastSwaps/a_later_swap_replaces", func(r *storagetest.Repositories) {
		r.Releases = savesSwaps{r.Releases, func(old, s release.Swap) release.Swap {
			if s.Adapter == old.Adapter && s.Failure.IsZero() {
				s.Failure = old.Failure
			}
			return s
		}}
	}},
	"a swap of one adapter is one of all": {"LastSwaps/a_later_swap_replaces", func(r *storagetest.Repositories) {
		r.Releases = sharesSwaps{r.Releases}
	}},
	"only slots have a last swap": {"LastSwaps/a_last_swap_is_no_release", func(r *storagetest.Repositories) {
		r.Releases = swapsOfSlots{r.Releases}
	}},
	"a release that is saved has no last swap": {"LastSwaps/a_last_swap_is_no_release", func(r *storagetest.Repositories) {
		r.Releases = forgetsSwaps{r.Releases}
	}},
	"a restart forgets last swaps": {"LastSwaps/last_swaps_survive", func(r *storagetest.Repositories) {
		r.Reopen = open
	}},
}

// listsSwaps changes what is listed.
type listsSwaps struct {
	release.Repository
	change func([]release.Swap)
}

func (f listsSwaps) LastSwaps(ctx context.Context) ([]release.Swap, error) {
	all, err := f.Repository.LastSwaps(ctx)
	f.change(all)
	return all, err
}

// savesSwaps changes what is saved, by each that was saved before.
type savesSwaps struct {
	release.Repository
	change func(old, s release.Swap) release.Swap
}

func (f savesSwaps) SaveLastSwap(ctx context.Context, s release.Swap) error {
	all, err := f.LastSwaps(ctx)
	for _, old := range all {
		s = f.change(old, s)
	}
	if err != nil {
		return err
	}
	return f.Repository.SaveLastSwap(ctx, s)
}

type sharesSwaps struct{ release.Repository }

func (f sharesSwaps) SaveLastSwap(ctx context.Context, s release.Swap) error {
	all, err := f.LastSwaps(ctx)
	if err != nil {
		return err
	}
	for _, old := range all {
		shared := s
		shared.Adapter = old.Adapter
		if err := f.Repository.SaveLastSwap(ctx, shared); err != nil {
			return err
		}
	}
	return f.Repository.SaveLastSwap(ctx, s)
}

// swapsOfSlots keeps the last swap beside the desired release, which it makes up.
type swapsOfSlots struct{ release.Repository }

func (f swapsOfSlots) SaveLastSwap(ctx context.Context, s release.Swap) error {
	if err := f.SaveDesiredRelease(ctx, release.Desired{Adapter: s.Adapter}); err != nil {
		return err
	}
	return f.Repository.SaveLastSwap(ctx, s)
}

type forgetsSwaps struct{ release.Repository }

func (f forgetsSwaps) SaveDesiredRelease(ctx context.Context, d release.Desired) error {
	if err := f.SaveLastSwap(ctx, release.Swap{Adapter: d.Adapter}); err != nil {
		return err
	}
	return f.Repository.SaveDesiredRelease(ctx, d)
}
