package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/relaishq/relais/server/order"
)

// productsOf reads n products of an adapter.
func productsOf(n int) string {
	return `SELECT ean, found, options, read_time FROM products WHERE adapter = ? AND ean IN (` + list("?", n) + `)`
}

// Products implements order.ProductRepository.
func (db *DB) Products(ctx context.Context, adapter string, eans []string) (map[string]order.Product, error) {
	if len(eans) == 0 {
		return nil, nil
	}
	args := make([]any, 0, len(eans)+1)
	args = append(args, adapter)
	for _, ean := range eans {
		args = append(args, ean)
	}
	found, err := collect(ctx, db.reader, func(row scanner) (p order.Product, err error) {
		err = row.Scan(&p.EAN, &p.Found, jsonColumn[[]order.ItemOption]{&p.Options}, timestamp{&p.ReadTime})
		return p, err
	}, productsOf(len(eans)), args...)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", explain(err))
	}
	byEAN := make(map[string]order.Product, len(found))
	for _, p := range found {
		byEAN[p.EAN] = p
	}
	return byEAN, nil
}

// productChunk is how many products one statement writes; SQLite takes a limited number of values.
const productChunk = 1000

// SaveProducts implements order.ProductRepository.
func (db *DB) SaveProducts(ctx context.Context, adapter string, products []order.Product) error {
	return db.write(ctx, "save products", func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(products, productChunk) {
			args := make([]any, 0, 5*len(chunk))
			for _, p := range chunk {
				options, err := toJSON(p.Options)
				if err != nil {
					return err
				}
				args = append(args, adapter, p.EAN, p.Found, options, nanos(p.ReadTime))
			}
			if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO products (adapter, ean, found, options, read_time) VALUES `+
				list("("+list("?", 5)+")", len(chunk)), args...); err != nil {
				return err
			}
		}
		return nil
	})
}
