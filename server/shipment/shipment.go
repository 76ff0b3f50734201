// Package shipment owns shipments: what may be sent, when, and what proves that it arrived. It knows neither gRPC, nor a
// database, nor an adapter process: it declares what it needs of them.
package shipment

import (
	"time"

	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/delivery"
)

// Evidence is what the marketplace's own data shows of a shipment; empty means nothing yet.
type Evidence string

// The kinds of evidence, weak to strong.
const (
	EvidenceState    Evidence = "STATE"    // the order reads as shipped, no parcel is visible
	EvidenceTracking Evidence = "TRACKING" // the order reads as shipped with our tracking number
)

// Shipment is a stored statement and how far its delivery to the marketplace is.
type Shipment struct {
	ID      string // sorts by time
	StoreID string
	Adapter string // the order's binding
	Request
	Options
	RequestID     string // as given, or derived from what the request says
	RequestDigest []byte // of the content: tells a repetition from another request under the same id

	Chosen        ChosenCarrier
	NotSentFields []string // fields of the request that the marketplace cannot take
	Evidence      Evidence

	// ReplacedTracking is the tracking number of the shipment that this one replaces; empty when it replaces none.
	ReplacedTracking string
	// ReplacedBy is the id of the shipment that replaced this one; empty when none did.
	ReplacedBy string

	delivery.Delivery // how far it is on its way

	CreateTime time.Time
	Revision   int64 // counts up with every write; guards against two writers
}

// ChosenCarrier is the marketplace's carrier for what the caller wrote. It is zero after the order went to another adapter, until
// it is chosen anew.
type ChosenCarrier struct {
	Name        string        // in the marketplace's own words, as it is sent
	Rule        carrier.Rule  // which chose it
	ListAge     time.Duration // of the marketplace's list when it was looked up
	TrackingURL string        // the carrier's usual page for the parcel; empty when the caller gave one, or none is known
}

// trackingURL is the page that the buyer is given.
func (s Shipment) trackingURL() string {
	if s.TrackingURL != "" {
		return s.TrackingURL
	}
	return s.Chosen.TrackingURL
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
