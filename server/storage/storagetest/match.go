package storagetest

import (
	"testing"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// named is an order with these names.
func named(number, nativeID, reference string) order.Order {
	o := newOrder(number, order.ReadyToShip)
	o.NativeID, o.Reference = nativeID, reference
	return o
}

// id is what an order was read as; an answer's names are in the same order.
func id(number, nativeID, reference string) order.Identity {
	return order.Identity{Number: number, NativeID: nativeID, Reference: reference}
}

// matched is the stored orders that orders read through beta are, as "<adapter>/<number>", in brackets when beta cannot read them
// under that number, and "-" for none.
func matched(t *testing.T, r Repositories, orders ...order.Identity) []string {
	t.Helper()
	matches, err := r.Orders.MatchOrders(t.Context(), betaRef, orders)
	noError(t, err)
	var got []string
	for _, m := range matches {
		switch {
		case m == nil:
			got = append(got, "-")
		case m.Readable:
			got = append(got, m.Adapter+"/"+m.Number)
		default:
			got = append(got, "("+m.Adapter+"/"+m.Number+")")
		}
	}
	return got
}

// matchCase is one rule: what alpha and beta have, what is read through beta, and what that is.
func matchCase(name string, alphas, betas []order.Order, read []order.Identity, want ...string) testCase {
	return testCase{name, func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		applyBatch(t, r, through(alpha, 1, alphas...))
		applyBatch(t, r, through(beta, 1, betas...))
		same(t, "matches", matched(t, r, read...), want)
	}}
}

type (
	stored = []order.Order
	read   = []order.Identity
)

var matchCases = []testCase{
	matchCase("an order is known by its number, whoever has it",
		stored{named("1", "", "")}, stored{named("2", "", "")},
		read{id("1", "", ""), id("2", "", ""), id("3", "", "")}, "alpha/1", "beta/2", "-"),
	matchCase("nothing is read, nothing is found", stored{named("1", "", "")}, nil, nil),
	matchCase("empty references are nobody's",
		stored{named("1", "", ""), named("2", "", "")}, nil, read{id("3", "", "")}, "-"),
	matchCase("by the number that its reference is",
		stored{named("1", "", ""), named("2", "", "")}, nil, read{id("b1", "", "2")}, "alpha/2"),
	matchCase("by the reference that its number is",
		stored{named("1", "", "b1"), named("2", "", "b2")}, nil, read{id("b2", "", "")}, "(alpha/2)"),
	matchCase("by a reference that only both have",
		stored{named("1", "", "x"), named("2", "", "y")}, nil, read{id("b1", "", "y")}, "(alpha/2)"),
	matchCase("the number goes before a reference",
		stored{named("1", "", ""), named("2", "", "1")}, stored{named("3", "", "")},
		read{id("1", "", "2"), id("3", "", "1")}, "alpha/1", "beta/3"),
	matchCase("a reference that is a number goes before a shared one",
		stored{named("1", "", "x"), named("x", "", "")}, nil, read{id("b1", "", "x")}, "alpha/x"),
	matchCase("a number that is a reference goes before a shared one",
		stored{named("1", "", "x"), named("2", "", "b1")}, nil, read{id("b1", "", "x")}, "(alpha/2)"),
	matchCase("a reference that two orders share tells neither",
		stored{named("1", "", "x"), named("2", "", "x")}, nil, read{id("b1", "", "x"), id("x", "", "")}, "-", "-"),
	matchCase("nor one that an order of its own adapter has too",
		stored{named("1", "", "x")}, stored{named("b1", "", "x")}, read{id("b2", "", "x")}, "-"),
	matchCase("nor one that two of the orders read have",
		stored{named("1", "", "x"), named("y", "", "")}, nil,
		read{id("b1", "", "x"), id("b2", "", "x"), id("b3", "", "y"), id("b4", "", "y")}, "-", "-", "-", "-"),
	matchCase("an order that is read twice is one",
		stored{named("1", "", "x")}, nil, read{id("b1", "", "x"), id("b1", "", "x")}, "(alpha/1)", "(alpha/1)"),
	matchCase("an order that was read by its number is not another one's too",
		stored{named("1", "", "b2"), named("2", "", "x")}, nil,
		read{id("1", "", ""), id("b1", "", "1"), id("b2", "", ""), id("2", "", ""), id("b3", "", "x")}, "alpha/1", "-", "-", "alpha/2", "-"),
	matchCase("references of its own adapter's orders are not compared",
		nil, stored{named("1", "", "b9"), named("2", "", "x")},
		read{id("b9", "", ""), id("b1", "", "x"), id("b2", "", "1")}, "-", "-", "-"),
	matchCase("an order that was taken over keeps the number of the other adapter",
		nil, stored{named("1", "b1", "1"), named("2", "b2", ""), named("3", "b3", "x"), named("4", "api-4", "4")},
		read{id("b1", "", "1"), id("b2", "", ""), id("b3", "", "x"), id("b4", "api-4", "4")}, "beta/1", "beta/2", "beta/3", "beta/4"),
	matchCase("native ids of another adapter are not compared",
		stored{named("1", "b1", "")}, nil, read{id("b1", "", ""), id("b2", "b1", "")}, "-", "-"),
	{"stores do not see each other's orders", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		applyBatch(t, r, order.Batch{Ref: store.Ref{StoreID: "other", Adapter: alpha}, Time: at(1), Orders: []order.Order{named("1", "", "x")}})
		applyBatch(t, r, order.Batch{Ref: store.Ref{StoreID: "other", Adapter: beta}, Time: at(1), Orders: []order.Order{named("2", "b2", "")}})
		same(t, "matches", matched(t, r, id("1", "", ""), id("b1", "", "x"), id("b2", "", ""), id("x", "", "")), []string{"-", "-", "-", "-"})
		got, err := r.Orders.MatchOrders(t.Context(), store.Ref{StoreID: "unknown", Adapter: beta}, []order.Identity{id("1", "", "")})
		noError(t, err)
		same(t, "in a store that does not exist", got, []*order.Match{nil})
	}},
	{"a page of any size is matched", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		var orders []order.Order
		var page []order.Identity
		var want []string
		for i := range 250 {
			orders = append(orders, named(numbered("n", i), "", numbered("x", i)))
			page = append(page, id(numbered("b", i), "", numbered("x", i)))
			want = append(want, "(alpha/"+numbered("n", i)+")")
		}
		apply(t, r, shop, at(1), orders...)
		same(t, "matches", matched(t, r, page...), want)
	}},
}
