package world

import (
	"slices"
	"time"
)

// Fulfilment tells who ships an order.
type Fulfilment string

// Who ships.
const (
	BySeller      Fulfilment = "seller"
	ByMarketplace Fulfilment = "marketplace" // the marketplace's own logistics: the seller must not ship it
)

// AddressView tells how much of the addresses the marketplace shows.
type AddressView string

// What of the addresses is shown.
const (
	AddressByState AddressView = ""         // as the order's state has it (cdiscount-soap.md 6.4)
	AddressFull    AddressView = "full"     // everything
	AddressPartial AddressView = "withheld" // city, postal code, civility and region only
	AddressNone    AddressView = "none"     // not even the element
)

// Head is what the world can tell about an order without making the rest of it. All instants are UTC, in milliseconds.
type Head struct {
	Number  string  `json:"number"`  // 15 characters: yyMMddHHmm in Paris time and five letters or digits
	Seller  string  `json:"seller"`  // account of the seller
	Variety Variety `json:"variety"` // what kind of order it was made as
	State   State   `json:"state"`
	// StateKnownFrom is when the marketplace begins to tell state and addresses of a new order; zero means at once. A nil
	// state was seen on an order six minutes old (cdiscount-soap.md 6.2).
	StateKnownFrom time.Time  `json:"state_known_from,omitzero"`
	Created        time.Time  `json:"created"`
	Modified       time.Time  `json:"modified,omitzero"` // zero means that the marketplace sends no modification date
	Channel        string     `json:"channel"`           // selling site: "CDSB2C" is Cdiscount, "CASIFR" Casino
	Country        string     `json:"country"`           // ISO 3166-1 alpha-2 code of the delivery
	PartnerRef     string     `json:"partner_ref,omitempty"`
	Fulfilment     Fulfilment `json:"fulfilment"`
}

// StateKnown reports whether the marketplace tells the order's state at that instant.
func (h Head) StateKnown(now time.Time) bool { return !now.Before(h.StateKnownFrom) }

// LastChange is the modification date, or the creation date where there is none.
func (h Head) LastChange() time.Time {
	if h.Modified.IsZero() {
		return h.Created
	}
	return h.Modified
}

// Order is one order. It shares no wire type with any API: each face writes it in its own words.
type Order struct {
	Head
	// Purchased is when the buyer bought, where that was not the moment at which the order came into being on the platform.
	Purchased time.Time `json:"purchased,omitzero"`
	Customer  Customer  `json:"customer"`
	// BillTo is the buyer's address, ShipTo the receiver's. For a pickup order ShipTo names the receiver and the point is
	// in Pickup.
	BillTo    Address     `json:"bill_to"`
	ShipTo    Address     `json:"ship_to"`
	Addresses AddressView `json:"addresses,omitempty"`
	// AddressesFrom is when street and names are shown at the earliest, unless Addresses says otherwise; zero means at once.
	AddressesFrom time.Time    `json:"addresses_from,omitzero"`
	Pickup        *PickupPoint `json:"pickup,omitempty"`
	// Delivery is the marketplace's code of the delivery mode, for example "TRK" or "REL" (cdiscount-soap.md 10).
	Delivery    string    `json:"delivery"`
	ShipBy      time.Time `json:"ship_by"`
	DeliverFrom time.Time `json:"deliver_from"`
	DeliverBy   time.Time `json:"deliver_by"`
	Lines       []Line    `json:"lines"`
	Fees        []Fee     `json:"fees,omitempty"`
	Parcels     []Parcel  `json:"parcels,omitempty"`
	Claim       bool      `json:"claim,omitempty"` // the buyer has made a claim
	Vouchers    []Voucher `json:"vouchers,omitempty"`
	// Sparse orders are told with nothing but what the marketplace must send.
	Sparse bool `json:"sparse,omitempty"`

	// The instants at which an accepted order moves on by itself; zero when it does not.
	PaymentStarts time.Time `json:"payment_starts,omitzero"`
	PaymentDone   time.Time `json:"payment_done,omitzero"`
}

// PurchasedAt is when the buyer bought: Purchased, or else Created.
func (o *Order) PurchasedAt() time.Time {
	if o.Purchased.IsZero() {
		return o.Created
	}
	return o.Purchased
}

// Customer is the buyer.
type Customer struct {
	ID          string `json:"id"` // 32 hex digits, the same for all orders of one buyer
	Civility    string `json:"civility"`
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name"`
	RelayMail   string `json:"relay_mail"` // the marketplace's forwarding mailbox
	Phone       string `json:"phone,omitempty"`
	MobilePhone string `json:"mobile_phone,omitempty"`
}

// Address is a postal address.
type Address struct {
	Civility     string `json:"civility,omitempty"` // MR, MISS, MRS, …
	FirstName    string `json:"first_name,omitempty"`
	LastName     string `json:"last_name,omitempty"`
	Company      string `json:"company,omitempty"`
	Street       string `json:"street,omitempty"`
	Building     string `json:"building,omitempty"`
	Apartment    string `json:"apartment,omitempty"`
	PlaceName    string `json:"place_name,omitempty"`
	Instructions string `json:"instructions,omitempty"`
	ZipCode      string `json:"zip_code,omitempty"`
	City         string `json:"city,omitempty"`
	Country      string `json:"country,omitempty"` // ISO 3166-1 alpha-2
}

// PickupPoint is where the buyer collects the parcel.
type PickupPoint struct {
	ID      string `json:"id"` // as the network writes it, leading zeros included
	Name    string `json:"name"`
	Street  string `json:"street"`
	ZipCode string `json:"zip_code"`
	City    string `json:"city"`
}

// Line is an article of an order.
type Line struct {
	State     LineState `json:"state"`
	SKU       string    `json:"sku"` // the seller's own reference
	ProductID string    `json:"product_id"`
	EAN       string    `json:"ean,omitempty"` // empty when the marketplace made one up
	Title     string    `json:"title"`
	Category  string    `json:"category,omitempty"`
	ParentSKU string    `json:"parent_sku,omitempty"`
	Condition string    `json:"condition"` // New, LikeNew, …
	Quantity  int       `json:"quantity"`
	Total     Amount    `json:"total"` // of all pieces, VAT included, without shipping
	// FirstShipping is the shipping of the first piece, NextShipping that of each further one, VAT included.
	FirstShipping Amount `json:"first_shipping"`
	NextShipping  Amount `json:"next_shipping"`
	// ShippingRefunded tells whether shipping was refunded; nil when the marketplace does not say.
	ShippingRefunded *bool `json:"shipping_refunded,omitempty"`
}

// Shipping is what the buyer pays for the shipping of the line.
func (l Line) Shipping() Amount {
	if l.Quantity < 1 {
		return Amount{}
	}
	return l.FirstShipping.Add(l.NextShipping.Times(l.Quantity - 1))
}

// Fee is an amount beside goods and shipping. SOAP sends it as a line of its own, "INTERETBCA" or "FRAISTRAITEMENT"
// (cdiscount-soap.md 6.3).
type Fee struct {
	Code   string `json:"code"`
	Label  string `json:"label"`
	Amount Amount `json:"amount"`
}

// Parcel is a parcel of an order.
type Parcel struct {
	TrackingNumber string    `json:"tracking_number"`
	Carrier        string    `json:"carrier"`
	TrackingURL    string    `json:"tracking_url,omitempty"`
	Status         string    `json:"status,omitempty"` // in the marketplace's words; empty while unknown
	SKUs           []string  `json:"skus"`             // the lines in it
	VisibleFrom    time.Time `json:"visible_from,omitzero"`
}

// Voucher is a refund.
type Voucher struct {
	Created time.Time `json:"created,omitzero"` // zero means that the marketplace does not say
	Amount  Amount    `json:"amount"`
	Motive  int       `json:"motive"` // 131 and up (cdiscount-soap.md 9.4)
	Source  string    `json:"source"` // Customer, CDiscount, Seller, or empty
}

// AddressView is how much of the addresses the marketplace shows at that instant.
func (o *Order) AddressView(now time.Time) AddressView {
	switch {
	case o.Addresses != AddressByState:
		return o.Addresses
	case !o.StateKnown(now):
		return AddressNone
	case o.State.BeforePayment(), now.Before(o.AddressesFrom):
		return AddressPartial
	default:
		return AddressFull
	}
}

// setLines puts all lines into one state.
func (o *Order) setLines(s LineState) {
	for i := range o.Lines {
		o.Lines[i].State = s
	}
}

// stopTimers keeps the order from moving on by itself.
func (o *Order) stopTimers() { o.PaymentStarts, o.PaymentDone = time.Time{}, time.Time{} }

// clone copies everything that a caller could change.
func (o *Order) clone() Order {
	c := *o
	c.Lines = slices.Clone(o.Lines)
	c.Fees = slices.Clone(o.Fees)
	c.Parcels = slices.Clone(o.Parcels)
	c.Vouchers = slices.Clone(o.Vouchers)
	if o.Pickup != nil {
		p := *o.Pickup
		c.Pickup = &p
	}
	return c
}
