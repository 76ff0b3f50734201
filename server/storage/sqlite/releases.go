package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/store"
)

// DesiredReleases implements release.Repository.
func (db *DB) DesiredReleases(ctx context.Context) ([]release.Desired, error) {
	all, err := collect(ctx, db.reader, func(row scanner) (d release.Desired, err error) {
		err = row.Scan(&d.Adapter, &d.Release.SHA256, &d.Release.Version, &d.Previous.SHA256, &d.Previous.Version, &d.Unloaded,
			timestamp{&d.ChangeTime})
		return d, err
	}, `SELECT adapter, sha256, version, previous_sha256, previous_version, unloaded, change_time FROM adapter_slots ORDER BY adapter`)
	if err != nil {
		return nil, fmt.Errorf("list desired releases: %w", explain(err))
	}
	return all, nil
}

// SaveDesiredRelease implements release.Repository.
func (db *DB) SaveDesiredRelease(ctx context.Context, d release.Desired) error {
	return db.write(ctx, "save desired release", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO adapter_slots (adapter, sha256, version, previous_sha256, previous_version, unloaded, change_time)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET sha256 = excluded.sha256, version = excluded.version,
				previous_sha256 = excluded.previous_sha256, previous_version = excluded.previous_version,
				unloaded = excluded.unloaded, change_time = excluded.change_time`,
			d.Adapter, d.Release.SHA256, d.Release.Version, d.Previous.SHA256, d.Previous.Version, d.Unloaded, nanos(d.ChangeTime))
		return err
	})
}

// Pins implements release.Repository.
func (db *DB) Pins(ctx context.Context) ([]release.Pin, error) {
	all, err := collect(ctx, db.reader, func(row scanner) (p release.Pin, err error) {
		err = row.Scan(&p.Adapter, &p.Store, &p.Release.SHA256, &p.Release.Version, timestamp{&p.ExpireTime}, &p.Ended)
		return p, err
	}, `SELECT p.adapter, s.id, p.sha256, p.version, p.until, p.ended FROM adapter_pins p JOIN stores s ON s.key = p.store_key
		JOIN credentials c ON c.store_key = p.store_key AND c.adapter = p.adapter ORDER BY p.adapter, s.id`)
	if err != nil {
		return nil, fmt.Errorf("list pins: %w", explain(err))
	}
	return all, nil
}

// SavePin implements release.Repository.
func (db *DB) SavePin(ctx context.Context, p release.Pin) error {
	return db.write(ctx, "save pin", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO adapter_pins (store_key, adapter, sha256, version, until, ended)
			SELECT store_key, adapter, ?, ?, ?, ? FROM credentials WHERE store_key = `+storeKeyOf+` AND adapter = ?
			ON CONFLICT DO UPDATE SET sha256 = excluded.sha256, version = excluded.version, until = excluded.until, ended = excluded.ended`,
			p.Release.SHA256, p.Release.Version, nanos(p.ExpireTime), p.Ended, p.Store, p.Adapter)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return release.ErrNotConnected
	})
}

// DeletePin implements release.Repository.
func (db *DB) DeletePin(ctx context.Context, adapter, store string) error {
	return db.write(ctx, "delete pin", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM adapter_pins
			WHERE adapter = ? AND store_key = (SELECT key FROM stores WHERE id = ?)`, adapter, store)
		return err
	})
}

// LastSwaps implements release.Repository.
func (db *DB) LastSwaps(ctx context.Context) ([]release.Swap, error) {
	all, err := collect(ctx, db.reader, func(row scanner) (s release.Swap, err error) {
		err = row.Scan(&s.Adapter, jsonColumn[release.Swap]{&s})
		return s, err
	}, `SELECT adapter, document FROM adapter_swaps ORDER BY adapter`)
	if err != nil {
		return nil, fmt.Errorf("list the last swaps: %w", explain(err))
	}
	return all, nil
}

// SaveLastSwap implements release.Repository.
func (db *DB) SaveLastSwap(ctx context.Context, s release.Swap) error {
	document, err := toJSON(s)
	if err != nil {
		return err
	}
	return db.write(ctx, "save the last swap", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO adapter_swaps (adapter, document) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET document = excluded.document`, s.Adapter, document)
		return err
	})
}

// dropPins deletes the pins of a store that loses the credentials for its adapters, or for the one that is named.
func dropPins(ctx context.Context, tx *sql.Tx, where string, args ...any) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM adapter_pins WHERE `+where, args...)
	return err
}

// usingStores is the connected stores that speak through an adapter. A store that is disconnected has no credentials.
// With ?2 it is one of them.
const usingStores = `FROM credentials c JOIN stores s ON s.key = c.store_key WHERE c.adapter = ?1 AND (?2 = '' OR s.id = ?2)`

// decidingStores is whether a store accepts orders of the adapter by a policy, or a decision waits to be delivered.
const decidingStores = `SELECT EXISTS (SELECT 1 FROM decisions d JOIN stores s ON s.key = d.store_key
		WHERE d.adapter = ?1 AND (?2 = '' OR s.id = ?2) AND d.open = 1)
	OR EXISTS (SELECT 1 ` + usingStores + ` AND s.adapter = ?1 AND json_extract(s.settings, '$.acceptance_policy.mode') IN (?3, ?4))`

// openShipments is the shipments that wait to be delivered.
const openShipments = `FROM shipments p JOIN stores s ON s.key = p.store_key WHERE p.adapter = ?1 AND (?2 = '' OR s.id = ?2) AND p.open = 1`

// shipping is whether one of them names lines of its order, and whether one replaces another.
const shipping = `SELECT EXISTS (SELECT 1 ` + openShipments + ` AND json_array_length(p.request, '$.items') > 0),
	EXISTS (SELECT 1 ` + openShipments + ` AND json_extract(p.request, '$.replaces') <> '')`

// AdapterUse implements release.Stores.
func (db *DB) AdapterUse(ctx context.Context, adapter string) (release.Use, error) {
	use, err := db.adapterUse(ctx, adapter, "")
	if err != nil {
		return release.Use{}, fmt.Errorf("find what stores use of an adapter: %w", explain(err))
	}
	return use, nil
}

// HasStore implements release.Stores.
func (db *DB) HasStore(ctx context.Context, store string) (exists bool, err error) {
	err = db.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM stores WHERE id = ?)`, store).Scan(&exists)
	if err != nil {
		return false, fmt.Errorf("look for store %s: %w", store, explain(err))
	}
	return exists, nil
}

// StoreUse implements release.Stores.
func (db *DB) StoreUse(ctx context.Context, adapter, store string) (release.Use, error) {
	if store == "" {
		return release.Use{}, nil
	}
	use, err := db.adapterUse(ctx, adapter, store)
	if err != nil {
		return release.Use{}, fmt.Errorf("find what a store uses of an adapter: %w", explain(err))
	}
	return use, nil
}

func (db *DB) adapterUse(ctx context.Context, adapter, storeID string) (use release.Use, err error) {
	tx, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state of the database for all of it
	if err != nil {
		return use, err
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	if err := tx.QueryRowContext(ctx, `SELECT count(*) `+usingStores, adapter, storeID).Scan(&use.Stores); err != nil || use.Stores == 0 {
		return use, err
	}
	if use.Named, err = collect(ctx, tx, scanString, `SELECT s.id `+usingStores+` ORDER BY s.id LIMIT ?3`, adapter, storeID, release.MaxNamed); err != nil {
		return use, err
	}
	if use.Marketplaces, err = collect(ctx, tx, scanString, `SELECT DISTINCT s.marketplace `+usingStores+` ORDER BY 1`, adapter, storeID); err != nil {
		return use, err
	}
	if use.Environments, err = collect(ctx, tx, scanString, `SELECT DISTINCT s.environment `+usingStores+` ORDER BY 1`, adapter, storeID); err != nil {
		return use, err
	}
	if err := tx.QueryRowContext(ctx, decidingStores, adapter, storeID, store.AcceptAll, store.AcceptListed).Scan(&use.Decisions); err != nil {
		return use, err
	}
	if err := tx.QueryRowContext(ctx, `SELECT max(c.set_time) `+usingStores, adapter, storeID).Scan(timestamp{&use.CredentialsTime}); err != nil {
		return use, err
	}
	err = tx.QueryRowContext(ctx, shipping, adapter, storeID).Scan(&use.PartialShipments, &use.Corrections)
	return use, err
}
