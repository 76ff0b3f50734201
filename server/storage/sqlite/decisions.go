package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

const (
	decisionColumns = `s.id, p.order_number, p.adapter, p.kind, p.decided_by, p.state, p.reason, p.message, p.send_count, p.sent_time,
		p.last_outcome, p.uncertain, p.settled_time, p.still_ready, p.failure_count, p.next_attempt, p.deadline, p.create_time, p.update_time,
		p.revision`
	selectDecision = `SELECT ` + decisionColumns + ` FROM decisions p CROSS JOIN stores s ON s.key = p.store_key `
)

func scanDecision(row scanner) (decision.Decision, error) {
	var d decision.Decision
	err := row.Scan(&d.StoreID, &d.OrderNumber, &d.Adapter, &d.Kind, &d.DecidedBy, &d.State, &d.Reason, &d.Message, &d.SendCount,
		timestamp{&d.SentTime}, &d.LastOutcome, &d.Uncertain, timestamp{&d.SettledTime}, &d.StillReady, &d.FailureCount, timestamp{&d.NextAttempt}, timestamp{&d.Deadline},
		timestamp{&d.CreateTime}, timestamp{&d.UpdateTime}, &d.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		return decision.Decision{}, decision.ErrNotFound
	}
	return d, err
}

// PutDecision implements decision.Repository.
func (db *DB) PutDecision(ctx context.Context, d decision.Decision) (decision.Decision, bool, error) {
	var current decision.Decision
	stored := false
	err := db.write(ctx, "put decision", func(tx *sql.Tx) error {
		key, err := writableOrder(ctx, tx, d.StoreID, d.OrderNumber, d.Adapter)
		if err != nil {
			return err
		}
		const where = selectDecision + `WHERE p.store_key = ? AND p.order_number = ?`
		current, err = scanDecision(tx.QueryRowContext(ctx, where, key, d.OrderNumber))
		switch {
		case err != nil && !errors.Is(err, decision.ErrNotFound):
			return err
		case current.Revision != d.Revision: // 0 when there is none
			return nil
		}
		stored = true
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO decisions (store_key, order_number, adapter, kind, decided_by, state, open,
				reason, message, send_count, sent_time, last_outcome, uncertain, settled_time, still_ready, failure_count, next_attempt, deadline,
				create_time, update_time, revision)
			VALUES (`+list("?", 21)+`)`,
			key, d.OrderNumber, d.Adapter, d.Kind, d.DecidedBy, d.State, d.State.Open(),
			d.Reason, d.Message, d.SendCount, nanos(d.SentTime), d.LastOutcome, d.Uncertain, nanos(d.SettledTime), d.StillReady, d.FailureCount,
			nanos(d.NextAttempt), nanos(d.Deadline), nanos(d.CreateTime), nanos(d.UpdateTime), current.Revision+1); err != nil {
			return err
		}
		if err := db.planWake(ctx, tx, DueDecisions, d.NextAttempt); err != nil {
			return err
		}
		current, err = scanDecision(tx.QueryRowContext(ctx, where, key, d.OrderNumber))
		return err
	})
	if err != nil {
		return decision.Decision{}, false, err
	}
	return current, stored, nil
}

// writableOrder returns the key of the store of an order about which something may be said to the marketplace through an adapter.
// Errors: order.ErrNotFound, store.ErrNoCredentials, order.ErrMoved.
func writableOrder(ctx context.Context, tx *sql.Tx, storeID, number, adapter string) (storeKey int64, err error) {
	var disconnected int64
	var bound string
	err = tx.QueryRowContext(ctx, `SELECT s.key, s.disconnect_time, o.adapter FROM stores s JOIN orders o ON o.store_key = s.key AND o.number = ?
		WHERE s.id = ?`, number, storeID).Scan(&storeKey, &disconnected, &bound)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, order.ErrNotFound
	case err != nil:
		return 0, err
	case disconnected != 0:
		return 0, store.ErrNoCredentials
	case bound != adapter:
		return 0, order.ErrMoved
	}
	return storeKey, nil
}

// UpdateDecision implements decision.Repository. Order, adapter and kind never change.
func (db *DB) UpdateDecision(ctx context.Context, d decision.Decision) (decision.Decision, error) {
	err := db.write(ctx, "update decision", func(tx *sql.Tx) error {
		var key, revision int64
		var sends int32
		var held bool
		err := tx.QueryRowContext(ctx, `SELECT s.key, d.revision, d.send_count, s.paused <> 0 OR s.disconnect_time <> 0
			FROM decisions d JOIN stores s ON s.key = d.store_key WHERE s.id = ? AND d.order_number = ?`,
			d.StoreID, d.OrderNumber).Scan(&key, &revision, &sends, &held)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return decision.ErrNotFound
		case err != nil:
			return err
		case revision != d.Revision:
			return decision.ErrConflict
		case held && d.SendCount > sends:
			return decision.ErrHeld
		}
		_, err = tx.ExecContext(ctx, `UPDATE decisions SET state = ?, open = ?, reason = ?, message = ?, send_count = ?,
				sent_time = ?, last_outcome = ?, uncertain = ?, settled_time = ?, still_ready = ?, failure_count = ?,
				next_attempt = ?, deadline = ?, update_time = ?, revision = revision + 1
			WHERE store_key = ? AND order_number = ?`,
			d.State, d.State.Open(), d.Reason, d.Message, d.SendCount,
			nanos(d.SentTime), d.LastOutcome, d.Uncertain, nanos(d.SettledTime), d.StillReady, d.FailureCount,
			nanos(d.NextAttempt), nanos(d.Deadline), nanos(d.UpdateTime), key, d.OrderNumber)
		if err != nil {
			return err
		}
		return db.planWake(ctx, tx, DueDecisions, d.NextAttempt)
	})
	if err != nil {
		return decision.Decision{}, err
	}
	d.Revision++
	return d, nil
}

// Decisions implements decision.Repository.
func (db *DB) Decisions(ctx context.Context, storeID string, numbers []string) (map[string]decision.Decision, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	args := make([]any, 0, len(numbers)+1)
	args = append(args, storeID)
	for _, n := range numbers {
		args = append(args, n)
	}
	found, err := collect(ctx, db.reader, scanDecision, decisionsOf(len(numbers)), args...)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", explain(err))
	}
	byNumber := make(map[string]decision.Decision, len(found))
	for _, d := range found {
		byNumber[d.OrderNumber] = d
	}
	return byNumber, nil
}

// decisionsOf reads the decisions about n orders of a store.
func decisionsOf(n int) string {
	return selectDecision + `WHERE p.store_key = ` + storeKeyOf + ` AND p.order_number IN (` + list("?", n) + `)`
}

var dueDecisions = `SELECT ` + decisionColumns + dueRows("decision_queues", "decisions", "order_number",
	`p.store_key = q.store_key AND p.order_number IN`)

// DueDecisions implements decision.Repository.
func (db *DB) DueDecisions(ctx context.Context, l due.Look[store.Ref]) ([]decision.Decision, error) {
	args, err := dueArgs(l)
	if err != nil {
		return nil, fmt.Errorf("list due decisions: %w", err)
	}
	decisions, err := collect(ctx, db.reader, scanDecision, dueDecisions, args...)
	if err != nil {
		return nil, fmt.Errorf("list due decisions: %w", explain(err))
	}
	return decisions, nil
}

var nextDecision = nextRow("decision_queues", "decisions")

// NextDecision implements decision.Repository.
func (db *DB) NextDecision(ctx context.Context, adapter string, after time.Time) (time.Time, error) {
	var next time.Time
	if err := db.reader.QueryRowContext(ctx, nextDecision, adapter, nanos(after)).Scan(timestamp{&next}); err != nil {
		return time.Time{}, fmt.Errorf("find next decision: %w", explain(err))
	}
	return next, nil
}
