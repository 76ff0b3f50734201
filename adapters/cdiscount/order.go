package cdiscount

import (
	"fmt"
	"strings"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// mapper maps one order and collects what it does not understand.
type mapper struct {
	line         int // which line of the answer is being mapped, from 1; 0 while it is the order itself
	unrecognized []*adapterv1.UnrecognizedValue
}

// mapOrder turns an order into the normalised form. Only an order without a number, or without a creation date to be found
// anywhere, is an error, since nothing can be kept under it; anything else that is not understood is kept raw in Order.unrecognized, and makes the
// order's status UNRECOGNIZED where shipping it could be wrong.
func mapOrder(w *wireOrder) (*adapterv1.Order, error) {
	number := clean(w.OrderNumber)
	if number == "" {
		return nil, &malformedError{reason: "an order without a number"}
	}
	m := &mapper{}
	created, ok := parseDate(w.CreationDate)
	dated := ok && !created.IsZero()
	if !dated {
		// One such order must not stop every import of its store. Its number begins with the minute of its creation.
		if created, ok = numberDate(number); !ok {
			return nil, &malformedError{reason: "an order without a readable creation date, in its number neither"}
		}
		m.unknown("CreationDate", w.CreationDate)
	}
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
		o.BillTo = w.BillingAddress.home(m, billing)
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
	if !dated {
		o.Status = unrecognized
	}
	o.Unrecognized = m.unrecognized
	return o, nil
}

// numberDate reads the minute of creation that an order number begins with: yyMMddHHmm and five more characters
// (cdiscount-soap.md 6.2).
func numberDate(number string) (t time.Time, ok bool) {
	const layout = "0601021504"
	if len(number) != len(layout)+5 {
		return time.Time{}, false
	}
	wall, err := time.Parse(layout, number[:len(layout)])
	if err != nil {
		return time.Time{}, false
	}
	return fromParis(wall).UTC(), true
}

// unknown keeps a value that is not understood.
func (m *mapper) unknown(field, value string) {
	if m.line > 0 {
		field = fmt.Sprintf("OrderLine[%d].%s", m.line-1, field)
	}
	m.unrecognized = append(m.unrecognized, &adapterv1.UnrecognizedValue{Field: field, Value: clean(value)})
}

// state returns the status of the order's own state. An order a few minutes old may have none (cdiscount-soap.md 7.3, 12.9).
// What that means is not known: it was seen once, and Status Completed beside it says nothing, since orders that were
// refused and shipped have it too. So it is UNRECOGNIZED, which nobody ships, and a later read gives it a name.
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

// money reads an amount; none gives nil. One that is not readable, or finer or larger than Money can hold, is kept raw,
// gives nil and ok = false. Nothing is ever rounded.
func (m *mapper) money(field, text string) (amount *adapterv1.Money, ok bool) {
	if clean(text) == "" {
		return nil, true
	}
	amount, err := parseAmount(text)
	if err != nil {
		m.unknown(field, text)
		return nil, false
	}
	return amount, true
}

// country returns an ISO 3166-1 alpha-2 code in capitals; anything else is kept raw.
func (m *mapper) country(address, text string) string {
	code := clean(text)
	if code == "" {
		return ""
	}
	if len(code) != 2 {
		m.unknown(address+".Country", text)
		return ""
	}
	for i := range len(code) {
		if c := code[i] | 0x20; c < 'a' || c > 'z' {
			m.unknown(address+".Country", text)
			return ""
		}
	}
	return strings.ToUpper(code)
}

// updated returns the last change: LastUpdatedDate, which replaced ModifiedDate (cdiscount-soap.md 6.2).
func (m *mapper) updated(w *wireOrder) time.Time {
	if t := m.date("LastUpdatedDate", w.LastUpdatedDate); !t.IsZero() {
		return t
	}
	return m.date("ModifiedDate", w.ModifiedDate)
}

// amounts sets total, shipping and commission: of the accepted part, which is what connectors book, once there is one, and
// of the order as it was made before (cdiscount-soap.md 6.2). An accepted total that cannot be held is still the one that
// counts: the total stays unset then.
func (m *mapper) amounts(o *adapterv1.Order, w *wireOrder) {
	validated, ok := m.money("ValidatedTotalAmount", w.ValidatedTotalAmount)
	if !ok || validated.GetUnits() > 0 || validated.GetNanos() > 0 {
		o.Total = validated
		o.Shipping, _ = m.money("ValidatedTotalShippingCharges", w.ValidatedTotalShippingCharges)
		o.Commission, _ = m.money("SiteCommissionValidatedAmount", w.SiteCommissionValidatedAmount)
		return
	}
	o.Total, _ = m.money("InitialTotalAmount", w.InitialTotalAmount)
	o.Shipping, _ = m.money("InitialTotalShippingChargesAmount", w.InitialTotalShippingChargesAmount)
	o.Commission, _ = m.money("SiteCommissionPromisedAmount", w.SiteCommissionPromisedAmount)
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
func parcels(wire []*wireParcel) []*adapterv1.Parcel {
	var list []*adapterv1.Parcel
	for _, p := range wire {
		if returned, _ := parseBool(p.IsCustomerReturn); returned {
			continue
		}
		carrier := clean(p.ExternalCarrierName)
		if carrier == "" {
			carrier = clean(p.RealCarrierCode)
		}
		list = append(list, &adapterv1.Parcel{
			TrackingNumber: clean(p.CustomerNum), Carrier: carrier, TrackingUrl: clean(p.ExternalCarrierTrackingURL), NativeStatus: clean(p.ParcelStatus),
		})
	}
	return list
}
