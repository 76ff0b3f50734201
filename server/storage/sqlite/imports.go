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

const selectImport = `SELECT i.id, s.id, i.state, i.scheduled, i.start_time, i.finish_time, i.windows,
		i.read_count, i.created_count, i.changed_count, i.unchanged_count, i.reread_count, i.elsewhere_count, i.missing_count,
		i.failure_reason, i.failure_message
	FROM imports i JOIN stores s ON s.key = i.store_key `

func scanImport(row scanner) (order.Import, error) {
	var i order.Import
	err := row.Scan(&i.ID, &i.StoreID, &i.State, &i.Scheduled, timestamp{&i.Start}, timestamp{&i.Finish}, jsonColumn[[]order.Window]{&i.Windows},
		&i.Counts.Read, &i.Counts.Created, &i.Counts.Changed, &i.Counts.Unchanged, &i.Counts.Reread, &i.Counts.Elsewhere, &i.Counts.Missing,
		&i.Failure.Reason, &i.Failure.Message)
	if errors.Is(err, sql.ErrNoRows) {
		return order.Import{}, order.ErrImportNotFound
	}
	return i, err
}

// StartImport implements order.Repository. Errors: store.ErrNotFound.
func (db *DB) StartImport(ctx context.Context, run order.Import) (current order.Import, joined bool, err error) {
	windows, err := toJSON(run.Windows)
	if err != nil {
		return order.Import{}, false, fmt.Errorf("start import: %w", err)
	}
	err = db.write(ctx, "start import", func(tx *sql.Tx) error {
		var key int64
		err := tx.QueryRowContext(ctx, `SELECT key FROM stores WHERE id = ?`, run.StoreID).Scan(&key)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrNotFound
		}
		if err != nil {
			return err
		}
		current, err = scanImport(tx.QueryRowContext(ctx, selectImport+`WHERE i.store_key = ? AND i.state = 'RUNNING'`, key))
		if !errors.Is(err, order.ErrImportNotFound) {
			joined = true
			return err
		}
		// A plan that was made before the last turn knows none: its first batch is refused.
		if _, err := tx.ExecContext(ctx, `INSERT INTO imports (store_key, id, state, start_time, windows, turn, scheduled)
			SELECT key, ?2, ?3, ?4, ?5, iif(?6 IN ('', adapter), `+lastTurn+`, 0), ?7 FROM stores WHERE key = ?1`,
			key, run.ID, order.Running, nanos(run.Start), windows, plannedFor(run), run.Scheduled); err != nil {
			return err
		}
		for _, w := range run.Windows {
			if _, err := tx.ExecContext(ctx, `UPDATE bindings SET first_attempt = ? WHERE store_key = ? AND adapter = ? AND first_attempt = 0`,
				nanos(run.Start), key, w.Adapter); err != nil {
				return err
			}
		}
		current, err = scanImport(tx.QueryRowContext(ctx, selectImport+`WHERE i.store_key = ? AND i.id = ?`, key, run.ID))
		return err
	})
	if err != nil {
		return order.Import{}, false, err
	}
	return current, joined, nil
}

// plannedFor is the adapter that a run takes for the one of new orders: its windows come first.
func plannedFor(run order.Import) string {
	if len(run.Windows) == 0 {
		return ""
	}
	return run.Windows[0].Adapter
}

// FinishImport implements order.Repository. A run that has ended already is left as it is: that is an error.
func (db *DB) FinishImport(ctx context.Context, run order.Import) error {
	return db.write(ctx, "finish import", func(tx *sql.Tx) error {
		var key, storeKey, start int64
		var state order.ImportState
		var windows []order.Window
		err := tx.QueryRowContext(ctx, `SELECT key, store_key, start_time, state, windows FROM imports
			WHERE store_key = `+storeKeyOf+` AND id = ?`, run.StoreID, run.ID).
			Scan(&key, &storeKey, &start, &state, jsonColumn[[]order.Window]{&windows})
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return order.ErrImportNotFound
		case err != nil:
			return err
		case state != order.Running:
			return notRunning(state)
		}
		for _, p := range run.Parts {
			if err := finishPart(ctx, tx, storeKey, start, p, windows); err != nil {
				return err
			}
		}
		encoded, err := toJSON(windows)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE imports SET state = ?, finish_time = ?, windows = ?, failure_reason = ?, failure_message = ?
			WHERE key = ?`, run.State, nanos(run.Finish), encoded, run.Failure.Reason, run.Failure.Message, key); err != nil {
			return err
		}
		if run.State != order.Succeeded {
			return nil
		}
		_, err = tx.ExecContext(ctx, `UPDATE stores SET last_import_start = ?, last_import_finish = ? WHERE key = ?`,
			start, nanos(run.Finish), storeKey)
		return err
	})
}

// finishPart moves the cursor of an adapter, or notes that it failed there and in its windows.
func finishPart(ctx context.Context, tx *sql.Tx, storeKey, start int64, p order.Part, windows []order.Window) error {
	if p.Failure == (order.Failure{}) {
		_, err := tx.ExecContext(ctx, `UPDATE bindings SET import_start = ?, failing_since = 0 WHERE store_key = ? AND adapter = ?`,
			start, storeKey, p.Adapter)
		return err
	}
	for i, w := range windows {
		if w.Adapter == p.Adapter && w.Finished.Before(w.Until) {
			windows[i].Failure = p.Failure
		}
	}
	if p.Blameless {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE bindings SET failing_since = ? WHERE store_key = ? AND adapter = ? AND failing_since = 0`,
		start, storeKey, p.Adapter)
	return err
}

// notRunning is the error of writing to a run that has ended.
func notRunning(state order.ImportState) error {
	return fmt.Errorf("the import has ended already as %s", state)
}

// InterruptImports implements order.Repository.
func (db *DB) InterruptImports(ctx context.Context, now time.Time, why order.Failure) (int, error) {
	var n int64
	err := db.write(ctx, "interrupt imports", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE imports SET state = ?, finish_time = ?, failure_reason = ?,
			failure_message = ? WHERE state = 'RUNNING'`, order.Interrupted, nanos(now), why.Reason, why.Message)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return int(n), err
}

// GetImport implements order.Repository.
func (db *DB) GetImport(ctx context.Context, storeID, id string) (order.Import, error) {
	i, err := scanImport(db.reader.QueryRowContext(ctx, selectImport+`WHERE s.id = ? AND i.id = ?`, storeID, id))
	if err != nil {
		return order.Import{}, fmt.Errorf("get import: %w", explain(err))
	}
	return i, nil
}

// ListImports implements order.Repository.
func (db *DB) ListImports(ctx context.Context, storeID, beforeID string, limit int) ([]order.Import, error) {
	where, args := `WHERE s.id = ? `, []any{storeID}
	if beforeID != "" {
		where, args = where+`AND i.id < ? `, append(args, beforeID)
	}
	runs, err := collect(ctx, db.reader, scanImport, selectImport+where+`ORDER BY i.id DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", explain(err))
	}
	return runs, nil
}
