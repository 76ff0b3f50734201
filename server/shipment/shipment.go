// Package shipment owns shipments: what may be sent, when, and what proves that it arrived. It knows neither gRPC, nor a
// database, nor an adapter process: it declares what it needs of them.
package shipment

import (
	"context"
	"errors"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// Evidence is what the marketplace's own data shows of a shipment; empty means nothing yet.
type Evidence string

// The kinds of evidence, weak to strong.
const (
	EvidenceState    Evidence = "STATE"    // the order reads as shipped, no parcel is visible
	EvidenceTracking Evidence = "TRACKING" // the order reads as shipped with our tracking number
)

// Item is an article in a parcel.
type Item struct {
	LineID   string `json:"line_id"`
	Quantity int32  `json:"quantity,omitempty"` // zero means the whole line
}

// Request is what the caller stated. The JSON form is what storage keeps.
type Request struct {
	OrderNumber    string       `json:"order_number"`
	Carrier        string       `json:"carrier"` // as the caller wrote it
	TrackingNumber string       `json:"tracking_number"`
	TrackingURL    string       `json:"tracking_url,omitempty"`
	Service        string       `json:"service,omitempty"`
	CarrierFee     *order.Money `json:"carrier_fee,omitempty"`
	ShipTime       time.Time    `json:"ship_time,omitzero"`
	Items          []Item       `json:"items,omitempty"`
}

// Shipment is a stored statement and how far its delivery to the marketplace is.
type Shipment struct {
	ID      string // sorts by time
	StoreID string
	Adapter string // the order's binding
	Request
	RequestID     string // as given, or derived from order, carrier and tracking number
	RequestDigest []byte // of the content: tells a repetition from another request under the same id

	MarketplaceCarrier string
	NotSentFields      []string // fields of the request that the marketplace cannot take
	Evidence           Evidence

	delivery.Delivery // how far it is on its way

	CreateTime time.Time
	Revision   int64 // counts up with every write; guards against two writers
}

// Event is one step in the life of a shipment.
type Event struct {
	Time    time.Time
	State   delivery.State
	Message string
}

// Errors of a Repository.
var (
	ErrNotFound = errors.New("shipment not found")
	// ErrConflict means that the shipment changed since it was read.
	ErrConflict = errors.New("shipment changed meanwhile")
	// ErrHeld means that the store is paused or disconnected: nothing may be sent for it.
	ErrHeld = errors.New("store is paused or disconnected")
)

// ListQuery is a page of shipments, newest first.
type ListQuery struct {
	StoreID     string
	BeforeID    string // exclusive; empty for the first page
	Limit       int
	OrderNumber string           // empty means all
	States      []delivery.State // empty means all
}

// CreateResult tells what CreateShipment found.
type CreateResult int

// What CreateShipment found.
const (
	CreatedNew   CreateResult = iota // the shipment was stored
	SameRequest                      // a shipment with this request id exists and is returned
	OrderHasOpen                     // the order has another open shipment, which is returned
)

// Repository is what this package asks of a database. Every method is one transaction and durable when it returns.
type Repository interface {
	// CreateShipment stores a shipment with its first event, unless the store has one with the same RequestID, or the
	// order has an open one: then that one is returned. order.ErrNotFound when the store has no such order,
	// order.ErrMoved when the order belongs to another adapter than the shipment, store.ErrNoCredentials when the store is
	// disconnected.
	CreateShipment(ctx context.Context, s Shipment, e Event) (Shipment, CreateResult, error)
	// UpdateShipment writes a shipment that was read at s.Revision, appends the events and returns it with its new
	// revision. ErrConflict when the stored revision differs, ErrNotFound. A write that announces one more request (a higher
	// SendCount) is ErrHeld when the store is paused or disconnected.
	UpdateShipment(ctx context.Context, s Shipment, events ...Event) (Shipment, error)
	// FindRequest returns the store's shipment with this RequestID. ErrNotFound.
	FindRequest(ctx context.Context, storeID, requestID string) (Shipment, error)
	// GetShipment returns a shipment. ErrNotFound.
	GetShipment(ctx context.Context, storeID, id string) (Shipment, error)
	// ShipmentEvents returns its events, oldest first.
	ShipmentEvents(ctx context.Context, storeID, id string) ([]Event, error)
	// ListShipments returns a page; its cost depends on Limit, not on how many shipments there are.
	ListShipments(ctx context.Context, q ListQuery) ([]Shipment, error)
	// DueShipments returns open shipments whose NextAttempt is not after now, the most overdue first. Those of stores that are
	// paused or disconnected, or whose credentials for the shipment's adapter were refused, are left out.
	DueShipments(ctx context.Context, now time.Time, limit int) ([]Shipment, error)
	// NextDue returns the earliest NextAttempt of the open shipments that are not left out; zero when there is none.
	NextDue(ctx context.Context) (time.Time, error)

	// SaveCarriers replaces the cached carrier list of a store and adapter.
	SaveCarriers(ctx context.Context, ref store.Ref, l CarrierList) error
	// Carriers returns the cached list; a zero ReadTime when there is none.
	Carriers(ctx context.Context, ref store.Ref) (CarrierList, error)
}

// Carrier is a carrier as the marketplace lists it.
type Carrier struct {
	Code        string `json:"code"`
	Name        string `json:"name"`
	TrackingURL string `json:"tracking_url,omitempty"`
}

// CarrierList is the marketplace's list and when it was read.
type CarrierList struct {
	Carriers []Carrier
	ReadTime time.Time
}
