package storagetest_test

import (
	"context"
	"errors"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// upkeepFaults are the faults of a database that leaves work lying, or takes work for left that is not.
var upkeepFaults = map[string]fault{
	"what is planned far ahead stays there": {"Upkeep/what_is_planned_farther_ahead_is_due_now", func(r *storagetest.Repositories) {
		r.Upkeep = keepsUp{r.Upkeep, func(h *store.Horizons) { *h = store.Horizons{Import: 1 << 50, Probe: 1 << 50, Attempt: 1 << 50} }, nil}
	}},
	"one horizon for all": {"Upkeep/what_is_planned_as_far_ahead_as_may_be", func(r *storagetest.Repositories) {
		r.Upkeep = keepsUp{r.Upkeep, func(h *store.Horizons) { h.Probe, h.Attempt = h.Import, h.Import }, nil}
	}},
	"requests never settle": {"Upkeep/what_a_wrong_clock_wrote", func(r *storagetest.Repositories) {
		r.Upkeep = keepsUp{r.Upkeep, func(h *store.Horizons) { h.Settle = 1 << 60 }, nil}
	}},
	"reclaimed shipments are written by their old worker": {"Upkeep/whoever_works_on_a_shipment", func(r *storagetest.Repositories) {
		r.Shipments = overwrites{r.Shipments}
	}},
	"reclaimed decisions are written by their old worker": {"Upkeep/whoever_works_on_a_shipment", func(r *storagetest.Repositories) {
		r.Decisions = overwritesDecisions{r.Decisions}
	}},
	"the end of a delivery is forgotten": {"Upkeep/what_has_ended_is_not_due_again", func(r *storagetest.Repositories) {
		r.Upkeep = keepsUp{Upkeep: r.Upkeep, after: func(ctx context.Context) error { return touchAll(ctx, *r) }}
	}},
	"the last change says when the next one comes": {"Upkeep/what_was_changed_by_a_clock", func(r *storagetest.Repositories) {
		r.Upkeep = keepsUp{Upkeep: r.Upkeep, after: func(ctx context.Context) error {
			s, err := r.Shipments.GetShipment(ctx, "shop", "p2")
			if err != nil {
				return err
			}
			s.UpdateTime = s.UpdateTime.AddDate(1, 0, 0)
			_, err = r.Shipments.UpdateShipment(ctx, s)
			return err
		}}
	}},
	"policies may change next year": {"Upkeep/a_policy_that_was_changed_by_a_clock", func(r *storagetest.Repositories) {
		r.Upkeep = keepsUp{Upkeep: r.Upkeep, after: func(ctx context.Context) error {
			_, err := r.Stores.UpdateStore(ctx, "shop", func(s *store.Store) error { s.PolicyChange = s.PolicyChange.AddDate(1, 0, 0); return nil })
			return err
		}}
	}},
	"held work ends before its deadline": {"Upkeep/held_shipments_and_decisions_end", func(r *storagetest.Repositories) {
		r.Upkeep = abandons{r.Upkeep, func(before time.Time) time.Time { return before.Add(time.Hour) }}
	}},
	"held work never ends": {"Upkeep/held_shipments_and_decisions_end", func(r *storagetest.Repositories) {
		r.Upkeep = abandons{r.Upkeep, func(time.Time) time.Time { return time.Unix(0, 1) }}
	}},
	"whatever is late is held": {"Upkeep/what_is_not_held", func(r *storagetest.Repositories) {
		r.Upkeep = pausesFirst{r.Upkeep, r.Stores}
	}},
}

// keepsUp reclaims with other horizons, or does something more.
type keepsUp struct {
	Upkeep store.UpkeepRepository
	change func(*store.Horizons)
	after  func(context.Context) error
}

func (f keepsUp) Reclaim(ctx context.Context, now time.Time, h store.Horizons) (int, error) {
	if f.change != nil {
		f.change(&h)
	}
	n, err := f.Upkeep.Reclaim(ctx, now, h)
	if f.after != nil {
		err = errors.Join(err, f.after(ctx))
	}
	return n, err
}

func (f keepsUp) AbandonHeld(ctx context.Context, before, now time.Time) (int, error) {
	return f.Upkeep.AbandonHeld(ctx, before, now)
}

// touchAll plans another attempt with every shipment and decision of the shop.
func touchAll(ctx context.Context, r storagetest.Repositories) error {
	shipments, err := r.Shipments.ListShipments(ctx, shipment.ListQuery{StoreID: "shop", Limit: 10})
	for _, s := range shipments {
		s.NextAttempt = time.Unix(1, 0)
		_, updateErr := r.Shipments.UpdateShipment(ctx, s)
		err = errors.Join(err, updateErr)
	}
	decisions, listErr := r.Decisions.Decisions(ctx, "shop", []string{"2"})
	for _, d := range decisions {
		_, updateErr := r.Decisions.UpdateDecision(ctx, decision.Decision{
			StoreID: d.StoreID, OrderNumber: d.OrderNumber, Revision: d.Revision, Delivery: delivery.Delivery{State: delivery.Queued, NextAttempt: time.Unix(1, 0)},
		})
		err = errors.Join(err, updateErr)
	}
	return errors.Join(err, listErr)
}

// abandons takes another time for the one that deadlines are compared with.
type abandons struct {
	store.UpkeepRepository
	change func(time.Time) time.Time
}

func (f abandons) AbandonHeld(ctx context.Context, before, now time.Time) (int, error) {
	return f.UpkeepRepository.AbandonHeld(ctx, f.change(before), now)
}

// pausesFirst takes every store for a paused one.
type pausesFirst struct {
	store.UpkeepRepository
	stores store.Repository
}

func (f pausesFirst) AbandonHeld(ctx context.Context, before, now time.Time) (int, error) {
	pause := func(paused bool) error {
		_, err := f.stores.UpdateStore(ctx, "shop", func(s *store.Store) error { s.Paused = paused; return nil })
		return err
	}
	err := pause(true)
	n, abandonErr := f.UpkeepRepository.AbandonHeld(ctx, before, now)
	return n, errors.Join(err, abandonErr, pause(false))
}
