package octopia

import (
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// The shape of an order (octopia-rest.md 5). Pointers are null when nil; those with omitempty are left out.
type order struct {
	OrderID         string       `json:"orderId"`
	Reference       *string      `json:"reference"`
	BusinessOrder   bool         `json:"businessOrder"`
	SalesChannel    salesChannel `json:"salesChannel"`
	Seller          sellerRef    `json:"seller"`
	Customer        *customer    `json:"customer,omitempty"`
	PurchasedAt     *string      `json:"purchasedAt"`
	CreatedAt       string       `json:"createdAt"`
	UpdatedAt       string       `json:"updatedAt"`
	ShippedAtMax    *string      `json:"shippedAtMax"`
	Status          string       `json:"status"`
	Payment         *payment     `json:"payment"`
	CurrencyCode    string       `json:"currencyCode"`
	BillingAddress  *address     `json:"billingAddress"`
	TotalPrice      totalPrice   `json:"totalPrice"`
	Lines           []line       `json:"lines"`
	ServiceFees     []serviceFee `json:"serviceFees"`
	StatusEvents    []struct{}   `json:"statusEvents"`
	LoyaltyProgram  *extra       `json:"loyaltyProgram,omitempty"`  // no contract knows it
	EcologicalScore []any        `json:"ecologicalScore,omitempty"` // no contract knows it
}

type salesChannel struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type sellerRef struct {
	ID string `json:"id"`
}

type customer struct {
	Reference string `json:"reference"`
}

type payment struct {
	Method string `json:"method"`
}

type totalPrice struct {
	OfferPrice   number `json:"offerPrice"`
	SellingPrice number `json:"sellingPrice"`
}

type serviceFee struct {
	Label  string `json:"label"`
	Amount number `json:"amount"`
}

// extra is a member that no contract knows.
type extra struct {
	Tier   string         `json:"tier"`
	Points map[string]int `json:"points"`
}

type line struct {
	OrderLineID     string           `json:"orderLineId"`
	Status          string           `json:"status"`
	Quantity        int              `json:"quantity"`
	TotalPrice      totalPrice       `json:"totalPrice"`
	OfferPrice      offerPrice       `json:"offerPrice"`
	SellingPrice    sellingPrice     `json:"sellingPrice"`
	Offer           offer            `json:"offer"`
	Delivery        delivery         `json:"delivery"`
	ShippingAddress *shippingAddress `json:"shippingAddress"`
	Parcels         []parcel         `json:"parcels"`
	StatusEvents    []struct{}       `json:"statusEvents"`
	GiftWrap        *extra           `json:"giftWrap,omitempty"` // no contract knows it
}

type offerPrice struct {
	UnitSalesPrice number     `json:"unitSalesPrice"`
	ShippingCost   number     `json:"shippingCost"`
	Commission     commission `json:"commission"`
	Taxes          []tax      `json:"taxes"`
}

type commission struct {
	AmountWithVat    number `json:"amountWithVat"`
	AmountWithoutVat number `json:"amountWithoutVat"`
	Rate             int    `json:"rate"` // percent
}

type tax struct {
	Code   string `json:"code"`
	Amount number `json:"amount"`
	Rate   int    `json:"rate"` // percent
}

type sellingPrice struct {
	UnitSalesPrice number `json:"unitSalesPrice"` // of one piece
	ShippingCost   number `json:"shippingCost"`   // of the line
	Taxes          []tax  `json:"taxes"`
}

type offer struct {
	ID              string  `json:"id"`
	SellerProductID string  `json:"sellerProductId"`
	SupplyMode      string  `json:"supplyMode"`
	ProductID       string  `json:"productId"`
	ProductTitle    string  `json:"productTitle"`
	ProductGtin     *string `json:"productGtin"`
	Condition       string  `json:"condition,omitempty"`
}

type delivery struct {
	Mode          string  `json:"mode,omitempty"`
	PromisedAtMin *string `json:"promisedAtMin"`
	PromisedAtMax *string `json:"promisedAtMax"`
	ShippedAtMax  *string `json:"shippedAtMax"`
}

type parcel struct {
	ParcelNumber string  `json:"parcelNumber"`
	CarrierName  string  `json:"carrierName"`
	TrackingURL  *string `json:"trackingUrl"`
}

// writer writes orders as they are at one moment.
type writer struct {
	now      time.Time
	settings world.Settings
}

func (f *Face) writer(settings world.Settings) writer {
	return writer{now: f.World.Clock().Now(), settings: settings}
}

// date writes an instant in UTC (octopia-rest.md 5).
func (w writer) date(t time.Time) string {
	if w.settings.DateZone == "Z" {
		return t.UTC().Format("2006-01-02T15:04:05.999Z07:00")
	}
	return t.UTC().Format("2006-01-02T15:04:05.999-07:00")
}

// dateOrNull writes an instant; nil when it is not told.
func (w writer) dateOrNull(t time.Time, told bool) *string {
	if t.IsZero() || !told {
		return nil
	}
	s := w.date(t)
	return &s
}

// textOrNull is nil for the empty text.
func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// order writes one order. Sparse ones are told with what the contract requires and little else.
func (w writer) order(o *world.Order, s world.Seller) order {
	status := orderStatus(&o.Head, w.now)
	told := !o.Sparse
	out := order{
		OrderID: o.Number, Reference: textOrNull(reference(&o.Head, w.settings.ReferenceIs)), BusinessOrder: business(o),
		SalesChannel: salesChannel{ID: channelID(&o.Head), Name: channelName(&o.Head)}, Seller: sellerRef{ID: s.SellerID},
		PurchasedAt: w.dateOrNull(o.PurchasedAt(), told), CreatedAt: w.date(o.Created), UpdatedAt: w.date(o.LastChange()),
		ShippedAtMax: w.dateOrNull(o.ShipBy, told), Status: status, CurrencyCode: "EUR", BillingAddress: billingAddress(o),
		Lines: make([]line, 0, len(o.Lines)), ServiceFees: []serviceFee{}, StatusEvents: []struct{}{},
	}
	if told {
		out.Customer, out.Payment = &customer{Reference: o.Customer.ID}, &payment{Method: "Card"}
	}
	commissions := commissionsOf(o)
	odd := w.isOdd(o.Number)
	for i := range o.Lines {
		l := w.line(o, i, status)
		l.OfferPrice.Commission = commissions[i]
		if odd && i == 0 {
			l.GiftWrap = &extra{Tier: "none"}
		}
		out.Lines = append(out.Lines, l)
	}
	for _, fee := range o.Fees {
		out.ServiceFees = append(out.ServiceFees, serviceFee{Label: fee.Label, Amount: number(fee.Amount)})
	}
	out.TotalPrice = w.totals(o)
	if odd {
		out.LoyaltyProgram, out.EcologicalScore = &extra{Tier: "Gold", Points: map[string]int{"earned": 12}}, []any{1, []string{"A"}, nil}
	}
	return out
}

// isOdd reports whether an order carries members that no contract knows: as often as the settings have it, and always the same
// orders.
func (w writer) isOdd(number string) bool {
	if w.settings.ExtraFields == 0 {
		return false
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(number)) // a hash does not fail
	return h.Sum32()%uint32(w.settings.ExtraFields) == 0
}

// line writes one article, without its commission.
func (w writer) line(o *world.Order, at int, status string) line {
	l := &o.Lines[at]
	told := !o.Sparse
	unit, total, shipping := number(l.Total.Over(l.Quantity)), number(l.Total), number(l.Shipping())
	out := line{
		OrderLineID: lineID(at), Status: lineStatus(l.State, status, w.settings.ShippableLineStatus), Quantity: max(l.Quantity, 1),
		TotalPrice: totalPrice{OfferPrice: total, SellingPrice: total}, OfferPrice: offerPrice{UnitSalesPrice: unit, ShippingCost: shipping, Taxes: []tax{}},
		SellingPrice: sellingPrice{UnitSalesPrice: unit, ShippingCost: shipping, Taxes: []tax{}},
		Offer: offer{
			ID: "OFFER-" + l.SKU, SellerProductID: l.SKU, SupplyMode: supplyMode(&o.Head), ProductID: l.ProductID, ProductTitle: l.Title,
			ProductGtin: textOrNull(l.EAN), Condition: l.Condition,
		},
		Delivery: delivery{
			PromisedAtMin: w.dateOrNull(o.DeliverFrom, told), PromisedAtMax: w.dateOrNull(o.DeliverBy, told), ShippedAtMax: w.dateOrNull(o.ShipBy, told),
		},
		ShippingAddress: w.shippingAddress(o), Parcels: []parcel{}, StatusEvents: []struct{}{},
	}
	if o.Delivery != "" {
		out.Delivery.Mode = deliveryMode(o.Delivery, w.settings.RelayLabel)
	}
	if o.Sparse {
		out.Offer.ProductGtin, out.Offer.Condition = nil, ""
	}
	for _, p := range o.Parcels {
		if len(p.SKUs) == 0 || slices.Contains(p.SKUs, l.SKU) {
			out.Parcels = append(out.Parcels, parcel{ParcelNumber: p.TrackingNumber, CarrierName: p.Carrier, TrackingURL: textOrNull(p.TrackingURL)})
		}
	}
	return out
}

// lineID is the key of an order's line at that position.
func lineID(at int) string { return strconv.Itoa(at + 1) }

// supplyMode tells who ships (octopia-rest.md 5.2). The world has one for the whole order.
func supplyMode(h *world.Head) string {
	if h.Fulfilment == world.ByMarketplace {
		return "Fulfillment"
	}
	return "Seller"
}

// cdiscountFrance is the sales channel of Cdiscount, which has rules of its own (octopia-rest.md 6).
const cdiscountFrance = "CDISFR"

// channelID is the sales channel (octopia-rest.md 12.1). Only Cdiscount's is known; others keep their older code.
func channelID(h *world.Head) string {
	if h.Channel == "CDSB2C" {
		return cdiscountFrance
	}
	return h.Channel
}

func channelName(h *world.Head) string {
	if h.Channel == "CDSB2C" {
		return "Cdiscount"
	}
	return h.Channel
}

// reference is what the order's reference holds; empty means null (octopia-rest.md 13.1).
func reference(h *world.Head, is string) string {
	switch is {
	case "number":
		return h.Number
	case "partner":
		return h.PartnerRef
	default:
		return ""
	}
}

// business reports whether a company buys.
func business(o *world.Order) bool { return o.BillTo.Company != "" }
