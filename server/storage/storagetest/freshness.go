package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
)

// freshnessCases: when a read began decides which of two is believed, and nothing else does.
var freshnessCases = []testCase{
	{"a read that began before the one that was stored changes nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		applyBatch(t, r, order.Batch{Ref: shopRef, Orders: []order.Order{newOrder("1", order.Shipped)}, ReadTime: at(3), Time: at(4)})
		before := getOrder(t, r, "1")
		for _, began := range []time.Time{at(3).Add(-time.Nanosecond), at(-1000)} {
			counts := applyBatch(t, r, order.Batch{
				Ref: shopRef, Orders: []order.Order{newOrder("1", order.ReadyToShip)},
				ReadTime: began, Time: at(50), // ended, and was stored, long after
			})
			same(t, "counts", counts, order.Counts{Read: 1, Unchanged: 1})
			same(t, "order", getOrder(t, r, "1"), before)
		}
	}},
	{"a read that began by a clock that was wrong is not fresher for ever", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(9000), newOrder("1", order.ReadyToShip))
		within := order.Batch{Ref: shopRef, Orders: []order.Order{newOrder("1", order.Processing)}, ReadTime: at(10), Time: at(9000 - 60)}
		same(t, "an hour ahead", applyBatch(t, r, within), order.Counts{Read: 1, Unchanged: 1})
		same(t, "farther ahead", apply(t, r, shop, at(20), newOrder("1", order.Shipped)), order.Counts{Read: 1, Changed: 1})
		same(t, "status", getOrder(t, r, "1").Status, order.Shipped)
		same(t, "and then as ever", apply(t, r, shop, at(19), newOrder("1", order.ReadyToShip)), order.Counts{Read: 1, Unchanged: 1})
	}},
	{"reads that began at one time are stored one after the other", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(3), newOrder("1", order.ReadyToShip))
		same(t, "counts", apply(t, r, shop, at(3), newOrder("1", order.Shipped)), order.Counts{Read: 1, Changed: 1})
		same(t, "status", getOrder(t, r, "1").Status, order.Shipped)
	}},
	{"a stale order does not stop the fresh ones of its batch", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(1), newOrder("1", order.ReadyToShip), newOrder("2", order.ReadyToShip))
		apply(t, r, shop, at(9), newOrder("1", order.Shipped))
		counts := apply(t, r, shop, at(5), newOrder("1", order.Processing), newOrder("2", order.Cancelled), newOrder("3", order.ReadyToShip))
		same(t, "counts", counts, order.Counts{Read: 3, Created: 1, Changed: 1, Unchanged: 1})
		for number, want := range map[string]order.Status{"1": order.Shipped, "2": order.Cancelled, "3": order.ReadyToShip} {
			same(t, "status of "+number, getOrder(t, r, number).Status, want)
		}
	}},
	{"what the marketplace says of the change does not count", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		inTheRepeatedHour := newOrder("1", order.ReadyToShip)
		apply(t, r, shop, at(3), inTheRepeatedHour)
		for i, c := range []struct {
			name   string
			update time.Time
			status order.Status
		}{
			{"an hour back, as when clocks are set back", inTheRepeatedHour.UpdateTime.Add(-time.Hour), order.Shipped},
			{"not said any more", time.Time{}, order.Cancelled},
			{"said again", inTheRepeatedHour.UpdateTime, order.Delivered},
		} {
			o := newOrder("1", c.status)
			o.UpdateTime = c.update
			same(t, c.name, apply(t, r, shop, at(4+i), o), order.Counts{Read: 1, Changed: 1})
			same(t, c.name, getOrder(t, r, "1").Order, o)
		}
		ahead := newOrder("1", order.ReadyToShip)
		ahead.UpdateTime = at(1000)
		same(t, "a stale read that shows a later change", apply(t, r, shop, at(3), ahead), order.Counts{Read: 1, Unchanged: 1})
		same(t, "status", getOrder(t, r, "1").Status, order.Delivered)
	}},
	{"a single read that showed no change protects from older reads", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(1), newOrder("1", order.ReadyToShip))
		before := getOrder(t, r, "1")
		same(t, "single read", apply(t, r, shop, at(20), newOrder("1", order.ReadyToShip)), order.Counts{Read: 1, Unchanged: 1})
		// One that began earlier and ended later takes nothing back.
		same(t, "slow single read", apply(t, r, shop, at(5), newOrder("1", order.ReadyToShip)), order.Counts{Read: 1, Unchanged: 1})
		startImport(t, r, "i1")
		slow := order.Batch{Ref: shopRef, ImportID: "i1", Orders: []order.Order{newOrder("1", order.Processing)}, ReadTime: at(19), Time: at(30)}
		same(t, "slow read of an import", applyBatch(t, r, slow), order.Counts{Read: 1, Unchanged: 1})
		same(t, "order", getOrder(t, r, "1"), before)
		unseen, err := r.Orders.UnseenOpenOrders(t.Context(), shop, []string{alpha}, "i1", "", 10)
		noError(t, err)
		same(t, "unseen", unseen, []string{}) // it was seen, though nothing was taken from it
		slow.ReadTime = at(20)
		same(t, "read that began at the same time", applyBatch(t, r, slow), order.Counts{Read: 1, Changed: 1})
	}},
	{"a changed order is protected like a new one", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(1), newOrder("1", order.PendingAcceptance))
		startImport(t, r, "i1")
		fresh := order.Batch{Ref: shopRef, ImportID: "i1", Orders: []order.Order{newOrder("1", order.ReadyToShip)}, ReadTime: at(10), Time: at(30)}
		same(t, "read of an import", applyBatch(t, r, fresh), order.Counts{Read: 1, Changed: 1})
		same(t, "slow single read", apply(t, r, shop, at(9), newOrder("1", order.PendingAcceptance)), order.Counts{Read: 1, Unchanged: 1})
		same(t, "status", getOrder(t, r, "1").Status, order.ReadyToShip)
	}},
}
