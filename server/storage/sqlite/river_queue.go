package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
)

const (
	// dueQueue holds the wake-ups of all kinds. None waits for another: a wake-up never blocks.
	dueQueue = "due"

	// pollEvery is how often the queue is asked for wake-ups that are due, fetchPause the least time between two fetches.
	// Listening would be no faster than a grain and asks the writer connection twenty times a second.
	pollEvery  = time.Second
	fetchPause = 100 * time.Millisecond
	// maxWorkers is how many jobs one fetch takes: with fetchPause it bounds how fast a backlog drains, here 1,000 jobs a
	// second (BenchmarkDrain: 850). Those of a day's outage are gone in minutes, and a job only touches a channel.
	maxWorkers = 100

	// jobTimeout and rescueAfter are for jobs that were lost in this process; a wake-up takes microseconds. Those of a
	// process that was killed are requeued at start.
	jobTimeout  = 10 * time.Second
	rescueAfter = 2 * time.Minute
	// maxAttempts is never reached: that a job is given up is not for River to decide.
	maxAttempts = 1000
	// keepJobs is how long a job stays in the table when it is done, so that a look at the file tells something.
	keepJobs = time.Minute
)

// Queue is River at work: it wakes at their times those who work on due rows.
type Queue struct {
	client *riverClient
}

// StartQueue begins to call wakes in the background: each kind's soon after a row of it became due, and now and then for
// nothing. They must not block. Every kind needs one. A database has one queue at a time. It ends with Stop, not with ctx, and
// before the database is closed.
//
// A wake-up is a hint: it comes within about two seconds of its time, or seven when it was planned only seconds before, and not
// at all when its job is lost. Whoever is woken must read the rows, and look at them now and then without being woken.
func (db *DB) StartQueue(ctx context.Context, wakes map[Due]func(), log *slog.Logger) (*Queue, error) {
	return db.startQueue(ctx, wakes, log, nil)
}

// startQueue is StartQueue with a clock. Without one, River reads SQLite's, which is the system's.
func (db *DB) startQueue(ctx context.Context, wakes map[Due]func(), log *slog.Logger, clock rivertype.TimeGenerator) (*Queue, error) {
	for _, kind := range []Due{DueShipments, DueDecisions} {
		if wakes[kind] == nil {
			return nil, fmt.Errorf("start queue: nobody is woken by %s", kind)
		}
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, wake[shipmentsJob](wakes[DueShipments]))
	river.AddWorker(workers, wake[decisionsJob](wakes[DueDecisions]))
	client, err := river.NewClient(riversqlite.New(db.writer), &river.Config{
		Queues:                      map[string]river.QueueConfig{dueQueue: {MaxWorkers: maxWorkers}},
		Workers:                     workers,
		PollOnly:                    true,
		FetchPollInterval:           pollEvery,
		FetchCooldown:               fetchPause,
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		MaxAttempts:                 maxAttempts,
		CompletedJobRetentionPeriod: keepJobs,
		CancelledJobRetentionPeriod: keepJobs,
		DiscardedJobRetentionPeriod: keepJobs,
		ReindexerIndexNames:         []string{}, // none: the table stays small
		Test:                        river.TestConfig{Time: clock},
		Logger:                      slog.New(quietHandler{log.Handler()}),
	})
	if err != nil {
		return nil, fmt.Errorf("start queue: %w", err)
	}
	if err := db.requeueOrphans(ctx); err != nil {
		return nil, err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("start queue: %w", explain(err))
	}
	return &Queue{client: client}, nil
}

// Stop takes no more jobs and waits until the wake-ups under way have ended and are noted, or until ctx ends. A stopped queue
// may be stopped again. Jobs that are not due stay for the next start.
func (q *Queue) Stop(ctx context.Context) error {
	if err := q.client.Stop(ctx); err != nil {
		return fmt.Errorf("queue still at work at the end of the shutdown time: %w", err)
	}
	return nil
}

// requeueOrphans gives back what a killed process left: jobs that it had fetched, and the lead of its queue, without which
// nothing is scheduled until the lead expires. The lock on the file says that no other process is at work.
func (db *DB) requeueOrphans(ctx context.Context) error {
	return db.write(ctx, "requeue jobs of a killed process", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM river_leader`)
		return err
	})
}

// wake is the worker of a kind of jobs.
func wake[T river.JobArgs](f func()) river.Worker[T] {
	return river.WorkFunc(func(context.Context, *river.Job[T]) error {
		f()
		return nil
	})
}

// quietHandler passes on what River warns of. What it says besides is about its own services.
type quietHandler struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h quietHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name)}
}
