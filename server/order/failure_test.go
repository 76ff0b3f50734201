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

// TestAnAdapterThatTheStoreLeavesFails: the other part is read all the same; the run fails while there is patience.
func TestAnAdapterThatTheStoreLeavesFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		turned int       // when the store left alpha
		since  time.Time // when alpha began to fail
	}{
		{"for the first time", -300, time.Time{}},
		{"within patience", -300, at(-60).Add(1)},
		{"for longer than patience, but the store has only just left it", -59, at(-300)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMove(t, moving())
			m.bindings.Turns[0].At = at(c.turned)
			m.bindings.Adapters[1].FailingSince = c.since
			m.shelf["1"] = kept{bought("1", -400), "alpha"}
			m.apis["alpha"].sells(bought("1", -400))
			m.apis["alpha"].listErr, m.apis["alpha"].getErr = alphaDown, alphaDown // after a page
			m.apis["beta"].sells(bought("1", -400), bought("2", -5))
			run := m.run(t)
			why := order.Failure{Reason: alphaDown.Reason, Message: alphaDown.Message}
			same(t, "state", run.State, order.Failed)
			same(t, "failure", run.Failure, why)
			same(t, "parts", m.parts, []order.Part{{Adapter: "beta"}, {Adapter: "alpha", Failure: why}})
			same(t, "reports", m.reported(), []string{"beta is well", "alpha fails"})
			same(t, "probed", len(m.probed), 0)
			for _, b := range m.batches {
				same(t, "adapters whose orders a batch of "+b.Ref.Adapter+" takes over", len(b.TakeOver), 0)
			}
			same(t, "adapter of each order", m.owners(), map[string]string{"1": "alpha", "2": "beta"})
			same(t, "concluded", m.concluded, 1)
		})
	}
}

// givingUp is a move whose adapter alpha has failed for longer than there is patience.
func givingUp(t *testing.T) *move {
	t.Helper()
	m := newMove(t, moving())
	m.bindings.Turns[0].At = at(-60)
	m.bindings.Adapters[1].FailingSince = at(-300)
	return m
}

// TestAnAdapterIsGivenUp: one that does not answer a probe is not read, and the adapter of new orders takes over what it shows of
// the orders there, listed or not.
func TestAnAdapterIsGivenUp(t *testing.T) {
	t.Parallel()
	m := givingUp(t)
	m.probeErr = map[string]error{"alpha": alphaDown}
	m.shelf["1"], m.shelf["3"], m.shelf["4"] = kept{bought("1", -400), "alpha"}, kept{bought("3", -400), "alpha"}, kept{bought("4", -400), "alpha"}
	m.unseen = map[string][]string{"alpha": {"3", "4"}}
	m.apis["alpha"].sells(bought("1", -400), bought("3", -400), bought("4", -400))
	m.apis["beta"].sells(bought("1", -400), bought("2", -5), bought("5", -400))
	m.apis["beta"].knows(bought("3", -400))
	run := m.run(t)
	why := order.Failure{Reason: alphaDown.Reason, Message: alphaDown.Message}
	same(t, "state", run.State, order.Succeeded)
	same(t, "failure", run.Failure, order.Failure{})
	same(t, "parts", m.parts, []order.Part{{Adapter: "beta"}, {Adapter: "alpha", Failure: why}})
	same(t, "reports", m.reported(), []string{"beta is well", "alpha fails"})
	same(t, "probed", m.probed, []string{"alpha"})
	same(t, "windows", m.listed, []string{"beta: CREATED"})
	same(t, "asked", m.asked, []string{"beta: 3,4"})
	same(t, "open orders looked for", m.rereads, []string{"beta,alpha"})
	for _, b := range m.batches {
		same(t, "adapters whose orders a batch takes over", b.TakeOver, []string{"alpha"})
	}
	same(t, "adapter of each order", m.owners(), map[string]string{"1": "beta", "2": "beta", "3": "beta", "4": "alpha", "5": "beta"})
	same(t, "concluded", m.concluded, 1)
}

// TestAnAdapterThatAnswersAgain: however long it failed, an adapter that answers the probe is read, before the others. What is left
// on it stays there when that goes well, and is taken over in the same run when it does not.
func TestAnAdapterThatAnswersAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		listErr error
		owner   string // of the order that was left
		rereads []string
	}{
		{"and can be read", nil, "alpha", []string{"alpha", "beta"}},
		{"and cannot be read", alphaDown, "beta", []string{"beta,alpha"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := givingUp(t)
			m.shelf["1"] = kept{bought("1", -400), "alpha"}
			m.apis["alpha"].sells(bought("1", -400))
			if c.listErr != nil {
				m.apis["alpha"].listErr = c.listErr
			}
			m.apis["beta"].sells(bought("1", -400), bought("2", -5))
			same(t, "state", m.run(t).State, order.Succeeded)
			same(t, "probed", m.probed, []string{"alpha"})
			same(t, "windows", m.listed, []string{"alpha: CREATED", "beta: CREATED"})
			same(t, "open orders looked for", m.rereads, c.rereads)
			same(t, "adapter of each order", m.owners(), map[string]string{"1": c.owner, "2": "beta"})
		})
	}
}

// TestCredentialsThatDoNotWorkAreLeftToTheProbe: through an adapter that the store leaves nothing is asked, and nothing new is told of
// it, while its credentials do not work. To the run it fails. The adapter of new orders is asked: whoever imports by hand wants that.
func TestCredentialsThatDoNotWorkAreLeftToTheProbe(t *testing.T) {
	t.Parallel()
	refused := store.Standing{Refusals: 3, Refused: true, NextProbe: at(60)}
	doubted := store.Standing{Garbled: 5, NextProbe: at(1)}
	for _, c := range []struct {
		name     string
		standing store.Standing
		givenUp  bool
		reason   string
		state    order.ImportState
		owner    string // of the order that was left
	}{
		{"suspected", store.Standing{Refusals: 1, NextProbe: at(1)}, false, problem.ReasonCredentialsRejected, order.Failed, "alpha"},
		{"refused, and the probe is overdue", store.Standing{Refusals: 3, Refused: true, NextProbe: at(-1)}, false, problem.ReasonCredentialsRejected, order.Failed, "alpha"},
		{"doubted", doubted, false, problem.ReasonMalformedAnswer, order.Failed, "alpha"},
		{"refused for longer than there is patience", refused, true, problem.ReasonCredentialsRejected, order.Succeeded, "beta"},
		{"doubted for longer than there is patience", doubted, true, problem.ReasonMalformedAnswer, order.Succeeded, "beta"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMove(t, moving())
			if c.givenUp {
				m = givingUp(t)
			}
			m.bindings.Adapters[1].Standing = c.standing
			m.shelf["1"] = kept{bought("1", -400), "alpha"}
			m.unseen = map[string][]string{"alpha": {"3"}}
			m.apis["alpha"].sells(bought("1", -400))
			m.apis["beta"].sells(bought("1", -400), bought("2", -5), bought("4", -400)) // nobody knows that alpha sold the last one
			run := m.run(t)
			same(t, "state", run.State, c.state)
			same(t, "reason", m.parts[1].Failure.Reason, c.reason)
			same(t, "reports", m.reported(), []string{"beta is well"})
			same(t, "probed", len(m.probed), 0)
			same(t, "windows", m.listed, []string{"beta: CREATED"})
			for _, asked := range m.asked {
				if strings.HasPrefix(asked, "alpha") {
					t.Errorf("asked %s", asked)
				}
			}
			same(t, "adapter of each order", m.owners(), map[string]string{"1": c.owner, "2": "beta", "4": "beta"})
		})
	}
	t.Run("of the adapter of new orders", func(t *testing.T) {
		t.Parallel()
		m := newMove(t, moving())
		m.bindings.Adapters[0].Standing = refused
		m.apis["beta"].sells(bought("2", -5))
		same(t, "state", m.run(t).State, order.Succeeded)
		same(t, "reports", m.reported(), []string{"beta is well", "alpha is well"})
	})
}

// TestOrdersOfFormerAdapters: what is left bound to an adapter that the store holds no credentials for is read again through the
// adapter of new orders.
func TestOrdersOfFormerAdapters(t *testing.T) {
	t.Parallel()
	m := newMove(t, moving())
	m.bindings.Former = []string{"aaa", "gamma"}
	m.shelf["1"], m.shelf["2"] = kept{bought("1", -400), "gamma"}, kept{bought("2", -400), "aaa"}
	m.unseen = map[string][]string{"gamma": {"1"}, "aaa": {"2"}}
	m.apis["beta"].knows(bought("1", -400))
	same(t, "state", m.run(t).State, order.Succeeded)
	same(t, "open orders looked for", m.rereads, []string{"beta,aaa,gamma", "alpha"})
	same(t, "asked", m.asked, []string{"beta: 1,2"})
	same(t, "adapter of each order", m.owners(), map[string]string{"1": "beta", "2": "aaa"})
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
		failed []string // parts, with "!" when another is to blame
		asked  []string
		told   []string // reports
	}{
		{"the adapter that is left does not answer: it is left in peace, its unknown orders stay with the one that shows them", func(m *move) {
			m.apis["alpha"].getErr = alphaDown
			m.apis["beta"].pages = [][]order.Order{{bought("1", -60)}, {bought("2", -60)}, {bought("3", -5)}}
		}, order.Failed, map[string]string{"1": "beta", "2": "beta", "3": "beta"},
			[]string{"alpha"}, []string{"alpha: 1"}, []string{"beta is well", "alpha fails"}},
		{"the adapter of new orders does not answer", func(m *move) {
			m.apis["beta"].getErr = betaDown
			m.apis["alpha"].sells(bought("1", -5), bought("2", -60))
		}, order.Failed, map[string]string{}, []string{"alpha!"}, []string{"beta: 1"},
			[]string{"beta is well", "beta fails"}},
		{"an error that is no problem", func(m *move) {
			m.apis["alpha"].getErr = broken
			m.apis["beta"].sells(bought("1", -60))
		}, order.Failed, map[string]string{}, []string{"beta!"}, []string{"alpha: 1"},
			[]string{"beta fails", "alpha is well"}},
		{"what is known cannot be read", func(m *move) {
			m.matchErr = broken
			m.apis["beta"].sells(bought("1", -5))
		}, order.Failed, map[string]string{}, []string{"beta!"}, nil,
			[]string{"beta fails", "alpha is well"}},
		{"what is known of the orders of the adapter that is left cannot be read", func(m *move) {
			m.matchErr = broken
			m.apis["alpha"].sells(bought("1", -60))
		}, order.Failed, map[string]string{}, []string{"alpha!"}, nil,
			[]string{"beta is well", "beta fails"}},
		{"what was not seen cannot be found", func(m *move) {
			m.unseenErr = broken
		}, order.Failed, map[string]string{}, []string{"beta!", "alpha!"}, nil, []string{"beta fails", "beta fails"}},
		{"what was read cannot be stored", func(m *move) {
			m.apis["alpha"].sells(bought("1", -60))
			m.applyErr = func(b order.Batch) error {
				if b.Ref.Adapter == "alpha" {
					return broken
				}
				return nil
			}
		}, order.Failed, map[string]string{}, []string{"alpha!"}, nil,
			[]string{"beta is well", "beta fails"}},
		{"the adapter that is left cannot read its open orders", func(m *move) {
			m.unseen = map[string][]string{"alpha": {"1"}}
			m.shelf["1"] = kept{bought("1", -60), "alpha"}
			m.apis["alpha"].getErr = alphaDown
		}, order.Failed, map[string]string{"1": "alpha"}, []string{"alpha"}, []string{"alpha: 1"},
			[]string{"beta is well", "alpha fails"}},
		{"what was handed over cannot be stored", func(m *move) {
			m.apis["alpha"].knows(bought("1", -60))
			m.apis["beta"].sells(bought("1", -60))
			m.applyErr = func(b order.Batch) error {
				if b.Ref.Adapter == "alpha" && len(b.Orders) > 0 {
					return broken
				}
				return nil
			}
		}, order.Failed, map[string]string{}, []string{"beta!"}, []string{"alpha: 1"},
			[]string{"beta fails", "alpha is well"}},
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
				switch {
				case p.Blameless:
					failed = append(failed, p.Adapter+"!")
				case p.Failure != (order.Failure{}):
					failed = append(failed, p.Adapter)
				}
			}
			same(t, "parts that failed", failed, c.failed)
			same(t, "reports", m.reported(), c.told)
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
