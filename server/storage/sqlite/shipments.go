package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

const (
	shipmentColumns = `p.id, s.id, p.adapter, p.request, p.over_cancel, p.over_network, p.allow_other, p.request_id, p.request_digest, p.state,
		p.marketplace_carrier, p.carrier_rule, p.carrier_list_age, p.carrier_tracking_url, p.not_sent_fields, p.evidence,
		p.replaced_tracking, p.replaced_by, p.reason, p.message, p.send_count, p.sent_time, p.last_outcome, p.uncertain,
		p.settled_time, p.still_ready, p.failure_count, p.next_attempt, p.deadline, p.create_time, p.update_time, p.revision`
	fromShipments  = ` FROM shipments p CROSS JOIN stores s ON s.key = p.store_key `
	selectShipment = `SELECT ` + shipmentColumns + fromShipments
)

// scanShipment scans the columns of shipmentColumns into a shipment, and those before them into more.
func scanShipment(row scanner, s *shipment.Shipment, more ...any) error {
	err := row.Scan(append(more, &s.ID, &s.StoreID, &s.Adapter, jsonColumn[shipment.Request]{&s.Request}, &s.OverCancel, &s.OverNetwork, &s.AllowOther,
		&s.RequestID, &s.RequestDigest, &s.State,
		&s.Chosen.Name, &s.Chosen.Rule, &s.Chosen.ListAge, &s.Chosen.TrackingURL, jsonColumn[[]string]{&s.NotSentFields}, &s.Evidence,
		&s.ReplacedTracking, &s.ReplacedBy, &s.Reason, &s.Message, &s.SendCount, timestamp{&s.SentTime}, &s.LastOutcome, &s.Uncertain,
		timestamp{&s.SettledTime}, &s.StillReady, &s.FailureCount, timestamp{&s.NextAttempt}, timestamp{&s.Deadline},
		timestamp{&s.CreateTime}, timestamp{&s.UpdateTime}, &s.Revision)...)
	if errors.Is(err, sql.ErrNoRows) {
		return shipment.ErrNotFound
	}
	return err
}

// readShipment scans a row of selectShipment.
func readShipment(row scanner) (s shipment.Shipment, err error) {
	err = scanShipment(row, &s)
	return s, err
}

// storedShipment is a shipment as a transaction finds it.
type storedShipment struct {
	shipment.Shipment
	key  int64
	held bool // the store is paused or disconnected
}

// shipmentTx is a transaction that writes shipments.
type shipmentTx struct {
	db *DB
	tx *sql.Tx
	// planned is the wake-ups that it planned. Nil when it writes one shipment only.
	planned map[time.Time]bool
}

// stmt is a prepared statement inside the transaction.
func (t shipmentTx) stmt(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	return t.tx.StmtContext(ctx, stmt)
}

// read returns a shipment, if it is still at the revision at which s was read. Errors: ErrNotFound, ErrConflict.
func (t shipmentTx) read(ctx context.Context, s shipment.Shipment) (storedShipment, error) {
	var stored storedShipment
	err := scanShipment(t.stmt(ctx, t.db.shipments.forUpdate).QueryRowContext(ctx, s.StoreID, s.ID), &stored.Shipment, &stored.key, &stored.held)
	if err == nil && stored.Revision != s.Revision {
		err = shipment.ErrConflict
	}
	return stored, err
}

// change writes a shipment that was read at s.Revision, with events: what UpdateShipment promises, but for the wake-up.
func (t shipmentTx) change(ctx context.Context, s shipment.Shipment, events []stepRow) (shipment.Shipment, error) {
	stored, err := t.read(ctx, s)
	switch {
	case err != nil:
		return shipment.Shipment{}, err
	case stored.held && s.SendCount > stored.SendCount:
		return shipment.Shipment{}, shipment.ErrHeld
	}
	s.Adapter, s.Options = stored.Adapter, stored.Options
	return t.write(ctx, stored, s, events)
}

// write writes what may change of a shipment, with events, and returns it as it is then stored.
func (t shipmentTx) write(ctx context.Context, stored storedShipment, s shipment.Shipment, events []stepRow) (shipment.Shipment, error) {
	values, err := changing(s)
	if err != nil {
		return shipment.Shipment{}, err
	}
	_, err = t.stmt(ctx, t.db.shipments.update).ExecContext(ctx, append(values, stored.key)...)
	if isUnique(err) {
		return shipment.Shipment{}, fmt.Errorf("the order has another open shipment: %w", shipment.ErrConflict)
	}
	if err != nil {
		return shipment.Shipment{}, err
	}
	if err := t.appendEvents(ctx, stored.key, events); err != nil {
		return shipment.Shipment{}, err
	}
	s.Request, s.RequestID, s.RequestDigest, s.CreateTime = stored.Request, stored.RequestID, stored.RequestDigest, stored.CreateTime
	s.Revision = stored.Revision + 1
	return s, nil
}

// UpdateShipment implements shipment.Repository.
func (db *DB) UpdateShipment(ctx context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	return db.changeShipment(ctx, "update shipment", events, func(t shipmentTx, rows []stepRow) (shipment.Shipment, error) {
		return t.change(ctx, s, rows)
	})
}

// ReopenShipment implements shipment.Repository.
func (db *DB) ReopenShipment(ctx context.Context, s shipment.Shipment, e shipment.Event) (shipment.Shipment, error) {
	return db.changeShipment(ctx, "reopen shipment", []shipment.Event{e}, func(t shipmentTx, rows []stepRow) (shipment.Shipment, error) {
		stored, err := t.read(ctx, s)
		if err != nil {
			return shipment.Shipment{}, err
		}
		found, err := t.about(ctx, stored.Shipment)
		if err != nil {
			return shipment.Shipment{}, err
		}
		if err := found.writable(s.Adapter); err != nil {
			return shipment.Shipment{}, err
		}
		if found.open.Valid {
			open, err := t.byKey(ctx, found.open.V)
			if err == nil {
				err = shipment.ErrOrderHasOpen
			}
			return open, err
		}
		return t.write(ctx, stored, s, rows)
	})
}

// changeShipment runs f in a transaction, with the wake-up of what it returns. What comes with an error is returned too.
func (db *DB) changeShipment(ctx context.Context, what string, events []shipment.Event,
	f func(t shipmentTx, rows []stepRow) (shipment.Shipment, error)) (shipment.Shipment, error) {
	rows, err := encodeEvents(events...)
	if err != nil {
		return shipment.Shipment{}, fmt.Errorf("%s: %w", what, err)
	}
	var s shipment.Shipment
	err = db.write(ctx, what, func(tx *sql.Tx) (err error) {
		if s, err = f(shipmentTx{db: db, tx: tx}, rows); err != nil {
			return err
		}
		return db.planWake(ctx, tx, DueShipments, s.NextAttempt)
	})
	return s, err
}

// about is what a transaction finds about the order and the request of a shipment.
type about struct {
	storeKey     int64
	disconnected bool
	adapter      string          // that the order belongs to; empty when there is no such order
	same, open   sql.Null[int64] // keys of the shipment with the same request id, and of the order's open one
}

// about looks up what decides on a shipment.
func (t shipmentTx) about(ctx context.Context, s shipment.Shipment) (about, error) {
	var a about
	var adapter sql.Null[string]
	err := t.stmt(ctx, t.db.shipments.about).QueryRowContext(ctx, s.RequestID, s.OrderNumber, s.OrderNumber, s.StoreID).
		Scan(&a.storeKey, &a.disconnected, &adapter, &a.same, &a.open)
	if errors.Is(err, sql.ErrNoRows) { // not even the store is known
		return about{}, nil
	}
	a.adapter = adapter.V
	return a, err
}

// writable reports whether something may be said about the order through an adapter. Errors: order.ErrNotFound,
// store.ErrNoCredentials, order.ErrMoved.
func (a about) writable(adapter string) error {
	switch {
	case a.adapter == "":
		return order.ErrNotFound
	case a.disconnected:
		return store.ErrNoCredentials
	case a.adapter != adapter:
		return order.ErrMoved
	}
	return nil
}

// byKey returns a shipment that is there.
func (t shipmentTx) byKey(ctx context.Context, key int64) (shipment.Shipment, error) {
	return readShipment(t.stmt(ctx, t.db.shipments.byKey).QueryRowContext(ctx, key))
}

// GetShipment implements shipment.Repository.
func (db *DB) GetShipment(ctx context.Context, storeID, id string) (shipment.Shipment, error) {
	s, err := readShipment(db.reads.shipment.QueryRowContext(ctx, storeID, id))
	if err != nil {
		return shipment.Shipment{}, fmt.Errorf("get shipment: %w", explain(err))
	}
	return s, nil
}

// FindRequest implements shipment.Repository.
func (db *DB) FindRequest(ctx context.Context, storeID, requestID string) (shipment.Shipment, error) {
	s, err := readShipment(db.reads.request.QueryRowContext(ctx, storeID, requestID))
	if err != nil {
		return shipment.Shipment{}, fmt.Errorf("find shipment by request: %w", explain(err))
	}
	return s, nil
}
