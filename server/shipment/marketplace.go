package shipment

import (
	"context"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

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
	// NotifyShipment tells the marketplace. An error means that certainly nothing was sent; a lost answer is
	// Result.Outcome Unknown, never an error.
	NotifyShipment(ctx context.Context, ref store.Ref, n Notification) (delivery.Result, error)
	// ListCarriers reads the marketplace's carriers.
	ListCarriers(ctx context.Context, ref store.Ref) ([]Carrier, error)
	// ShipmentRules returns what the adapter declares.
	ShipmentRules(ctx context.Context, adapter string) (Rules, error)
}
