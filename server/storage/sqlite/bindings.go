package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/relaishq/relais/server/store"
)

// bind notes that a store is bound to an adapter. The cursor of an earlier binding stays.
func bind(ctx context.Context, tx *sql.Tx, storeKey int64, adapter, accountID string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO bindings (store_key, adapter, account_id) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET account_id = excluded.account_id, failing_since = 0`, storeKey, adapter, accountID)
	return err
}

// putAccountKeys adds names of a store's account. store.ErrAccountTaken when another store has one of them.
func putAccountKeys(ctx context.Context, tx *sql.Tx, storeKey int64, marketplace string, keys store.AccountKeys) error {
	for _, name := range keys {
		var owner int64
		err := tx.QueryRowContext(ctx, `INSERT INTO account_keys (marketplace, name, store_key) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET store_key = store_key RETURNING store_key`, marketplace, name, storeKey).Scan(&owner)
		if err != nil {
			return err
		}
		if owner != storeKey {
			return store.ErrAccountTaken
		}
	}
	return nil
}

// AddAccountKeys implements store.Repository.
func (db *DB) AddAccountKeys(ctx context.Context, id string, keys store.AccountKeys) error {
	return db.write(ctx, "add account keys", func(tx *sql.Tx) error {
		key, marketplace, err := storeKey(ctx, tx, id)
		if err != nil {
			return err
		}
		return putAccountKeys(ctx, tx, key, marketplace, keys)
	})
}

// storeKey returns a store's key and marketplace. store.ErrNotFound.
func storeKey(ctx context.Context, q queryer, id string) (key int64, marketplace string, err error) {
	err = q.QueryRowContext(ctx, `SELECT key, marketplace FROM stores WHERE id = ?`, id).Scan(&key, &marketplace)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return key, marketplace, err
}

// AccountID implements store.Repository.
func (db *DB) AccountID(ctx context.Context, ref store.Ref) (string, error) {
	var id string
	err := db.reader.QueryRowContext(ctx, `SELECT account_id FROM bindings WHERE store_key = `+storeKeyOf+` AND adapter = ?`,
		ref.StoreID, ref.Adapter).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNoCredentials
	}
	if err != nil {
		return "", fmt.Errorf("read account: %w", explain(err))
	}
	return id, nil
}

const selectBindings = `SELECT b.adapter, b.import_start, b.first_attempt, b.failing_since
	FROM bindings b JOIN credentials c ON c.store_key = b.store_key AND c.adapter = b.adapter
	WHERE b.store_key = ? ORDER BY b.adapter <> ?, b.adapter`

// Bindings implements store.MigrationRepository and order.Repository.
func (db *DB) Bindings(ctx context.Context, id string) (store.Bindings, error) {
	b, err := db.bindings(ctx, id)
	if err != nil {
		return store.Bindings{}, fmt.Errorf("read bindings: %w", explain(err))
	}
	return b, nil
}

func (db *DB) bindings(ctx context.Context, id string) (b store.Bindings, err error) {
	tx, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state of the database for all of it
	if err != nil {
		return b, err
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	var key int64
	var ever int
	err = tx.QueryRowContext(ctx, `SELECT key, adapter, (SELECT count(*) FROM bindings WHERE store_key = s.key) FROM stores s WHERE id = ?`, id).
		Scan(&key, &b.Current, &ever)
	if errors.Is(err, sql.ErrNoRows) {
		return b, store.ErrNotFound
	}
	if err != nil {
		return b, err
	}
	b.Moved, b.Origin = ever > 1, b.Current
	b.Adapters, err = collect(ctx, tx, func(row scanner) (x store.Binding, err error) {
		err = row.Scan(&x.Adapter, timestamp{&x.ImportStart}, timestamp{&x.FirstAttempt}, timestamp{&x.FailingSince})
		return x, err
	}, selectBindings, key, b.Current)
	if err != nil || !b.Moved {
		return b, err
	}
	moves, err := collect(ctx, tx, scanMigration, selectMigration+`WHERE m.store_key = ? ORDER BY m.key`, key)
	for i, m := range moves {
		if i == 0 {
			b.Origin = m.Source
		}
		b.Turns = append(b.Turns, store.Turn{At: m.Cutover, Adapter: m.Target})
		if !m.Undone.IsZero() {
			b.Turns = append(b.Turns, store.Turn{At: m.Undone, Adapter: m.Source})
		}
	}
	return b, err
}
