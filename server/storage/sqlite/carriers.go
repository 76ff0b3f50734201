package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// SaveCarriers implements shipment.Repository. Errors: store.ErrNotFound.
func (db *DB) SaveCarriers(ctx context.Context, ref store.Ref, l shipment.CarrierList) error {
	carriers, err := toJSON(l.Carriers)
	if err != nil {
		return fmt.Errorf("save carriers: %w", err)
	}
	return db.write(ctx, "save carriers", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO carriers (store_key, adapter, carriers, read_time)
			SELECT key, ?, ?, ? FROM stores WHERE id = ?
			ON CONFLICT DO UPDATE SET carriers = excluded.carriers, read_time = excluded.read_time`,
			ref.Adapter, carriers, nanos(l.ReadTime), ref.StoreID)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, store.ErrNotFound)
		}
		return nil
	})
}

const selectCarriers = `SELECT carriers, read_time FROM carriers WHERE store_key = ` + storeKeyOf + ` AND adapter = ?`

// Carriers implements shipment.Repository.
func (db *DB) Carriers(ctx context.Context, ref store.Ref) (shipment.CarrierList, error) {
	var l shipment.CarrierList
	err := db.reads.carriers.QueryRowContext(ctx, ref.StoreID, ref.Adapter).Scan(jsonColumn[[]shipment.Carrier]{&l.Carriers}, timestamp{&l.ReadTime})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return shipment.CarrierList{}, fmt.Errorf("read carriers: %w", explain(err))
	}
	return l, nil
}
