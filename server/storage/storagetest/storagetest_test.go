package storagetest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/sqlite"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// faults are databases that break one sentence of the contract each, with the case that must notice.
var faults = map[string]struct {
	noticedBy string
	apply     func(r *storagetest.Repositories)
}{
	"account taken is not noticed": {"Stores/create_refuses_a_taken_account", func(r *storagetest.Repositories) {
		r.Stores = forgetsAccounts{r.Stores}
	}},
	"update lets the identity change": {"Stores/update_writes_the_change_and_keeps_what_is_not_its_own", func(r *storagetest.Repositories) {
		r.Stores = returnsTheChange{r.Stores}
	}},
	"update is not one transaction": {"Stores/concurrent_updates_lose_nothing", func(r *storagetest.Repositories) {
		r.Stores = updatesInTwoSteps{r.Stores}
	}},
	"disconnect ignores open shipments": {"Stores/disconnect_is_refused_with_open_shipments_and_changes_nothing", func(r *storagetest.Repositories) {
		r.Stores = alwaysForces{r.Stores}
	}},
	"state outlives the credentials": {"Credentials/replacing_credentials_erases_the_state", func(r *storagetest.Repositories) {
		r.Stores = keepsState{r.Stores}
	}},
	"every order counts as changed": {"Orders/an_order_that_did_not_change_is_not_written", func(r *storagetest.Repositories) {
		r.Orders = alwaysWrites{r.Orders}
	}},
	"a stale read wins": {"Orders/a_stale_read_changes_nothing", func(r *storagetest.Repositories) {
		r.Orders = dropsUpdateTime{r.Orders}
	}},
	"the first of a number wins": {"Orders/of_one_number_twice_in_a_batch_the_last_wins", func(r *storagetest.Repositories) {
		r.Orders = reversesBatches{r.Orders}
	}},
	"a batch is several transactions": {"Orders/a_batch_that_cannot_be_finished_stores_nothing", func(r *storagetest.Repositories) {
		r.Orders = splitsBatches{r.Orders}
	}},
	"pages include their position": {"OrderPages/pages_are_in_order_of_change", func(r *storagetest.Repositories) {
		r.Orders = repeatsPosition{r.Orders}
	}},
	"pages lose what changed at once": {"OrderPages/a_reader_of_pages_misses_no_change_made_meanwhile", func(r *storagetest.Repositories) {
		r.Orders = skipsAnInstant{r.Orders}
	}},
	"runs are not joined": {"Imports/start_joins_the_running_import_of_the_store", func(r *storagetest.Repositories) {
		r.Orders = neverJoins{r.Orders}
	}},
	"every end moves the cursor": {"Imports/only_success_moves_the_cursor", func(r *storagetest.Repositories) {
		r.Orders = alwaysSucceeds{r.Orders}
	}},
	"an order may have two open shipments": {"Shipments/of_several_creates_for_one_order_one_wins", func(r *storagetest.Repositories) {
		r.Shipments = claimsCreation{r.Shipments}
	}},
	"revisions are not compared": {"Shipments/update_of_an_older_revision_changes_nothing", func(r *storagetest.Repositories) {
		r.Shipments = overwrites{r.Shipments}
	}},
	"due is in order of creation": {"ShipmentPages/due_are_open_shipments_of_working_stores", func(r *storagetest.Repositories) {
		r.Shipments = dueByID{r.Shipments}
	}},
	"a restart forgets": {"Restart/everything_survives", func(r *storagetest.Repositories) {
		r.Reopen = open
	}},
}

// faultVariable tells the copy of this test that TestSuiteNotices starts which fault to have.
const faultVariable = "STORAGETEST_FAULT"

// TestFaulty is the suite over a faulty database. It is run, and has to fail, in a process of its own.
func TestFaulty(t *testing.T) {
	name, ok := os.LookupEnv(faultVariable)
	if !ok {
		t.Skip("run by TestSuiteNotices")
	}
	storagetest.Run(t, func(t *testing.T) storagetest.Repositories {
		r := open(t)
		faults[name].apply(&r)
		return r
	})
}

func TestSuiteNotices(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := "^TestFaulty$/^" + strings.ReplaceAll(fault.noticedBy, "/", "$/^")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.timeout=60s")
			cmd.Env = append(os.Environ(), faultVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("the suite passed:\n%s", out)
			}
			if !strings.Contains(string(out), "--- FAIL: TestFaulty/"+fault.noticedBy) {
				t.Fatalf("the suite failed elsewhere:\n%s", out)
			}
		})
	}
}

func open(t *testing.T) storagetest.Repositories {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "relais.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return storagetest.Repositories{Stores: db, Orders: db, Shipments: db}
}

type forgetsAccounts struct{ store.Repository }

func (f forgetsAccounts) CreateStore(ctx context.Context, s store.Store, c store.Sealed) error {
	s.AccountID += s.ID
	return f.Repository.CreateStore(ctx, s, c)
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

type dropsUpdateTime struct{ order.Repository }

func (f dropsUpdateTime) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	for i := range b.Orders {
		b.Orders[i].UpdateTime = time.Time{}
	}
	return f.Repository.ApplyBatch(ctx, b)
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

type claimsCreation struct{ shipment.Repository }

func (f claimsCreation) CreateShipment(ctx context.Context, s shipment.Shipment, e shipment.Event) (shipment.Shipment, shipment.CreateResult, error) {
	s, _, err := f.Repository.CreateShipment(ctx, s, e)
	return s, shipment.CreatedNew, err
}

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

func (f dueByID) DueShipments(ctx context.Context, now time.Time, limit int) ([]shipment.Shipment, error) {
	due, err := f.Repository.DueShipments(ctx, now, limit)
	slices.SortFunc(due, func(a, b shipment.Shipment) int { return strings.Compare(a.ID, b.ID) })
	return due, err
}
