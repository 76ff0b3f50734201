package decision

import (
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// TestDecide is the state table, row by row: what a fresh read of the order means for a decision about it.
func TestDecide(t *testing.T) {
	t.Parallel()
	const reads = 3
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

	made := func(kind Kind, state delivery.State, changes ...func(*Decision)) Decision {
		d := Decision{Kind: kind, Delivery: delivery.Delivery{State: state, Deadline: now.Add(time.Hour)}}
		for _, change := range changes {
			change(&d)
		}
		return d
	}
	late := func(d *Decision) { d.Deadline = now.Add(-1) }
	atDeadline := func(d *Decision) { d.Deadline = now }
	stillPending := func(n int32) func(*Decision) { return func(d *Decision) { d.StillReady = n } }
	refused := func(d *Decision) {
		d.LastOutcome, d.Reason, d.Message = delivery.Refused, problem.ReasonMarketplaceWriteError, "the marketplace refused: not so"
	}
	is := func(s order.Status) *order.Order { return &order.Order{Status: s, NativeStatus: "Native"} }
	cancelAsked := is(order.PendingAcceptance)
	cancelAsked.CancelRequested = true

	for _, c := range []struct {
		name   string
		d      Decision
		o      *order.Order
		want   action
		reason string
		says   string // part of what a person reads
	}{
		{"not shown", made(Accept, delivery.Sending), nil, wait, problem.ReasonMarketplaceOrderGone, "keeps reading"},
		{"not shown, at the deadline", made(Accept, delivery.Sending, atDeadline), nil, wait, problem.ReasonMarketplaceOrderGone, ""},
		{"not shown, past the deadline", made(Accept, delivery.Sending, late), nil, attention, problem.ReasonMarketplaceOrderGone, "seller portal"},

		{"pending, never sent", made(Accept, delivery.Queued), is(order.PendingAcceptance), send, "", ""},
		{"pending, never sent: refuse", made(Refuse, delivery.Queued), is(order.PendingAcceptance), send, "", ""},
		{"pending, never sent, past the deadline: better late than never", made(Accept, delivery.Queued, late), is(order.PendingAcceptance), send, "", ""},
		{"pending, acknowledged", made(Accept, delivery.Acknowledged), is(order.PendingAcceptance), wait, "", "said yes"},
		{"pending, acknowledged, read often: nothing is sent again", made(Accept, delivery.Acknowledged, stillPending(99)), is(order.PendingAcceptance), wait, "", ""},
		{"pending, acknowledged, past the deadline", made(Accept, delivery.Acknowledged, late), is(order.PendingAcceptance), attention, problem.ReasonNotConfirmed, "seller portal"},
		{"pending, answer lost, no settled read yet", made(Accept, delivery.Sending), is(order.PendingAcceptance), wait, "", "answer was lost"},
		{"pending, answer lost, one read short", made(Accept, delivery.Sending, stillPending(reads-1)), is(order.PendingAcceptance), wait, "", ""},
		{"pending, answer lost, one read short and late", made(Accept, delivery.Sending, stillPending(reads-1), late), is(order.PendingAcceptance), wait, "", ""},
		{"pending, answer lost, read often enough", made(Accept, delivery.Sending, stillPending(reads)), is(order.PendingAcceptance), send, "", ""},
		{"pending, answer lost, read often enough, past the deadline", made(Accept, delivery.Sending, stillPending(reads), late), is(order.PendingAcceptance), attention, problem.ReasonMarketplaceDown, "until the deadline"},
		{"pending, refused, but an earlier request may still show", made(Accept, delivery.Sending, stillPending(1), refused), is(order.PendingAcceptance), wait, "", ""},
		{"pending, refused, settled", made(Accept, delivery.Sending, stillPending(reads), refused), is(order.PendingAcceptance), reject, problem.ReasonMarketplaceWriteError, "the marketplace refused: not so"},
		{"pending, refused, settled, past the deadline", made(Refuse, delivery.Sending, stillPending(reads), refused, late), is(order.PendingAcceptance), reject, problem.ReasonMarketplaceWriteError, "not so"},

		{"refused: refuse, sent", made(Refuse, delivery.Sending), is(order.Refused), confirm, "", "refused by the seller"},
		{"refused: refuse, acknowledged, past the deadline", made(Refuse, delivery.Acknowledged, late), is(order.Refused), confirm, "", ""},
		{"refused: refuse, never sent: somebody was faster", made(Refuse, delivery.Queued), is(order.Refused), confirm, "", ""},
		{"refused: accept", made(Accept, delivery.Acknowledged), is(order.Refused), reject, problem.ReasonOrderNotPending, "has ended on the marketplace (Native)"},
		{"cancelled: accept", made(Accept, delivery.Sending), is(order.Cancelled), reject, problem.ReasonOrderNotPending, "has ended on the marketplace (Native)"},
		{"cancelled: refuse", made(Refuse, delivery.Acknowledged), is(order.Cancelled), reject, problem.ReasonOrderNotPending, "has ended on the marketplace (Native)"},

		{"a state that nobody knows", made(Accept, delivery.Acknowledged), is(order.Unrecognized), wait, "", "does not know (Native)"},
		{"a state that nobody knows, past the deadline", made(Refuse, delivery.Queued, late), is(order.Unrecognized), attention, problem.ReasonOrderNotPending, "does not know (Native)"},

		{"processing, never sent: may be under control before it waits for us", made(Accept, delivery.Queued), is(order.Processing), wait, "", "(Native)"},
		{"processing, never sent: refuse", made(Refuse, delivery.Queued), is(order.Processing), wait, "", "(Native)"},
		{"processing, never sent, past the deadline", made(Accept, delivery.Queued, late), is(order.Processing), attention, problem.ReasonOrderNotPending, "in time (Native)"},
		{"pending, never sent, the buyer asks to cancel", made(Accept, delivery.Queued), cancelAsked, attention, problem.ReasonCancelRequested, "asks to cancel"},
		{"pending, answer lost, the buyer asks to cancel", made(Accept, delivery.Sending, stillPending(reads)), cancelAsked, attention, problem.ReasonCancelRequested, ""},
		{"pending, never sent, the buyer asks to cancel: refuse", made(Refuse, delivery.Queued), cancelAsked, send, "", ""},
		{"pending, acknowledged, the buyer asks to cancel", made(Accept, delivery.Acknowledged), cancelAsked, wait, "", ""},
		{"processing, accept acknowledged", made(Accept, delivery.Acknowledged), is(order.Processing), confirm, "", "said yes"},
		{"processing, accept acknowledged, past the deadline", made(Accept, delivery.Acknowledged, late), is(order.Processing), confirm, "", "said yes"},
		{"processing, answer lost: may be under control, and wait for us again", made(Accept, delivery.Sending), is(order.Processing), wait, "", "does not tell"},
		{"processing, refused: somebody was faster, or it is under control", made(Accept, delivery.Sending, refused), is(order.Processing), wait, "", "does not tell"},
		{"processing, answer lost, past the deadline", made(Accept, delivery.Sending, late), is(order.Processing), attention, problem.ReasonNotConfirmed, "seller portal"},
		{"processing, answer to refuse lost", made(Refuse, delivery.Sending), is(order.Processing), wait, "", "does not tell"},
		{"processing, refuse acknowledged: it should read otherwise", made(Refuse, delivery.Acknowledged), is(order.Processing), wait, "", "does not tell"},
		{"processing, refuse acknowledged, past the deadline", made(Refuse, delivery.Acknowledged, late), is(order.Processing), attention, problem.ReasonNotConfirmed, "seller portal"},
		{"to ship: accept, answer lost: the state proves it", made(Accept, delivery.Sending, late), is(order.ReadyToShip), confirm, "", "as accepted"},
		{"to ship: refuse was sent: the buyer's card was charged", made(Refuse, delivery.Sending), is(order.ReadyToShip), reject, problem.ReasonOrderNotPending, "cannot be refused"},

		{"to ship: accept, never sent: accepted elsewhere", made(Accept, delivery.Queued), is(order.ReadyToShip), confirm, "", "as accepted"},
		{"to ship: accept, sent", made(Accept, delivery.Sending), is(order.ReadyToShip), confirm, "", "as accepted"},
		{"to ship: refuse, never sent", made(Refuse, delivery.Queued), is(order.ReadyToShip), reject, problem.ReasonOrderNotPending, "cannot be refused"},
		{"shipped: accept", made(Accept, delivery.Acknowledged), is(order.Shipped), confirm, "", "as accepted"},
		{"shipped: refuse", made(Refuse, delivery.Acknowledged), is(order.Shipped), reject, problem.ReasonOrderNotPending, "cannot be refused"},
		{"delivered: accept, past the deadline", made(Accept, delivery.Sending, late), is(order.Delivered), confirm, "", "as accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := decide(c.d, c.o, now, reads)
			if got.action != c.want || got.reason != c.reason || !strings.Contains(got.message, c.says) {
				t.Errorf("got action %d, reason %q, message %q; want action %d, reason %q, %q", got.action, got.reason, got.message, c.want, c.reason, c.says)
			}
			// A send writes its own message; everything else tells a person what goes on.
			if (got.message == "") != (got.action == send) {
				t.Errorf("action %d says %q", got.action, got.message)
			}
		})
	}
}
