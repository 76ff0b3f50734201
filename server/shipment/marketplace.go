package shipment

import (
	"context"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// Outcome is what became of a write.
type Outcome string

// The outcomes of design section 5.
const (
	Applied        Outcome = "APPLIED"
	AlreadyApplied Outcome = "ALREADY_APPLIED"
	Refused        Outcome = "REJECTED"
	Retry          Outcome = "RETRY"   // certainly not applied
	Unknown        Outcome = "UNKNOWN" // the answer was lost
)

// Result is an outcome with what the marketplace said.
type Result struct {
	Outcome      Outcome
	NativeReason string
	Message      string
	RetryAfter   time.Duration
}

// Notification is what is sent to the marketplace.
type Notification struct {
	Key            string
	Order          order.Order // as just read
	Lines          []order.Line
	Carrier        string
	TrackingNumber string
	TrackingURL    string
	Service        string
	CarrierFee     *order.Money
	ShipTime       time.Time
}

// Rules is what a marketplace allows, as its adapter declares it.
type Rules struct {
	PartialShipment     bool
	MaxNumberLength     int    // of a tracking number, in characters; zero means no limit
	ForbiddenCharacters string // in a tracking number
	MaxURLLength        int    // of a tracking URL, in characters; zero means no limit
	// Which optional parts of a shipment the marketplace takes.
	TakesTrackingURL, TakesService, TakesCarrierFee, TakesShipTime bool
}

// Marketplace is what this package asks of an adapter. Errors are problems.
type Marketplace interface {
	// GetOrders reads orders by number, fresh; unknown numbers are left out.
	GetOrders(ctx context.Context, ref store.Ref, numbers []string) ([]order.Order, error)
	// NotifyShipment tells the marketplace. An error means that certainly nothing was sent; a lost answer is
	// Result.Outcome Unknown, never an error.
	NotifyShipment(ctx context.Context, ref store.Ref, n Notification) (Result, error)
	// ListCarriers reads the marketplace's carriers.
	ListCarriers(ctx context.Context, ref store.Ref) ([]Carrier, error)
	// ShipmentRules returns what the adapter declares.
	ShipmentRules(ctx context.Context, adapter string) (Rules, error)
}
