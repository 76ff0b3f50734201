package order

import (
	"context"
	"time"

	"github.com/relaishq/relais/server/store"
)

// ImportState is the state of a run. Storage keeps these words.
type ImportState string

// The states of a run.
const (
	Running     ImportState = "RUNNING"
	Succeeded   ImportState = "SUCCEEDED"
	Failed      ImportState = "FAILED"
	Interrupted ImportState = "INTERRUPTED"
)

// Axis is the date of an order that a window compares.
type Axis string

// The axes.
const (
	Created  Axis = "CREATED"
	Modified Axis = "MODIFIED"
)

// Window is one stretch of time that a run reads through one adapter.
type Window struct {
	Adapter  string    `json:"adapter,omitempty"`
	Axis     Axis      `json:"axis"`
	Since    time.Time `json:"since"`             // included
	Until    time.Time `json:"until"`             // excluded
	Finished time.Time `json:"finished,omitzero"` // read and committed until here
	Resumed  int       `json:"resumed,omitempty"` // how often another process of the adapter went on from Finished
	Failure  Failure   `json:"failure,omitzero"`  // why it was not read to its end
}

// Failure is why a run, or a part of it, ended early.
type Failure struct {
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// Part is what became of the share of a run that is read through one adapter: its windows and the open orders that they did
// not show.
type Part struct {
	Adapter string
	// Failure is why it was not read to its end; zero when it was.
	Failure Failure
	// Blameless is true when the failure was not the adapter's own: another adapter's, or relais's.
	Blameless bool
}

// Import is one run.
type Import struct {
	ID      string // sorts by time
	StoreID string
	State   ImportState
	// Scheduled is true when the store's schedule started the run; others may have joined it since.
	Scheduled bool
	Start     time.Time
	Finish    time.Time // zero while it runs
	Windows   []Window
	Counts    Counts
	Failure   Failure
	// Parts is what a run that ends tells storage of each adapter; one that was interrupted in between is left out. It is not
	// kept as such: see Window.Failure and store.Binding.
	Parts []Part
}

// Query is what a source is asked for: one window of one date.
type Query struct {
	Axis     Axis
	Since    time.Time
	Until    time.Time
	Statuses []Status
}

// Page is a piece of a source's answer.
type Page struct {
	Orders []Order
	// Finished says that everything of the window before it has been delivered; zero while a sub-window is under way.
	Finished time.Time
	// Resumed is true of the first piece after another process of the adapter went on with the answer, at the last finished
	// sub-window: what the one before had delivered beyond it comes again.
	Resumed bool
}

// Source is what this package asks of an adapter.
type Source interface {
	// ListOrders calls receive for every piece of the answer and returns nil only when the answer was complete up to
	// q.Until. An error of receive ends the read and is returned. Other errors are problems.
	ListOrders(ctx context.Context, ref store.Ref, q Query, receive func(Page) error) error
	// GetOrders reads orders by number; unknown numbers are left out. Any number of them may be asked for.
	GetOrders(ctx context.Context, ref store.Ref, numbers []string) (Found, error)
}
