package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/shipment"
)

// stepRow is an event as it is stored.
type stepRow struct {
	time time.Time
	said said
}

// said is what an event says, but for when: two steps that say the same are one row.
type said struct {
	state                     delivery.State
	kind                      shipment.Kind
	message, adapter, release string
	proof                     string // JSON of shipment.Proof; equal proofs have equal JSON
}

// encodeEvents encodes events, before anything is locked.
func encodeEvents(events ...shipment.Event) ([]stepRow, error) {
	rows := make([]stepRow, len(events))
	for i, e := range events {
		proof, err := toJSON(e.Proof)
		if err != nil {
			return nil, err
		}
		rows[i] = stepRow{e.Time, said{e.State, e.Kind, e.Message, e.Adapter, e.Release, proof}}
	}
	return rows, nil
}

// counts reports whether a step that says the same as the one before it is counted there: only of reads and failures can there be
// many, and the order of all others matters.
func (s said) counts() bool { return s.kind == shipment.KindRead || s.kind == shipment.KindFailed }

// appendEvents writes the next events of a shipment.
func (t shipmentTx) appendEvents(ctx context.Context, key int64, events []stepRow) error {
	if len(events) == 0 {
		return nil
	}
	var seq int64
	var last said
	err := t.stmt(ctx, t.db.shipments.lastEvent).QueryRowContext(ctx, key).
		Scan(&seq, &last.state, &last.kind, &last.message, &last.adapter, &last.release, &last.proof)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for _, e := range events {
		if e.said == last && last.counts() {
			if _, err := t.stmt(ctx, t.db.shipments.countEvent).ExecContext(ctx, nanos(e.time), key, seq); err != nil {
				return err
			}
			continue
		}
		seq, last = seq+1, e.said
		if err := t.insertEvent(ctx, key, seq, e); err != nil {
			return err
		}
	}
	return nil
}

func (t shipmentTx) insertEvent(ctx context.Context, key, seq int64, e stepRow) error {
	_, err := t.stmt(ctx, t.db.shipments.insertEvent).ExecContext(ctx, key, seq, nanos(e.time), e.said.state, e.said.kind, e.said.message,
		e.said.adapter, e.said.release, e.said.proof)
	return err
}

// ShipmentEvents implements shipment.Repository. A shipment that does not exist has none.
func (db *DB) ShipmentEvents(ctx context.Context, storeID, id string) ([]shipment.Event, error) {
	events, err := collect(ctx, db.reader, func(row scanner) (e shipment.Event, err error) {
		err = row.Scan(timestamp{&e.Time}, &e.State, &e.Kind, &e.Message, &e.Adapter, &e.Release, jsonColumn[shipment.Proof]{&e.Proof},
			&e.Count, timestamp{&e.LastTime})
		if e.LastTime.IsZero() {
			e.LastTime = e.Time
		}
		return e, err
	}, `SELECT time, state, kind, message, adapter, release, proof, count, last_time FROM shipment_events
		WHERE shipment_key = (SELECT key FROM shipments WHERE store_key = `+storeKeyOf+` AND id = ?) ORDER BY seq`, storeID, id)
	if err != nil {
		return nil, fmt.Errorf("list shipment events: %w", explain(err))
	}
	return events, nil
}
