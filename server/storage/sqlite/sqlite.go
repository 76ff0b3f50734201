// Package sqlite keeps stores, orders, imports and shipments in one SQLite file. It implements store.Repository,
// order.Repository and shipment.Repository and holds no rule of its own beside what their comments promise.
//
// One connection writes and takes the write lock when its transaction begins; several others read, each statement on the
// last committed state (WAL). A commit is on disk when it returns (synchronous=FULL). Nothing here calls an adapter,
// and no code inside a write transaction touches the pools. Callers that store shipments at the same time share a
// transaction.
//
// A row that says when it is due is written together with a River job that wakes whoever works on such rows (Queue). The row is
// the truth; the job only shortens the wait.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// DB is one open database. It is safe for concurrent use.
type DB struct {
	path   string
	lock   *fileLock
	writer *sql.DB // exactly one connection
	reader *sql.DB // query_only

	batch     batchStatements
	shipments shipmentStatements
	planned   *sql.Stmt // plannedWake
	reads     readStatements
	prepared  []*sql.Stmt // all of them, for Close

	creations *creations
	jobs      *riverClient // puts wake-ups into transactions of the writer
}

var (
	_ store.Repository    = (*DB)(nil)
	_ order.Repository    = (*DB)(nil)
	_ shipment.Repository = (*DB)(nil)
	_ decision.Repository = (*DB)(nil)

	_ order.ProductRepository  = (*DB)(nil)
	_ order.ScheduleRepository = (*DB)(nil)

	_ release.Repository = (*DB)(nil)
	_ release.Stores     = (*DB)(nil)
)

const (
	// busyTimeout is how long a statement waits for a lock of another connection. Only a tool that has the file open
	// beside relais can make it wait: relais itself has one writer, and readers wait for nobody.
	busyTimeout = 5 * time.Second
	// Page caches of a connection, in KiB: enough for the upper pages of every index that an import writes to, or a page of
	// a list reads. More makes an import of 100,000 orders no faster, and memory grow with it (make bench).
	writerCache = 2000
	readerCache = 500
	// readConnections bounds the statements that read at the same time.
	readConnections = 4
)

// Open opens the database file at path, creating it and its directory when missing (0600 and 0700), and brings its schema
// up to date. It refuses a file that another process has open, and one that a newer relais wrote.
func Open(ctx context.Context, path string) (_ *DB, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{path: path, creations: newCreations()}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open database %s: %w", path, explain(forbidden(err))), db.Close())
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if db.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	if db.writer, err = sql.Open("sqlite", dsn(path, writerCache, url.Values{"_txlock": {"immediate"}})); err != nil {
		return nil, err
	}
	db.writer.SetMaxOpenConns(1)
	// River's first: SQLite reads the whole schema again at each of its steps.
	if err := migrateRiver(ctx, db.writer); err != nil {
		return nil, err
	}
	if err := migrate(ctx, db.writer); err != nil {
		return nil, err
	}
	if db.jobs, err = newInserter(db.writer); err != nil {
		return nil, err
	}
	if err := db.prepareWriter(ctx); err != nil {
		return nil, err
	}
	if db.reader, err = sql.Open("sqlite", dsn(path, readerCache, url.Values{"_query_only": {"1"}})); err != nil {
		return nil, err
	}
	db.reader.SetMaxOpenConns(readConnections)
	db.reader.SetMaxIdleConns(readConnections)
	return db, db.prepareReader(ctx)
}

// forbidden adds what to do about a file that this user may not touch.
func forbidden(err error) error {
	var file *fs.PathError
	if !errors.As(err, &file) || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w to write %s; run relais as its owner, or name another database", fs.ErrPermission, file.Path)
}

// Close waits for the statements under way and closes the database. A closed one may be closed again.
func (db *DB) Close() error {
	var errs []error
	for _, stmt := range db.prepared {
		errs = append(errs, stmt.Close())
	}
	for _, pool := range []*sql.DB{db.reader, db.writer} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if db.lock != nil {
		errs = append(errs, db.lock.release())
	}
	return errors.Join(errs...)
}

// dsn is the driver's name of the file: what every connection has, and what is given.
func dsn(path string, cacheKiB int, v url.Values) string {
	v.Set("_journal_mode", "WAL")
	v.Set("_synchronous", "FULL")
	v.Set("_foreign_keys", "on")
	v.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	v.Set("_dqs", "0") // a misspelt column is an error, not a string
	v.Set("_defensive", "1")
	v.Set("_error_rc", "1")              // no text of an unrelated earlier error
	v.Add("_pragma", "secure_delete(1)") // what is deleted, or moved to another page, is overwritten: credentials are erased
	v.Add("_pragma", "page_size(8192)")  // of a new file: three documents of the usual size on a page instead of one
	v.Add("_pragma", fmt.Sprintf("cache_size(-%d)", cacheKiB))
	u := url.URL{Scheme: "file", Path: path, RawQuery: v.Encode()}
	return u.String()
}

// makePrivate makes the file if it is missing and lets nobody but its owner read it: it holds buyers' addresses. SQLite
// gives the files that it puts beside it the same mode.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// write runs f in one transaction on the writer connection. f must use tx only: the writer has no second connection.
func (db *DB) write(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	return writeOn(ctx, db.writer, what, f)
}

// beginner is the writer or its connection.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// writeOn is write for one who may hold the writer's connection.
func writeOn(ctx context.Context, writer beginner, what string, f func(tx *sql.Tx) error) error {
	tx, err := writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: begin: %w", what, explain(err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	if err := f(tx); err != nil {
		return fmt.Errorf("%s: %w", what, explain(err))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: commit: %w", what, explain(err))
	}
	return nil
}

// explain adds what an operator can do about a failure of the database file.
func explain(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("no room left for the database, free disk space: %w", err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("another program holds the database file locked, end it: %w", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("the database file cannot be written, check its owner and mode: %w", err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("the disk failed under the database, check it before going on: %w", err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the database file is damaged or no database, restore a backup: %w", err)
	}
	return err
}

// isUnique reports whether err is the violation of a unique index or primary key.
func isUnique(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}
