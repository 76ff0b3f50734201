package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
)

// farewell is why relais stops working on shipments and decisions, for a person.
type farewell struct{ reason, message string }

// The farewells.
var (
	storeGone = farewell{problem.ReasonStoreDisconnected,
		"the store was disconnected before the marketplace confirmed this; check the order on the marketplace"}
	adapterGone = farewell{problem.ReasonAdapterNotConnected,
		"the API that this order was sold under no longer answers, and the other one does not show the order; finish it in the seller portal"}
)

// abandon ends the open shipments and decisions that a condition picks as NeedsAttention. Each says why, each shipment with an
// event; a decision has none. It returns how many ended.
func abandon(ctx context.Context, tx *sql.Tx, why farewell, where string, now time.Time, args ...any) (int, error) {
	// Events first: afterwards nothing tells which shipments were open.
	if _, err := tx.ExecContext(ctx, `INSERT INTO shipment_events (shipment_key, seq, time, state, message)
		SELECT key, 1 + (SELECT coalesce(max(seq), 0) FROM shipment_events WHERE shipment_key = key), ?, ?, ?
		FROM shipments WHERE open = 1 AND `+where,
		append([]any{nanos(now), delivery.NeedsAttention, why.message}, args...)...); err != nil {
		return 0, err
	}
	ended := 0
	for _, table := range []string{"shipments", "decisions"} {
		result, err := tx.ExecContext(ctx, `UPDATE `+table+` SET state = ?, open = 0, reason = ?, message = ?, next_attempt = 0,
				update_time = ?, revision = revision + 1
			WHERE open = 1 AND `+where,
			append([]any{delivery.NeedsAttention, why.reason, why.message, nanos(now)}, args...)...)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		ended += int(n)
	}
	return ended, nil
}

// workable is true of the rows of a table of deliveries that may be worked on: the store (s) is connected and not paused, and its
// credentials for the row's adapter work.
func workable(row string) string {
	return `s.disconnect_time = 0 AND s.paused = 0 AND NOT ` + held(row+`.store_key`, row+`.adapter`)
}

// erase runs a transaction that erases secrets, and then moves the log into the database file, so that old pages of theirs do not
// stay in the log. While a read is under way that waits for the next checkpoint.
func (db *DB) erase(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	if err := db.write(ctx, what, f); err != nil {
		return err
	}
	_, _ = db.writer.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return nil
}

// eraseCredentials deletes credentials, and the adapter states that belong to them. SQLite overwrites what it deletes.
func eraseCredentials(ctx context.Context, tx *sql.Tx, where string, args ...any) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM credentials WHERE `+where, args...)
	return err
}
