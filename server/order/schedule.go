package order

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// Due is a store whose orders are to be imported.
type Due struct {
	StoreID  string
	Time     time.Time // when it became due; zero for a store that was never planned
	Schedule store.ImportSchedule
}

// ScheduleRepository is what the schedule asks of a database. Every method is one transaction.
type ScheduleRepository interface {
	// Lanes returns the store.Lane of every connected store, each once.
	Lanes(ctx context.Context) ([]string, error)
	// DueImports returns stores of a lane whose next import is not after now, the most overdue first. Left out are those that are paused or
	// disconnected, whose schedule is disabled, and whose credentials for new orders were refused: asking again with those helps
	// nobody and may lock the account. With ownInterval, those are left out too that have no interval of their own.
	DueImports(ctx context.Context, lane string, now time.Time, limit int, ownInterval bool) ([]Due, error)
	// NextDueImport returns the earliest time after an instant at which one of those stores is due; zero when there is none.
	NextDueImport(ctx context.Context, lane string, after time.Time, ownInterval bool) (time.Time, error)
	// PlanImport sets when the next import of a store is due that DueImports told. A store that is gone is left alone, and so is one
	// that is due at another time than d tells: its schedule changed meanwhile.
	PlanImport(ctx context.Context, d Due, at time.Time) error
}

// ScheduleConfig is what a schedule needs. All fields are required but where they say what zero means.
type ScheduleConfig struct {
	Repository ScheduleRepository
	Importer   *Importer
	// Interval is the time between the starts of two imports of a store that has none of its own; zero when such a store is not imported
	// by itself.
	Interval time.Duration
	// Pause is the wait after a failure of the database.
	Pause time.Duration
	// Workers is how many scheduled imports run at once in each store.Lane; the importer's own limit counts beside it.
	Workers int
	Now     func() time.Time
	Log     *slog.Logger
}

// Scheduler starts imports by themselves. When a store is due stands in its row: after an outage every store that became due
// meanwhile is imported at once, the longest waiting first.
type Scheduler struct {
	cfg  ScheduleConfig
	loop *due.Loop[Due, string]
}

// NewScheduler returns a scheduler that has not started.
func NewScheduler(cfg ScheduleConfig) *Scheduler {
	s := &Scheduler{cfg: cfg}
	ownInterval := cfg.Interval == 0
	s.loop = due.New(due.Config[Due, string]{
		Lanes: cfg.Repository.Lanes,
		Due: func(ctx context.Context, l due.Look[string]) ([]Due, error) {
			return cfg.Repository.DueImports(ctx, l.Lane, l.Now, l.Limit, ownInterval)
		},
		Next: func(ctx context.Context, lane string, after time.Time) (time.Time, error) {
			return cfg.Repository.NextDueImport(ctx, lane, after, ownInterval)
		},
		ID: func(d Due) string { return d.StoreID }, Work: s.work,
		Workers: cfg.Workers, Pause: cfg.Pause, Now: cfg.Now, Log: cfg.Log,
	})
	return s
}

// Start begins to look for due stores in the background. It is called once.
func (s *Scheduler) Start() { s.loop.Start() }

// Stop starts nothing new and waits for the imports that it started, which the importer's Stop ends; or until ctx ends.
func (s *Scheduler) Stop(ctx context.Context) error { return s.loop.Stop(ctx) }

// Wake tells the schedule that stores may be due which were not before.
func (s *Scheduler) Wake() { s.loop.Wake() }

// errInterrupted leaves a store due whose import ended with the server, most likely before its time: the next start makes up for it.
var errInterrupted = errors.New("the server stops")

// work imports one store and plans its next import. An import that somebody asked for meanwhile is joined and counts.
func (s *Scheduler) work(ctx context.Context, d Due) error {
	began := s.cfg.Now().UTC()
	run, err := s.cfg.Importer.start(ctx, d.StoreID, true)
	switch {
	case problem.HasReason(err, problem.ReasonServerStopping):
		return err // the store stays due for the next start
	case problem.HasReason(err, problem.ReasonStorePaused), problem.HasReason(err, problem.ReasonStoreDisconnected):
		return nil // the store stays due for when the pause ends, or it is connected again
	case err != nil && problem.As(err) == nil:
		s.cfg.Log.ErrorContext(ctx, "scheduled import not started", "store", d.StoreID, "error", err)
		return err
	case err == nil:
		if s.cfg.Importer.wait(run.ID); s.cfg.Importer.stopping() {
			return errInterrupted
		}
	}
	// Whatever became of the import, the next one comes.
	next := began.Add(spread(d.Schedule.Every(s.cfg.Interval)))
	if err := s.cfg.Repository.PlanImport(ctx, d, next); err != nil {
		s.cfg.Log.ErrorContext(ctx, "next import not planned", "store", d.StoreID, "error", err)
		return err
	}
	return nil
}

// spread moves an interval by up to a tenth, so that stores which were due together do not stay together.
func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}
