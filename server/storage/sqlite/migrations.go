package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// selectMigration counts open orders in the index of them.
const selectMigration = `SELECT s.id, m.source, m.target, m.account_match, m.cutover_time, m.undo_time, m.complete_time, m.abandoned,
		(SELECT count(*) FROM orders WHERE store_key = m.store_key AND adapter = m.source AND final = 0),
		(SELECT count(*) FROM orders WHERE store_key = m.store_key AND adapter = m.target AND final = 0)
	FROM migrations m JOIN stores s ON s.key = m.store_key `

const lastOfStore = `WHERE m.store_key = ? ORDER BY m.key DESC LIMIT 1`

func scanMigration(row scanner) (store.Migration, error) {
	var m store.Migration
	err := row.Scan(&m.StoreID, &m.Source, &m.Target, &m.Match, timestamp{&m.Cutover}, timestamp{&m.Undone}, timestamp{&m.Completed}, &m.Abandoned,
		&m.SourceOpen, &m.TargetOpen)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNoMigration
	}
	return m, err
}

// lastMigration returns the key of a store's last migration and the migration.
func lastMigration(ctx context.Context, q queryer, storeKey int64) (key int64, m store.Migration, err error) {
	m, err = scanMigration(q.QueryRowContext(ctx, selectMigration+lastOfStore, storeKey))
	if err != nil {
		return 0, m, err
	}
	err = q.QueryRowContext(ctx, `SELECT max(key) FROM migrations WHERE store_key = ?`, storeKey).Scan(&key)
	return key, m, err
}

// Migration implements store.MigrationRepository.
func (db *DB) Migration(ctx context.Context, id string) (store.Migration, error) {
	tx, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state of the database for all of it
	if err != nil {
		return store.Migration{}, fmt.Errorf("read migration: %w", explain(err))
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	key, _, err := storeKey(ctx, tx, id)
	if err != nil {
		return store.Migration{}, fmt.Errorf("read migration: %w", explain(err))
	}
	_, m, err := lastMigration(ctx, tx, key)
	if err != nil {
		return store.Migration{}, fmt.Errorf("read migration: %w", explain(err))
	}
	return m, nil
}

// StartMigration implements store.MigrationRepository.
func (db *DB) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, credentials store.Sealed) error {
	return db.erase(ctx, "start migration", func(tx *sql.Tx) error {
		key, marketplace, err := storeKey(ctx, tx, m.StoreID)
		if err != nil {
			return err
		}
		var bound bool
		if err := tx.QueryRowContext(ctx, `SELECT s.adapter = ? AND EXISTS (SELECT 1 FROM credentials WHERE store_key = s.key AND adapter = s.adapter)
			FROM stores s WHERE s.key = ?`, m.Source, key).Scan(&bound); err != nil {
			return err
		}
		lastKey, last, err := lastMigration(ctx, tx, key)
		switch {
		case err != nil && !errors.Is(err, store.ErrNoMigration):
			return err
		case !bound, err == nil && last.Completed.IsZero() && (last.Undone.IsZero() || last.Source != m.Source || last.Target != m.Target):
			return store.ErrNotMoving
		case err == nil && last.Completed.IsZero():
			if _, err := tx.ExecContext(ctx, `UPDATE migrations SET complete_time = ? WHERE key = ?`, nanos(m.Cutover), lastKey); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO migrations (store_key, source, target, account_match, cutover_time) VALUES (?, ?, ?, ?, ?)`,
			key, m.Source, m.Target, m.Match, nanos(m.Cutover)); err != nil {
			return err
		}
		if err := putAccountKeys(ctx, tx, key, marketplace, m.Target, keys, true); err != nil {
			return err
		}
		if err := turn(ctx, tx, key, m.Target, m.Cutover); err != nil {
			return err
		}
		if err := bind(ctx, tx, key, m.Target, s.AccountID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE stores SET shop_name = ?, acceptance = ?, health_state = ?, health_reason = ?,
				health_message = ?, health_since = ?, update_time = ? WHERE key = ?`,
			s.ShopName, s.Acceptance, s.Health.State, s.Health.Reason, s.Health.Message, nanos(s.Health.Since), nanos(s.UpdateTime), key); err != nil {
			return err
		}
		if err := putCredentials(ctx, tx, key, m.Target, credentials); err != nil {
			return err
		}
		return dropState(ctx, tx, key, m.Target)
	})
}

// UndoMigration implements store.MigrationRepository.
func (db *DB) UndoMigration(ctx context.Context, id string, now time.Time) error {
	return db.write(ctx, "undo migration", func(tx *sql.Tx) error {
		key, _, err := storeKey(ctx, tx, id)
		if err != nil {
			return err
		}
		lastKey, m, err := lastMigration(ctx, tx, key)
		switch {
		case err != nil:
			return err
		case !m.Completed.IsZero() || !m.Undone.IsZero():
			return store.ErrNotMoving
		}
		if err := turn(ctx, tx, key, m.Source, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE stores SET update_time = ?1, health_state = ?2, health_reason = '', health_message = '',
				health_since = ?1 WHERE key = ?3`, nanos(now), store.Healthy, key); err != nil {
			return err
		}
		// If its credentials were refused, a probe tells the new health at once.
		if _, err := tx.ExecContext(ctx, `UPDATE bindings SET next_probe = ? WHERE store_key = ? AND adapter = ? AND next_probe > 0`,
			nanos(now), key, m.Source); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE migrations SET undo_time = ? WHERE key = ?`, nanos(now), lastKey)
		return err
	})
}

// left tells whether an open order, shipment or decision of a store belongs to an adapter. Each is looked up in an index.
const left = `SELECT EXISTS (SELECT 1 FROM orders WHERE store_key = ?1 AND adapter = ?2 AND final = 0)
	OR EXISTS (SELECT 1 FROM shipments WHERE store_key = ?1 AND adapter = ?2 AND open = 1)
	OR EXISTS (SELECT 1 FROM decisions WHERE store_key = ?1 AND adapter = ?2 AND open = 1)`

// CompleteMigration implements store.MigrationRepository.
func (db *DB) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	done := false
	err := db.erase(ctx, "complete migration", func(tx *sql.Tx) error {
		key, _, err := storeKey(ctx, tx, id)
		if err != nil {
			return err
		}
		lastKey, m, err := lastMigration(ctx, tx, key)
		switch {
		case err != nil:
			return err
		case !m.Completed.IsZero() || m.Leaving() != leaving:
			return store.ErrNotMoving
		}
		var running, something bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM imports WHERE store_key = ? AND state = 'RUNNING')`, key).Scan(&running); err != nil || running {
			return err
		}
		if err := tx.QueryRowContext(ctx, left, key, leaving).Scan(&something); err != nil || something && !givenUp {
			return err
		}
		done = true
		return leave(ctx, tx, key, lastKey, m, now)
	})
	return done && err == nil, err
}

// leave takes everything away that a store had for the adapter that it leaves.
func leave(ctx context.Context, tx *sql.Tx, storeKey, migrationKey int64, m store.Migration, now time.Time) error {
	leaving := m.Leaving()
	if _, err := abandon(ctx, tx, adapterGone, `store_key = ? AND adapter = ?`, now, storeKey, leaving); err != nil {
		return err
	}
	if err := eraseCredentials(ctx, tx, `store_key = ? AND adapter = ?`, storeKey, leaving); err != nil {
		return err
	}
	if err := dropPins(ctx, tx, `store_key = ? AND adapter = ?`, storeKey, leaving); err != nil {
		return err
	}
	if !m.Undone.IsZero() { // the store does not go there after all: the account may be another one's
		if _, err := tx.ExecContext(ctx, `DELETE FROM account_keys WHERE store_key = ? AND adapter = ?`, storeKey, leaving); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE stores SET health_state = ?, health_reason = '', health_message = '', health_since = ?
		WHERE key = ? AND health_reason = ?`, store.Healthy, nanos(now), storeKey, problem.ReasonLeavingAdapterFails); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE migrations SET complete_time = ? WHERE key = ?`, nanos(now), migrationKey)
	return err
}
