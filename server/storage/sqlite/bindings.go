package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/store"
)

// bind notes that a store has credentials of an account for an adapter. The cursor of an earlier binding stays.
func bind(ctx context.Context, tx *sql.Tx, storeKey int64, adapter, accountID string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO bindings (store_key, adapter, account_id) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET account_id = excluded.account_id, failing_since = 0,
			refusals = 0, garbled = 0, refused_since = 0, refused = 0, next_probe = 0`, storeKey, adapter, accountID)
	return err
}

// lastTurn is the number of a store's last turn.
const lastTurn = `(SELECT coalesce(max(seq), 0) FROM turns WHERE store_key = ?1)`

// turn makes an adapter the one of a store's new orders, from an instant on.
func turn(ctx context.Context, tx *sql.Tx, storeKey int64, adapter string, at time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE stores SET adapter = ? WHERE key = ?`, adapter, storeKey); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO turns (store_key, seq, time, adapter) SELECT ?1, `+lastTurn+` + 1, ?2, ?3
		WHERE NOT EXISTS (SELECT 1 FROM turns WHERE store_key = ?1 AND seq = `+lastTurn+` AND adapter = ?3)`,
		storeKey, nanos(at), adapter)
	return err
}

// accountTaken reports whether a store of a marketplace has one of the names.
func accountTaken(ctx context.Context, tx *sql.Tx, marketplace string, keys store.AccountKeys) (bool, error) {
	query, args := storesOfAccount(marketplace, keys)
	var taken bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (`+query+`)`, args...).Scan(&taken)
	return taken, err
}

// storesOfAccount is the query for the keys of the stores that have one of the names.
func storesOfAccount(marketplace string, keys store.AccountKeys) (query string, args []any) {
	args = append(args, marketplace)
	for _, name := range keys {
		args = append(args, name)
	}
	return `SELECT store_key FROM account_keys WHERE marketplace = ? AND name IN (` + list("?", len(keys)) + `)`, args
}

// putAccountKeys adds names of a store's account that an adapter told. store.ErrAccountTaken when another store has one of them;
// takeOver takes them from one that is disconnected.
func putAccountKeys(ctx context.Context, tx *sql.Tx, storeKey int64, marketplace, adapter string, keys store.AccountKeys, takeOver bool) error {
	for _, name := range keys {
		if takeOver {
			if _, err := tx.ExecContext(ctx, `DELETE FROM account_keys WHERE marketplace = ? AND name = ? AND store_key <> ?
				AND store_key IN (SELECT key FROM stores WHERE disconnect_time <> 0)`, marketplace, name, storeKey); err != nil {
				return err
			}
		}
		var taken bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM account_keys WHERE marketplace = ? AND name = ? AND store_key <> ?)`,
			marketplace, name, storeKey).Scan(&taken); err != nil {
			return err
		}
		if taken {
			return store.ErrAccountTaken
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO account_keys (marketplace, name, store_key, adapter) VALUES (?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, marketplace, name, storeKey, adapter); err != nil {
			return err
		}
	}
	return nil
}

// AddAccountKeys implements store.Repository.
func (db *DB) AddAccountKeys(ctx context.Context, ref store.Ref, keys store.AccountKeys) error {
	return db.write(ctx, "add account keys", func(tx *sql.Tx) error {
		key, marketplace, err := storeKey(ctx, tx, ref.StoreID)
		if err != nil {
			return err
		}
		return putAccountKeys(ctx, tx, key, marketplace, ref.Adapter, keys, false)
	})
}

// AccountKeys implements store.Repository.
func (db *DB) AccountKeys(ctx context.Context, ref store.Ref) (store.AccountKeys, error) {
	keys, err := collect(ctx, db.reader, scanString, `SELECT name FROM account_keys WHERE store_key = `+storeKeyOf+` AND adapter = ? ORDER BY name`,
		ref.StoreID, ref.Adapter)
	if err != nil {
		return nil, fmt.Errorf("read account keys: %w", explain(err))
	}
	return keys, nil
}

// UnnamedAccounts implements store.Repository.
func (db *DB) UnnamedAccounts(ctx context.Context, marketplace string) ([]store.Ref, error) {
	refs, err := collect(ctx, db.reader, func(row scanner) (r store.Ref, err error) {
		err = row.Scan(&r.StoreID, &r.Adapter)
		return r, err
	}, `SELECT s.id, c.adapter FROM stores s JOIN credentials c ON c.store_key = s.key
		WHERE s.marketplace = ? AND (SELECT count(*) FROM account_keys k WHERE k.store_key = s.key AND k.adapter = c.adapter) <= 1
		ORDER BY s.id, c.adapter`, marketplace)
	if err != nil {
		return nil, fmt.Errorf("list unnamed accounts: %w", explain(err))
	}
	return refs, nil
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

const selectTurns = `SELECT time, adapter FROM turns WHERE store_key = ? ORDER BY seq`

const selectBindings = `SELECT b.adapter, b.import_start, b.first_attempt, b.failing_since, ` + standingColumns + `
	FROM bindings b JOIN credentials c ON c.store_key = b.store_key AND c.adapter = b.adapter
	WHERE b.store_key = ? ORDER BY b.adapter <> ?, b.adapter`

const selectFormer = `SELECT adapter FROM bindings b WHERE b.store_key = ?
	AND NOT EXISTS (SELECT 1 FROM credentials c WHERE c.store_key = b.store_key AND c.adapter = b.adapter) ORDER BY adapter`

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
	key, _, err := storeKey(ctx, tx, id)
	if err != nil {
		return b, err
	}
	turns, err := collect(ctx, tx, func(row scanner) (x store.Turn, err error) {
		err = row.Scan(timestamp{&x.At}, &x.Adapter)
		return x, err
	}, selectTurns, key)
	if err != nil {
		return b, err
	}
	if len(turns) == 0 {
		return b, errors.New("the store was never bound to an adapter")
	}
	b.Origin, b.Turns = turns[0].Adapter, turns[1:]
	b.Current, b.Moved = turns[len(turns)-1].Adapter, len(turns) > 1
	b.Adapters, err = collect(ctx, tx, func(row scanner) (x store.Binding, err error) {
		err = row.Scan(&x.Adapter, timestamp{&x.ImportStart}, timestamp{&x.FirstAttempt}, timestamp{&x.FailingSince},
			&x.Standing.Refusals, &x.Standing.Garbled, timestamp{&x.Standing.Since}, &x.Standing.Refused, timestamp{&x.Standing.NextProbe})
		return x, err
	}, selectBindings, key, b.Current)
	if err != nil {
		return b, err
	}
	b.Former, err = collect(ctx, tx, scanString, selectFormer, key)
	return b, err
}
