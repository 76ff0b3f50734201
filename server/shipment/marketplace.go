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
	TrackingCorrection  bool   // an order that was shipped takes another tracking number
	MaxNumberLength     int    // of a tracking number, in characters; zero means no limit
	ForbiddenCharacters string // in a tracking number
	MaxURLLength        int    // of a tracking URL, in characters; zero means no limit
	// Which optional parts of a shipment the marketplace takes.
	TakesTrackingURL, TakesService, TakesCarrierFee, TakesShipTime bool
}

// Prepared is a notification that is ready to leave, through one release of the adapter. It holds that release until Close.
type Prepared interface {
	// Requests is what Send sends, every secret masked; none when the adapter cannot tell.
	Requests() []MarketplaceRequest
	// Release is the adapter's release, "version@sha256".
	Release() string
	// Send tells the marketplace, once. An error means that certainly nothing was sent; a lost answer is Result.Outcome Unknown,
	// never an error.
	Send(ctx context.Context) (delivery.Result, error)
	// Close gives back what it holds. It is called once.
	Close()
}

// Marketplace is what this package asks of an adapter. Errors are problems.
type Marketplace interface {
	// PrepareShipment makes a notification ready. It sends nothing: what can fail before anything leaves fails here.
	PrepareShipment(ctx context.Context, ref store.Ref, n Notification) (Prepared, error)
	// ListCarriers reads the marketplace's carriers.
	ListCarriers(ctx context.Context, ref store.Ref) ([]Carrier, error)
	// ShipmentRules returns what the adapter declares, as far as this store is concerned: two stores may be on two releases of it.
	ShipmentRules(ctx context.Context, ref store.Ref) (Rules, error)
}
