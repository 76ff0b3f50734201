package api

import (
	"context"
	"fmt"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// Migrations serves relais.marketplace.v1.MigrationService, for operators.
type Migrations struct {
	marketplacev1.UnimplementedMigrationServiceServer
	stores    *store.Service
	shipments *shipment.Service
}

// NewMigrations returns the service.
func NewMigrations(stores *store.Service, shipments *shipment.Service) *Migrations {
	return &Migrations{stores: stores, shipments: shipments}
}

// MigrateStore moves a store to another adapter.
func (m *Migrations) MigrateStore(ctx context.Context, req *marketplacev1.MigrateStoreRequest) (*marketplacev1.Migration, error) {
	id, err := parseName("name", req.GetName(), "stores/*")
	if err != nil {
		return nil, err
	}
	target, err := parseName("target_adapter", req.GetTargetAdapter(), "adapters/*")
	if err != nil {
		return nil, err
	}
	moved, err := m.stores.Migrate(ctx, store.MigrateRequest{
		StoreID: id[0], Target: target[0], Credentials: req.GetCredentials().GetValues(), SameAccount: req.GetSameAccount(),
	})
	if err != nil {
		return nil, err
	}
	m.shipments.Prepare(ctx, store.Ref{StoreID: id[0], Adapter: target[0]})
	return migrationToProto(moved), nil
}

// GetMigration returns the last migration of a store.
func (m *Migrations) GetMigration(ctx context.Context, req *marketplacev1.GetMigrationRequest) (*marketplacev1.Migration, error) {
	id, err := parseName("name", req.GetName(), "stores/*/migration")
	if err != nil {
		return nil, err
	}
	found, err := m.stores.Migration(ctx, id[0])
	if err != nil {
		return nil, err
	}
	return migrationToProto(found), nil
}

// UndoMigration binds orders bought from now on to the old adapter again.
func (m *Migrations) UndoMigration(ctx context.Context, req *marketplacev1.UndoMigrationRequest) (*marketplacev1.Migration, error) {
	id, err := parseName("name", req.GetName(), "stores/*/migration")
	if err != nil {
		return nil, err
	}
	undone, err := m.stores.UndoMigration(ctx, id[0])
	if err != nil {
		return nil, err
	}
	return migrationToProto(undone), nil
}

func migrationToProto(m store.Migration) *marketplacev1.Migration {
	out := &marketplacev1.Migration{
		Name:          storeName(m.StoreID) + "/migration",
		SourceAdapter: adapterName(m.Source), TargetAdapter: adapterName(m.Target),
		CutoverTime: timestamp(m.Cutover), UndoTime: timestamp(m.Undone), CompleteTime: timestamp(m.Completed),
		SourceOpenOrders: int32(m.SourceOpen), TargetOpenOrders: int32(m.TargetOpen), //nolint:gosec // no store has 2^31 open orders
		AccountMatch: marketplacev1.Migration_AccountMatch(marketplacev1.Migration_AccountMatch_value["ACCOUNT_MATCH_"+string(m.Match)]),
	}
	undone, complete := !m.Undone.IsZero(), !m.Completed.IsZero()
	left := m.SourceOpen
	if undone {
		left = m.TargetOpen
	}
	orders := fmt.Sprintf("%d open orders are left on adapter %s; imports read both adapters until they have ended.", left, m.Leaving())
	if left == 0 {
		orders = fmt.Sprintf("no open order is left on adapter %s; the next import that reads both and finds no open shipment there ends the move, "+
			"once the server's migration.keep is over.", m.Leaving())
	}
	switch {
	case m.Abandoned:
		out.State, out.Message = marketplacev1.Migration_STATE_ABANDONED, "the store was disconnected before the move was over"
	case complete && undone:
		out.State, out.Message = marketplacev1.Migration_STATE_UNDONE, fmt.Sprintf("the store speaks through adapter %s only, as before", m.Source)
	case complete:
		out.State, out.Message = marketplacev1.Migration_STATE_COMPLETE, fmt.Sprintf("the store speaks through adapter %s only", m.Target)
	case undone:
		out.State, out.Message = marketplacev1.Migration_STATE_RETURNING, orders+" MigrateStore starts over"
	default:
		out.State, out.Message = marketplacev1.Migration_STATE_MOVING, orders+" UndoMigration takes it back"
	}
	return out
}
