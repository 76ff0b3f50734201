package storagetest_test

import (
	"context"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// completionFaults are the faults of a database that ends a migration too early, too late, or not all of it.
var completionFaults = map[string]fault{
	"completion does not wait for imports": {"Completion/an_import_that_runs", func(r *storagetest.Repositories) {
		r.Stores = endsImports{r.Stores, r.Orders}
	}},
	"giving up does not wait for imports": {"GivenUp/an_import_that_runs", func(r *storagetest.Repositories) {
		r.Stores = endsImports{r.Stores, r.Orders}
	}},
	"completion leaves the failures of what it left": {"Completion/completion_ends_a_health", func(r *storagetest.Repositories) {
		r.Stores = heals{r.Stores, func(before store.Health) store.Health { return before }}
	}},
	"completion makes any store healthy": {"Completion/completion_ends_a_health", func(r *storagetest.Repositories) {
		r.Stores = heals{r.Stores, func(before store.Health) store.Health { return store.Health{State: store.Healthy, Since: before.Since} }}
	}},
	"undo leaves the health of the target": {"Migrations/undo_binds_new_orders", func(r *storagetest.Repositories) {
		r.Stores = heals{r.Stores, func(before store.Health) store.Health { return before }}
	}},
	"a disconnect completes a move": {"Migrations/disconnect_erases_both", func(r *storagetest.Repositories) {
		r.Stores = seesMigrations{r.Stores, func(m *store.Migration) { m.Abandoned = false }}
	}},
	"every move that ended was abandoned": {"Completion/completion_erases", func(r *storagetest.Repositories) {
		r.Stores = seesMigrations{r.Stores, func(m *store.Migration) { m.Abandoned = !m.Completed.IsZero() }}
	}},

	"what is left counts of an adapter that was given up": {"GivenUp/what_is_left", func(r *storagetest.Repositories) {
		r.Stores = patient{r.Stores}
	}},
	"what is left on an adapter that was given up stays open": {"GivenUp/open_shipments_and_decisions", func(r *storagetest.Repositories) {
		r.Shipments = changesShipments{r.Shipments, func(s *shipment.Shipment) { s.State = delivery.Queued }}
	}},
	"nobody learns why a shipment needs attention": {"GivenUp/open_shipments_and_decisions", func(r *storagetest.Repositories) {
		r.Shipments = changesShipments{r.Shipments, func(s *shipment.Shipment) { s.Message = "" }}
	}},
	"shipments of the other adapter end too": {"GivenUp/open_shipments_and_decisions", func(r *storagetest.Repositories) {
		r.Shipments = changesShipments{r.Shipments, func(s *shipment.Shipment) {
			if s.Adapter == "beta" {
				s.State = delivery.NeedsAttention
			}
		}}
	}},
	"an order of an adapter that was given up stays blocked": {"GivenUp/what_an_order_says_again", func(r *storagetest.Repositories) {
		r.Shipments = findsOpen{r.Shipments}
	}},
	"any adapter can be given up": {"GivenUp/only_the_adapter", func(r *storagetest.Repositories) { r.Stores = leavesAny{r.Stores} }},
}

// endsImports ends the runs that are in the way of a completion.
type endsImports struct {
	store.Repository
	orders order.Repository
}

func (f endsImports) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	if _, err := f.orders.InterruptImports(ctx, now, order.Failure{}); err != nil {
		return false, err
	}
	return f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
}

// heals writes a health when a migration ends or is undone.
type heals struct {
	store.Repository
	change func(before store.Health) store.Health
}

func (f heals) after(ctx context.Context, id string, write func() error) error {
	before, err := f.GetStore(ctx, id)
	if err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	_, err = f.UpdateStore(ctx, id, func(s *store.Store) error { s.Health = f.change(before.Health); return nil })
	return err
}

func (f heals) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (done bool, err error) {
	err = f.after(ctx, id, func() (err error) {
		done, err = f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
		return err
	})
	return done, err
}

func (f heals) UndoMigration(ctx context.Context, id string, now time.Time) error {
	return f.after(ctx, id, func() error { return f.Repository.UndoMigration(ctx, id, now) })
}

// patient gives nothing up.
type patient struct{ store.Repository }

func (f patient) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, _ bool) (bool, error) {
	return f.Repository.CompleteMigration(ctx, id, leaving, now, false)
}

// findsOpen takes any shipment of an order for an open one.
type findsOpen struct{ shipment.Repository }

func (f findsOpen) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	for _, n := range news {
		known, err := f.ListShipments(ctx, shipment.ListQuery{StoreID: n.Shipment.StoreID, OrderNumber: n.Shipment.OrderNumber, Limit: 1})
		if err != nil || len(known) > 0 {
			return []shipment.Created{{Shipment: n.Shipment, Result: shipment.OrderHasOpen}}, err
		}
	}
	return f.Repository.CreateShipments(ctx, news)
}
