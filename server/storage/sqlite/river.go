package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// Due is a kind of rows that say themselves when they are due. Its name is the kind of the River jobs that wake whoever works on
// them.
type Due string

// The kinds of rows with a next attempt.
const (
	DueShipments Due = "shipment_due"
	DueDecisions Due = "decision_due"
)

// wakeGrain is how exact wake-ups are: rows of a kind that are due within the same grain share one job. A job for each row
// would make accepting a shipment about half as fast (BenchmarkCreateShipment) and say no more: whoever is woken looks for
// all due rows anyway.
const wakeGrain = time.Second

// riverClient is River on our writer connection.
type riverClient = river.Client[*sql.Tx]

// planWake puts a job into the transaction that writes a row with a next attempt: whoever works on rows of this kind is woken
// after the commit, at that time or up to wakeGrain later. A row without a next attempt needs none.
//
// Rows share jobs, and no wake-up comes before the commit of a row that relies on it: its time lies after now, so no worker had
// fetched the job when this transaction took the write lock, and none fetches it before the lock is free. Only a clock that is
// set back in that moment breaks this; the row is found all the same, when the rows are next looked at.
func (db *DB) planWake(ctx context.Context, tx *sql.Tx, kind Due, next time.Time) error {
	if next.IsZero() {
		return nil
	}
	return db.planWakeAt(ctx, tx, kind, wakeTime(next))
}

// wakeTime is when the wake-up of a row that is due at next comes.
func wakeTime(next time.Time) time.Time {
	if now := time.Now(); next.Before(now) {
		next = now
	}
	return next.UTC().Truncate(wakeGrain).Add(wakeGrain)
}

// planWakeAt is planWake for a time that wakeTime gave.
func (db *DB) planWakeAt(ctx context.Context, tx *sql.Tx, kind Due, at time.Time) error {
	var planned bool
	if err := tx.StmtContext(ctx, db.planned).QueryRowContext(ctx, dueQueue, at.Format(riverTime), kind).Scan(&planned); err != nil {
		return fmt.Errorf("find wake-up: %w", err)
	}
	if planned {
		return nil
	}
	_, err := db.jobs.InsertTx(ctx, tx, kind.job(), &river.InsertOpts{
		Queue:       dueQueue,
		ScheduledAt: at,
		UniqueOpts: river.UniqueOpts{
			ByPeriod: wakeGrain,
			// The default names JobStateCompleted too: after a clock was set back, a row would get no job.
			ByState: []rivertype.JobState{
				rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
				rivertype.JobStateRunning, rivertype.JobStateScheduled,
			},
		},
	})
	if err != nil {
		return fmt.Errorf("plan wake-up: %w", err)
	}
	return nil
}

// plannedWake tells whether a kind has its job at a time. River would find that out too, ten times as slowly, and is the one
// to decide: a job that this overlooks is not made twice. The plus keeps SQLite from reading all jobs of the kind.
const plannedWake = `SELECT EXISTS (SELECT 1 FROM river_job
	WHERE state IN ('scheduled', 'available') AND queue = ? AND priority = 1 AND scheduled_at = ? AND +kind = ?)`

// riverTime is how River writes a time into SQLite.
const riverTime = "2006-01-02 15:04:05.000"

// Jobs carry nothing: the rows say what is to be done.
type (
	shipmentsJob struct{}
	decisionsJob struct{}
)

// Kind implements river.JobArgs.
func (shipmentsJob) Kind() string { return string(DueShipments) }

// Kind implements river.JobArgs.
func (decisionsJob) Kind() string { return string(DueDecisions) }

// job returns the job of a wake-up of this kind.
func (k Due) job() river.JobArgs {
	switch k {
	case DueShipments:
		return shipmentsJob{}
	case DueDecisions:
		return decisionsJob{}
	}
	panic("sqlite: no job for kind " + string(k))
}

// newInserter returns a client that only puts jobs into transactions. It has no goroutine and no queue.
func newInserter(db *sql.DB) (*riverClient, error) {
	return river.NewClient(riversqlite.New(db), &river.Config{MaxAttempts: maxAttempts, Logger: slog.New(slog.DiscardHandler)})
}

// migrateRiver brings River's own tables, river_*, up to date. It refuses those of a newer River.
func migrateRiver(ctx context.Context, db *sql.DB) error {
	m, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("load migrations of the queue: %w", err)
	}
	if _, err := m.ExistingVersions(ctx); err != nil {
		return fmt.Errorf("read version of the queue's tables, which a newer relais may have written: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the queue's tables: %w", err)
	}
	return nil
}
