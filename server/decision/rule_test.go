package decision_test

import (
	"strings"
	"testing"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

const (
	everyOrder = "every order is accepted"
	upToEleven = "every article is in the list and the total is not above 11.00 EUR"
)

// listedUpToEleven accepts orders of A and B up to 11 EUR.
func listedUpToEleven() store.AcceptancePolicy {
	return store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: []string{"A", "B"}, MaxTotal: &store.Amount{Currency: "EUR", Units: 11}}
}

// TestPolicyAccepts: what an import shows is accepted when the policy accepts it as it is stored now, unless it was decided before.
func TestPolicyAccepts(t *testing.T) {
	t.Parallel()
	fine, dear := pendingOrder(), pendingOrder(costs("EUR", 11, 1))
	cancelled := pendingOrder(func(o *order.Order) { o.Status = order.Cancelled })
	decided := func(by string, kind decision.Kind, state delivery.State, reason string) *decision.Decision {
		return &decision.Decision{DecidedBy: by, Kind: kind, Delivery: delivery.Delivery{State: state, Reason: reason}}
	}
	for _, c := range []struct {
		name          string
		policy        store.AcceptancePolicy
		shown, stored order.Order
		earlier       *decision.Decision
		rule          string // by which it is accepted; empty when it is not
	}{
		{"by a policy", listedUpToEleven(), fine, fine, nil, upToEleven},
		{"by another", store.AcceptancePolicy{Mode: store.AcceptAll}, dear, dear, nil, everyOrder},
		{"no policy", store.AcceptancePolicy{}, fine, fine, nil, ""},
		{"not that one", listedUpToEleven(), dear, dear, nil, ""},
		{"what was shown is not what is stored now", listedUpToEleven(), fine, dear, nil, ""},
		{"cancelled meanwhile", listedUpToEleven(), fine, cancelled, nil, ""},
		{"accepted by a person, under way", listedUpToEleven(), fine, fine, decided("", decision.Accept, delivery.Queued, ""), ""},
		{"refused by a person", listedUpToEleven(), fine, fine, decided("", decision.Refuse, delivery.Sending, ""), ""},
		{"a person's decision came to nothing", listedUpToEleven(), fine, fine,
			decided("", decision.Refuse, delivery.Rejected, problem.ReasonOrderNotPending), ""},
		{"a rule's decision is under way", listedUpToEleven(), fine, fine, decided(upToEleven, decision.Accept, delivery.Sending, ""), ""},
		{"the marketplace refused what a rule sent", listedUpToEleven(), fine, fine,
			decided(upToEleven, decision.Accept, delivery.Rejected, problem.ReasonMarketplaceWriteError), ""},
		{"a person must look at what a rule sent", listedUpToEleven(), fine, fine,
			decided(upToEleven, decision.Accept, delivery.NeedsAttention, problem.ReasonNotConfirmed), ""},
		{"left to a person, and changed again", listedUpToEleven(), fine, fine,
			decided(everyOrder, decision.Accept, delivery.NeedsAttention, problem.ReasonRuleNotMet), upToEleven},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.policy, w.stored, w.decided = c.policy, c.stored, c.earlier
			newService(w).Pending(t.Context(), "shop", []order.Order{c.shown})
			var want []string
			if c.rule != "" {
				want = []string{c.rule}
			}
			same(t, "accepted by", w.rules, want)
		})
	}
}

// TestRuleIsAskedAgain: between an import and the request the order can have changed, and the policy. What a person decided is
// sent whatever the policy says.
func TestRuleIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		by     string
		policy store.AcceptancePolicy
		shown  order.Order
		says   string // part of the message of a decision that is left to a person; empty when it is sent
	}{
		{"nothing changed", upToEleven, listedUpToEleven(), pendingOrder(), ""},
		{"another rule accepts it now", everyOrder, listedUpToEleven(), pendingOrder(), ""},
		{"the order grew too dear", upToEleven, listedUpToEleven(), pendingOrder(costs("EUR", 12, 0)), "the total of 12.00 EUR is above the limit of 11.00 EUR"},
		{"a line came that is not listed", upToEleven, listedUpToEleven(), pendingOrder(func(o *order.Order) {
			o.Lines = append(o.Lines, order.Line{ID: "3", SKU: "C"})
		}), `article "C" of line 3`},
		{"the lines went", everyOrder, store.AcceptancePolicy{Mode: store.AcceptAll}, pendingOrder(func(o *order.Order) { o.Lines = nil }), "no line"},
		{"the policy leaves all to a person now", everyOrder, store.AcceptancePolicy{Mode: store.AcceptManually}, pendingOrder(), "every order to a person"},
		{"a person accepted what the policy would not", "", listedUpToEleven(), pendingOrder(costs("EUR", 12, 0)), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.policy, w.shown, w.decided.DecidedBy = c.policy, c.shown, c.by
			got := w.step(t)
			same(t, "decided by", got.DecidedBy, c.by)
			if c.says == "" {
				same(t, "sent", w.sent, []string{"alpha: ACCEPT"})
				same(t, "state", got.State, delivery.Acknowledged)
				return
			}
			same(t, "requests", len(w.sent), 0)
			same(t, "state", got.State, delivery.NeedsAttention)
			same(t, "reason", got.Reason, problem.ReasonRuleNotMet)
			same(t, "left to a person", got.LeftToPerson(), true)
			if !strings.Contains(got.Message, c.says) {
				t.Errorf("message %q does not say %q", got.Message, c.says)
			}
		})
	}
}

// TestRuleIsAskedBeforeSendingAgain: nothing is sent again that the policy does not accept, and a person reads that the earlier
// request, whose answer was lost, may have been applied.
func TestRuleIsAskedBeforeSendingAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	d := w.decided
	d.DecidedBy, d.State, d.SendCount, d.StillReady = everyOrder, delivery.Sending, 1, 2
	d.LastOutcome, d.Uncertain, d.SettledTime = delivery.Unknown, true, noon
	got := w.step(t)
	same(t, "requests", len(w.sent), 0)
	same(t, "left to a person", got.LeftToPerson(), true)
	if !strings.Contains(got.Message, "may still accept it") {
		t.Errorf("message %q", got.Message)
	}
}
