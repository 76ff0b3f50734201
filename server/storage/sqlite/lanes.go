package sqlite

import (
	"context"
	"fmt"
)

// What is due is found by lane. There are few, and an index of each table begins with them: the queries below jump from one to the next.

// adapters is the adapters that stores are or were bound to.
var adapters = distinct("adapter", "bindings INDEXED BY bindings_by_adapter WHERE TRUE")

// lanes is the lanes of connected stores.
var lanes = distinct("lane", "stores INDEXED BY stores_due WHERE disconnect_time = 0")

// distinct picks the distinct values of the first column of an index.
func distinct(column, from string) string {
	return `WITH RECURSIVE found (value) AS (
			SELECT min(` + column + `) FROM ` + from + `
			UNION ALL SELECT (SELECT min(` + column + `) FROM ` + from + ` AND ` + column + ` > found.value) FROM found WHERE found.value IS NOT NULL)
		SELECT value FROM found WHERE value IS NOT NULL`
}

// Adapters implements shipment.Repository, decision.Repository and store.Repository.
func (db *DB) Adapters(ctx context.Context) ([]string, error) {
	rows, err := db.reads.adapters.QueryContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list adapters: %w", explain(err))
	}
	found, err := drain(rows, scanString)
	if err != nil {
		return nil, fmt.Errorf("list adapters: %w", explain(err))
	}
	return found, nil
}

// Lanes implements order.ScheduleRepository and decision.Repository.
func (db *DB) Lanes(ctx context.Context) ([]string, error) {
	found, err := collect(ctx, db.reader, scanString, lanes)
	if err != nil {
		return nil, fmt.Errorf("list lanes: %w", explain(err))
	}
	return found, nil
}
