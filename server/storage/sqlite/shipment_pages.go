package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// ListShipments implements shipment.Repository.
func (db *DB) ListShipments(ctx context.Context, q shipment.ListQuery) ([]shipment.Shipment, error) {
	query, args := listShipments(q)
	shipments, err := collect(ctx, db.reader, readShipment, query, args...)
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

var dueShipments = `SELECT ` + shipmentColumns + dueRows("shipment_queues", "shipments", "key", `p.key IN`)

// DueShipments implements shipment.Repository.
func (db *DB) DueShipments(ctx context.Context, l due.Look[store.Ref]) ([]shipment.Shipment, error) {
	args, err := dueArgs(l)
	if err != nil {
		return nil, fmt.Errorf("list due shipments: %w", err)
	}
	rows, err := db.reads.due.QueryContext(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("list due shipments: %w", explain(err))
	}
	shipments, err := drain(rows, readShipment)
	if err != nil {
		return nil, fmt.Errorf("list due shipments: %w", explain(err))
	}
	return shipments, nil
}

var nextShipment = nextRow("shipment_queues", "shipments")

// NextDue implements shipment.Repository.
func (db *DB) NextDue(ctx context.Context, adapter string, after time.Time) (time.Time, error) {
	var next time.Time
	if err := db.reads.next.QueryRowContext(ctx, adapter, nanos(after)).Scan(timestamp{&next}); err != nil {
		return time.Time{}, fmt.Errorf("find next due shipment: %w", explain(err))
	}
	return next, nil
}
