package order_test

import (
	"context"
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

// TestAnAdapterThatTheStoreLeavesFails: the other part is read all the same; the run fails while there is patience.
func TestAnAdapterThatTheStoreLeavesFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		since    time.Time // when alpha began to fail
		state    order.ImportState
		takeOver []string
	}{
		{"for the first time", time.Time{}, order.Failed, nil},
		{"within patience", at(-60).Add(1), order.Failed, nil},
		{"for longer", at(-60), order.Succeeded, []string{"alpha"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMove(t, moving())
			m.bindings.Adapters[1].FailingSince = c.since
			m.shelf["1"] = kept{bought("1", -60), "alpha"}
			m.apis["alpha"].sells(bought("1", -60))
			m.apis["alpha"].listErr, m.apis["alpha"].getErr = alphaDown, alphaDown // after a page
			m.apis["beta"].sells(bought("1", -60), bought("2", -5))
			run := m.run(t)
			why := order.Failure{Reason: alphaDown.Reason, Message: alphaDown.Message}
			same(t, "state", run.State, c.state)
			same(t, "failure", run.Failure == why, c.state == order.Failed)
			same(t, "parts", m.parts, []order.Part{{Adapter: "beta"}, {Adapter: "alpha", Failure: why}})
			for _, b := range m.batches {
				want := c.takeOver
				if b.Ref.Adapter != "beta" {
					want = nil
				}
				same(t, "adapters whose orders a batch of "+b.Ref.Adapter+" takes over", b.TakeOver, want)
			}
			owner := "alpha"
			if c.takeOver != nil {
				owner = "beta"
			}
			same(t, "adapter of each order", m.owners(), map[string]string{"1": owner, "2": "beta"})
			same(t, "concluded", m.concluded, 1)
		})
	}
}

// TestTheAdapterOfNewOrdersFails: the run fails whatever its patience, and nobody takes its orders.
func TestTheAdapterOfNewOrdersFails(t *testing.T) {
	t.Parallel()
	m := newMove(t, moving())
	m.bindings.Adapters[0].FailingSince = at(-1000)
	m.apis["beta"].sells(bought("2", -5))
	m.apis["beta"].listErr = betaDown // after a page
	m.apis["alpha"].sells(bought("1", -60))
	run := m.run(t)
	why := order.Failure{Reason: betaDown.Reason, Message: betaDown.Message}
	same(t, "state", run.State, order.Failed)
	same(t, "failure", run.Failure, why)
	same(t, "parts", m.parts, []order.Part{{Adapter: "beta", Failure: why}, {Adapter: "alpha"}})
	same(t, "adapter of each order", m.owners(), map[string]string{"1": "alpha", "2": "beta"})
	for _, b := range m.batches {
		same(t, "taken over", len(b.TakeOver), 0)
	}
}

// TestHandOverFails: an order whose owner does not answer is never kept with the wrong adapter while it may still answer.
func TestHandOverFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk full while storing " + "row 7")
	for _, c := range []struct {
		name   string
		with   func(m *move)
		state  order.ImportState
		owners map[string]string
		failed []string // parts
		asked  []string
	}{
		{"the adapter that is left does not answer: its unknown orders stay with the one that shows them", func(m *move) {
			m.apis["alpha"].getErr = alphaDown
			m.apis["beta"].pages = [][]order.Order{{bought("1", -60)}, {bought("2", -60)}, {bought("3", -5)}}
		}, order.Succeeded, map[string]string{"1": "beta", "2": "beta", "3": "beta"}, nil, []string{"alpha: 1"}},
		{"the adapter of new orders does not answer", func(m *move) {
			m.apis["beta"].getErr = betaDown
			m.apis["alpha"].sells(bought("1", -5), bought("2", -60))
		}, order.Failed, map[string]string{}, []string{"alpha"}, []string{"beta: 1"}},
		{"an error that is no problem", func(m *move) {
			m.apis["alpha"].getErr = broken
			m.apis["beta"].sells(bought("1", -60))
		}, order.Failed, map[string]string{}, []string{"beta"}, []string{"alpha: 1"}},
		{"what is known cannot be read", func(m *move) {
			m.matchErr = broken
			m.apis["beta"].sells(bought("1", -5))
		}, order.Failed, map[string]string{}, []string{"beta"}, nil},
		{"what was handed over cannot be stored", func(m *move) {
			m.apis["alpha"].knows(bought("1", -60))
			m.apis["beta"].sells(bought("1", -60))
			m.applyErr = func(b order.Batch) error {
				if b.Ref.Adapter == "alpha" && len(b.Orders) > 0 {
					return broken
				}
				return nil
			}
		}, order.Failed, map[string]string{}, []string{"beta"}, []string{"alpha: 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMove(t, moving())
			c.with(m)
			run := m.run(t)
			same(t, "state", run.State, c.state)
			same(t, "adapter of each order", m.owners(), c.owners)
			same(t, "asked", m.asked, c.asked)
			var failed []string
			for _, p := range m.parts {
				if p.Failure != (order.Failure{}) {
					failed = append(failed, p.Adapter)
				}
			}
			same(t, "parts that failed", failed, c.failed)
		})
	}
}

// TestRunThatIsInterrupted: what was not read to its end tells nothing of its adapter.
func TestRunThatIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		with   func(m *move)
		reason string
		parts  []order.Part
	}{
		{"the server stops in the second part", func(m *move) {
			m.apis["alpha"].onList = func(ctx context.Context) error {
				m.background.Go(func() { _ = m.importer.Stop(context.WithoutCancel(ctx)) })
				<-ctx.Done()
				return problem.New(problem.Unavailable, problem.ReasonAdapterDown, "the call was cancelled")
			}
		}, problem.ReasonServerStopping, []order.Part{{Adapter: "beta"}}},
		{"the store is disconnected in the first part", func(m *move) {
			m.apis["beta"].onList = func(ctx context.Context) error {
				m.importer.Abort(shopRef.StoreID)
				<-ctx.Done()
				return ctx.Err()
			}
		}, problem.ReasonStoreDisconnected, nil},
		{"the store is disconnected while an order is handed over", func(m *move) {
			m.apis["beta"].sells(bought("1", -60))
			m.apis["alpha"].onGet = func(ctx context.Context) error {
				m.importer.Abort(shopRef.StoreID)
				<-ctx.Done()
				return alphaDown
			}
		}, problem.ReasonStoreDisconnected, nil},
		{"the store goes to another adapter in the second part", func(m *move) {
			m.apis["alpha"].sells(bought("1", -60))
			m.applyErr = func(b order.Batch) error {
				if b.Ref.Adapter == "alpha" {
					return fmt.Errorf("apply batch: %w", order.ErrStoreMoved)
				}
				return nil
			}
		}, problem.ReasonStoreMoved, []order.Part{{Adapter: "beta"}}},
		{"the store goes to another adapter while an order is handed over", func(m *move) {
			m.apis["beta"].sells(bought("1", -60))
			m.apis["alpha"].knows(bought("1", -60))
			m.applyErr = func(order.Batch) error { return fmt.Errorf("apply batch: %w", order.ErrStoreMoved) }
		}, problem.ReasonStoreMoved, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMove(t, moving())
			c.with(m)
			run := m.run(t)
			same(t, "state", run.State, order.Interrupted)
			same(t, "reason", run.Failure.Reason, c.reason)
			same(t, "parts", m.parts, c.parts)
			same(t, "reports", len(m.reports), len(c.parts))
			same(t, "adapter of each order", m.owners(), map[string]string{})
			same(t, "concluded", m.concluded, 0)
		})
	}
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
