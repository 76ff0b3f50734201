package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/store"
)

// storeKeyOf is the key of the store named by the next argument.
const storeKeyOf = `(SELECT key FROM stores WHERE id = ?)`

// The adapters are the ones with credentials, that of new orders first.
const storeColumns = `id, adapter,
	(SELECT json_group_array(adapter) FROM (SELECT c.adapter FROM credentials c WHERE c.store_key = stores.key
		ORDER BY c.adapter <> stores.adapter, c.adapter)), acceptance, environment, marketplace,
	(SELECT b.account_id FROM bindings b WHERE b.store_key = stores.key AND b.adapter = stores.adapter), shop_name, settings, paused, pause_time,
	health_state, health_reason, health_message, health_since,
	create_time, update_time, disconnect_time, last_import_start, last_import_finish, next_import, policy_change,
	CASE WHEN disconnect_time = 0 THEN
		(SELECT b.next_probe FROM bindings b WHERE b.store_key = stores.key AND b.adapter = stores.adapter) ELSE 0 END`

func scanStore(row scanner) (store.Store, error) {
	var s store.Store
	err := row.Scan(&s.ID, &s.Adapter, jsonColumn[[]string]{&s.Adapters}, &s.Acceptance, &s.Environment, &s.Marketplace, &s.AccountID, &s.ShopName,
		jsonColumn[store.Settings]{&s.Settings}, &s.Paused, timestamp{&s.PauseTime},
		&s.Health.State, &s.Health.Reason, &s.Health.Message, timestamp{&s.Health.Since},
		timestamp{&s.CreateTime}, timestamp{&s.UpdateTime}, timestamp{&s.DisconnectTime},
		timestamp{&s.LastImportStart}, timestamp{&s.LastImportFinish}, timestamp{&s.NextImport}, timestamp{&s.PolicyChange}, timestamp{&s.NextProbe})
	if errors.Is(err, sql.ErrNoRows) {
		return store.Store{}, store.ErrNotFound
	}
	if len(s.Adapters) == 0 {
		s.Adapters = nil
	}
	return s, err
}

// CreateStore implements store.Repository.
func (db *DB) CreateStore(ctx context.Context, s store.Store, keys store.AccountKeys, credentials store.Sealed) error {
	settings, err := toJSON(s.Settings)
	if err != nil {
		return fmt.Errorf("create store: %w", err)
	}
	return db.write(ctx, "create store", func(tx *sql.Tx) error {
		// The account first: whoever asks for a taken name with a taken account learns what matters.
		switch taken, err := accountTaken(ctx, tx, s.Marketplace, keys); {
		case err != nil:
			return err
		case taken:
			return store.ErrAccountTaken
		}
		var key int64
		err := tx.QueryRowContext(ctx, `INSERT INTO stores (id, adapter, environment, marketplace, account_id, shop_name,
				acceptance, settings, paused, health_state, health_reason, health_message, health_since,
				create_time, update_time, disconnect_time)
			VALUES (`+list("?", 16)+`) RETURNING key`,
			s.ID, s.Adapter, s.Environment, s.Marketplace, "store/"+s.ID, s.ShopName,
			s.Acceptance, settings, s.Paused, s.Health.State, s.Health.Reason, s.Health.Message, nanos(s.Health.Since),
			nanos(s.CreateTime), nanos(s.UpdateTime), nanos(s.DisconnectTime)).Scan(&key)
		switch {
		case isUnique(err):
			return store.ErrIDTaken
		case err != nil:
			return err
		}
		return connect(ctx, tx, key, s, keys, credentials)
	})
}

// connect stores what a store is connected with: adapter, account and its names, credentials.
func connect(ctx context.Context, tx *sql.Tx, key int64, s store.Store, keys store.AccountKeys, credentials store.Sealed) error {
	if err := turn(ctx, tx, key, s.Adapter, s.UpdateTime); err != nil {
		return err
	}
	if err := bind(ctx, tx, key, s.Adapter, s.AccountID); err != nil {
		return err
	}
	if err := putAccountKeys(ctx, tx, key, s.Marketplace, s.Adapter, keys, false); err != nil {
		return err
	}
	return putCredentials(ctx, tx, key, s.Adapter, credentials)
}

// ReconnectStore implements store.Repository. The store is the one with the id and the marketplace of s.
func (db *DB) ReconnectStore(ctx context.Context, s store.Store, keys store.AccountKeys, credentials store.Sealed) error {
	return db.write(ctx, "reconnect store", func(tx *sql.Tx) error {
		var key, disconnectTime int64
		err := tx.QueryRowContext(ctx, `SELECT key, disconnect_time FROM stores
			WHERE id = ? AND marketplace = ?`, s.ID, s.Marketplace).Scan(&key, &disconnectTime)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return store.ErrNotFound
		case err != nil:
			return err
		case disconnectTime == 0:
			return store.ErrAccountTaken
		}
		if _, err := tx.ExecContext(ctx, `UPDATE stores SET create_time = ? WHERE key = ?`, nanos(s.CreateTime), key); err != nil {
			return err
		}
		s.DisconnectTime = time.Time{}
		if err := updateStore(ctx, tx, s); err != nil {
			return err
		}
		return connect(ctx, tx, key, s, keys, credentials)
	})
}

// GetStore implements store.Repository.
func (db *DB) GetStore(ctx context.Context, id string) (store.Store, error) {
	s, err := scanStore(db.reads.store.QueryRowContext(ctx, id))
	if err != nil {
		return store.Store{}, fmt.Errorf("get store: %w", explain(err))
	}
	return s, nil
}

const selectStore = `SELECT ` + storeColumns + ` FROM stores WHERE id = ?`

func getStore(ctx context.Context, q queryer, id string) (store.Store, error) {
	return scanStore(q.QueryRowContext(ctx, selectStore, id))
}

// FindStore implements store.Repository.
func (db *DB) FindStore(ctx context.Context, marketplace string, keys store.AccountKeys) (store.Store, error) {
	if len(keys) == 0 {
		return store.Store{}, store.ErrNotFound
	}
	query, args := findStore(marketplace, keys)
	s, err := scanStore(db.reader.QueryRowContext(ctx, query, args...))
	if err != nil {
		return store.Store{}, fmt.Errorf("find store: %w", explain(err))
	}
	return s, nil
}

func findStore(marketplace string, keys store.AccountKeys) (query string, args []any) {
	found, args := storesOfAccount(marketplace, keys)
	return `SELECT ` + storeColumns + ` FROM stores WHERE key IN (` + found + `) ORDER BY id LIMIT 1`, args
}

// ListStores implements store.Repository.
func (db *DB) ListStores(ctx context.Context, q store.ListQuery) ([]store.Store, error) {
	stores, err := collect(ctx, db.reader, scanStore, `SELECT `+storeColumns+` FROM stores
		WHERE id > ? AND (disconnect_time = 0 OR ?) ORDER BY id LIMIT ?`, q.AfterID, q.ShowDisconnected, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("list stores: %w", explain(err))
	}
	return stores, nil
}

// UpdateStore implements store.Repository. An error of change ends the transaction and stays in the returned chain.
func (db *DB) UpdateStore(ctx context.Context, id string, change func(*store.Store) error) (store.Store, error) {
	var s store.Store
	err := db.write(ctx, "update store", func(tx *sql.Tx) error {
		stored, err := getStore(ctx, tx, id)
		if err != nil {
			return err
		}
		s = stored
		if err := change(&s); err != nil {
			return err
		}
		s.ID, s.Adapter, s.Adapters = stored.ID, stored.Adapter, stored.Adapters
		s.Marketplace, s.AccountID = stored.Marketplace, stored.AccountID
		s.CreateTime, s.LastImportStart, s.LastImportFinish = stored.CreateTime, stored.LastImportStart, stored.LastImportFinish
		s.NextProbe = stored.NextProbe
		return updateStore(ctx, tx, s)
	})
	if err != nil {
		return store.Store{}, err
	}
	return s, nil
}

// updateStore writes what UpdateStore may write. Of a store that is connected again nothing is planned, and no orders are to be judged.
func updateStore(ctx context.Context, tx *sql.Tx, s store.Store) error {
	settings, err := toJSON(s.Settings)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE stores SET environment = ?, shop_name = ?, acceptance = ?, settings = ?, paused = ?, pause_time = ?,
			health_state = ?, health_reason = ?, health_message = ?, health_since = ?, update_time = ?, disconnect_time = ?,
			next_import = ?, policy_change = ?
		WHERE id = ?`,
		s.Environment, s.ShopName, s.Acceptance, settings, s.Paused, nanos(s.PauseTime),
		s.Health.State, s.Health.Reason, s.Health.Message, nanos(s.Health.Since), nanos(s.UpdateTime), nanos(s.DisconnectTime),
		nanos(s.NextImport), nanos(s.PolicyChange), s.ID)
	return err
}

// openDeliveries tells whether a store has open shipments, and open decisions.
const openDeliveries = `SELECT EXISTS (SELECT 1 FROM shipments WHERE store_key = ` + storeKeyOf + ` AND open = 1),
	EXISTS (SELECT 1 FROM decisions WHERE store_key = ` + storeKeyOf + ` AND open = 1)`

// DisconnectStore implements store.Repository.
func (db *DB) DisconnectStore(ctx context.Context, id string, now time.Time, force bool) (store.Store, error) {
	var s store.Store
	err := db.erase(ctx, "disconnect store", func(tx *sql.Tx) (err error) {
		if s, err = getStore(ctx, tx, id); err != nil || !s.Connected() {
			return err
		}
		var shipments, decisions bool
		if err := tx.QueryRowContext(ctx, openDeliveries, id, id).Scan(&shipments, &decisions); err != nil {
			return err
		}
		if (shipments || decisions) && !force {
			return store.ErrShipmentsOpen
		}
		if shipments || decisions {
			if _, err := abandon(ctx, tx, storeGone, `store_key = `+storeKeyOf, now, id); err != nil {
				return err
			}
		}
		if err := eraseCredentials(ctx, tx, `store_key = `+storeKeyOf, id); err != nil {
			return err
		}
		if err := dropPins(ctx, tx, `store_key = `+storeKeyOf, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE migrations SET complete_time = ?, abandoned = 1 WHERE store_key = `+storeKeyOf+` AND complete_time = 0`,
			nanos(now), id); err != nil {
			return err
		}
		s.DisconnectTime, s.UpdateTime, s.Adapters = now.UTC(), now.UTC(), nil
		return updateStore(ctx, tx, s)
	})
	if err != nil {
		return store.Store{}, err
	}
	return s, nil
}
