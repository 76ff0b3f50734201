package example

import (
	"encoding/json"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// wireOrder is an order of either version.
type wireOrder struct {
	Number       string
	FormerNumber string `json:"former_number"`
	State        string
	Shipper      string
	Mode         string
	Bought       instant
	Changed      instant
	ShipBy       instant `json:"ship_by"`
	Buyer        struct {
		ID, Mail, Phone string
		FirstName       string `json:"first_name"`
		LastName        string `json:"last_name"`
	}
	Receiver, Payer *wireAddress
	Point           *struct {
		Network, ID, Name string
		Address           wireAddress
	}
	Lines []struct {
		ID, SKU, EAN, Title, State string
		Pieces                     int32
		Price, Shipping            amount
	}
	Fees []struct {
		Code, Label string
		Amount      amount
	}
	Parcels []struct{ Number, Carrier, URL string }
	Total   amount
}

type wireAddress struct {
	Civility, Company, Zip, City, Country string
	FirstName                             string `json:"first_name"`
	LastName                              string `json:"last_name"`
	Streets                               []string
}

func (a *wireAddress) address() *adapterv1.Address {
	if a == nil {
		return nil
	}
	return &adapterv1.Address{
		Civility: a.Civility, FirstName: a.FirstName, LastName: a.LastName, Company: a.Company, Lines: a.Streets, PostalCode: a.Zip,
		City: a.City, CountryCode: a.Country,
	}
}

// statusWord is a word of the bazaar and what it means.
type statusWord struct {
	word   string
	status adapterv1.OrderStatus
}

// statusWords are all words for states that are known.
func statusWords() []statusWord {
	return []statusWord{
		{"to-accept", adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE},
		{"checking", adapterv1.OrderStatus_ORDER_STATUS_PROCESSING},
		{"to-ship", adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP},
		{"sent", adapterv1.OrderStatus_ORDER_STATUS_SHIPPED},
		{"collected", adapterv1.OrderStatus_ORDER_STATUS_DELIVERED},
		{"void", adapterv1.OrderStatus_ORDER_STATUS_CANCELLED},
		{"declined", adapterv1.OrderStatus_ORDER_STATUS_REFUSED},
	}
}

// statusOf is what a word means; a word that is not known fails closed.
func statusOf(word string) adapterv1.OrderStatus {
	for _, s := range statusWords() {
		if s.word == word {
			return s.status
		}
	}
	return adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED
}

// order turns an order into the protocol's. Errors: MALFORMED_ANSWER.
func (w *wireOrder) order() (*adapterv1.Order, error) {
	if w.Number == "" || w.Bought.IsZero() || len(w.Lines) == 0 {
		return nil, sdk.MalformedAnswer("an order has no number, no date or no lines")
	}
	o := &adapterv1.Order{
		OrderNumber: w.Number, NativeId: w.Number, Reference: w.FormerNumber, Status: statusOf(w.State), NativeStatus: w.State,
		PurchaseTime: timestamppb.New(w.Bought.Time), UpdateTime: stamp(w.Changed), ShipByTime: stamp(w.ShipBy),
		Customer: &adapterv1.Customer{
			CustomerId: w.Buyer.ID, FirstName: w.Buyer.FirstName, LastName: w.Buyer.LastName, Email: w.Buyer.Mail, Phone: w.Buyer.Phone,
		},
		ShipTo: w.Receiver.address(), BillTo: w.Payer.address(), NativeDeliveryMode: w.Mode,
	}
	switch w.Shipper {
	case "seller":
		o.Fulfillment = adapterv1.Fulfillment_FULFILLMENT_SELLER
	case "marketplace":
		o.Fulfillment = adapterv1.Fulfillment_FULFILLMENT_MARKETPLACE
	}
	w.pickup(o)
	for _, p := range w.Parcels {
		o.Parcels = append(o.Parcels, &adapterv1.Parcel{TrackingNumber: p.Number, Carrier: p.Carrier, TrackingUrl: p.URL})
	}
	if err := w.goods(o); err != nil {
		return nil, err
	}
	o.AdapterContext = contextOf(o)
	if o.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED && statusOf(w.State) == o.GetStatus() {
		o.Unrecognized = append(o.Unrecognized, &adapterv1.UnrecognizedValue{Field: "state", Value: w.State})
	}
	return o, nil
}

// contextOf is what the adapter wants to know of an order when it is shipped.
func contextOf(o *adapterv1.Order) []byte {
	c := orderContext{Order: o.GetOrderNumber()}
	for _, l := range o.GetLines() {
		c.Lines = append(c.Lines, l.GetLineId())
	}
	text, _ := json.Marshal(c) // texts always encode
	return text
}

// pickup fills in where the buyer collects.
func (w *wireOrder) pickup(o *adapterv1.Order) {
	if w.Point == nil {
		o.DeliveryKind = adapterv1.DeliveryKind_DELIVERY_KIND_STANDARD
		return
	}
	o.DeliveryKind = adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP
	networks := map[string]adapterv1.PickupNetwork{
		"colissimo": adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO, "mondial-relay": adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY,
		"relais-colis": adapterv1.PickupNetwork_PICKUP_NETWORK_RELAIS_COLIS,
	}
	o.PickupPoint = &adapterv1.PickupPoint{
		Network: networks[w.Point.Network], RawId: w.Point.ID, Id: w.Point.ID, Name: w.Point.Name, Address: w.Point.Address.address(),
	}
}

// goods fills in lines, fees and what they add up to. A line that is not known makes the whole order unknown.
func (w *wireOrder) goods(o *adapterv1.Order) error {
	var failed error
	money := func(a amount) *adapterv1.Money {
		m, err := sdk.ParseMoney("EUR", string(a))
		if err != nil {
			failed = sdk.MalformedAnswer("an amount cannot be read")
		}
		return m
	}
	var seen []string
	for _, l := range w.Lines {
		line := &adapterv1.OrderLine{
			LineId: l.ID, Sku: l.SKU, Ean: l.EAN, Title: l.Title, Quantity: l.Pieces, TotalPrice: money(l.Price), ShippingPrice: money(l.Shipping),
			NativeStatus: l.State, Status: statusOf(l.State),
		}
		if l.ID == "" || slices.Contains(seen, l.ID) {
			return sdk.MalformedAnswer("a line has no key of its own")
		}
		seen = append(seen, l.ID)
		switch l.State {
		case "as-order":
			line.Status = statusOf(w.State)
		case "cancel-asked":
			line.Status, line.CancelRequested, o.CancelRequested = statusOf(w.State), true, true
		}
		if line.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED {
			o.Status = line.GetStatus()
		}
		o.Lines = append(o.Lines, line)
		shipping, err := sdk.AddMoney(o.GetShipping(), line.GetShippingPrice())
		if err != nil {
			return sdk.MalformedAnswer("shipping does not add up")
		}
		o.Shipping = shipping
	}
	for _, fee := range w.Fees {
		o.Fees = append(o.Fees, &adapterv1.Fee{Code: fee.Code, Label: fee.Label, Amount: money(fee.Amount)})
	}
	o.Total = money(w.Total)
	return failed
}

// stamp is an instant on the protocol's wire; nil for none.
func stamp(i instant) *timestamppb.Timestamp {
	if i.IsZero() {
		return nil
	}
	return timestamppb.New(i.Time)
}

// rfc3339 writes an instant as queries have it.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
