package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/store"
)

// putCredentials stores credentials, in the place of earlier ones.
func putCredentials(ctx context.Context, tx *sql.Tx, storeKey int64, adapter string, c store.Sealed) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO credentials (store_key, adapter, key_id, ciphertext, set_time) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET key_id = excluded.key_id, ciphertext = excluded.ciphertext, set_time = excluded.set_time`,
		storeKey, adapter, c.KeyID, blob(c.Ciphertext), nanos(time.Now()))
	return err
}

// Credentials implements store.Repository.
func (db *DB) Credentials(ctx context.Context, ref store.Ref) (store.Sealed, error) {
	sealed, err := db.sealed(ctx, "credentials", ref)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNoCredentials
	}
	if err != nil {
		return store.Sealed{}, fmt.Errorf("read credentials: %w", explain(err))
	}
	return sealed, nil
}

// AdapterState implements store.Repository.
func (db *DB) AdapterState(ctx context.Context, ref store.Ref) (store.Sealed, error) {
	sealed, err := db.sealed(ctx, "adapter_states", ref)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return store.Sealed{}, fmt.Errorf("read adapter state: %w", explain(err))
	}
	return sealed, nil
}

// sealed reads the row of a table of sealed values.
func (db *DB) sealed(ctx context.Context, table string, ref store.Ref) (store.Sealed, error) {
	var s store.Sealed
	err := db.reader.QueryRowContext(ctx, `SELECT key_id, ciphertext FROM `+table+`
		WHERE store_key = `+storeKeyOf+` AND adapter = ?`,
		ref.StoreID, ref.Adapter).Scan(&s.KeyID, &s.Ciphertext)
	return s, err
}

// ReplaceCredentials implements store.Repository.
func (db *DB) ReplaceCredentials(ctx context.Context, ref store.Ref, credentials store.Sealed) error {
	return db.erase(ctx, "replace credentials", func(tx *sql.Tx) error {
		var key int64
		err := tx.QueryRowContext(ctx, `SELECT store_key FROM credentials
			WHERE store_key = `+storeKeyOf+` AND adapter = ?`, ref.StoreID, ref.Adapter).Scan(&key)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrNoCredentials
		}
		if err != nil {
			return err
		}
		if err := eraseCredentials(ctx, tx, `store_key = ? AND adapter = ?`, key, ref.Adapter); err != nil {
			return err
		}
		if err := putCredentials(ctx, tx, key, ref.Adapter, credentials); err != nil {
			return err
		}
		return putStanding(ctx, tx, ref, store.Standing{}, true)
	})
}

// dropState erases adapter state: it belonged to credentials that were replaced.
func dropState(ctx context.Context, tx *sql.Tx, storeKey int64, adapter string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM adapter_states WHERE store_key = ? AND adapter = ?`, storeKey, adapter)
	return err
}

// SaveAdapterState implements store.Repository.
func (db *DB) SaveAdapterState(ctx context.Context, ref store.Ref, state store.Sealed) error {
	return db.write(ctx, "save adapter state", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO adapter_states (store_key, adapter, key_id, ciphertext)
			SELECT store_key, adapter, ?, ? FROM credentials
			WHERE store_key = `+storeKeyOf+` AND adapter = ?
			ON CONFLICT DO UPDATE SET key_id = excluded.key_id, ciphertext = excluded.ciphertext`,
			state.KeyID, blob(state.Ciphertext), ref.StoreID, ref.Adapter)
		return err
	})
}

// blob makes a nil slice an empty value: columns are never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
