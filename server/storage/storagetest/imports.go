package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// finish ends a run of the shop.
func finish(t *testing.T, r Repositories, id string, state order.ImportState) {
	t.Helper()
	noError(t, r.Orders.FinishImport(t.Context(), order.Import{ID: id, StoreID: shop, State: state, Finish: at(200)}))
}

// stopped is why an import that nobody works on ends.
var stopped = order.Failure{Reason: "STOPPED", Message: "the server stopped"}

var importCases = []testCase{
	{"start stores a running import", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		same(t, "started", startImport(t, r, "i1"), newImport(shop, "i1"))
		got, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "stored", got, newImport(shop, "i1"))
	}},
	{"start joins the running import of the store", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		startImport(t, r, "i1")
		got, joined, err := r.Orders.StartImport(t.Context(), newImport(shop, "i2"))
		noError(t, err)
		if !joined || got.ID != "i1" {
			t.Errorf("joined %t, import %s; want i1 joined", joined, got.ID)
		}
		_, err = r.Orders.GetImport(t.Context(), shop, "i2")
		wantError(t, err, order.ErrImportNotFound)
		if _, joined, err = r.Orders.StartImport(t.Context(), newImport("other", "i3")); err != nil || joined {
			t.Errorf("another store: joined %t, error %v", joined, err)
		}
	}},
	{"of several starts one begins and the others join it", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		type started struct {
			id     string
			joined bool
		}
		results := make([]started, 8)
		together(len(results), func(i int) {
			run, joined, err := r.Orders.StartImport(t.Context(), newImport(shop, numbered("i", i)))
			if err != nil {
				t.Error(err)
			}
			results[i] = started{run.ID, joined}
		})
		fresh := 0
		for _, s := range results {
			if !s.joined {
				fresh++
			}
			if s.id != results[0].id {
				t.Errorf("runs %s and %s at once", s.id, results[0].id)
			}
		}
		if fresh != 1 {
			t.Errorf("%d runs began, want 1", fresh)
		}
	}},
	{"batches add to counts and finish windows", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		want := startImport(t, r, "i1")
		for _, b := range []order.Batch{
			{Orders: []order.Order{newOrder("1", order.ReadyToShip), newOrder("2", order.ReadyToShip)}},
			{Orders: []order.Order{newOrder("1", order.Shipped)}, Window: 0, Finished: at(50)},
			{Window: 1, Finished: at(60)}, // a checkpoint alone
			{Orders: []order.Order{newOrder("2", order.ReadyToShip)}, Window: 1},
			{Orders: []order.Order{newOrder("2", order.Cancelled)}, Reread: true, Missing: 2},
			{Reread: true, Missing: 1}, // nothing of what was asked for
		} {
			b.Ref, b.ImportID, b.Time = shopRef, "i1", at(110)
			counts, err := r.Orders.ApplyBatch(t.Context(), b)
			noError(t, err)
			want.Counts.Add(counts)
		}
		same(t, "sum of counts", want.Counts, order.Counts{Read: 5, Created: 2, Changed: 2, Unchanged: 1, Reread: 1, Missing: 3})
		want.Windows[0].Finished, want.Windows[1].Finished = at(50), at(60)
		got, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "import", got, want)
	}},
	{"a batch that another process went on with is counted by its window", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		want := startImport(t, r, "i1")
		for _, b := range []order.Batch{
			{Window: 1, Finished: at(50)},
			{Window: 1, Resumed: true, Orders: []order.Order{newOrder("1", order.ReadyToShip)}},
			{Window: 1, Resumed: true, Finished: at(60)},
		} {
			b.Ref, b.ImportID, b.Time = shopRef, "i1", at(110)
			counts, err := r.Orders.ApplyBatch(t.Context(), b)
			noError(t, err)
			want.Counts.Add(counts)
		}
		want.Windows[1].Finished, want.Windows[1].Resumed = at(60), 2
		got, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "import", got, want)
	}},
	{"finish stores how it ended and leaves counts and windows", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		startImport(t, r, "i1")
		_, err := r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: shopRef, ImportID: "i1", Orders: []order.Order{newOrder("1", order.ReadyToShip)}, Finished: at(50), Time: at(110),
		})
		noError(t, err)
		want, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		want.State, want.Finish, want.Failure = order.Failed, at(120), order.Failure{Reason: "R", Message: "m"}
		noError(t, r.Orders.FinishImport(t.Context(), order.Import{
			ID: "i1", StoreID: shop, State: want.State, Finish: want.Finish, Failure: want.Failure,
		}))
		got, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "import", got, want)
		startImport(t, r, "i2")
	}},
	{"only success moves the cursor, to the start of the run", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for i, state := range []order.ImportState{order.Failed, order.Interrupted, order.Succeeded, order.Failed} {
			id := numbered("i", i)
			startImport(t, r, id)
			finish(t, r, id, state)
			want := newStore(shop)
			if i >= 2 {
				want.LastImportStart, want.LastImportFinish = at(100), at(200)
			}
			got, err := r.Stores.GetStore(t.Context(), shop)
			noError(t, err)
			same(t, "store after "+string(state), got, want)
		}
	}},
	{"finish of an unknown run", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		wantError(t, r.Orders.FinishImport(t.Context(), order.Import{ID: "i1", StoreID: shop, State: order.Failed}), order.ErrImportNotFound)
	}},
	{"a run that ended stays ended", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		startImport(t, r, "i1")
		_, err := r.Orders.InterruptImports(t.Context(), at(150), stopped)
		noError(t, err)
		if err := r.Orders.FinishImport(t.Context(), order.Import{ID: "i1", StoreID: shop, State: order.Succeeded, Finish: at(200)}); err == nil {
			t.Error("an interrupted run succeeded")
		}
		if _, err := r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: shopRef, ImportID: "i1", Orders: []order.Order{newOrder("1", order.ReadyToShip)}, Time: at(160),
		}); err == nil {
			t.Error("an interrupted run took a batch")
		}
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "store", got, newStore(shop))
	}},
	{"interrupt ends every running import", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		startImport(t, r, "i1")
		finish(t, r, "i1", order.Succeeded)
		ended, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		startImport(t, r, "i2")
		_, _, err = r.Orders.StartImport(t.Context(), newImport("other", "i3"))
		noError(t, err)
		for _, want := range []int{2, 0} {
			n, err := r.Orders.InterruptImports(t.Context(), at(300), stopped)
			noError(t, err)
			same(t, "interrupted", n, want)
		}
		for ref, want := range map[store.Ref]order.ImportState{
			{StoreID: shop, Adapter: "i2"}: order.Interrupted, {StoreID: "other", Adapter: "i3"}: order.Interrupted,
		} {
			got, err := r.Orders.GetImport(t.Context(), ref.StoreID, ref.Adapter)
			noError(t, err)
			same(t, "state", got.State, want)
			same(t, "finish", got.Finish, at(300))
			same(t, "failure", got.Failure, stopped)
		}
		still, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "import that had ended", still, ended)
		startImport(t, r, "i4")
	}},
	{"the first start is that of the oldest run, whatever became of it", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		first := func(want time.Time) {
			t.Helper()
			got, err := r.Orders.Bindings(t.Context(), shop)
			noError(t, err)
			same(t, "first start", got.Adapters[0].FirstAttempt, want)
		}
		first(time.Time{})
		elsewhere := newImport("other", "i0000")
		elsewhere.Start = at(1)
		_, _, err := r.Orders.StartImport(t.Context(), elsewhere)
		noError(t, err)
		first(time.Time{})
		for i, state := range []order.ImportState{order.Failed, order.Interrupted, order.Succeeded} {
			run := newImport(shop, numbered("i", i+1))
			run.Start = at(100 + i)
			_, _, err := r.Orders.StartImport(t.Context(), run)
			noError(t, err)
			first(at(100))
			finish(t, r, run.ID, state)
			first(at(100))
		}
	}},
	{"get of an unknown run", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		startImport(t, r, "i1")
		for _, storeID := range []string{"other", "unknown"} {
			_, err := r.Orders.GetImport(t.Context(), storeID, "i1")
			wantError(t, err, order.ErrImportNotFound)
		}
	}},
	{"list pages newest first", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		for i := range 5 {
			startImport(t, r, numbered("i", i))
			finish(t, r, numbered("i", i), order.Succeeded)
		}
		_, _, err := r.Orders.StartImport(t.Context(), newImport("other", "i9999"))
		noError(t, err)
		for _, c := range []struct {
			before string
			limit  int
			want   []string
		}{
			{"", 10, []string{"i0004", "i0003", "i0002", "i0001", "i0000"}},
			{"", 2, []string{"i0004", "i0003"}},
			{"i0003", 2, []string{"i0002", "i0001"}},
			{"i0000", 2, nil},
		} {
			runs, err := r.Orders.ListImports(t.Context(), shop, c.before, c.limit)
			noError(t, err)
			var ids []string
			for _, run := range runs {
				ids = append(ids, run.ID)
			}
			same(t, "runs before "+c.before, ids, c.want)
		}
	}},
}
