// Package decision owns the seller's decisions to accept or refuse whole orders, and their delivery to the marketplace. It
// follows the same discipline as shipments: read, send, read; a lost answer is resolved by reading, and nothing is sent
// twice on a guess.
package decision

import (
	"context"
	"errors"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// Kind is what was decided. Storage keeps these words.
type Kind string

// The kinds.
const (
	Accept Kind = "ACCEPT"
	Refuse Kind = "REFUSE"
)

// Decision is the seller's decision about one order. An order has at most one, its last.
type Decision struct {
	StoreID     string
	Adapter     string // the order's binding
	OrderNumber string
	Kind        Kind
	DecidedBy   string // the rule that decided, in words; empty for a person

	delivery.Delivery // how far it is on its way

	CreateTime time.Time
	Revision   int64 // counts up with every write; guards against two writers
}

// Errors of a Repository.
var (
	ErrNotFound = errors.New("decision not found")
	// ErrConflict means that the decision changed since it was read.
	ErrConflict = errors.New("decision changed meanwhile")
	// ErrHeld means that the store is paused or disconnected: nothing may be sent for it.
	ErrHeld = errors.New("store is paused or disconnected")
)

// Repository is what this package asks of a database. Every method is one transaction and durable when it returns.
type Repository interface {
	// PutDecision stores a decision in place of the one that the order had at d.Revision, 0 for none, and returns it with its new
	// revision. When the order has another by now, that one is returned with stored = false: what a decision takes over from
	// the one before it was read from another. order.ErrNotFound when the store has no such order, order.ErrMoved when the
	// order belongs to another adapter than the decision, store.ErrNoCredentials when the store is disconnected.
	PutDecision(ctx context.Context, d Decision) (current Decision, stored bool, err error)
	// UpdateDecision writes a decision that was read at d.Revision and returns it with its new revision. ErrConflict,
	// ErrNotFound. A write that announces one more request (a higher SendCount) is ErrHeld when the store is paused or
	// disconnected.
	UpdateDecision(ctx context.Context, d Decision) (Decision, error)
	// Decisions returns the decisions about these orders, by order number; orders without one are left out.
	Decisions(ctx context.Context, storeID string, numbers []string) (map[string]Decision, error)
	// Adapters returns the adapters that stores are bound to or ever were.
	Adapters(ctx context.Context) ([]string, error)
	// DueDecisions returns open decisions of the adapter that is the look's lane, whose NextAttempt is not after the look's time, by store and adapter. A store and adapter
	// waits since its most overdue decision is due, but no longer than since one of its decisions was last updated; none is due
	// before that update. Who waits longest comes first, and of each the most overdue decision. Those of stores that are paused or
	// disconnected, or whose credentials for the decision's adapter do not work, are left out.
	DueDecisions(ctx context.Context, l due.Look[store.Ref]) ([]Decision, error)
	// NextDecision returns the earliest NextAttempt after an instant of an adapter's open decisions that are not left out; zero when there
	// is none.
	NextDecision(ctx context.Context, adapter string, after time.Time) (time.Time, error)

	ReviewRepository
}

// Marketplace is what this package asks of an adapter. Errors are problems.
type Marketplace interface {
	// Decide tells the marketplace. An error means that certainly nothing was sent; a lost answer is outcome Unknown.
	Decide(ctx context.Context, ref store.Ref, kind Kind, o order.Order) (delivery.Result, error)
	// TakesDecisions reports whether the seller can accept and refuse through the adapter. Two stores may be on two releases of it.
	TakesDecisions(ctx context.Context, ref store.Ref) (bool, error)
}

// action is what to do with a decision after a fresh read of its order.
type action int

const (
	wait action = iota
	send
	confirm
	reject
	attention
)

// verdict is an action, and what to tell a person about it.
type verdict struct {
	action          action
	reason, message string
}

// decide is the state table: what the fresh read o of the order means for the decision d. o is nil when the marketplace does
// not show the order. repeatedReads is how many reads in a row must show the order as still pending before anything is sent
// a second time.
func decide(d Decision, o *order.Order, now time.Time, repeatedReads int32) verdict {
	late := now.After(d.Deadline)
	switch {
	case o == nil && late:
		return verdict{attention, problem.ReasonMarketplaceOrderGone, "the marketplace no longer shows this order; look it up in the seller portal"}
	case o == nil:
		return verdict{wait, problem.ReasonMarketplaceOrderGone, "the marketplace does not show this order; relais keeps reading"}

	case o.Status == order.PendingAcceptance:
		return decidePending(d, *o, late, repeatedReads)

	case o.Status == order.Refused && d.Kind == Refuse:
		return verdict{confirm, "", "the marketplace shows the order as refused by the seller"}
	case o.Status == order.Refused || o.Status == order.Cancelled:
		return verdict{reject, problem.ReasonOrderNotPending, "the order has ended on the marketplace (" + o.NativeStatus + ")"}

	case o.Status == order.Unrecognized && late:
		return verdict{attention, problem.ReasonOrderNotPending, "the marketplace shows a state that relais does not know (" + o.NativeStatus + "); look the order up in the seller portal"}
	case o.Status == order.Unrecognized:
		return verdict{wait, "", "the marketplace shows a state that relais does not know (" + o.NativeStatus + "); relais keeps reading"}

	case o.Status == order.Processing:
		return decideProcessing(d, *o, late)
	case d.Kind == Accept:
		return verdict{confirm, "", "the marketplace shows the order as accepted (" + o.NativeStatus + ")"}
	}
	return verdict{reject, problem.ReasonOrderNotPending, "the order was accepted before (" + o.NativeStatus + "); it cannot be refused any more"}
}

// decideProcessing: the read shows the order under control, or being paid. Both read alike, and control can come before the
// acceptance as well as after it: what became of a request whose answer was lost only a later state tells.
func decideProcessing(d Decision, o order.Order, late bool) verdict {
	switch {
	case d.Kind == Accept && d.State == delivery.Acknowledged:
		return verdict{confirm, "", "the marketplace said yes, and shows the order as being processed (" + o.NativeStatus + ")"}
	case d.State == delivery.Queued && late:
		return verdict{attention, problem.ReasonOrderNotPending, "the order did not wait for acceptance in time (" + o.NativeStatus + "); look it up in the seller portal"}
	case d.State == delivery.Queued:
		return verdict{wait, "", "the order does not wait for acceptance now (" + o.NativeStatus + "); relais keeps reading"}
	case late:
		return verdict{attention, problem.ReasonNotConfirmed, "the order did not show in time whether the decision was applied (" + o.NativeStatus + "); look it up in the seller portal"}
	}
	return verdict{wait, "", "the order is being processed (" + o.NativeStatus + "), which does not tell whether the decision was applied; relais keeps reading"}
}

// decidePending: the read shows the order still waiting for the seller.
func decidePending(d Decision, o order.Order, late bool, repeatedReads int32) verdict {
	switch {
	case d.State != delivery.Acknowledged && d.Kind == Accept && o.CancelRequested:
		return verdict{attention, problem.ReasonCancelRequested, "the buyer asks to cancel this order; answer the request in the seller portal before accepting"}
	case d.State == delivery.Queued:
		return verdict{action: send}
	case d.State == delivery.Acknowledged && late:
		return verdict{attention, problem.ReasonNotConfirmed, "the marketplace said yes, yet still waits for the seller; look the order up in the seller portal"}
	case d.State == delivery.Acknowledged:
		return verdict{wait, "", "the marketplace said yes; relais waits until it shows the order as decided"}
	case d.StillReady < repeatedReads: // an earlier request may still take effect
		return verdict{wait, "", "the marketplace's answer was lost; the order still waits for the seller, relais reads again before it sends again"}
	case d.LastOutcome == delivery.Refused:
		return verdict{reject, d.Reason, d.Message}
	case late:
		return verdict{attention, problem.ReasonMarketplaceDown, "the marketplace's answers were lost until the deadline, and it still waits for the seller; look the order up in the seller portal"}
	}
	return verdict{action: send}
}
