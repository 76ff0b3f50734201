package decision_test

import (
	"errors"
	"testing"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

var rejected = problem.New(problem.Precondition, problem.ReasonCredentialsRejected, "refused")

// TestAnswerToARequestThatAMoveOvertook: what came back through the adapter that the request left by is noted with the decision,
// which another adapter has by then; that one is not told to fail for it.
func TestAnswerToARequestThatAMoveOvertook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		with    func(w *world)
		state   delivery.State
		outcome delivery.Outcome
		reports []string
	}{
		{"yes", func(*world) {}, delivery.Acknowledged, delivery.Applied, []string{"alpha is well"}},
		{"no", func(w *world) { w.result.Outcome = delivery.Refused }, delivery.Sending, delivery.Refused, []string{"alpha is well"}},
		{"lost", func(w *world) { w.result.Outcome = delivery.Unknown }, delivery.Sending, delivery.Unknown, []string{"alpha is well"}},
		{"not now", func(w *world) { w.result.Outcome = delivery.Retry }, delivery.Queued, delivery.Retry, []string{"alpha is well", "alpha fails"}},
		{"nothing was sent", func(w *world) { w.sendErr = rejected }, delivery.Queued, delivery.Retry, []string{"alpha is well", "alpha fails"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.onSend = w.takeOver
			c.with(w)
			got := w.step(t)
			same(t, "state", got.State, c.state)
			same(t, "outcome", got.LastOutcome, c.outcome)
			same(t, "adapter", got.Adapter, "beta")
			same(t, "sent", w.sent, []string{"alpha: ACCEPT"})
			same(t, "send count", got.SendCount, int32(1))
			same(t, "uncertain", got.Uncertain, c.outcome == delivery.Unknown)
			same(t, "reports", w.reports, c.reports)
		})
	}
}

// TestAnswerIsNotNotedTwice: a decision that changed otherwise while its request was on its way stays as it is.
func TestAnswerIsNotNotedTwice(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(d *decision.Decision){
		"it needs attention":              func(d *decision.Decision) { d.End(delivery.NeedsAttention, "R", "m") },
		"it was sent once more":           func(d *decision.Decision) { d.SendCount++ },
		"the answer is noted already":     func(d *decision.Decision) { d.LastOutcome = delivery.Unknown },
		"the request was found not to be": func(d *decision.Decision) { d.State = delivery.Queued },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			var want decision.Decision
			w.onSend = func() {
				w.takeOver()
				meanwhile(w.decided)
				want = *w.decided
			}
			same(t, "decision", w.step(t), want)
		})
	}
}

// TestDecideWhileTheOrderMoves: a call that was looked at by the rules of another adapter is looked at again.
func TestDecideWhileTheOrderMoves(t *testing.T) {
	t.Parallel()
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.decided = nil
		w.onRules = func() { w.adapter = "beta" }
		o, d, err := newService(w).Decide(t.Context(), "shop", "1", decision.Refuse)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "adapters", []string{o.Adapter, d.Adapter}, []string{"beta", "beta"})
		same(t, "stored for", w.put, []string{"alpha", "beta"})
	})
	t.Run("again and again", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.decided = nil
		w.onRules = func() { w.adapter = map[string]string{"alpha": "beta", "beta": "alpha"}[w.adapter] }
		if _, _, err := newService(w).Decide(t.Context(), "shop", "1", decision.Refuse); !errors.Is(err, order.ErrMoved) {
			t.Errorf("error %v", err)
		}
		same(t, "stored for", w.put, []string{"alpha", "beta", "alpha"})
	})
}
