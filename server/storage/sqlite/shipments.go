package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/shipment"
)

const selectShipment = `SELECT p.id, s.id, p.adapter, p.request, p.request_id, p.request_digest, p.state,
		p.marketplace_carrier, p.not_sent_fields, p.evidence, p.reason, p.message, p.send_count, p.sent_time, p.last_outcome,
		p.uncertain, p.settled_time, p.still_ready, p.failure_count, p.next_attempt, p.deadline, p.create_time, p.update_time, p.revision
	FROM shipments p CROSS JOIN stores s ON s.key = p.store_key `

func scanShipment(row scanner) (shipment.Shipment, error) {
	var s shipment.Shipment
	err := row.Scan(&s.ID, &s.StoreID, &s.Adapter, jsonColumn[shipment.Request]{&s.Request}, &s.RequestID, &s.RequestDigest, &s.State,
		&s.MarketplaceCarrier, jsonColumn[[]string]{&s.NotSentFields}, &s.Evidence, &s.Reason, &s.Message, &s.SendCount,
		timestamp{&s.SentTime}, &s.LastOutcome, &s.Uncertain, timestamp{&s.SettledTime}, &s.StillReady, &s.FailureCount, timestamp{&s.NextAttempt}, timestamp{&s.Deadline},
		timestamp{&s.CreateTime}, timestamp{&s.UpdateTime}, &s.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		return shipment.Shipment{}, shipment.ErrNotFound
	}
	return s, err
}

// CreateShipment implements shipment.Repository. Its revision is 1.
func (db *DB) CreateShipment(ctx context.Context, s shipment.Shipment, e shipment.Event) (shipment.Shipment, shipment.CreateResult, error) {
	request, err := toJSON(s.Request)
	if err != nil {
		return shipment.Shipment{}, 0, fmt.Errorf("create shipment: %w", err)
	}
	notSent, err := toJSON(s.NotSentFields)
	if err != nil {
		return shipment.Shipment{}, 0, fmt.Errorf("create shipment: %w", err)
	}
	var stored shipment.Shipment
	var result shipment.CreateResult
	err = db.write(ctx, "create shipment", func(tx *sql.Tx) (err error) {
		for _, existing := range []struct {
			result shipment.CreateResult
			where  string
			arg    string
		}{
			{shipment.SameRequest, `p.request_id = ?`, s.RequestID},
			{shipment.OrderHasOpen, `p.order_number = ? AND p.open = 1`, s.OrderNumber},
		} {
			stored, err = scanShipment(tx.QueryRowContext(ctx,
				selectShipment+`WHERE p.store_key = `+storeKeyOf+` AND `+existing.where, s.StoreID, existing.arg))
			if !errors.Is(err, shipment.ErrNotFound) {
				result = existing.result
				return err
			}
		}
		store, err := writableOrder(ctx, tx, s.StoreID, s.OrderNumber, s.Adapter)
		if err != nil {
			return err
		}
		var key int64
		if err := tx.QueryRowContext(ctx, `INSERT INTO shipments (store_key, id, order_number, adapter, request, request_id,
				request_digest, state, open, marketplace_carrier, not_sent_fields, evidence, reason, message, send_count,
				sent_time, last_outcome, uncertain, settled_time, still_ready, failure_count, next_attempt, deadline, create_time, update_time, revision)
			VALUES (`+list("?", 25)+`, 1) RETURNING key`,
			store, s.ID, s.OrderNumber, s.Adapter, request, s.RequestID,
			blob(s.RequestDigest), s.State, s.State.Open(), s.MarketplaceCarrier, notSent, s.Evidence, s.Reason, s.Message, s.SendCount,
			nanos(s.SentTime), s.LastOutcome, s.Uncertain, nanos(s.SettledTime), s.StillReady, s.FailureCount,
			nanos(s.NextAttempt), nanos(s.Deadline), nanos(s.CreateTime), nanos(s.UpdateTime)).
			Scan(&key); err != nil {
			return err
		}
		if err := appendEvents(ctx, tx, key, e); err != nil {
			return err
		}
		if err := db.planWake(ctx, tx, DueShipments, s.NextAttempt); err != nil {
			return err
		}
		result = shipment.CreatedNew
		stored, err = scanShipment(tx.QueryRowContext(ctx, selectShipment+`WHERE p.key = ?`, key))
		return err
	})
	if err != nil {
		return shipment.Shipment{}, 0, err
	}
	return stored, result, nil
}

// appendEvents writes the next events of a shipment with one statement.
func appendEvents(ctx context.Context, tx *sql.Tx, key int64, events ...shipment.Event) error {
	if len(events) == 0 {
		return nil
	}
	var last int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM shipment_events WHERE shipment_key = ?`, key).
		Scan(&last); err != nil {
		return err
	}
	args := make([]any, 0, 5*len(events))
	for i, e := range events {
		args = append(args, key, last+1+int64(i), nanos(e.Time), e.State, e.Message)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO shipment_events (shipment_key, seq, time, state, message) VALUES `+
		list("("+list("?", 5)+")", len(events)), args...)
	return err
}

// UpdateShipment implements shipment.Repository. Identity, order, adapter and request never change. A shipment that would
// open again while its order has another open one is ErrConflict too: that one was made since.
func (db *DB) UpdateShipment(ctx context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	notSent, err := toJSON(s.NotSentFields)
	if err != nil {
		return shipment.Shipment{}, fmt.Errorf("update shipment: %w", err)
	}
	var stored shipment.Shipment
	err = db.write(ctx, "update shipment", func(tx *sql.Tx) error {
		var key, revision int64
		var sends int32
		var held bool
		err := tx.QueryRowContext(ctx, `SELECT p.key, p.revision, p.send_count, s.paused <> 0 OR s.disconnect_time <> 0
			FROM shipments p JOIN stores s ON s.key = p.store_key WHERE s.id = ? AND p.id = ?`,
			s.StoreID, s.ID).Scan(&key, &revision, &sends, &held)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return shipment.ErrNotFound
		case err != nil:
			return err
		case revision != s.Revision:
			return shipment.ErrConflict
		case held && s.SendCount > sends:
			return shipment.ErrHeld
		}
		_, err = tx.ExecContext(ctx, `UPDATE shipments SET state = ?, open = ?, marketplace_carrier = ?, not_sent_fields = ?,
				evidence = ?, reason = ?, message = ?, send_count = ?, sent_time = ?, last_outcome = ?, uncertain = ?,
				settled_time = ?, still_ready = ?, failure_count = ?, next_attempt = ?, deadline = ?, update_time = ?, revision = revision + 1
			WHERE key = ?`,
			s.State, s.State.Open(), s.MarketplaceCarrier, notSent,
			s.Evidence, s.Reason, s.Message, s.SendCount, nanos(s.SentTime), s.LastOutcome, s.Uncertain,
			nanos(s.SettledTime), s.StillReady, s.FailureCount, nanos(s.NextAttempt), nanos(s.Deadline), nanos(s.UpdateTime), key)
		if isUnique(err) {
			return fmt.Errorf("the order has another open shipment: %w", shipment.ErrConflict)
		}
		if err != nil {
			return err
		}
		if err := appendEvents(ctx, tx, key, events...); err != nil {
			return err
		}
		if err := db.planWake(ctx, tx, DueShipments, s.NextAttempt); err != nil {
			return err
		}
		stored, err = scanShipment(tx.QueryRowContext(ctx, selectShipment+`WHERE p.key = ?`, key))
		return err
	})
	if err != nil {
		return shipment.Shipment{}, err
	}
	return stored, nil
}

// GetShipment implements shipment.Repository.
func (db *DB) GetShipment(ctx context.Context, storeID, id string) (shipment.Shipment, error) {
	return db.getShipment(ctx, "get shipment", storeID, `p.id = ?`, id)
}

// FindRequest implements shipment.Repository.
func (db *DB) FindRequest(ctx context.Context, storeID, requestID string) (shipment.Shipment, error) {
	return db.getShipment(ctx, "find shipment by request", storeID, `p.request_id = ?`, requestID)
}

func (db *DB) getShipment(ctx context.Context, what, storeID, where, arg string) (shipment.Shipment, error) {
	s, err := scanShipment(db.reader.QueryRowContext(ctx,
		selectShipment+`WHERE p.store_key = `+storeKeyOf+` AND `+where, storeID, arg))
	if err != nil {
		return shipment.Shipment{}, fmt.Errorf("%s: %w", what, explain(err))
	}
	return s, nil
}

// ShipmentEvents implements shipment.Repository. A shipment that does not exist has none.
func (db *DB) ShipmentEvents(ctx context.Context, storeID, id string) ([]shipment.Event, error) {
	events, err := collect(ctx, db.reader, func(row scanner) (e shipment.Event, err error) {
		err = row.Scan(timestamp{&e.Time}, &e.State, &e.Message)
		return e, err
	}, `SELECT time, state, message FROM shipment_events
		WHERE shipment_key = (SELECT key FROM shipments WHERE store_key = `+storeKeyOf+` AND id = ?) ORDER BY seq`, storeID, id)
	if err != nil {
		return nil, fmt.Errorf("list shipment events: %w", explain(err))
	}
	return events, nil
}

// ListShipments implements shipment.Repository.
func (db *DB) ListShipments(ctx context.Context, q shipment.ListQuery) ([]shipment.Shipment, error) {
	query, args := listShipments(q)
	shipments, err := collect(ctx, db.reader, scanShipment, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list shipments: %w", explain(err))
	}
	return shipments, nil
}

// listShipments builds the query of a page. As with orders, several states are read from the index once each. The
// shipments of one order are few: there a list of states is only a filter.
func listShipments(q shipment.ListQuery) (query string, args []any) {
	const from = `SELECT key, id FROM shipments WHERE store_key = ` + storeKeyOf
	const page = ` ORDER BY id DESC LIMIT ?`
	where, base := from, []any{q.StoreID}
	if q.OrderNumber != "" {
		where, base = where+` AND order_number = ?`, append(base, q.OrderNumber)
	}
	if q.BeforeID != "" {
		where, base = where+` AND id < ?`, append(base, q.BeforeID)
	}
	states := slices.Compact(slices.Sorted(slices.Values(q.States)))
	var keys string
	switch {
	case len(states) == 0:
		keys, args = where+page, append(slices.Clone(base), q.Limit)
	case q.OrderNumber != "":
		args = base
		for _, s := range states {
			args = append(args, s)
		}
		// The plus keeps SQLite from choosing the index of states.
		keys, args = where+` AND +state IN (`+list("?", len(states))+`)`+page, append(args, q.Limit)
	default:
		selects := make([]string, len(states))
		for i, s := range states {
			selects[i] = `SELECT * FROM (` + where + ` AND state = ?` + page + `)`
			args = append(append(args, base...), s, q.Limit)
		}
		keys, args = strings.Join(selects, ` UNION ALL `)+page, append(args, q.Limit)
	}
	return strings.Replace(selectShipment, `FROM shipments p`, `FROM (`+keys+`) page CROSS JOIN shipments p ON p.key = page.key`, 1) +
		`ORDER BY page.id DESC`, args
}

// dueShipments goes through the open shipments, the most overdue first, and leaves out what nobody may work on.
var dueShipments = `WHERE p.open = 1 AND p.next_attempt > 0 AND p.next_attempt <= ?
		AND ` + workable("p") + `
	ORDER BY p.next_attempt, p.key LIMIT ?`

// DueShipments implements shipment.Repository.
func (db *DB) DueShipments(ctx context.Context, now time.Time, limit int) ([]shipment.Shipment, error) {
	due, err := collect(ctx, db.reader, scanShipment, selectShipment+dueShipments, nanos(now), limit)
	if err != nil {
		return nil, fmt.Errorf("list due shipments: %w", explain(err))
	}
	return due, nil
}

var nextDue = `SELECT p.next_attempt FROM shipments p CROSS JOIN stores s ON s.key = p.store_key
	WHERE p.open = 1 AND p.next_attempt > 0 AND ` + workable("p") + `
	ORDER BY p.next_attempt LIMIT 1`

// NextDue implements shipment.Repository.
func (db *DB) NextDue(ctx context.Context) (time.Time, error) {
	var next time.Time
	err := db.reader.QueryRowContext(ctx, nextDue).Scan(timestamp{&next})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("find next due shipment: %w", explain(err))
	}
	return next, nil
}
