package storagetest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// laneFaults are the faults of a database in which work through one adapter waits for another's.
var laneFaults = map[string]fault{
	"a moving store is imported with those that stay": {"Lanes/a_moving_store_is_imported", func(r *storagetest.Repositories) {
		r.Schedule = movesAmongOthers{r.Schedule}
	}},
	"a moving store is reviewed with those that stay": {"Lanes/a_moving_store_is_reviewed", func(r *storagetest.Repositories) {
		r.Decisions = reviewsMovesAmongOthers{r.Decisions}
	}},
	"nobody is told of the lane of those that move": {"Lanes/a_moving_store_is_imported", func(r *storagetest.Repositories) {
		r.Schedule = changesLanes{r.Schedule, func(lanes []string) []string {
			return slices.DeleteFunc(lanes, func(l string) bool { return l == bothLane })
		}}
	}},
	"a lane is told for each of its stores": {"Lanes/a_moving_store_is_imported", func(r *storagetest.Repositories) {
		r.Schedule = changesLanes{r.Schedule, func(lanes []string) []string { return slices.Concat(lanes[:1], lanes) }}
	}},
	"lanes are forgotten by a restart": {"Lanes/lanes_survive", func(r *storagetest.Repositories) { r.Reopen = open }},
	"disconnected stores keep their lane": {"Lanes/a_disconnected_store", func(r *storagetest.Repositories) {
		stores := r.Stores
		r.Schedule = changesLanes{r.Schedule, func(lanes []string) []string {
			gone, err := stores.GetStore(context.Background(), "shop")
			if err == nil && !gone.Connected() {
				lanes = append(lanes, gone.Adapter)
			}
			return lanes
		}}
	}},
	"probes are due for any adapter": {"Lanes/credentials_are_tried_again", func(r *storagetest.Repositories) {
		r.Stores = probesEverybody{r.Stores}
	}},
	"the next probe is anybody's": {"Lanes/credentials_are_tried_again", func(r *storagetest.Repositories) {
		r.Stores = nextOfEverybody{r.Stores}
	}},

	"shipments are due for any adapter": {"Queues/shipments:_a_moving_store", func(r *storagetest.Repositories) {
		r.Shipments = shipsForEverybody{r.Shipments}
	}},
	"decisions are due for any adapter": {"Queues/decisions:_a_moving_store", func(r *storagetest.Repositories) {
		r.Decisions = decidesForEverybody{r.Decisions}
	}},
	"shipments of an adapter that was left are not looked for": {"Queues/shipments:_a_moving_store", func(r *storagetest.Repositories) {
		r.Shipments = forgetsLeftShipments{r.Shipments}
	}},
	"decisions of an adapter that was left are not looked for": {"Queues/decisions:_a_moving_store", func(r *storagetest.Repositories) {
		r.Decisions = forgetsLeftDecisions{r.Decisions}
	}},
}

// bothLane is the lane of the store that moves in the suite.
var bothLane = store.Lane("alpha", "beta")

// merged is what is told in the lanes of both adapters.
func merged[T any](list func(adapter string) ([]T, error)) ([]T, error) {
	first, err := list("alpha")
	second, alsoErr := list("beta")
	return append(first, second...), errors.Join(err, alsoErr)
}

// movesAmongOthers tells a moving store in the lane of the adapter that it leaves.
type movesAmongOthers struct{ order.ScheduleRepository }

func (f movesAmongOthers) DueImports(ctx context.Context, lane string, now time.Time, limit int, own bool) ([]order.Due, error) {
	found, err := f.ScheduleRepository.DueImports(ctx, lane, now, limit, own)
	if lane != "alpha" || err != nil {
		return found, err
	}
	moving, err := f.ScheduleRepository.DueImports(ctx, bothLane, now, limit, own)
	return append(found, moving...), err
}

type reviewsMovesAmongOthers struct{ decision.Repository }

func (f reviewsMovesAmongOthers) DueReviews(ctx context.Context, lane string, now time.Time, limit int) ([]decision.Review, error) {
	found, err := f.Repository.DueReviews(ctx, lane, now, limit)
	if lane != "alpha" || err != nil {
		return found, err
	}
	moving, err := f.Repository.DueReviews(ctx, bothLane, now, limit)
	return append(found, moving...), err
}

// changesLanes changes which lanes of imports there are.
type changesLanes struct {
	order.ScheduleRepository
	change func([]string) []string
}

func (f changesLanes) Lanes(ctx context.Context) ([]string, error) {
	lanes, err := f.ScheduleRepository.Lanes(ctx)
	return f.change(lanes), err
}

type probesEverybody struct{ store.Repository }

func (f probesEverybody) DueProbes(ctx context.Context, _ string, now time.Time, limit int) ([]store.Ref, error) {
	return merged(func(adapter string) ([]store.Ref, error) { return f.Repository.DueProbes(ctx, adapter, now, limit) })
}

type nextOfEverybody struct{ store.Repository }

func (f nextOfEverybody) NextProbe(ctx context.Context, _ string, after time.Time) (time.Time, error) {
	return f.Repository.NextProbe(ctx, "alpha", after)
}

type shipsForEverybody struct{ shipment.Repository }

func (f shipsForEverybody) DueShipments(ctx context.Context, l due.Look[store.Ref]) ([]shipment.Shipment, error) {
	return merged(func(adapter string) ([]shipment.Shipment, error) {
		l.Lane = adapter
		return f.Repository.DueShipments(ctx, l)
	})
}

type decidesForEverybody struct{ decision.Repository }

func (f decidesForEverybody) DueDecisions(ctx context.Context, l due.Look[store.Ref]) ([]decision.Decision, error) {
	return merged(func(adapter string) ([]decision.Decision, error) {
		l.Lane = adapter
		return f.Repository.DueDecisions(ctx, l)
	})
}

// last is the adapter to which new orders of the suite's moving store go.
func last(adapters []string, err error) ([]string, error) {
	return adapters[max(0, len(adapters)-1):], err
}

type forgetsLeftShipments struct{ shipment.Repository }

func (f forgetsLeftShipments) Adapters(ctx context.Context) ([]string, error) {
	return last(f.Repository.Adapters(ctx))
}

type forgetsLeftDecisions struct{ decision.Repository }

func (f forgetsLeftDecisions) Adapters(ctx context.Context) ([]string, error) {
	return last(f.Repository.Adapters(ctx))
}
