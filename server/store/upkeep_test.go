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

// upkept is a store.UpkeepRepository, and what else one sees of upkeep.
type upkept struct {
	mu                     sync.Mutex // guards the fields below
	reclaimed, abandoned   int        // what the next calls return, once
	reclaimErr, abandonErr error
	blocks                 bool // a round ends with its context
	horizons               store.Horizons
	rounds                 []time.Time
	graces                 []time.Duration
	woken                  int
	log                    strings.Builder
}

func (u *upkept) Reclaim(ctx context.Context, now time.Time, h store.Horizons) (int, error) {
	u.mu.Lock()
	u.rounds, u.horizons = append(u.rounds, now), h
	n, err, blocks := u.reclaimed, u.reclaimErr, u.blocks
	u.reclaimed = 0
	u.mu.Unlock()
	if blocks {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return n, err
}

func (u *upkept) AbandonHeld(_ context.Context, before, now time.Time) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.graces = append(u.graces, now.Sub(before))
	n := u.abandoned
	u.abandoned = 0
	return n, u.abandonErr
}

// Write notes what is logged.
func (u *upkept) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.log.Write(p)
}

// TestUpkeep: a round at once, one a minute, and one when somebody asks; a failure is told, and the next round comes all the same.
func TestUpkeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &upkept{reclaimed: 2, abandoned: 3}
		u := store.NewUpkeep(store.UpkeepConfig{
			Repository: db, Refusals: store.RefusalPolicy{Suspicion: 5 * time.Minute, ProbeMin: time.Hour, ProbeMax: 5 * time.Hour},
			Attempt: 7 * time.Hour, Settle: 8 * time.Minute,
			Wake: func() {
				db.mu.Lock()
				defer db.mu.Unlock()
				db.woken++
			},
			Now: time.Now, Log: slog.New(slog.NewTextHandler(db, nil)),
		})
		// then looks at what was done when all rounds that are due have ended.
		then := func(look func()) {
			t.Helper()
			synctest.Wait()
			db.mu.Lock()
			defer db.mu.Unlock()
			look()
		}
		// logged checks that the log says something, and nothing else is left for the next look.
		logged := func(words ...string) {
			t.Helper()
			text := db.log.String()
			for _, w := range words {
				if !strings.Contains(text, w) {
					t.Errorf("the log does not say %s:\n%s", w, text)
				}
			}
			if len(words) == 0 && text != "" {
				t.Errorf("the log says:\n%s", text)
			}
			db.log.Reset()
		}
		u.Start()
		then(func() {
			same(t, "rounds", db.rounds, []time.Time{time.Now().UTC()})
			same(t, "woken", db.woken, 1)
			same(t, "horizons", db.horizons, store.Horizons{
				Import: 24*time.Hour + 144*time.Minute, Probe: 6 * time.Hour, Attempt: 7 * time.Hour, Settle: 8 * time.Minute,
			})
			logged("rows=2", "rows=3")
		})
		<-time.After(3*time.Minute + time.Second) // of the fake clock
		then(func() {
			same(t, "rounds in three minutes", len(db.rounds), 4)
			for _, g := range db.graces {
				if g < 10*time.Minute {
					t.Errorf("held work ends %s after its deadline: a mistaken suspicion may last longer", g)
				}
			}
			logged()
		})
		u.Wake()
		then(func() {
			same(t, "rounds when asked", len(db.rounds), 5)
			same(t, "woken", db.woken, 1)
			db.reclaimErr, db.abandonErr = errors.New("disk full"), errors.New("disk broken")
		})
		u.Wake()
		then(func() {
			logged("disk full", "disk broken")
			db.blocks = true // Stop ends a round that the database holds up, and waits for it
		})
		u.Wake()
		synctest.Wait()
		same(t, "stop", u.Stop(t.Context()), nil)
		rounds := 0
		then(func() { logged(); rounds = len(db.rounds) })
		<-time.After(time.Hour)
		then(func() { same(t, "rounds after the stop", len(db.rounds), rounds) })
	})
}

// TestUpkeepThatNeverStarted can be stopped.
func TestUpkeepThatNeverStarted(t *testing.T) {
	t.Parallel()
	same(t, "stop", store.NewUpkeep(store.UpkeepConfig{}).Stop(t.Context()), nil)
}
