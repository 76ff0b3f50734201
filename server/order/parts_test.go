package order_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// at is n minutes after noon, when the imports of these tests start.
func at(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

// bought is an order that was bought at a minute.
func bought(number string, minute int) order.Order {
	return order.Order{
		Number: number, Status: order.ReadyToShip, PurchaseTime: at(minute),
		Customer: order.Customer{FirstName: canary}, ShipTo: &order.Address{LastName: canary},
	}
}

// canary is personal data that must be in no error and no log.
const canary = "Canarie-Exemple"

var (
	alphaDown = problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "alpha is down")
	betaDown  = problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "beta is down")
)

// moving is the bindings of a store that went from alpha to beta ten minutes before noon.
func moving() store.Bindings {
	return store.Bindings{
		Current: "beta", Origin: "alpha", Moved: true, Turns: []store.Turn{{At: at(-10), Adapter: "beta"}},
		Adapters: []store.Binding{{Adapter: "beta"}, {Adapter: "alpha"}},
	}
}

// TestEachOrderIsKeptWithItsOwner: of orders that both adapters show for the first time, each belongs to the adapter that new
// orders went to when it was bought.
func TestEachOrderIsKeptWithItsOwner(t *testing.T) {
	t.Parallel()
	m := newMove(t, store.Bindings{
		Current: "beta", Origin: "alpha", Moved: true,
		Turns:    []store.Turn{{At: at(-30), Adapter: "beta"}, {At: at(-20), Adapter: "alpha"}, {At: at(-10), Adapter: "beta"}},
		Adapters: []store.Binding{{Adapter: "beta"}, {Adapter: "alpha"}},
	})
	want := map[string]string{}
	for minute, owner := range map[int]string{
		-1000: "alpha", -31: "alpha", -30: "beta", -21: "beta", -20: "alpha", -11: "alpha", -10: "beta", -1: "beta",
	} {
		number := fmt.Sprint(-minute)
		want[number] = owner
		for _, api := range m.apis {
			api.sells(bought(number, minute))
		}
	}
	run := m.run(t)
	same(t, "state", run.State, order.Succeeded)
	same(t, "adapter of each order", m.owners(), want)
	same(t, "parts", m.parts, []order.Part{{Adapter: "beta"}, {Adapter: "alpha"}})
	same(t, "reports", m.reports, []string{"beta: <nil>", "alpha: <nil>"})
	same(t, "concluded", m.concluded, 1)
}

// TestOrdersShownByOneAdapter: an order that the other adapter owns is asked for there, and stays where it is known.
func TestOrdersShownByOneAdapter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		with   func(m *move)
		owners map[string]string
		asked  []string // "<adapter>: <numbers>", in order
	}{
		{"an old order that only the new one lists", func(m *move) {
			m.apis["beta"].sells(bought("1", -60))
			m.apis["alpha"].knows(bought("1", -60))
		}, map[string]string{"1": "alpha"}, []string{"alpha: 1"}},
		{"an old order that only the new one knows", func(m *move) {
			m.apis["beta"].sells(bought("1", -60), bought("2", -60), bought("3", -5))
			m.apis["alpha"].knows(bought("2", -60))
		}, map[string]string{"1": "beta", "2": "alpha", "3": "beta"}, []string{"alpha: 1,2"}},
		{"a new order that only the old one lists", func(m *move) {
			m.apis["alpha"].sells(bought("1", -5))
			m.apis["beta"].knows(bought("1", -5))
		}, map[string]string{"1": "beta"}, []string{"beta: 1"}},
		{"a new order that only the old one knows", func(m *move) {
			m.apis["alpha"].sells(bought("1", -5))
		}, map[string]string{"1": "alpha"}, []string{"beta: 1"}},
		{"an old order that the other one numbers otherwise, and only the new one lists", func(m *move) {
			o, theirs := bought("B1", -60), bought("A1", -60)
			o.Reference = "A1"
			m.apis["beta"].sells(o)
			m.apis["alpha"].knows(theirs)
		}, map[string]string{"A1": "alpha"}, []string{"alpha: A1,B1"}},
		{"one that is found by number and by reference is one", func(m *move) {
			o, theirs := bought("B1", -60), bought("A1", -60)
			o.Reference, theirs.Reference = "A1", "B1"
			m.apis["beta"].sells(o)
			m.apis["alpha"].knows(theirs)
			renumbered := theirs // as the facade gives it to whoever asks for its reference
			renumbered.Number, renumbered.NativeID = "B1", "A1"
			m.apis["alpha"].knows(renumbered)
		}, map[string]string{"B1": "alpha"}, []string{"alpha: A1,B1"}},
		{"a reference that is the number is asked for once, an empty one never", func(m *move) {
			o := bought("1", -60)
			o.Reference = "1"
			m.apis["beta"].sells(o, bought("2", -60))
			m.apis["alpha"].knows(o, bought("2", -60))
		}, map[string]string{"1": "alpha", "2": "alpha"}, []string{"alpha: 1,2"}},
		{"an order of the other one that cannot be read under the number that it has is left to that one", func(m *move) {
			m.shelf["A1"] = kept{bought("A1", -60), "alpha"}
			m.unreadable = map[string]string{"B1": "A1"}
			m.apis["beta"].sells(bought("B1", -60))
		}, map[string]string{"A1": "alpha"}, nil},
		{"and so it is when that one is left for good", func(m *move) {
			m.bindings.Adapters, m.bindings.Former = m.bindings.Adapters[:1], []string{"alpha"}
			m.shelf["A1"] = kept{bought("A1", -60), "alpha"}
			m.unreadable = map[string]string{"B1": "A1"}
			m.apis["beta"].sells(bought("B1", -60))
		}, map[string]string{"A1": "alpha"}, nil},
		{"its own order is kept under the number that it has, whatever its references", func(m *move) {
			m.shelf["A1"] = kept{bought("A1", -60), "beta"}
			m.unreadable = map[string]string{"B1": "A1"}
			m.apis["beta"].sells(bought("B1", -60))
		}, map[string]string{"A1": "beta"}, nil},
		{"an order that the store has is not asked for", func(m *move) {
			m.shelf["1"] = kept{bought("1", -60), "alpha"}
			m.shelf["2"] = kept{bought("2", -5), "beta"}
			m.apis["beta"].sells(bought("1", -60), bought("2", -5))
			m.apis["alpha"].sells(bought("2", -5))
		}, map[string]string{"1": "alpha", "2": "beta"}, nil},
		{"an old order of an adapter that the store no longer speaks through", func(m *move) {
			m.bindings.Adapters = m.bindings.Adapters[:1]
			m.apis["beta"].sells(bought("1", -60))
		}, map[string]string{"1": "beta"}, nil},
		{"a store that never moved asks nobody", func(m *move) {
			m.bindings = store.Bindings{Current: "alpha", Origin: "alpha", Adapters: []store.Binding{{Adapter: "alpha"}}}
			m.matchErr = errors.New("it was asked")
			m.apis["alpha"].sells(bought("1", -60))
		}, map[string]string{"1": "alpha"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMove(t, moving())
			c.with(m)
			same(t, "state", m.run(t).State, order.Succeeded)
			same(t, "adapter of each order", m.owners(), c.owners)
			same(t, "asked", m.asked, c.asked)
			for number, n := range m.times() {
				if c.asked != nil && n != 1 {
					t.Errorf("order %s was stored %d times", number, n)
				}
			}
		})
	}
}

// TestAnOrderGetsTheNumberThatTheStoreHas: another adapter's order is known by its reference and keeps one number.
func TestAnOrderGetsTheNumberThatTheStoreHas(t *testing.T) {
	t.Parallel()
	m := newMove(t, moving())
	m.bindings.Adapters = m.bindings.Adapters[:1] // alpha no longer answers: beta takes over
	m.shelf["A1"] = kept{bought("A1", -60), "alpha"}
	m.shelf["A2"] = kept{bought("A2", -60), "alpha"}
	first, second := bought("B1", -60), bought("B2", -60)
	first.Reference, second.Reference, second.NativeID = "A1", "A2", "api-2"
	m.apis["beta"].sells(first, second)
	same(t, "state", m.run(t).State, order.Succeeded)
	same(t, "adapter of each order", m.owners(), map[string]string{"A1": "beta", "A2": "beta"})
	same(t, "native ids", []string{m.shelf["A1"].NativeID, m.shelf["A2"].NativeID}, []string{"B1", "api-2"})
	same(t, "identities", m.identities, []order.Identity{
		{Number: "B1", Reference: "A1"}, {Number: "B2", NativeID: "api-2", Reference: "A2"},
	})
}

// TestEachWindowIsReadThroughItsAdapter: an adapter that was never read has other windows than one that was.
func TestEachWindowIsReadThroughItsAdapter(t *testing.T) {
	t.Parallel()
	m := newMove(t, moving())
	m.bindings.Adapters[1].ImportStart = at(-60)
	same(t, "state", m.run(t).State, order.Succeeded)
	same(t, "windows", m.listed, []string{"beta: CREATED", "alpha: CREATED", "alpha: MODIFIED"})
}

// TestOpenOrdersAreReadThroughTheirAdapter: those that no window showed.
func TestOpenOrdersAreReadThroughTheirAdapter(t *testing.T) {
	t.Parallel()
	m := newMove(t, moving())
	m.shelf["1"], m.shelf["2"] = kept{bought("1", -60), "alpha"}, kept{bought("2", -5), "beta"}
	m.unseen = map[string][]string{"alpha": {"1"}, "beta": {"2"}}
	m.apis["alpha"].knows(bought("1", -60))
	m.apis["beta"].knows(bought("2", -5))
	same(t, "state", m.run(t).State, order.Succeeded)
	same(t, "asked", m.asked, []string{"beta: 2", "alpha: 1"})
	var rereads []string
	for _, b := range m.batches {
		if b.Reread {
			rereads = append(rereads, b.Ref.Adapter+": "+b.Orders[0].Number)
		}
	}
	same(t, "read again", rereads, []string{"beta: 2", "alpha: 1"})
}

// TestOpenOrdersThatAreNotShownAreCounted: those that their adapter does not find by number, each where it was asked for.
func TestOpenOrdersThatAreNotShownAreCounted(t *testing.T) {
	t.Parallel()
	m := newMove(t, moving())
	m.unseen = map[string][]string{"alpha": {"1", "2", "3"}, "beta": {"4"}}
	m.apis["alpha"].knows(bought("2", -60))
	m.apis["beta"].knows(bought("4", -5))
	same(t, "state", m.run(t).State, order.Succeeded)
	missing := map[string]int{}
	for _, b := range m.batches {
		missing[b.Ref.Adapter] += b.Missing
	}
	same(t, "missing", missing, map[string]int{"alpha": 2, "beta": 0})
	if told := strings.Count(m.log.String(), "open orders not shown by the marketplace"); told != 1 {
		t.Errorf("the log tells it %d times, want once:\n%s", told, m.log.String())
	}
}

// TestImportErrorsHoldNoPersonalData: whatever fails with orders in hand.
func TestImportErrorsHoldNoPersonalData(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk full")
	for name, with := range map[string]func(m *move){
		"orders cannot be stored":  func(m *move) { m.applyErr = func(order.Batch) error { return broken } },
		"orders cannot be matched": func(m *move) { m.matchErr = broken },
		"the owner fails":          func(m *move) { m.apis["alpha"].getErr = broken },
		"the owner is down":        func(m *move) { m.apis["alpha"].getErr, m.apis["alpha"].listErr = alphaDown, alphaDown },
		"storing panics":           func(m *move) { m.applyErr = func(b order.Batch) error { panic(b) } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMove(t, moving())
			m.apis["beta"].sells(bought("1", -60), bought("2", -5))
			with(m)
			run := m.run(t)
			same(t, "state", run.State, order.Failed)
			if text := fmt.Sprint(run.Failure, run.Windows, m.parts, m.reports) + m.log.String(); strings.Contains(text, canary) {
				t.Errorf("a buyer is named:\n%s", text)
			}
		})
	}
}
