package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// importable is true of stores that are imported by themselves. Its argument says whether only those are that have an interval of their
// own.
var importable = `s.disconnect_time = 0 AND s.paused = 0 AND coalesce(json_extract(s.settings, '$.import_schedule.disabled'), 0) = 0
	AND (NOT ? OR json_extract(s.settings, '$.import_schedule.interval') > 0) AND NOT ` + held(`s.key`, `s.adapter`)

// dueImports goes through the stores of a lane by when they are due.
var dueImports = `SELECT s.id, s.next_import, s.settings FROM stores s INDEXED BY stores_due
	WHERE s.lane = ? AND s.next_import <= ? AND ` + importable + ` ORDER BY s.next_import, s.key LIMIT ?`

// DueImports implements order.ScheduleRepository.
func (db *DB) DueImports(ctx context.Context, lane string, now time.Time, limit int, ownInterval bool) ([]order.Due, error) {
	due, err := collect(ctx, db.reader, func(row scanner) (d order.Due, err error) {
		var settings store.Settings
		err = row.Scan(&d.StoreID, timestamp{&d.Time}, jsonColumn[store.Settings]{&settings})
		d.Schedule = settings.ImportSchedule
		return d, err
	}, dueImports, lane, nanos(now), ownInterval, limit)
	if err != nil {
		return nil, fmt.Errorf("list due imports: %w", explain(err))
	}
	return due, nil
}

var nextDueImport = `SELECT s.next_import FROM stores s INDEXED BY stores_due WHERE s.lane = ? AND s.next_import > ? AND ` + importable + `
	ORDER BY s.next_import LIMIT 1`

// NextDueImport implements order.ScheduleRepository.
func (db *DB) NextDueImport(ctx context.Context, lane string, after time.Time, ownInterval bool) (time.Time, error) {
	var next time.Time
	err := db.reader.QueryRowContext(ctx, nextDueImport, lane, nanos(after), ownInterval).Scan(timestamp{&next})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("find next due import: %w", explain(err))
	}
	return next, nil
}

// PlanImport implements order.ScheduleRepository.
func (db *DB) PlanImport(ctx context.Context, d order.Due, at time.Time) error {
	return db.write(ctx, "plan import", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE stores SET next_import = ? WHERE id = ? AND next_import = ?`, nanos(at), d.StoreID, nanos(d.Time))
		return err
	})
}
