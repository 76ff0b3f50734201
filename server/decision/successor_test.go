package decision_test

import (
	"errors"
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// ended is a decision of the shop that a rule made and that came to nothing.
func ended(changes ...func(d *decision.Decision)) *decision.Decision {
	d := &decision.Decision{
		StoreID: "shop", Adapter: "alpha", OrderNumber: "1", Kind: decision.Accept, DecidedBy: everyOrder, Revision: 5,
		Delivery: delivery.New(noon.Add(-time.Hour), noon.Add(time.Hour)),
	}
	d.End(delivery.NeedsAttention, problem.ReasonRuleNotMet, "the policy changed")
	for _, change := range changes {
		change(d)
	}
	return d
}

// sent notes one request about a decision, and what came back for it.
func sent(outcome delivery.Outcome) func(d *decision.Decision) {
	return func(d *decision.Decision) {
		d.SendCount, d.LastOutcome, d.Uncertain = 1, outcome, outcome == delivery.Unknown
		d.SettledTime = noon.Add(time.Minute)
	}
}

// TestSuccessorKeepsTheDoubt: a decision that takes the place of another whose request may have been applied is not sent before reads
// have settled that, by whomever it is made.
func TestSuccessorKeepsTheDoubt(t *testing.T) {
	t.Parallel()
	person := func(kind decision.Kind) func(t *testing.T, w *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			if _, _, err := newService(w).Decide(t.Context(), "shop", "1", kind); err != nil {
				t.Fatal(err)
			}
		}
	}
	rule := func(t *testing.T, w *world) {
		t.Helper()
		w.policy = store.AcceptancePolicy{Mode: store.AcceptAll}
		newService(w).Pending(t.Context(), "shop", []order.Order{w.stored})
	}
	for _, c := range []struct {
		name    string
		earlier *decision.Decision
		decide  func(t *testing.T, w *world)
		settles bool // reads come before the first request
	}{
		{"nothing was sent, a person refuses", ended(), person(decision.Refuse), false},
		{"nothing was sent, the policy changes back", ended(), rule, false},
		{"certainly not applied", ended(sent(delivery.Retry)), person(decision.Refuse), false},
		{"the marketplace said no", ended(sent(delivery.Refused)), person(decision.Accept), false},
		{"the answer was lost, a person refuses", ended(sent(delivery.Unknown)), person(decision.Refuse), true},
		{"the answer was lost, a person accepts", ended(sent(delivery.Unknown)), person(decision.Accept), true},
		{"the answer was lost, the policy changes back", ended(sent(delivery.Unknown)), rule, true},
		{"the server died while it was sent", ended(sent("")), rule, true},
		{"the marketplace said yes, and never showed it", ended(sent(delivery.Applied)), person(decision.Refuse), true},
		{"the marketplace said no to a repetition", ended(sent(delivery.Refused), func(d *decision.Decision) { d.Uncertain = true }), person(decision.Accept), true},
		{"the doubt was inherited itself", ended(func(d *decision.Decision) { d.Uncertain, d.LastOutcome = true, delivery.Unknown }), rule, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.decided = c.earlier
			settled := c.earlier.SettledTime
			c.decide(t, w)
			d := *w.decided
			if d.Revision == c.earlier.Revision {
				t.Fatal("no other decision was stored")
			}
			w.policy = store.AcceptancePolicy{Mode: store.AcceptAll}
			after := w.step(t)
			if !c.settles {
				same(t, "state", d.State, delivery.Queued)
				same(t, "requests", len(w.sent), 1)
				return
			}
			same(t, "state", d.State, delivery.Sending)
			same(t, "uncertain", d.Uncertain, true)
			same(t, "its own requests", d.SendCount, int32(0))
			same(t, "settled no sooner than", d.SettledTime, maxTime(settled, noon))
			same(t, "requests after the first read", len(w.sent), 0)
			same(t, "state after it", after.State, delivery.Sending)
		})
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TestSuccessorIsTakenAnew: what a decision takes over is read from the one whose place it takes, also when that changes meanwhile.
func TestSuccessorIsTakenAnew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		meanwhile func(w *world) // before the decision is stored
		state     delivery.State
		reason    string // of the error
		tries     int
	}{
		{"an answer was lost", func(w *world) { w.decided = ended(sent(delivery.Unknown), revision(6)) }, delivery.Sending, "", 2},
		{"it was decided otherwise", func(w *world) { w.decided = ended(open, revision(6)) }, "", problem.ReasonDecisionAlreadyOpen, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.decided = ended()
			w.onPut = func() {
				w.onPut = nil
				c.meanwhile(w)
			}
			_, d, err := newService(w).Decide(t.Context(), "shop", "1", decision.Refuse)
			if p := problem.As(err); c.reason != "" && (p == nil || p.Reason != c.reason) || c.reason == "" && err != nil {
				t.Fatalf("error %v, want %s", err, c.reason)
			}
			same(t, "state", d.State, c.state)
			same(t, "tries", len(w.put), c.tries)
		})
	}
	t.Run("again and again", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.decided = ended()
		w.onPut = func() { w.decided = ended(revision(w.decided.Revision + 1)) }
		if _, _, err := newService(w).Decide(t.Context(), "shop", "1", decision.Refuse); !errors.Is(err, decision.ErrConflict) {
			t.Errorf("error %v", err)
		}
	})
}

func revision(n int64) func(d *decision.Decision) {
	return func(d *decision.Decision) { d.Revision = n }
}

func open(d *decision.Decision) { d.State = delivery.Queued }

// confirmed is a decision that was sent, acknowledged and confirmed.
func confirmed(kind decision.Kind, by string) *decision.Decision {
	return ended(sent(delivery.Applied), func(d *decision.Decision) {
		d.Kind, d.DecidedBy = kind, by
		d.End(delivery.Confirmed, "", "the marketplace shows it")
	})
}

// TestConfirmedAndPendingAgain: a confirmed decision whose order waits for the seller again is taken up again, and nothing is sent
// before reads have settled what there is to send.
func TestConfirmedAndPendingAgain(t *testing.T) {
	t.Parallel()
	accepted := pendingOrder(func(o *order.Order) { o.Status = order.Processing })
	shown := func(w *world, t *testing.T) error {
		newService(w).Pending(t.Context(), "shop", []order.Order{pendingOrder()})
		return nil
	}
	calls := func(kind decision.Kind) func(w *world, t *testing.T) error {
		return func(w *world, t *testing.T) error {
			_, _, err := newService(w).Decide(t.Context(), "shop", "1", kind)
			return err
		}
	}
	for _, c := range []struct {
		name    string
		decided *decision.Decision
		stored  order.Order
		happens func(w *world, t *testing.T) error
		again   bool
		reason  string // of the error
	}{
		{"an import shows it, a rule accepted", confirmed(decision.Accept, everyOrder), pendingOrder(), shown, true, ""},
		{"an import shows it, a person accepted", confirmed(decision.Accept, ""), pendingOrder(), shown, true, ""},
		{"an import shows it, a person refused", confirmed(decision.Refuse, ""), pendingOrder(), shown, true, ""},
		{"an import shows it, a later read shows otherwise", confirmed(decision.Accept, ""), accepted, shown, false, ""},
		{"the call is repeated", confirmed(decision.Accept, ""), pendingOrder(), calls(decision.Accept), true, ""},
		{"the call is repeated, and the order is accepted", confirmed(decision.Accept, ""), accepted, calls(decision.Accept), false, ""},
		{"the other decision is asked for", confirmed(decision.Accept, ""), pendingOrder(), calls(decision.Refuse), false, problem.ReasonDecisionAlreadyOpen},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.decided, w.stored = c.decided, c.stored
			before := *c.decided
			if err := c.happens(w, t); (err == nil) != (c.reason == "") || err != nil && problem.As(err).Reason != c.reason {
				t.Fatalf("error %v, want %s", err, c.reason)
			}
			if !c.again {
				same(t, "decision", *w.decided, before)
				return
			}
			d := *w.decided
			same(t, "kind and rule", []string{string(d.Kind), d.DecidedBy}, []string{string(before.Kind), before.DecidedBy})
			same(t, "state", d.State, delivery.Sending)
			same(t, "due", d.NextAttempt, noon)
			same(t, "deadline", d.Deadline, noon.Add(time.Hour))
			same(t, "requests so far", d.SendCount, int32(1))
			after := w.step(t)
			same(t, "requests after the first read", len(w.sent), 0)
			same(t, "state after it", after.State, delivery.Sending)
		})
	}
}

// TestWaitsLongerWhileProcessing: control and payment may take days; the order is read less and less often, also while an answer is lost.
func TestWaitsLongerWhileProcessing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status order.Status
		least  time.Duration
	}{
		{order.PendingAcceptance, time.Minute}, // the settle delay: this is to be known soon
		{order.Processing, 40 * time.Minute},   // about twice the 25 minutes since the last step
	} {
		t.Run(string(c.status), func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			sent(delivery.Unknown)(w.decided)
			w.decided.State, w.decided.UpdateTime = delivery.Sending, noon.Add(-25*time.Minute)
			w.shown.Status = c.status
			got := w.step(t)
			same(t, "state", got.State, delivery.Sending)
			if pause := got.NextAttempt.Sub(noon); pause < c.least || pause > 3*c.least/2 {
				t.Errorf("read again after %s, want about %s", pause, c.least)
			}
		})
	}
}

// TestSlowReadIsAsOldAsItsBegin: a read counts by when it began, not by when its answer came.
func TestSlowReadIsAsOldAsItsBegin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		settled time.Time
		want    int32
	}{
		{"begun in time", noon, 1},
		{"begun too early", noon.Add(time.Second), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			sent(delivery.Unknown)(w.decided)
			w.decided.State, w.decided.SettledTime, w.takes = delivery.Sending, c.settled, time.Minute
			same(t, "reads that show it pending", w.step(t).StillReady, c.want)
		})
	}
}
