package storagetest_test

import (
	"context"
	"errors"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

type movesNameless struct{ store.Repository }

func (f movesNameless) StartMigration(ctx context.Context, m store.Migration, s store.Store, _ store.AccountKeys, c store.Sealed) error {
	return f.Repository.StartMigration(ctx, m, s, nil, c)
}

// movesOnly leaves everything of the store as it was but its adapter.
type movesOnly struct{ store.Repository }

func (f movesOnly) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	before, err := f.GetStore(ctx, s.ID)
	if err != nil {
		return err
	}
	before.Adapter, before.AccountID = s.Adapter, s.AccountID
	return f.Repository.StartMigration(ctx, m, before, keys, c)
}

// movesState keeps the target's state.
type movesState struct{ store.Repository }

func (f movesState) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	ref := store.Ref{StoreID: s.ID, Adapter: m.Target}
	state, err := f.AdapterState(ctx, ref)
	if err != nil {
		return err
	}
	if err := f.Repository.StartMigration(ctx, m, s, keys, c); err != nil {
		return err
	}
	return f.SaveAdapterState(ctx, ref, state)
}

// seesMigrations changes what is read of a migration.
type seesMigrations struct {
	store.Repository
	change func(*store.Migration)
}

func (f seesMigrations) Migration(ctx context.Context, id string) (store.Migration, error) {
	m, err := f.Repository.Migration(ctx, id)
	f.change(&m)
	return m, err
}

// hidesMoveErrors claims that an undo or a completion that failed with err went well.
type hidesMoveErrors struct {
	store.Repository
	err error
}

func (f hidesMoveErrors) UndoMigration(ctx context.Context, id string, now time.Time) error {
	err := f.Repository.UndoMigration(ctx, id, now)
	if errors.Is(err, f.err) {
		return nil
	}
	return err
}

func (f hidesMoveErrors) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	done, err := f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
	if errors.Is(err, f.err) {
		return true, nil
	}
	return done, err
}

type hidesStartErrors struct{ store.Repository }

func (f hidesStartErrors) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	err := f.Repository.StartMigration(ctx, m, s, keys, c)
	if errors.Is(err, store.ErrNotMoving) {
		return nil
	}
	return err
}

// undoesFirst undoes what is under way to begin another move.
type undoesFirst struct{ store.Repository }

func (f undoesFirst) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	err := f.Repository.StartMigration(ctx, m, s, keys, c)
	if errors.Is(err, store.ErrNotMoving) && f.UndoMigration(ctx, s.ID, m.Cutover) == nil {
		return f.Repository.StartMigration(ctx, m, s, keys, c)
	}
	return err
}

// completesFirst ends an undone migration to begin any other.
type completesFirst struct{ store.Repository }

func (f completesFirst) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	last, err := f.Migration(ctx, s.ID)
	if err == nil && !last.Undone.IsZero() && last.Target != m.Target {
		if _, err := f.CompleteMigration(ctx, s.ID, last.Target, m.Cutover, false); err != nil {
			return err
		}
	}
	return f.Repository.StartMigration(ctx, m, s, keys, c)
}

// continuesUndone does nothing for an undone migration.
type continuesUndone struct{ store.Repository }

func (f continuesUndone) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	if last, err := f.Migration(ctx, s.ID); err == nil && !last.Undone.IsZero() {
		return nil
	}
	return f.Repository.StartMigration(ctx, m, s, keys, c)
}

type movesOnce struct{ store.Repository }

func (f movesOnce) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	if _, err := f.Migration(ctx, s.ID); err == nil {
		return store.ErrNotMoving
	}
	return f.Repository.StartMigration(ctx, m, s, keys, c)
}

// undoesForGood lets go of the target at once.
type undoesForGood struct{ store.Repository }

func (f undoesForGood) UndoMigration(ctx context.Context, id string, now time.Time) error {
	m, err := f.Migration(ctx, id)
	if err != nil {
		return err
	}
	if err := f.Repository.UndoMigration(ctx, id, now); err != nil {
		return err
	}
	_, err = f.CompleteMigration(ctx, id, m.Target, now, false)
	return err
}

// endsAgain tells the time of the last disconnect as the end of any migration.
type endsAgain struct {
	store.Repository
	disconnected *time.Time
}

func (f endsAgain) DisconnectStore(ctx context.Context, id string, now time.Time, force bool) (store.Store, error) {
	*f.disconnected = now
	return f.Repository.DisconnectStore(ctx, id, now, force)
}

func (f endsAgain) Migration(ctx context.Context, id string) (store.Migration, error) {
	m, err := f.Repository.Migration(ctx, id)
	if !f.disconnected.IsZero() {
		m.Completed = *f.disconnected
	}
	return m, err
}

// keepsCredentials puts back what a completion erased.
type keepsCredentials struct{ store.Repository }

func (f keepsCredentials) Credentials(ctx context.Context, ref store.Ref) (store.Sealed, error) {
	sealed, err := f.Repository.Credentials(ctx, ref)
	if s, gone := f.GetStore(ctx, ref.StoreID); gone == nil && s.Connected() && errors.Is(err, store.ErrNoCredentials) {
		return store.Sealed{KeyID: "kept"}, nil
	}
	return sealed, err
}

type leavesTheSource struct{ store.Repository }

func (f leavesTheSource) CompleteMigration(ctx context.Context, id, _ string, now time.Time, givenUp bool) (bool, error) {
	m, err := f.Migration(ctx, id)
	if err != nil {
		return false, err
	}
	return f.Repository.CompleteMigration(ctx, id, m.Source, now, givenUp)
}

type leavesAny struct{ store.Repository }

func (f leavesAny) CompleteMigration(ctx context.Context, id, _ string, now time.Time, givenUp bool) (bool, error) {
	m, err := f.Migration(ctx, id)
	if err != nil {
		return false, err
	}
	return f.Repository.CompleteMigration(ctx, id, m.Leaving(), now, givenUp)
}

// alwaysCompletes says that it did.
type alwaysCompletes struct{ store.Repository }

func (f alwaysCompletes) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	_, err := f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
	return true, err
}

// endsOrders ends the open orders that are left, as a completion that does not look for them would.
type endsOrders struct {
	store.Repository
	orders order.Repository
}

func (f endsOrders) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	open, err := f.orders.ListOrders(ctx, order.ListQuery{StoreID: id, Limit: 10})
	if err != nil {
		return false, err
	}
	b := order.Batch{Ref: store.Ref{StoreID: id, Adapter: leaving}, ReadTime: now, Time: now}
	for _, o := range open {
		o.Status = order.Delivered
		b.Orders = append(b.Orders, o.Order)
	}
	if _, err := f.orders.ApplyBatch(ctx, b); err != nil {
		return false, err
	}
	return f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
}

// endsShipments does the same with shipment "p1".
type endsShipments struct {
	store.Repository
	shipments shipment.Repository
}

func (f endsShipments) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	s, err := f.shipments.GetShipment(ctx, id, "p1")
	if err != nil {
		return false, err
	}
	s.State = delivery.Cancelled
	if _, err := f.shipments.UpdateShipment(ctx, s); err != nil {
		return false, err
	}
	return f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
}

// endsDecisions does the same with the decision about order "1".
type endsDecisions struct {
	store.Repository
	decisions decision.Repository
}

func (f endsDecisions) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	found, err := f.decisions.Decisions(ctx, id, []string{"1"})
	if err != nil {
		return false, err
	}
	d := found["1"]
	d.State = delivery.Cancelled
	if _, err := f.decisions.UpdateDecision(ctx, d); err != nil {
		return false, err
	}
	return f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
}

// mindsEverything waits for shipments of any store and adapter.
type mindsEverything struct {
	store.Repository
	shipments shipment.Repository
}

func (f mindsEverything) CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error) {
	if next, err := f.shipments.NextDue(ctx, "alpha", time.Time{}); err != nil || !next.IsZero() {
		return false, err
	}
	return f.Repository.CompleteMigration(ctx, id, leaving, now, givenUp)
}

// movesFirst moves a store before it disconnects it.
type movesFirst struct{ store.Repository }

func (f movesFirst) DisconnectStore(ctx context.Context, id string, now time.Time, force bool) (store.Store, error) {
	s, err := f.GetStore(ctx, id)
	if err != nil {
		return s, err
	}
	m := store.Migration{StoreID: id, Source: "alpha", Target: "gamma", Cutover: now}
	if err := f.StartMigration(ctx, m, s, nil, store.Sealed{}); err != nil && !errors.Is(err, store.ErrNotMoving) {
		return s, err
	}
	return f.Repository.DisconnectStore(ctx, id, now, force)
}
