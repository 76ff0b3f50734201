package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// newRow is a new shipment on its way into the database.
type newRow struct {
	shipment.New
	values   []any // of the statement that inserts it, but for the store's key, which comes first
	event    []stepRow
	replaced []stepRow // what Replaced is written with
	err      error     // why it cannot be stored
}

// encodeNew encodes a new shipment, before anything is locked.
func encodeNew(n shipment.New) newRow {
	row := newRow{New: n}
	row.err = func() error {
		s := n.Shipment
		request, err := toJSON(s.Request)
		if err != nil {
			return err
		}
		changing, err := changing(s)
		if err != nil {
			return err
		}
		row.values = append([]any{s.ID, s.OrderNumber, request, s.RequestID, blob(s.RequestDigest), nanos(s.CreateTime)}, changing...)
		if row.event, err = encodeEvents(n.Event); err != nil || n.Replaced == nil {
			return err
		}
		row.replaced, err = encodeEvents(n.Replaced.Event)
		return err
	}()
	return row
}

// CreateShipments implements shipment.Repository. The revision of what it stores is 1. Callers that come while another's
// transaction is under way share the next one. A call whose ctx ends before its transaction begins has stored nothing; one that is
// under way then is waited for.
func (db *DB) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	if len(news) == 0 {
		return nil, nil
	}
	c := &creation{rows: make([]newRow, len(news)), done: make(chan struct{})}
	for i, n := range news {
		c.rows[i] = encodeNew(n)
	}
	if err := db.creations.run(ctx, c, db.createTogether); err != nil {
		return nil, err
	}
	return c.created, nil
}

// createTogether stores what the callers that wait at its beginning want stored, in one transaction. It waits for the connection
// with ctx; what it has taken it finishes, whatever becomes of ctx: others wait for it.
func (db *DB) createTogether(ctx context.Context, take func() []*creation) error {
	const what = "create shipments"
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, explain(err))
	}
	defer func() { _ = conn.Close() }() // gives it back
	ctx = context.WithoutCancel(ctx)
	together := take()
	err = errUnfinished // by a panic
	defer func() {
		for _, c := range together {
			c.end(err)
		}
	}()
	err = writeOn(ctx, conn, what, func(tx *sql.Tx) error {
		t := shipmentTx{db: db, tx: tx, planned: map[time.Time]bool{}}
		for _, c := range together {
			if err := t.createAll(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

// createAll stores the shipments of a caller. Its error is for all callers: what is of a single shipment is in its result.
func (t shipmentTx) createAll(ctx context.Context, c *creation) error {
	c.created = make([]shipment.Created, len(c.rows))
	for i, row := range c.rows {
		created := &c.created[i]
		if created.Err = row.err; created.Err != nil {
			continue
		}
		*created = t.create(ctx, row)
		if created.Err != nil && !ofOneShipment(created.Err) {
			return created.Err
		}
	}
	return nil
}

// ofOneShipment reports whether an error stops no other shipment of the transaction.
func ofOneShipment(err error) bool {
	return isUnique(err) || slices.ContainsFunc([]error{
		order.ErrNotFound, order.ErrMoved, store.ErrNoCredentials, shipment.ErrConflict, shipment.ErrNotFound, shipment.ErrHeld,
	}, func(own error) bool { return errors.Is(err, own) })
}

// create stores a shipment, or finds the one that is in its way.
func (t shipmentTx) create(ctx context.Context, row newRow) shipment.Created {
	found, err := t.about(ctx, row.Shipment)
	if err != nil {
		return shipment.Created{Err: err}
	}
	if found.same.Valid {
		same, err := t.byKey(ctx, found.same.V)
		return shipment.Created{Shipment: same, Result: shipment.SameRequest, Err: err}
	}
	if found.open.Valid {
		open, err := t.byKey(ctx, found.open.V)
		if err != nil || row.Replaced == nil || open.ID != row.Replaced.Shipment.ID {
			return shipment.Created{Shipment: open, Result: shipment.OrderHasOpen, Err: err}
		}
	}
	if err := found.writable(row.Shipment.Adapter); err != nil {
		return shipment.Created{Err: err}
	}
	if err := t.insert(ctx, found.storeKey, row); err != nil {
		return shipment.Created{Err: err}
	}
	s := row.Shipment
	s.Revision = 1
	return shipment.Created{Shipment: s, Result: shipment.CreatedNew}
}

// insert writes a shipment with its first event, after what it replaces: until then the order has an open one. An error leaves
// nothing of either.
func (t shipmentTx) insert(ctx context.Context, storeKey int64, row newRow) error {
	if row.Replaced == nil {
		return t.insertRow(ctx, storeKey, row)
	}
	if _, err := t.tx.ExecContext(ctx, `SAVEPOINT correction`); err != nil {
		return err
	}
	_, err := t.change(ctx, row.Replaced.Shipment, row.replaced)
	if err == nil {
		err = t.insertRow(ctx, storeKey, row)
	}
	if err != nil {
		if _, err := t.tx.ExecContext(ctx, `ROLLBACK TO correction`); err != nil {
			return fmt.Errorf("undo correction: %w", err)
		}
	}
	if _, err := t.tx.ExecContext(ctx, `RELEASE correction`); err != nil {
		return err
	}
	return err
}

// insertRow writes a shipment with its first event. If another has its id, the statement fails and leaves nothing.
func (t shipmentTx) insertRow(ctx context.Context, storeKey int64, row newRow) error {
	result, err := t.stmt(ctx, t.db.shipments.insert).ExecContext(ctx, append([]any{storeKey}, row.values...)...)
	if err != nil {
		return err
	}
	key, err := result.LastInsertId()
	if err != nil {
		return err
	}
	if err := t.insertEvent(ctx, key, 1, row.event[0]); err != nil {
		return err
	}
	return t.planWake(ctx, row.Shipment.NextAttempt)
}

// planWake plans the wake-up of a shipment, unless the transaction has planned it for an earlier one.
func (t shipmentTx) planWake(ctx context.Context, next time.Time) error {
	if next.IsZero() {
		return nil
	}
	at := wakeTime(next)
	if t.planned[at] {
		return nil
	}
	t.planned[at] = true
	return t.db.planWakeAt(ctx, t.tx, DueShipments, at)
}
