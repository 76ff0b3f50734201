package sqlite

import (
	"context"
	"database/sql"
)

// chunkSize is how many orders one statement handles: the most that an adapter sends in a message (design section 5), so
// that an import runs on prepared statements nearly always.
const chunkSize = 100

// How many values one row of each statement has.
const (
	orderRow    = 17
	documentRow = 2
	eventRow    = 7
)

// upsertOrders inserts rows, and replaces those whose key exists. The creation time is set once. The binding is the reader's:
// orders that belong to another adapter do not come here.
func upsertOrders(rows int) string {
	return `INSERT INTO orders (key, store_key, number, native_id, reference, adapter, status, shippable, final,
			marketplace_update_time, ship_by, create_time, change_time, document_version, digest, seen_import, read_time)
		VALUES ` + list("("+list("?", orderRow)+")", rows) + `
		ON CONFLICT (key) DO UPDATE SET native_id = excluded.native_id, reference = excluded.reference,
			adapter = excluded.adapter, status = excluded.status, shippable = excluded.shippable, final = excluded.final,
			marketplace_update_time = excluded.marketplace_update_time, ship_by = excluded.ship_by,
			change_time = excluded.change_time, document_version = excluded.document_version, digest = excluded.digest,
			seen_import = excluded.seen_import, read_time = excluded.read_time`
}

func upsertDocuments(rows int) string {
	return `INSERT INTO order_documents (order_key, document) VALUES ` + list("("+list("?", documentRow)+")", rows) +
		` ON CONFLICT (order_key) DO UPDATE SET document = excluded.document`
}

func insertEvents(rows int) string {
	return `INSERT INTO order_events (store_key, seq, time, kind, order_number, old_status, new_status) VALUES ` +
		list("("+list("?", eventRow)+")", rows)
}

// batchStatements are the statements of ApplyBatch, prepared once for full chunks on the writer connection.
type batchStatements struct {
	lookUpStmt, seenStmt                 *sql.Stmt
	ordersStmt, documentsStmt, eventStmt *sql.Stmt
}

func (s *batchStatements) all() []statement {
	return []statement{
		{&s.lookUpStmt, `SELECT key, number, adapter, document_version, digest, read_time, status, final, seen_import
			FROM orders WHERE store_key = ? AND number IN (` + list("?", chunkSize) + `)`},
		{&s.seenStmt, `UPDATE orders SET seen_import = ? WHERE key IN (` + list("?", chunkSize) + `)`},
		{&s.ordersStmt, upsertOrders(chunkSize)},
		{&s.documentsStmt, upsertDocuments(chunkSize)},
		{&s.eventStmt, insertEvents(chunkSize)},
	}
}

// lookUp returns what the store has under these numbers, at most chunkSize of them.
func (s *batchStatements) lookUp(ctx context.Context, tx *sql.Tx, storeKey int64, numbers []string) ([]knownOrder, error) {
	rows, err := tx.StmtContext(ctx, s.lookUpStmt).QueryContext(ctx, padded(storeKey, numbers)...)
	if err != nil {
		return nil, err
	}
	return drain(rows, func(row scanner) (k knownOrder, err error) {
		err = row.Scan(&k.key, &k.number, &k.adapter, &k.version, &k.digest, &k.readTime, &k.status, &k.final, &k.seenImport)
		return k, err
	})
}

// markSeen notes that an import saw these orders, at most chunkSize of them.
func (s *batchStatements) markSeen(ctx context.Context, tx *sql.Tx, importKey int64, keys []int64) error {
	_, err := tx.StmtContext(ctx, s.seenStmt).ExecContext(ctx, padded(importKey, keys)...)
	return err
}

// markRead notes that an order was read by itself and had not changed.
func (s *batchStatements) markRead(ctx context.Context, tx *sql.Tx, readTime int64, key int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE orders SET read_time = ? WHERE key = ?`, readTime, key)
	return err
}

// padded returns the arguments of a statement with one value before a list of chunkSize: the last value fills it up.
func padded[T any](first int64, values []T) []any {
	args := make([]any, 0, 1+chunkSize)
	args = append(args, first)
	for _, v := range values {
		args = append(args, v)
	}
	for len(args) < 1+chunkSize {
		args = append(args, args[len(args)-1])
	}
	return args
}

// write writes n orders: rows before what refers to them.
func (s *batchStatements) write(ctx context.Context, tx *sql.Tx, n int, rows, documents, events []any) error {
	for _, w := range []struct {
		stmt  *sql.Stmt
		query func(rows int) string
		args  []any
	}{
		{s.ordersStmt, upsertOrders, rows},
		{s.documentsStmt, upsertDocuments, documents},
		{s.eventStmt, insertEvents, events},
	} {
		var err error
		if n == chunkSize {
			_, err = tx.StmtContext(ctx, w.stmt).ExecContext(ctx, w.args...)
		} else {
			_, err = tx.ExecContext(ctx, w.query(n), w.args...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
