// Package order owns orders and imports: what an order is, which windows an import reads, and how a run goes. It knows
// neither gRPC, nor a database, nor an adapter process: it declares what it needs of them.
package order

import (
	"encoding/json"
	"fmt"
	"time"
)

// Status is the normalised status of an order or a line. Storage keeps these words.
type Status string

// The statuses of design section 1.
const (
	PendingAcceptance Status = "PENDING_ACCEPTANCE"
	Processing        Status = "PROCESSING"
	ReadyToShip       Status = "READY_TO_SHIP"
	Shipped           Status = "SHIPPED"
	Delivered         Status = "DELIVERED"
	Cancelled         Status = "CANCELLED"
	Refused           Status = "REFUSED"
	Unrecognized      Status = "UNRECOGNIZED"
)

// Statuses is every status, in the order of an order's life.
func Statuses() []Status {
	return []Status{PendingAcceptance, Processing, ReadyToShip, Shipped, Delivered, Cancelled, Refused, Unrecognized}
}

// Final reports whether an order in this status never changes again as far as relais cares. Shipped is final for the
// seller: on Cdiscount nothing can follow but a refund (cdiscount-soap.md 7.1).
func (s Status) Final() bool {
	switch s {
	case Shipped, Delivered, Cancelled, Refused:
		return true
	}
	return false
}

// Fulfillment tells who ships an order.
type Fulfillment string

// The fulfillments; the empty one is not known and treated as not the seller's.
const (
	FulfilledBySeller      Fulfillment = "SELLER"
	FulfilledByMarketplace Fulfillment = "MARKETPLACE"
)

// Reason is why an order cannot be shipped now.
type Reason string

// The reasons.
const (
	ReasonStatus                 Reason = "STATUS"
	ReasonNoShipToAddress        Reason = "NO_SHIP_TO_ADDRESS"
	ReasonFulfilledByMarketplace Reason = "FULFILLED_BY_MARKETPLACE"
	ReasonNoGoods                Reason = "NO_GOODS"
	ReasonCancelRequested        Reason = "CANCEL_REQUESTED"
)

// Money is an exact decimal amount: units and billionths of a unit of one currency, both of the same sign.
type Money struct {
	Currency string `json:"c"`
	Units    int64  `json:"u,omitempty"`
	Nanos    int32  `json:"n,omitempty"`
}

// Address is a postal address; every part may be empty.
type Address struct {
	Civility     string   `json:"civility,omitempty"`
	FirstName    string   `json:"first_name,omitempty"`
	LastName     string   `json:"last_name,omitempty"`
	Company      string   `json:"company,omitempty"`
	Lines        []string `json:"lines,omitempty"`
	PostalCode   string   `json:"postal_code,omitempty"`
	City         string   `json:"city,omitempty"`
	Region       string   `json:"region,omitempty"`
	CountryCode  string   `json:"country_code,omitempty"`
	Phone        string   `json:"phone,omitempty"`
	Email        string   `json:"email,omitempty"`
	Instructions string   `json:"instructions,omitempty"`
}

// PickupNetwork tells who runs a pickup point; empty means not known.
type PickupNetwork string

// The networks.
const (
	Colissimo    PickupNetwork = "COLISSIMO"
	MondialRelay PickupNetwork = "MONDIAL_RELAY"
	RelaisColis  PickupNetwork = "RELAIS_COLIS"
	Shop         PickupNetwork = "SHOP"
)

// PickupPoint is the relay where the buyer collects.
type PickupPoint struct {
	Network PickupNetwork `json:"network,omitempty"`
	RawID   string        `json:"raw_id"` // exactly as the marketplace sent it
	ID      string        `json:"id"`     // as the network's label systems expect it
	Name    string        `json:"name,omitempty"`
	Address Address       `json:"address"`
}

// DeliveryKind groups delivery modes; empty means not known.
type DeliveryKind string

// The delivery kinds.
const (
	DeliveryStandard   DeliveryKind = "STANDARD"
	DeliveryTracked    DeliveryKind = "TRACKED"
	DeliveryRegistered DeliveryKind = "REGISTERED"
	DeliveryExpress    DeliveryKind = "EXPRESS"
	DeliveryBigParcel  DeliveryKind = "BIG_PARCEL"
	DeliveryPickup     DeliveryKind = "PICKUP"
)

// Customer is the buyer.
type Customer struct {
	ID          string `json:"id,omitempty"`
	FirstName   string `json:"first_name,omitempty"`
	LastName    string `json:"last_name,omitempty"`
	Email       string `json:"email,omitempty"`
	Phone       string `json:"phone,omitempty"`
	MobilePhone string `json:"mobile_phone,omitempty"`
}

// Line is one article of an order.
type Line struct {
	ID              string       `json:"id"`
	SKU             string       `json:"sku,omitempty"`
	ProductID       string       `json:"product_id,omitempty"`
	EAN             string       `json:"ean,omitempty"`
	Title           string       `json:"title,omitempty"`
	Quantity        int32        `json:"quantity"`
	UnitPrice       *Money       `json:"unit_price,omitempty"`
	TotalPrice      *Money       `json:"total_price,omitempty"`
	ShippingPrice   *Money       `json:"shipping_price,omitempty"`
	Status          Status       `json:"status"`
	NativeStatus    string       `json:"native_status,omitempty"`
	CancelRequested bool         `json:"cancel_requested,omitempty"`
	Condition       string       `json:"condition,omitempty"`
	Options         []ItemOption `json:"options,omitempty"`
	OptionLookup    OptionLookup `json:"option_lookup,omitempty"`
	ShipBy          time.Time    `json:"ship_by,omitzero"`
	DeliverFrom     time.Time    `json:"deliver_from,omitzero"`
	DeliverBy       time.Time    `json:"deliver_by,omitzero"`
}

// ItemOption is one option of an article, such as colour or size.
type ItemOption struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Fee is an amount beside goods and shipping.
type Fee struct {
	Code   string `json:"code,omitempty"`
	Label  string `json:"label,omitempty"`
	Amount *Money `json:"amount,omitempty"`
}

// Parcel is a parcel that the marketplace knows of.
type Parcel struct {
	TrackingNumber string `json:"tracking_number,omitempty"`
	Carrier        string `json:"carrier,omitempty"`
	TrackingURL    string `json:"tracking_url,omitempty"`
	NativeStatus   string `json:"native_status,omitempty"`
}

// UnrecognizedValue is a value that the marketplace sent and nobody here knows.
type UnrecognizedValue struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// Order is an order as the marketplace sold it, normalised. It says only what the marketplace said: nothing in it depends
// on when or how often it was read, so that equal orders encode to equal bytes.
type Order struct {
	Number          string              `json:"number"`
	NativeID        string              `json:"native_id,omitempty"`
	Reference       string              `json:"reference,omitempty"`
	Status          Status              `json:"status"`
	NativeStatus    string              `json:"native_status,omitempty"`
	CancelRequested bool                `json:"cancel_requested,omitempty"`
	Fulfillment     Fulfillment         `json:"fulfillment,omitempty"`
	SalesChannel    string              `json:"sales_channel,omitempty"`
	PurchaseTime    time.Time           `json:"purchase_time"`
	UpdateTime      time.Time           `json:"update_time,omitzero"` // on the marketplace
	AcceptBy        time.Time           `json:"accept_by,omitzero"`   // until when it waits for the seller, where the marketplace says
	ShipBy          time.Time           `json:"ship_by,omitzero"`
	DeliverFrom     time.Time           `json:"deliver_from,omitzero"`
	DeliverBy       time.Time           `json:"deliver_by,omitzero"`
	Customer        Customer            `json:"customer,omitzero"`
	ShipTo          *Address            `json:"ship_to,omitempty"`
	BillTo          *Address            `json:"bill_to,omitempty"`
	PickupPoint     *PickupPoint        `json:"pickup_point,omitempty"`
	DeliveryKind    DeliveryKind        `json:"delivery_kind,omitempty"`
	NativeDelivery  string              `json:"native_delivery,omitempty"`
	Lines           []Line              `json:"lines"`
	Fees            []Fee               `json:"fees,omitempty"`
	Parcels         []Parcel            `json:"parcels,omitempty"`
	Total           *Money              `json:"total,omitempty"`
	Shipping        *Money              `json:"shipping,omitempty"`
	Commission      *Money              `json:"commission,omitempty"`
	Unrecognized    []UnrecognizedValue `json:"unrecognized,omitempty"`
	AdapterContext  []byte              `json:"adapter_context,omitempty"`
}

// Stored is an order with what relais knows beside it.
type Stored struct {
	Order
	StoreID    string
	Adapter    string    // the binding: set when the order is first stored
	CreateTime time.Time // first stored
	ChangeTime time.Time // last changed here
}

// EncodingVersion is the version of the bytes that Encode returns and of what storage derives from an order (NotShippable,
// Status.Final). It changes whenever equal orders would encode differently or one of those rules changes; storage keeps it
// beside the bytes and takes a row of another version as changed.
const EncodingVersion = 1

// Encode returns the canonical form of an order: equal orders give equal bytes.
func Encode(o Order) ([]byte, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode order %s: %w", o.Number, err)
	}
	return b, nil
}

// Decode reads what Encode of this or an earlier version wrote.
func Decode(version int, b []byte) (Order, error) {
	var o Order
	if version > EncodingVersion {
		return o, fmt.Errorf("decode order: version %d was written by a newer relais", version)
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return o, fmt.Errorf("decode order: %w", err)
	}
	return o, nil
}

// NotShippable returns why the order cannot be shipped now; empty means that it can.
// Only "validated, to ship" orders of the seller with a Ship To address are shippable.
func (o Order) NotShippable() []Reason {
	var reasons []Reason
	if o.Status != ReadyToShip {
		reasons = append(reasons, ReasonStatus)
	}
	if o.Fulfillment != FulfilledBySeller {
		reasons = append(reasons, ReasonFulfilledByMarketplace)
	}
	if !o.hasDestination() {
		reasons = append(reasons, ReasonNoShipToAddress)
	}
	if len(o.Lines) == 0 {
		reasons = append(reasons, ReasonNoGoods)
	}
	if o.CancelRequested {
		reasons = append(reasons, ReasonCancelRequested)
	}
	return reasons
}

// hasDestination reports whether a parcel could be addressed. Before payment a marketplace gives city and postal code
// only (cdiscount-soap.md 6.4): that is no address.
func (o Order) hasDestination() bool {
	if o.ShipTo == nil {
		return false
	}
	person := o.ShipTo.FirstName != "" || o.ShipTo.LastName != "" || o.ShipTo.Company != ""
	place := o.ShipTo
	if p := o.PickupPoint; p != nil {
		if p.ID == "" && p.Network != Shop { // a network's parcel is addressed by the point's id
			return false
		}
		place = &p.Address
	}
	return person && len(place.Lines) > 0 && place.City != "" && place.PostalCode != ""
}
