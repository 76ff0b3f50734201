package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/store"
)

// standingColumns of bindings b are the fields of store.Standing, in their order.
const standingColumns = `b.refusals, b.garbled, b.refused_since, b.refused, b.next_probe`

// selectStanding reads the standing of credentials that a store holds.
const selectStanding = `SELECT ` + standingColumns + ` FROM bindings b
	JOIN credentials c ON c.store_key = b.store_key AND c.adapter = b.adapter
	WHERE b.store_key = ` + storeKeyOf + ` AND b.adapter = ?`

// ChangeStanding implements store.Repository.
func (db *DB) ChangeStanding(ctx context.Context, ref store.Ref, change func(store.Standing) store.Standing) (store.Standing, error) {
	var s store.Standing
	err := db.write(ctx, "change standing", func(tx *sql.Tx) error {
		s = store.Standing{}
		err := tx.QueryRowContext(ctx, selectStanding, ref.StoreID, ref.Adapter).Scan(
			&s.Refusals, &s.Garbled, timestamp{&s.Since}, &s.Refused, timestamp{&s.NextProbe})
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		refused := s.Refusals > 0
		s = change(s)
		return putStanding(ctx, tx, ref, s, refused && s.Works())
	})
	if err != nil {
		return store.Standing{}, err
	}
	return s, nil
}

// putStanding writes how credentials stand. anew forgets failures of earlier imports, which the credentials may have been to blame for.
func putStanding(ctx context.Context, tx *sql.Tx, ref store.Ref, s store.Standing, anew bool) error {
	_, err := tx.ExecContext(ctx, `UPDATE bindings SET refusals = ?, garbled = ?, refused_since = ?, refused = ?, next_probe = ?,
			failing_since = CASE WHEN ? THEN 0 ELSE failing_since END
		WHERE store_key = `+storeKeyOf+` AND adapter = ?`,
		s.Refusals, s.Garbled, nanos(s.Since), s.Refused, nanos(s.NextProbe), anew, ref.StoreID, ref.Adapter)
	return err
}

// probing picks the bindings (b) of stores (s) to an adapter whose credentials are to be tried again.
const probing = `FROM bindings b INDEXED BY bindings_probes CROSS JOIN stores s ON s.key = b.store_key
	WHERE b.adapter = ? AND b.next_probe > 0 AND s.disconnect_time = 0 AND s.paused = 0
		AND EXISTS (SELECT 1 FROM credentials c WHERE c.store_key = b.store_key AND c.adapter = b.adapter)`

const dueProbes = `SELECT s.id, b.adapter ` + probing + ` AND b.next_probe <= ? ORDER BY b.next_probe LIMIT ?`

// DueProbes implements store.Repository.
func (db *DB) DueProbes(ctx context.Context, adapter string, now time.Time, limit int) ([]store.Ref, error) {
	refs, err := collect(ctx, db.reader, func(row scanner) (r store.Ref, err error) {
		err = row.Scan(&r.StoreID, &r.Adapter)
		return r, err
	}, dueProbes, adapter, nanos(now), limit)
	if err != nil {
		return nil, fmt.Errorf("list due probes: %w", explain(err))
	}
	return refs, nil
}

const nextProbe = `SELECT b.next_probe ` + probing + ` AND b.next_probe > ? ORDER BY b.next_probe LIMIT 1`

// NextProbe implements store.Repository.
func (db *DB) NextProbe(ctx context.Context, adapter string, after time.Time) (time.Time, error) {
	var next time.Time
	err := db.reader.QueryRowContext(ctx, nextProbe, adapter, nanos(after)).Scan(timestamp{&next})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("find next probe: %w", explain(err))
	}
	return next, nil
}

// held is true of a store and adapter while the credentials do not work: asking again with refused ones helps nobody and may lock
// the account.
func held(storeKey, adapter string) string {
	return `EXISTS (SELECT 1 FROM bindings b WHERE b.store_key = ` + storeKey + ` AND b.adapter = ` + adapter + ` AND b.next_probe > 0)`
}
