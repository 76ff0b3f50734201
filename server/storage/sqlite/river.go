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

// Due names a kind of row that says itself when it is due. It is the kind of the River jobs that wake who works on such rows.
type Due string

// The kinds of rows with a next attempt.
const (
	DueShipments Due = "shipment_due"
	DueDecisions Due = "decision_due"
)

// wakeGrain is how exact wake-ups are: all rows of a kind that are due within the same grain share one job. A job for each
// row would make accepting a shipment half as fast and say no more: a woken worker looks for all due rows anyway.
const wakeGrain = time.Second

// riverClient is River on our writer connection.
type riverClient = river.Client[*sql.Tx]

// planWake puts a job into the transaction that writes a row with a next attempt: after the commit, whoever works on rows of
// this kind is woken at that time or up to wakeGrain later. A row without a next attempt needs none.
//
// Each wake-up comes after the commit of every row that relies on it, though rows share jobs: its time is a whole grain that
// lies after now as well as after the row's, so no worker has fetched the job before this transaction took the write lock. (A
// clock that is set back can break this, as a crash can lose a job under way; the sweep of server/due picks the row up.)
func (db *DB) planWake(ctx context.Context, tx *sql.Tx, kind Due, next time.Time) error {
	if next.IsZero() {
		return nil
	}
	if now := time.Now(); next.Before(now) {
		next = now
	}
	at := next.UTC().Truncate(wakeGrain).Add(wakeGrain)
	var planned bool
	if err := tx.QueryRowContext(ctx, plannedWake, dueQueue, at.Format(riverTime), kind).Scan(&planned); err != nil {
		return fmt.Errorf("find wake-up: %w", err)
	}
	if planned {
		return nil
	}
	opts := &river.InsertOpts{
		Queue:       dueQueue,
		ScheduledAt: at,
		UniqueOpts: river.UniqueOpts{
			ByPeriod: wakeGrain,
			// The default names JobStateCompleted too: a row that is due again within a grain, or after a clock was set
			// back, would get no job.
			ByState: []rivertype.JobState{
				rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
				rivertype.JobStateRunning, rivertype.JobStateScheduled,
			},
		},
	}
	if _, err := db.jobs.InsertTx(ctx, tx, kind.job(), opts); err != nil {
		return fmt.Errorf("plan wake-up: %w", err)
	}
	return nil
}

// plannedWake tells whether a grain has its job.
const plannedWake = `SELECT EXISTS (SELECT 1 FROM river_job
	WHERE state IN ('scheduled', 'available') AND queue = ? AND priority = 1 AND scheduled_at = ? AND kind = ?)`

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

// job returns the job that wakes who works on rows of this kind.
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

// migrateRiver brings River's own tables, river_*, up to date in one transaction. It refuses tables of a newer River.
func migrateRiver(ctx context.Context, db *sql.DB) error {
	m, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("load migrations of the queue: %w", err)
	}
	have, err := m.ExistingVersions(ctx)
	if err != nil {
		return fmt.Errorf("read version of the queue's tables, which a newer relais may have written: %w", err)
	}
	if len(have) == len(m.AllVersions()) {
		return nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("migrate the queue's tables: begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	if _, err := m.MigrateTx(ctx, tx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the queue's tables: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("migrate the queue's tables: commit: %w", err)
	}
	return nil
}
