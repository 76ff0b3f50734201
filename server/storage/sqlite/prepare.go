package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// statement is a query that is prepared once, and where its statement goes. Preparing a query takes longer than running it.
type statement struct {
	to    **sql.Stmt
	query string
}

// readStatements are the reads that come before every notification of a shipment, and before every step with one.
type readStatements struct {
	store, order, shipment, request, carriers *sql.Stmt
	adapters, due, next                       *sql.Stmt
}

func (s *readStatements) all() []statement {
	return []statement{
		{&s.store, selectStore},
		{&s.order, selectOrder},
		{&s.shipment, selectShipment + `WHERE p.store_key = ` + storeKeyOf + ` AND p.id = ?`},
		{&s.request, selectShipment + `WHERE p.store_key = ` + storeKeyOf + ` AND p.request_id = ?`},
		{&s.carriers, selectCarriers},
		{&s.adapters, adapters},
		{&s.due, dueShipments},
		{&s.next, nextShipment},
	}
}

// prepareWriter prepares what is written often, on the writer's connection.
func (db *DB) prepareWriter(ctx context.Context) error {
	return db.prepare(ctx, db.writer, append(append(db.batch.all(), db.shipments.all()...), statement{&db.planned, plannedWake}))
}

// prepareReader prepares what is read often. Each connection prepares it again when it first runs it.
func (db *DB) prepareReader(ctx context.Context) error {
	return db.prepare(ctx, db.reader, db.reads.all())
}

func (db *DB) prepare(ctx context.Context, pool *sql.DB, statements []statement) error {
	for _, s := range statements {
		stmt, err := pool.PrepareContext(ctx, s.query)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		*s.to = stmt
		db.prepared = append(db.prepared, stmt)
	}
	return nil
}
