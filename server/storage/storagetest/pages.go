package storagetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
)

// readPages follows the pages of a query to the end and calls between after each.
func readPages(t *testing.T, r Repositories, q order.ListQuery, between func()) []order.Stored {
	t.Helper()
	var all []order.Stored
	for {
		page, err := r.Orders.ListOrders(t.Context(), q)
		noError(t, err)
		if len(page) > q.Limit {
			t.Fatalf("a page of %d orders, want at most %d", len(page), q.Limit)
		}
		all = append(all, page...)
		if len(page) < q.Limit {
			return all
		}
		last := page[len(page)-1]
		q.After = &order.Position{ChangeTime: last.ChangeTime, Number: last.Number}
		between()
	}
}

// fill stores orders 0 … n-1 in batches of 7, with statuses in turn; every third has no address.
func fill(t *testing.T, r Repositories, storeID string, n int) {
	t.Helper()
	statuses := order.Statuses()
	var orders []order.Order
	for i := range n {
		o := newOrder(numbered("n", i), statuses[i%len(statuses)])
		if i%3 == 0 {
			o.ShipTo = nil
		}
		orders = append(orders, o)
	}
	batch := 0
	for chunk := range slices.Chunk(orders, 7) {
		apply(t, r, storeID, at(batch), chunk...)
		batch++
	}
}

var pageCases = []testCase{
	{"pages are in order of change, filtered, and whole", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		const n = 60
		fill(t, r, "other", n)
		fill(t, r, shop, n)
		// The first orders change again, with a number that sorts late going first.
		for i, number := range []int{9, 2, 5} {
			o := newOrder(numbered("n", number), order.ReadyToShip)
			o.Reference = "changed"
			apply(t, r, shop, at(100+i), o)
		}
		var everything []order.Stored
		for i := range n {
			everything = append(everything, getOrder(t, r, numbered("n", i)))
		}
		slices.SortFunc(everything, func(a, b order.Stored) int {
			if c := a.ChangeTime.Compare(b.ChangeTime); c != 0 {
				return c
			}
			return strings.Compare(a.Number, b.Number)
		})
		middle := everything[n/2].ChangeTime
		for _, c := range []struct {
			name  string
			query order.ListQuery
			keep  func(order.Stored) bool
		}{
			{"all", order.ListQuery{}, func(order.Stored) bool { return true }},
			{"one status", order.ListQuery{Statuses: []order.Status{order.Processing}},
				func(o order.Stored) bool { return o.Status == order.Processing }},
			{"several statuses, one named twice",
				order.ListQuery{Statuses: []order.Status{order.Shipped, order.ReadyToShip, order.Cancelled, order.Shipped}},
				func(o order.Stored) bool {
					return o.Status == order.Shipped || o.Status == order.ReadyToShip || o.Status == order.Cancelled
				}},
			{"shippable", order.ListQuery{ShippableOnly: true},
				func(o order.Stored) bool { return len(o.NotShippable()) == 0 }},
			{"shippable and status", order.ListQuery{ShippableOnly: true, Statuses: []order.Status{order.Shipped, order.ReadyToShip}},
				func(o order.Stored) bool { return len(o.NotShippable()) == 0 }},
			{"shippable and another status", order.ListQuery{ShippableOnly: true, Statuses: []order.Status{order.Shipped}},
				func(order.Stored) bool { return false }},
			{"since, included", order.ListQuery{ChangedSince: middle},
				func(o order.Stored) bool { return !o.ChangeTime.Before(middle) }},
			{"after the since, excluded", order.ListQuery{ChangedSince: middle.Add(time.Nanosecond)},
				func(o order.Stored) bool { return o.ChangeTime.After(middle) }},
			{"since with statuses", order.ListQuery{ChangedSince: middle, Statuses: []order.Status{order.ReadyToShip, order.Refused}},
				func(o order.Stored) bool {
					return !o.ChangeTime.Before(middle) && (o.Status == order.ReadyToShip || o.Status == order.Refused)
				}},
		} {
			var want []order.Stored
			for _, o := range everything {
				if c.keep(o) {
					want = append(want, o)
				}
			}
			for _, limit := range []int{1, 7, 1000} {
				c.query.StoreID, c.query.Limit = shop, limit
				same(t, c.name, readPages(t, r, c.query, func() {}), want)
			}
		}
	}},
	{"a store without orders has an empty page", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for _, id := range []string{shop, "unknown"} {
			page, err := r.Orders.ListOrders(t.Context(), order.ListQuery{StoreID: id, Limit: 5})
			noError(t, err)
			same(t, "page", page, []order.Stored{})
		}
	}},
	{"a reader of pages misses no change made meanwhile", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		const n = 40
		fill(t, r, shop, n)
		// Between two pages an order that was read already changes, and a new one comes, all at one instant of a stopped
		// clock, with numbers that sort before everything that was read.
		changes := 0
		all := readPages(t, r, order.ListQuery{StoreID: shop, Limit: 5}, func() {
			if changes == 10 {
				return
			}
			o := newOrder(numbered("n", changes), order.Shipped)
			o.Reference = "meanwhile"
			apply(t, r, shop, at(3), o, newOrder(numbered("a", 10-changes), order.ReadyToShip))
			changes++
		})
		if changes != 10 {
			t.Fatalf("only %d changes were made", changes)
		}
		last := map[string]order.Stored{}
		for _, o := range all {
			last[o.Number] = o
		}
		stored, err := r.Orders.ListOrders(t.Context(), order.ListQuery{StoreID: shop, Limit: 1000})
		noError(t, err)
		if len(stored) != n+changes {
			t.Errorf("%d orders are stored, want %d", len(stored), n+changes)
		}
		for _, want := range stored {
			same(t, "last read of "+want.Number, last[want.Number], want)
		}
	}},
	{"a reader who comes back misses nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		writers := make(chan struct{})
		go func() {
			defer close(writers)
			together(4, func(w int) {
				for i := range 15 {
					if _, err := r.Orders.ApplyBatch(t.Context(), order.Batch{Ref: shopRef, Time: at(3), Orders: []order.Order{
						newOrder(numbered(numbered("w", w)+"-", i), order.ReadyToShip),
					}}); err != nil {
						t.Error(err)
					}
				}
			})
		}()
		defer func() { <-writers }()
		seen := map[string]bool{}
		q := order.ListQuery{StoreID: shop, Limit: 4}
		for done := false; ; {
			page, err := r.Orders.ListOrders(t.Context(), q)
			noError(t, err)
			for _, o := range page {
				if seen[o.Number] {
					t.Errorf("order %s came twice", o.Number)
				}
				seen[o.Number] = true
				q.After = &order.Position{ChangeTime: o.ChangeTime, Number: o.Number}
			}
			if len(page) > 0 {
				continue
			}
			if done {
				break
			}
			select {
			case <-writers:
				done = true // one more look
			default:
			}
		}
		if len(seen) != 60 {
			t.Errorf("%d of 60 orders were seen", len(seen))
		}
	}},
}
