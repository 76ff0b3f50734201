package store_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/store"
)

// upkept is a store.UpkeepRepository.
type upkept struct {
	mu                     sync.Mutex // guards the fields below
	reclaimed, abandoned   int        // what the next calls return, once
	reclaimErr, abandonErr error
	horizons               store.Horizons
	rounds                 []time.Time
	graces                 []time.Duration
	block                  chan struct{} // if there is one, a round ends with it, or with its context
}

func (u *upkept) Reclaim(ctx context.Context, now time.Time, h store.Horizons) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rounds, u.horizons = append(u.rounds, now), h
	n := u.reclaimed
	u.reclaimed = 0
	if u.block != nil {
		select {
		case <-u.block:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return n, u.reclaimErr
}

func (u *upkept) AbandonHeld(_ context.Context, before, now time.Time) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.graces = append(u.graces, now.Sub(before))
	n := u.abandoned
	u.abandoned = 0
	return n, u.abandonErr
}

// TestUpkeep: a round at once, one a minute, and one when somebody asks; a failure is told, and the next round comes all the same.
func TestUpkeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, log, woken := &upkept{reclaimed: 2, abandoned: 3}, &strings.Builder{}, 0
		u := store.NewUpkeep(store.UpkeepConfig{
			Repository: db, Refusals: store.RefusalPolicy{Suspicion: 5 * time.Minute, ProbeMin: time.Hour, ProbeMax: 5 * time.Hour},
			Attempt: 7 * time.Hour, Settle: 8 * time.Minute,
			Wake: func() { woken++ }, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
		})
		u.Start()
		synctest.Wait()
		began := time.Now().UTC()
		same(t, "rounds", db.rounds, []time.Time{began})
		same(t, "woken", woken, 1)
		same(t, "horizons", db.horizons, store.Horizons{
			Import: 24*time.Hour + 144*time.Minute, Probe: 6 * time.Hour, Attempt: 7 * time.Hour, Settle: 8 * time.Minute,
		})
		for _, want := range []string{"rows=2", "rows=3"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %s:\n%s", want, log)
			}
		}
		log.Reset()

		<-time.After(3*time.Minute + time.Second) // of the fake clock
		synctest.Wait()
		same(t, "rounds in three minutes", len(db.rounds), 4)
		for _, g := range db.graces {
			if g < 10*time.Minute {
				t.Errorf("held work ends %s after its deadline: a mistaken suspicion may last longer", g)
			}
		}
		same(t, "log of rounds without work", log.String(), "")
		u.Wake()
		synctest.Wait()
		same(t, "rounds when asked", len(db.rounds), 5)
		same(t, "woken", woken, 1)

		db.reclaimErr, db.abandonErr = errors.New("disk full"), errors.New("disk broken")
		u.Wake()
		synctest.Wait()
		for _, want := range []string{"disk full", "disk broken"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %s:\n%s", want, log)
			}
		}
		log.Reset()

		db.block = make(chan struct{}) // Stop ends a round that the database holds up, and waits for it
		u.Wake()
		synctest.Wait()
		same(t, "stop", u.Stop(t.Context()), nil)
		same(t, "log of the stop", log.String(), "")
		rounds := len(db.rounds)
		<-time.After(time.Hour)
		same(t, "rounds after the stop", len(db.rounds), rounds)
	})
}

// TestUpkeepThatNeverStarted can be stopped.
func TestUpkeepThatNeverStarted(t *testing.T) {
	t.Parallel()
	same(t, "stop", store.NewUpkeep(store.UpkeepConfig{}).Stop(t.Context()), nil)
}
