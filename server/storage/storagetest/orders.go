package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

var orderCases = []testCase{
	{"a batch inserts and binds unknown orders", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		o := newOrder("1", order.ReadyToShip)
		counts, err := r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: store.Ref{StoreID: shop, Adapter: "beta"}, Orders: []order.Order{o}, Time: at(3),
		})
		noError(t, err)
		same(t, "counts", counts, order.Counts{Read: 1, Created: 1})
		same(t, "order", getOrder(t, r, "1"),
			order.Stored{Order: o, StoreID: shop, Adapter: "beta", CreateTime: at(3), ChangeTime: at(3)})
	}},
	{"an order that did not change is not written", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(3), newOrder("1", order.ReadyToShip))
		before := getOrder(t, r, "1")
		same(t, "counts", apply(t, r, shop, at(4), newOrder("1", order.ReadyToShip)), order.Counts{Read: 1, Unchanged: 1})
		same(t, "order", getOrder(t, r, "1"), before)
	}},
	{"an order stays with the adapter that it is bound to", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(3), newOrder("1", order.ReadyToShip))
		changed := newOrder("1", order.Shipped)
		changed.UpdateTime = at(4)
		counts, err := r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: store.Ref{StoreID: shop, Adapter: "beta"}, Orders: []order.Order{changed}, ReadTime: at(5), Time: at(5),
		})
		noError(t, err)
		same(t, "counts", counts, order.Counts{Read: 1, Elsewhere: 1})
		same(t, "order", getOrder(t, r, "1"),
			order.Stored{Order: newOrder("1", order.ReadyToShip), StoreID: shop, Adapter: alpha, CreateTime: at(3), ChangeTime: at(3)})
	}},
	{"the smallest change counts", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		o := newOrder("1", order.ReadyToShip)
		apply(t, r, shop, at(3), o)
		o.Lines[0].NativeStatus = "x"
		same(t, "counts", apply(t, r, shop, at(4), o), order.Counts{Read: 1, Changed: 1})
		same(t, "order", getOrder(t, r, "1").Order, o)
	}},
	{"of one number twice in a batch the last wins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		first, last := newOrder("1", order.ReadyToShip), newOrder("1", order.Shipped)
		counts := apply(t, r, shop, at(3), first, newOrder("2", order.ReadyToShip), last)
		same(t, "counts", counts, order.Counts{Read: 3, Created: 2})
		same(t, "order", getOrder(t, r, "1").Order, last)
	}},
	{"a batch of any size is stored", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for _, size := range []int{0, 1, 99, 100, 101, 250} {
			orders := make([]order.Order, size)
			for i := range orders {
				orders[i] = newOrder(numbered(numbered("n", size), i), order.ReadyToShip)
			}
			same(t, "counts", apply(t, r, shop, at(3), orders...), order.Counts{Read: int64(size), Created: int64(size)})
			for i := range orders {
				orders[i].Status = order.Shipped
			}
			same(t, "counts", apply(t, r, shop, at(3), orders...), order.Counts{Read: int64(size), Changed: int64(size)})
			for _, o := range orders {
				same(t, "order", getOrder(t, r, o.Number).Order, o)
			}
		}
	}},
	{"known, unknown and changed orders mix", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(3), newOrder("1", order.ReadyToShip), newOrder("3", order.ReadyToShip))
		counts := apply(t, r, shop, at(4), newOrder("0", order.ReadyToShip), newOrder("1", order.ReadyToShip),
			newOrder("2", order.ReadyToShip), newOrder("3", order.Shipped))
		same(t, "counts", counts, order.Counts{Read: 4, Created: 2, Changed: 1, Unchanged: 1})
		same(t, "order 3", getOrder(t, r, "3").Status, order.Shipped)
	}},
	{"stores do not see each other's orders", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		apply(t, r, "other", at(3), newOrder("1", order.ReadyToShip))
		_, err := r.Orders.GetOrder(t.Context(), shop, "1")
		wantError(t, err, order.ErrNotFound)
		same(t, "counts", apply(t, r, shop, at(4), newOrder("1", order.Shipped)), order.Counts{Read: 1, Created: 1})
		other, err := r.Orders.GetOrder(t.Context(), "other", "1")
		noError(t, err)
		same(t, "order of the other store", other.Status, order.ReadyToShip)
	}},
	{"get of an unknown order", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		_, err := r.Orders.GetOrder(t.Context(), shop, "1")
		wantError(t, err, order.ErrNotFound)
	}},
	{"change times grow even when the clock goes back", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		last := time.Time{}
		for i, now := range []time.Time{at(3), at(3), at(1), at(4)} {
			number := numbered("n", i)
			apply(t, r, shop, now, newOrder(number, order.ReadyToShip))
			o := getOrder(t, r, number)
			if !o.ChangeTime.After(last) {
				t.Errorf("batch %d changed at %s, not after %s", i, o.ChangeTime, last)
			}
			last = o.ChangeTime
		}
		same(t, "change time once the clock is right again", last, at(4))
	}},
	{"a batch for a run that does not exist stores nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		_, err := r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: shopRef, ImportID: "unknown", Orders: []order.Order{newOrder("1", order.ReadyToShip)}, Time: at(3),
		})
		wantError(t, err, order.ErrImportNotFound)
		_, err = r.Orders.GetOrder(t.Context(), shop, "1")
		wantError(t, err, order.ErrNotFound)
	}},
	{"a batch that cannot be finished stores nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		run := startImport(t, r, "i1")
		if _, err := r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: shopRef, ImportID: "i1", Orders: []order.Order{newOrder("1", order.ReadyToShip)},
			Window: len(run.Windows), Finished: at(1), Time: at(3),
		}); err == nil {
			t.Error("a window that does not exist was finished")
		}
		_, err := r.Orders.GetOrder(t.Context(), shop, "1")
		wantError(t, err, order.ErrNotFound)
		got, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "import", got, run)
	}},
	{"concurrent batches of one store store every order once", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		results := make([]order.Counts, 8)
		together(len(results), func(i int) {
			var orders []order.Order
			for n := range 20 {
				orders = append(orders, newOrder(numbered("n", n+i), order.ReadyToShip))
			}
			var err error
			if results[i], err = r.Orders.ApplyBatch(t.Context(), order.Batch{Ref: shopRef, Orders: orders, Time: at(3)}); err != nil {
				t.Error(err)
			}
		})
		var all order.Counts
		for _, c := range results {
			all.Add(c)
		}
		same(t, "counts", all, order.Counts{Read: 160, Created: 27, Unchanged: 133})
	}},
	{"unseen are the adapter's open orders that the run did not meet", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		apply(t, r, shop, at(1), newOrder("1-unseen", order.ReadyToShip), newOrder("2-shipped", order.Shipped),
			newOrder("3-unchanged", order.Processing), newOrder("4-changed", order.Processing), newOrder("5-stale", order.Processing),
			newOrder("6-unseen", order.Unrecognized), newOrder("7-reread", order.ReadyToShip))
		apply(t, r, "other", at(1), newOrder("1-other", order.ReadyToShip))
		_, err := r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: store.Ref{StoreID: shop, Adapter: "beta"}, Orders: []order.Order{newOrder("1-beta", order.ReadyToShip)}, Time: at(1),
		})
		noError(t, err)
		startImport(t, r, "i1")
		_, err = r.Orders.ApplyBatch(t.Context(), order.Batch{Ref: shopRef, ImportID: "i1", ReadTime: at(109), Time: at(110), Orders: []order.Order{
			newOrder("1-unseen", order.ReadyToShip), newOrder("6-unseen", order.Unrecognized),
		}})
		noError(t, err)
		noError(t, r.Orders.FinishImport(t.Context(), order.Import{ID: "i1", StoreID: shop, State: order.Succeeded, Finish: at(111)}))

		startImport(t, r, "i2") // what an earlier run saw does not count
		_, err = r.Orders.ApplyBatch(t.Context(), order.Batch{Ref: shopRef, ImportID: "i2", ReadTime: at(111), Time: at(112), Orders: []order.Order{
			newOrder("3-unchanged", order.Processing), newOrder("4-changed", order.ReadyToShip), newOrder("8-new", order.ReadyToShip),
		}})
		noError(t, err)
		counts, err := r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: shopRef, ImportID: "i2", ReadTime: at(0), Time: at(112), Orders: []order.Order{newOrder("5-stale", order.ReadyToShip)},
		})
		noError(t, err)
		same(t, "counts of the stale read", counts, order.Counts{Read: 1, Unchanged: 1})
		_, err = r.Orders.ApplyBatch(t.Context(), order.Batch{
			Ref: shopRef, ImportID: "i2", ReadTime: at(112), Time: at(113), Reread: true, Orders: []order.Order{newOrder("7-reread", order.ReadyToShip)},
		})
		noError(t, err)
		for _, c := range []struct {
			run, after string
			limit      int
			want       []string
		}{
			{"i2", "", 10, []string{"1-unseen", "6-unseen"}},
			{"i2", "", 1, []string{"1-unseen"}},
			{"i2", "1-unseen", 10, []string{"6-unseen"}},
			{"i2", "6-unseen", 10, nil},
			{"unknown", "", 10, []string{"1-unseen", "3-unchanged", "4-changed", "5-stale", "6-unseen", "7-reread", "8-new"}},
		} {
			got, err := r.Orders.UnseenOpenOrders(t.Context(), shop, []string{alpha}, c.run, c.after, c.limit)
			noError(t, err)
			same(t, "unseen by "+c.run+" after "+c.after, got, c.want)
		}
	}},
}
