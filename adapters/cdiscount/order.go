package cdiscount

import (
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// currency of every amount: the API names none in an order, and the request header asks for Eur (cdiscount-soap.md 3.1).
const currency = "EUR"

// wireOrder is an Order (cdiscount-soap.md 6.2), as far as it is used. Values stay text until they are mapped.
type wireOrder struct {
	BillingAddress         wireAddress  `xml:"BillingAddress"`
	CorporationCode        string       `xml:"Corporation>CorporationCode"`
	CreationDate           string       `xml:"CreationDate"`
	Customer               wireCustomer `xml:"Customer"`
	InitialTotal           string       `xml:"InitialTotalAmount"`
	InitialShipping        string       `xml:"InitialTotalShippingChargesAmount"`
	IsCLogistiqueOrder     string       `xml:"IsCLogistiqueOrder"`
	LastUpdatedDate        string       `xml:"LastUpdatedDate"`
	ModGesLog              string       `xml:"ModGesLog"`
	ModifiedDate           string       `xml:"ModifiedDate"`
	Lines                  []wireLine   `xml:"OrderLineList>OrderLine"`
	OrderNumber            string       `xml:"OrderNumber"`
	OrderState             string       `xml:"OrderState"`
	Parcels                []wireParcel `xml:"ParcelList>Parcel"`
	PartnerOrderRef        string       `xml:"PartnerOrderRef"`
	ShippingAddress        wireAddress  `xml:"ShippingAddress"`
	ShippingCode           string       `xml:"ShippingCode"`
	ShippingDateMax        string       `xml:"ShippingDateMax"`
	ShippingDateMin        string       `xml:"ShippingDateMin"`
	SiteCommissionPromised string       `xml:"SiteCommissionPromisedAmount"`
	SiteCommissionValid    string       `xml:"SiteCommissionValidatedAmount"`
	ValidatedTotal         string       `xml:"ValidatedTotalAmount"`
	ValidatedShipping      string       `xml:"ValidatedTotalShippingCharges"`
}

// wireParcel is a Parcel (cdiscount-soap.md 6.5). None was ever recorded.
type wireParcel struct {
	Number           string `xml:"CustomerNum"`
	Carrier          string `xml:"ExternalCarrierName"`
	TrackingURL      string `xml:"ExternalCarrierTrackingUrl"`
	IsCustomerReturn string `xml:"IsCustomerReturn"`
	Status           string `xml:"ParcelStatus"`
	RealCarrierCode  string `xml:"RealCarrierCode"`
}

// mapper maps one order and collects what it does not understand.
type mapper struct {
	unrecognized []*adapterv1.UnrecognizedValue
}

// mapOrder turns an order into the normalised form. Only an order without a number or a readable creation date is an error,
// since nothing can be kept under it; anything else that is not understood is kept raw in Order.unrecognized, and makes the
// order's status UNRECOGNIZED where shipping it could be wrong.
func mapOrder(w *wireOrder) (*adapterv1.Order, error) {
	number := clean(w.OrderNumber)
	if number == "" {
		return nil, &malformedError{reason: "an order without a number"}
	}
	created, ok := parseDate(w.CreationDate)
	if !ok || created.IsZero() {
		return nil, &malformedError{reason: "an order without a readable creation date"}
	}
	m := &mapper{}
	own := m.state(w.OrderState)
	mode := deliveryModeOf(clean(w.ShippingCode), clean(w.ShippingAddress.RelayID) != "")
	fulfillment, known := fulfillmentOf(w.IsCLogistiqueOrder, clean(w.ModGesLog))
	if !known {
		m.unknown("IsCLogistiqueOrder", w.IsCLogistiqueOrder)
		m.unknown("ModGesLog", w.ModGesLog)
	}
	if !mode.known && clean(w.ShippingCode) != "" && fulfillment != adapterv1.Fulfillment_FULFILLMENT_MARKETPLACE {
		// Cdiscount's own logistics has some fifty codes of its own, which are nobody's business here.
		m.unknown("ShippingCode", w.ShippingCode)
	}
	goods, fees := m.lines(w.Lines, own)
	o := &adapterv1.Order{
		OrderNumber:        number,
		Reference:          clean(w.PartnerOrderRef),
		Status:             orderStatus(own, goods),
		NativeStatus:       clean(w.OrderState),
		Fulfillment:        fulfillment,
		SalesChannel:       clean(w.CorporationCode),
		PurchaseTime:       timestamp(created),
		UpdateTime:         timestamp(m.updated(w)),
		Customer:           w.Customer.customer(),
		DeliveryKind:       mode.kind,
		NativeDeliveryMode: clean(w.ShippingCode),
		Lines:              goods,
		Fees:               fees,
		Parcels:            parcels(w.Parcels),
	}
	o.ShipTo, o.PickupPoint = m.destination(w, mode)
	if !w.BillingAddress.withheld() {
		o.BillTo = w.BillingAddress.home(m, "BillingAddress")
	}
	m.amounts(o, w)
	m.promises(o, w)
	for _, l := range goods {
		o.CancelRequested = o.CancelRequested || l.GetCancelRequested()
	}
	if context, fits := contextOf(goods); fits {
		o.AdapterContext = context
	} else {
		// It could not be shipped from here: too many lines to name.
		m.unknown("OrderLineList", "more lines than can be shipped through this API")
		o.Status = unrecognized
	}
	o.Unrecognized = m.unrecognized
	return o, nil
}

// unknown keeps a value that is not understood.
func (m *mapper) unknown(field, value string) {
	m.unrecognized = append(m.unrecognized, &adapterv1.UnrecognizedValue{Field: field, Value: clean(value)})
}

// state returns the status of the order's own state. An order a few minutes old may have none (cdiscount-soap.md 12.9).
func (m *mapper) state(raw string) adapterv1.OrderStatus {
	status := stateStatus(clean(raw))
	if status == unrecognized {
		m.unknown("OrderState", raw)
	}
	return status
}

// date reads a date; one that is not readable is kept raw.
func (m *mapper) date(field, text string) time.Time {
	t, ok := parseDate(text)
	if !ok {
		m.unknown(field, text)
	}
	return t
}

// money reads an amount; none gives nil, one that is not readable is kept raw. Nothing is ever rounded.
func (m *mapper) money(field, text string) *adapterv1.Money {
	if clean(text) == "" {
		return nil
	}
	amount, err := sdk.ParseMoney(currency, text)
	if err != nil {
		m.unknown(field, text)
		return nil
	}
	return amount
}

// country returns an ISO 3166-1 alpha-2 code in capitals; anything else is kept raw.
func (m *mapper) country(field, text string) string {
	code := clean(text)
	if code == "" {
		return ""
	}
	if len(code) != 2 {
		m.unknown(field, text)
		return ""
	}
	upper := []byte(code)
	for i, c := range upper {
		switch {
		case c >= 'a' && c <= 'z':
			upper[i] = c - 'a' + 'A'
		case c < 'A' || c > 'Z':
			m.unknown(field, text)
			return ""
		}
	}
	return string(upper)
}

// updated returns the last change: LastUpdatedDate, which replaced ModifiedDate (cdiscount-soap.md 6.2).
func (m *mapper) updated(w *wireOrder) time.Time {
	if t := m.date("LastUpdatedDate", w.LastUpdatedDate); !t.IsZero() {
		return t
	}
	return m.date("ModifiedDate", w.ModifiedDate)
}

// amounts sets total, shipping and commission: of the accepted part, which is what connectors book, once there is one, and
// of the order as it was made before (cdiscount-soap.md 6.2).
func (m *mapper) amounts(o *adapterv1.Order, w *wireOrder) {
	validated := m.money("ValidatedTotalAmount", w.ValidatedTotal)
	if validated.GetUnits() > 0 || validated.GetNanos() > 0 {
		o.Total = validated
		o.Shipping = m.money("ValidatedTotalShippingCharges", w.ValidatedShipping)
		o.Commission = m.money("SiteCommissionValidatedAmount", w.SiteCommissionValid)
		return
	}
	o.Total = m.money("InitialTotalAmount", w.InitialTotal)
	o.Shipping = m.money("InitialTotalShippingChargesAmount", w.InitialShipping)
	o.Commission = m.money("SiteCommissionPromisedAmount", w.SiteCommissionPromised)
}

// promises sets the order's dates from its lines that still count: the earliest date to ship, and the whole span of
// delivery. The order's own ShippingDateMin and Max were recorded equal to the lines' delivery dates (cdiscount-soap.md
// 6.2), so they stand in for those where no line has any.
func (m *mapper) promises(o *adapterv1.Order, w *wireOrder) {
	for _, l := range o.GetLines() {
		if l.GetStatus() == cancelled || l.GetStatus() == refused {
			continue
		}
		if t := l.GetShipByTime(); t != nil && (o.ShipByTime == nil || t.AsTime().Before(o.ShipByTime.AsTime())) {
			o.ShipByTime = t
		}
		if t := l.GetDeliverFromTime(); t != nil && (o.DeliverFromTime == nil || t.AsTime().Before(o.DeliverFromTime.AsTime())) {
			o.DeliverFromTime = t
		}
		if t := l.GetDeliverByTime(); t != nil && (o.DeliverByTime == nil || t.AsTime().After(o.DeliverByTime.AsTime())) {
			o.DeliverByTime = t
		}
	}
	from, by := m.date("ShippingDateMin", w.ShippingDateMin), m.date("ShippingDateMax", w.ShippingDateMax)
	if o.DeliverFromTime == nil {
		o.DeliverFromTime = timestamp(from)
	}
	if o.DeliverByTime == nil {
		o.DeliverByTime = timestamp(by)
	}
}

// parcels maps the parcels that went to the buyer. One that came back proves no shipment.
func parcels(wire []wireParcel) []*adapterv1.Parcel {
	var list []*adapterv1.Parcel
	for i := range wire {
		p := &wire[i]
		if returned, _ := parseBool(p.IsCustomerReturn); returned {
			continue
		}
		carrier := clean(p.Carrier)
		if carrier == "" {
			carrier = clean(p.RealCarrierCode)
		}
		list = append(list, &adapterv1.Parcel{
			TrackingNumber: clean(p.Number), Carrier: carrier, TrackingUrl: clean(p.TrackingURL), NativeStatus: clean(p.Status),
		})
	}
	return list
}
