package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// UpkeepRepository is what upkeep asks of a database.
type UpkeepRepository interface {
	// Reclaim makes due now what is planned for a time after now and more than its horizon away, of every store: imports, probes, and
	// the next attempts of open shipments and decisions. Nothing plans that far ahead but a clock that is wrong. What such a clock
	// wrote beside the plan goes with it: the time from which a read shows what became of a request is at most its horizon away, and
	// nothing was changed or refused later than now: a store whose policy changes next year is due for review. Nor do times that such a
	// clock left behind hold up what is due. It returns how many
	// rows it changed, each kind in a transaction of its own.
	Reclaim(ctx context.Context, now time.Time, h Horizons) (int, error)
	// AbandonHeld ends as NEEDS_ATTENTION the open shipments and decisions whose deadline is before a time and that nobody works on,
	// because the store is paused or its credentials for their adapter do not work. The message of each, and an event of each
	// shipment, says which. It is one transaction, and returns how many ended.
	AbandonHeld(ctx context.Context, before, now time.Time) (int, error)
}

// Horizons is how far ahead each kind of work may be planned at most.
type Horizons struct {
	Import  time.Duration // the next import of a store
	Probe   time.Duration // the next probe of credentials
	Attempt time.Duration // the next attempt with a shipment or decision
	Settle  time.Duration // the time from which a read shows what became of a request
}

// UpkeepConfig is what upkeep needs. All fields are required.
type UpkeepConfig struct {
	Repository UpkeepRepository
	// Refusals says how far ahead probes are planned.
	Refusals RefusalPolicy
	// Attempt and Settle are the Horizons of these names.
	Attempt, Settle time.Duration
	// Wake is told when work became due that was planned for later. It must not block.
	Wake func()
	Now  func() time.Time
	Log  *slog.Logger
}

const (
	// upkeepEvery is the time between two rounds of upkeep. A round that finds nothing reads a few indexes.
	upkeepEvery = time.Minute
	// heldGrace is how long after its deadline work is held before a person is told. Mistaken suspicions are over by then, and the work
	// is settled by a read.
	heldGrace = 30 * time.Minute
)

// Upkeep looks after the work that nobody looks at, because its time or its store's turn does not come: what a clock that was wrong
// planned for next year, and what is held beyond its deadline. It owns one goroutine.
type Upkeep struct {
	cfg      UpkeepConfig
	horizons Horizons
	wake     chan struct{}
	ctx      context.Context // ends with Stop
	cancel   context.CancelFunc
	working  sync.WaitGroup
}

// NewUpkeep returns an upkeep that has not started.
func NewUpkeep(cfg UpkeepConfig) *Upkeep {
	ctx, cancel := context.WithCancel(context.Background())
	return &Upkeep{
		cfg: cfg, wake: make(chan struct{}, 1), ctx: ctx, cancel: cancel,
		horizons: Horizons{
			Import: maxScheduleInterval + maxScheduleInterval/10, // they are spread by a tenth
			Probe:  cfg.Refusals.longest(), Attempt: cfg.Attempt, Settle: cfg.Settle,
		},
	}
}

// Start makes a round of upkeep now and every minute from then on, in the background. It is called once.
func (u *Upkeep) Start() {
	u.working.Go(func() {
		for {
			u.round()
			if !u.sleep() {
				return
			}
		}
	})
}

// Wake asks for a round now. It never blocks.
func (u *Upkeep) Wake() {
	select {
	case u.wake <- struct{}{}:
	default: // one is asked for already
	}
}

// Stop ends the round under way and waits for it, or until ctx ends. Stopping what never started is fine.
func (u *Upkeep) Stop(ctx context.Context) error {
	u.cancel()
	done := make(chan struct{})
	go func() { u.working.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("upkeep still under way at the end of the shutdown time: %w", ctx.Err())
	}
}

// sleep waits for the next round. It returns false when there is none.
func (u *Upkeep) sleep() bool {
	timer := time.NewTimer(upkeepEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-u.wake:
	case <-u.ctx.Done():
		return false
	}
	return u.ctx.Err() == nil
}

// round does what there is to do. What fails is done in the next round.
func (u *Upkeep) round() {
	now := u.cfg.Now().UTC()
	n, err := u.cfg.Repository.Reclaim(u.ctx, now, u.horizons)
	switch {
	case err != nil && u.ctx.Err() == nil:
		u.cfg.Log.Error("plans not checked", "error", err)
	case n > 0:
		u.cfg.Log.Warn("work was planned too far ahead, most likely by a clock that was wrong; it is due now", "rows", n)
		u.cfg.Wake()
	}
	n, err = u.cfg.Repository.AbandonHeld(u.ctx, now.Add(-heldGrace), now)
	switch {
	case err != nil && u.ctx.Err() == nil:
		u.cfg.Log.Error("held work not checked", "error", err)
	case n > 0:
		u.cfg.Log.Warn("shipments or decisions passed their deadline while their store was held; a person must look", "rows", n)
	}
}
