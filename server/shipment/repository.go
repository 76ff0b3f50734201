package shipment

import (
	"context"
	"errors"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/store"
)

// Errors of a Repository.
var (
	ErrNotFound = errors.New("shipment not found")
	// ErrConflict means that the shipment changed since it was read.
	ErrConflict = errors.New("shipment changed meanwhile")
	// ErrHeld means that the store is paused or disconnected: nothing may be sent for it.
	ErrHeld = errors.New("store is paused or disconnected")
	// ErrOrderHasOpen means that the order has another open shipment.
	ErrOrderHasOpen = errors.New("order has another open shipment")
)

// ListQuery is a page of shipments, newest first.
type ListQuery struct {
	StoreID     string
	BeforeID    string // exclusive; empty for the first page
	Limit       int
	OrderNumber string           // empty means all
	States      []delivery.State // empty means all
}

// New is a shipment to be stored.
type New struct {
	Shipment Shipment
	Event    Event // its first
	// Replaced is the shipment that Shipment.Replaces names, with what is to be written of it; nil when there is none.
	Replaced *Change
}

// Change is a shipment that was read at Shipment.Revision, as it is to be written, with the event that says why.
type Change struct {
	Shipment Shipment
	Event    Event
}

// CreateResult tells what CreateShipments found.
type CreateResult int

// What CreateShipments found.
const (
	CreatedNew   CreateResult = iota // the shipment was stored
	SameRequest                      // a shipment with this request id exists and is returned
	OrderHasOpen                     // the order has another open shipment, which is returned
)

// Created is what became of one New.
type Created struct {
	Shipment Shipment
	Result   CreateResult
	// Err says why neither was the case; nothing was written of this New then.
	Err error
}

// Repository is what this package asks of a database. Every method is one transaction and durable when it returns.
type Repository interface {
	// CreateShipments stores shipments, each with its first event, unless its store has one with the same RequestID, or the
	// order has an open one that is not replaced now: then that one is the result. Each is judged after those before it, has a
	// result of its own in their order, and stops no other. A result's Err is order.ErrNotFound when the store has no such
	// order, order.ErrMoved when the order belongs to another adapter than the shipment, store.ErrNoCredentials when the store
	// is disconnected, ErrConflict when the replaced shipment changed since it was read. The error is for all: nothing was
	// stored.
	CreateShipments(ctx context.Context, news []New) ([]Created, error)
	// UpdateShipment writes a shipment that was read at s.Revision, appends the events and returns it with its new
	// revision. Identity, order, adapter, request and options never change. ErrConflict when the stored revision differs, or
	// when the shipment would open again while its order has another open one; ErrNotFound. A write that announces one more
	// request (a higher SendCount) is ErrHeld when the store is paused or disconnected.
	//
	// A KindRead or KindFailed event that says what the shipment's last event says, but for its time, is counted there.
	UpdateShipment(ctx context.Context, s Shipment, events ...Event) (Shipment, error)
	// ReopenShipment writes a shipment that had ended, was read at s.Revision and is open again, under s.Adapter and with
	// s.Options, and appends the event. ErrNotFound, ErrConflict; order.ErrMoved when the order belongs to another adapter,
	// store.ErrNoCredentials when the store is disconnected. ErrOrderHasOpen comes with the open shipment.
	ReopenShipment(ctx context.Context, s Shipment, e Event) (Shipment, error)
	// FindRequest returns the store's shipment with this RequestID. ErrNotFound.
	FindRequest(ctx context.Context, storeID, requestID string) (Shipment, error)
	// GetShipment returns a shipment. ErrNotFound.
	GetShipment(ctx context.Context, storeID, id string) (Shipment, error)
	// ShipmentEvents returns its events, oldest first, each with Count and LastTime.
	ShipmentEvents(ctx context.Context, storeID, id string) ([]Event, error)
	// ListShipments returns a page; its cost depends on Limit, not on how many shipments there are.
	ListShipments(ctx context.Context, q ListQuery) ([]Shipment, error)
	// Adapters returns the adapters that stores are bound to or ever were.
	Adapters(ctx context.Context) ([]string, error)
	// DueShipments returns open shipments of the adapter that is the look's lane, whose NextAttempt is not after the look's time, by store and adapter. A store and adapter
	// waits since its most overdue shipment is due, but no longer than since one of its shipments was last updated; none is due
	// before that update. Who waits longest comes first, and of each the most overdue shipment. Those of stores that are paused or
	// disconnected, or whose credentials for the shipment's adapter do not work, are left out.
	DueShipments(ctx context.Context, l due.Look[store.Ref]) ([]Shipment, error)
	// NextDue returns the earliest NextAttempt after an instant of an adapter's open shipments that are not left out; zero when there is
	// none.
	NextDue(ctx context.Context, adapter string, after time.Time) (time.Time, error)

	// SaveCarriers replaces the cached carrier list of a store and adapter.
	SaveCarriers(ctx context.Context, ref store.Ref, l CarrierList) error
	// Carriers returns the cached list; a zero ReadTime when there is none.
	Carriers(ctx context.Context, ref store.Ref) (CarrierList, error)
}
