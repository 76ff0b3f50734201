package storagetest_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

type forgetsAccounts struct{ store.Repository }

func (f forgetsAccounts) CreateStore(ctx context.Context, s store.Store, _ store.AccountKeys, c store.Sealed) error {
	s.AccountID += s.ID
	return f.Repository.CreateStore(ctx, s, nil, c)
}

type returnsTheChange struct{ store.Repository }

func (f returnsTheChange) UpdateStore(ctx context.Context, id string, change func(*store.Store) error) (changed store.Store, err error) {
	_, err = f.Repository.UpdateStore(ctx, id, func(s *store.Store) error {
		err := change(s)
		changed = *s
		return err
	})
	return changed, err
}

type updatesInTwoSteps struct{ store.Repository }

func (f updatesInTwoSteps) UpdateStore(ctx context.Context, id string, change func(*store.Store) error) (store.Store, error) {
	s, err := f.GetStore(ctx, id)
	if err != nil {
		return s, err
	}
	if err := change(&s); err != nil {
		return s, err
	}
	<-time.After(10 * time.Millisecond) // lets the others read before this one writes
	return f.Repository.UpdateStore(ctx, id, func(stored *store.Store) error { *stored = s; return nil })
}

type alwaysForces struct{ store.Repository }

func (f alwaysForces) DisconnectStore(ctx context.Context, id string, now time.Time, _ bool) (store.Store, error) {
	return f.Repository.DisconnectStore(ctx, id, now, true)
}

type keepsState struct{ store.Repository }

func (f keepsState) ReplaceCredentials(ctx context.Context, ref store.Ref, c store.Sealed) error {
	state, err := f.AdapterState(ctx, ref)
	if err != nil {
		return err
	}
	if err := f.Repository.ReplaceCredentials(ctx, ref, c); err != nil {
		return err
	}
	return f.SaveAdapterState(ctx, ref, state)
}

type alwaysWrites struct{ order.Repository }

func (f alwaysWrites) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	for i := range b.Orders {
		b.Orders[i].Reference = b.Time.String()
	}
	return f.Repository.ApplyBatch(ctx, b)
}

type dropsReadTime struct{ order.Repository }

func (f dropsReadTime) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	b.ReadTime = time.Time{}
	return f.Repository.ApplyBatch(ctx, b)
}

type believesUpdateTime struct{ order.Repository }

func (f believesUpdateTime) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	for i, o := range b.Orders {
		if stored, err := f.GetOrder(ctx, b.Ref.StoreID, o.Number); err == nil && o.UpdateTime.Before(stored.UpdateTime) {
			b.Orders[i] = stored.Order
		}
	}
	return f.Repository.ApplyBatch(ctx, b)
}

type forgetsUnchanged struct{ order.Repository }

func (f forgetsUnchanged) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	if b.ImportID == "" && len(b.Orders) == 1 {
		if stored, err := f.GetOrder(ctx, b.Ref.StoreID, b.Orders[0].Number); err == nil && stored.Status == b.Orders[0].Status {
			return order.Counts{Read: 1, Unchanged: 1}, nil
		}
	}
	return f.Repository.ApplyBatch(ctx, b)
}

type skipsStaleBatches struct{ order.Repository }

func (f skipsStaleBatches) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	for _, o := range b.Orders {
		if stored, err := f.GetOrder(ctx, b.Ref.StoreID, o.Number); err == nil && stored.ChangeTime.After(b.ReadTime) {
			return order.Counts{Read: int64(len(b.Orders)), Unchanged: int64(len(b.Orders))}, nil
		}
	}
	return f.Repository.ApplyBatch(ctx, b)
}

type interruptsSilently struct{ order.Repository }

func (f interruptsSilently) InterruptImports(ctx context.Context, now time.Time, _ order.Failure) (int, error) {
	return f.Repository.InterruptImports(ctx, now, order.Failure{})
}

type startsAnew struct{ order.Repository }

func (f startsAnew) Bindings(ctx context.Context, storeID string) (store.Bindings, error) {
	b, err := f.Repository.Bindings(ctx, storeID)
	for i := range b.Adapters {
		b.Adapters[i].FirstAttempt = time.Time{}
	}
	return b, err
}

type reversesBatches struct{ order.Repository }

func (f reversesBatches) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	slices.Reverse(b.Orders)
	return f.Repository.ApplyBatch(ctx, b)
}

type splitsBatches struct{ order.Repository }

func (f splitsBatches) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	checkpoint := b
	checkpoint.Orders, b.Finished = nil, time.Time{}
	counts, err := f.Repository.ApplyBatch(ctx, b)
	if err != nil {
		return counts, err
	}
	_, err = f.Repository.ApplyBatch(ctx, checkpoint)
	return counts, err
}

type repeatsPosition struct{ order.Repository }

func (f repeatsPosition) ListOrders(ctx context.Context, q order.ListQuery) ([]order.Stored, error) {
	if q.After != nil {
		q.ChangedSince, q.After = q.After.ChangeTime, nil
	}
	q.Limit++
	return f.Repository.ListOrders(ctx, q)
}

type skipsAnInstant struct{ order.Repository }

func (f skipsAnInstant) ListOrders(ctx context.Context, q order.ListQuery) ([]order.Stored, error) {
	if q.After != nil {
		q.ChangedSince, q.After = q.After.ChangeTime.Add(1), nil
	}
	return f.Repository.ListOrders(ctx, q)
}

type neverJoins struct{ order.Repository }

func (f neverJoins) StartImport(ctx context.Context, run order.Import) (order.Import, bool, error) {
	_, _, err := f.Repository.StartImport(ctx, run)
	return run, false, err
}

type alwaysSucceeds struct{ order.Repository }

func (f alwaysSucceeds) FinishImport(ctx context.Context, run order.Import) error {
	run.State = order.Succeeded
	return f.Repository.FinishImport(ctx, run)
}

// claimsCreation says of every shipment that is there that it was stored now.
func claimsCreation(_ shipment.New, c *shipment.Created) { c.Result = shipment.CreatedNew }

type overwrites struct{ shipment.Repository }

func (f overwrites) UpdateShipment(ctx context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	stored, err := f.GetShipment(ctx, s.StoreID, s.ID)
	if err != nil {
		return stored, err
	}
	s.Revision = stored.Revision
	return f.Repository.UpdateShipment(ctx, s, events...)
}

type dueByID struct{ shipment.Repository }

func (f dueByID) DueShipments(ctx context.Context, l due.Look[store.Ref]) ([]shipment.Shipment, error) {
	due, err := f.Repository.DueShipments(ctx, l)
	slices.SortFunc(due, func(a, b shipment.Shipment) int { return strings.Compare(a.ID, b.ID) })
	return due, err
}
