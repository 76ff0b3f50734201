package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/relaishq/relais/server/order"
)

const orderColumns = `s.id, o.adapter, o.create_time, o.change_time, o.document_version, d.document`

func scanOrder(row scanner) (order.Stored, error) {
	var (
		o       order.Stored
		version int
		encoded []byte
	)
	err := row.Scan(&o.StoreID, &o.Adapter, timestamp{&o.CreateTime}, timestamp{&o.ChangeTime}, &version, &encoded)
	if errors.Is(err, sql.ErrNoRows) {
		return order.Stored{}, order.ErrNotFound
	}
	if err != nil {
		return order.Stored{}, err
	}
	o.Order, err = order.Decode(version, encoded)
	return o, err
}

const selectOrder = `SELECT ` + orderColumns + ` FROM stores s
	JOIN orders o ON o.store_key = s.key JOIN order_documents d ON d.order_key = o.key
	WHERE s.id = ? AND o.number = ?`

// GetOrder implements order.Repository.
func (db *DB) GetOrder(ctx context.Context, storeID, number string) (order.Stored, error) {
	o, err := scanOrder(db.reads.order.QueryRowContext(ctx, storeID, number))
	if err != nil {
		return order.Stored{}, fmt.Errorf("get order: %w", explain(err))
	}
	return o, nil
}

// ListOrders implements order.Repository. Orders that change while pages are read come up again on a later page: a change
// moves an order behind every position that was ever given out, so a reader who follows the pages misses nothing.
func (db *DB) ListOrders(ctx context.Context, q order.ListQuery) ([]order.Stored, error) {
	if q.ShippableOnly && len(q.Statuses) > 0 && !slices.Contains(q.Statuses, order.ReadyToShip) {
		return nil, nil // order.NotShippable: only ReadyToShip is ever shippable
	}
	query, args := listOrders(q)
	orders, err := collect(ctx, db.reader, scanOrder, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", explain(err))
	}
	return orders, nil
}

// listOrders builds the query of a page. The keys of the page come from one index; with several statuses, from the index
// once for each of them, at most Limit each, merged. Only the rows of the page are then read.
func listOrders(q order.ListQuery) (query string, args []any) {
	after, number := nanos(q.ChangedSince), "" // no number is empty: everything changed at that time comes after this
	if q.After != nil && !q.After.ChangeTime.Before(q.ChangedSince) {
		after, number = nanos(q.After.ChangeTime), q.After.Number
	}
	const from = `SELECT key, change_time, number FROM orders
		WHERE store_key = ` + storeKeyOf + ` AND (change_time, number) > (?, ?)`
	const page = ` ORDER BY change_time, number LIMIT ?`
	var keys string
	switch {
	case q.ShippableOnly:
		keys, args = from+` AND shippable = 1`+page, []any{q.StoreID, after, number, q.Limit}
	case len(q.Statuses) == 0:
		keys, args = from+page, []any{q.StoreID, after, number, q.Limit}
	default:
		statuses := slices.Compact(slices.Sorted(slices.Values(q.Statuses)))
		selects := make([]string, len(statuses))
		for i, s := range statuses {
			selects[i] = `SELECT * FROM (` + from + ` AND status = ?` + page + `)`
			args = append(args, q.StoreID, after, number, s, q.Limit)
		}
		keys, args = strings.Join(selects, ` UNION ALL `)+page, append(args, q.Limit)
	}
	return `SELECT ` + orderColumns + ` FROM (` + keys + `) page
		CROSS JOIN orders o ON o.key = page.key
		CROSS JOIN order_documents d ON d.order_key = page.key
		CROSS JOIN stores s ON s.key = o.store_key
		ORDER BY page.change_time, page.number`, args
}

// UnseenOpenOrders implements order.Repository.
func (db *DB) UnseenOpenOrders(ctx context.Context, storeID string, adapters []string, importID, afterNumber string, limit int) ([]string, error) {
	if len(adapters) == 0 {
		return nil, nil
	}
	query, args := unseenOpenOrders(storeID, adapters, importID, afterNumber, limit)
	numbers, err := collect(ctx, db.reader, scanString, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list unseen orders: %w", explain(err))
	}
	return numbers, nil
}

// unseenOpenOrders builds a query that walks the index of open orders once for each adapter, at most limit each, merged. A run
// that does not exist has seen nothing.
func unseenOpenOrders(storeID string, adapters []string, importID, afterNumber string, limit int) (query string, args []any) {
	const of = `SELECT * FROM (SELECT number FROM orders
		WHERE store_key = ` + storeKeyOf + ` AND adapter = ? AND final = 0 AND number > ?
			AND seen_import <> coalesce((SELECT i.key FROM imports i JOIN stores s ON s.key = i.store_key WHERE s.id = ? AND i.id = ?), -1)
		ORDER BY number LIMIT ?)`
	adapters = slices.Compact(slices.Sorted(slices.Values(adapters)))
	selects := make([]string, len(adapters))
	for i, a := range adapters {
		selects[i] = of
		args = append(args, storeID, a, afterNumber, storeID, importID, limit)
	}
	return strings.Join(selects, ` UNION ALL `) + ` ORDER BY number LIMIT ?`, append(args, limit)
}
