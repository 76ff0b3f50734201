package octopia

import (
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// mapper maps one order and collects what it does not understand.
type mapper struct {
	at           string // place of what is being mapped, before its field: "lines[0]." or nothing
	currency     string // ISO 4217; empty when the order names none that could be meant
	unrecognized []*adapterv1.UnrecognizedValue
}

// mapOrder turns an order into the normalised form. at is its place in the answer. Only an order without an id, or without any
// date, is an error, since nothing can be kept under it; anything else that is not understood is kept raw in Order.unrecognized,
// and makes the order's status UNRECOGNIZED where shipping it could be wrong.
func mapOrder(at string, w *wireOrder) (*adapterv1.Order, error) {
	number := clean(w.OrderID)
	if number == "" {
		return nil, &malformedError{reason: place(at, "orderId") + " is missing"}
	}
	m := &mapper{currency: strings.ToUpper(clean(w.CurrencyCode))}
	m.checkCurrency(w)
	purchased, dated := m.purchased(w)
	if purchased.IsZero() {
		return nil, &malformedError{reason: place(at, "createdAt") + " is missing or not a date, and so is every other one"}
	}
	own := statusOf(clean(w.Status))
	if own == unrecognized {
		m.unknown("status", w.Status)
	}
	lines := m.lines(w, own)
	address := m.shippingAddress(w, lines)
	label := m.deliveryLabel(w, lines)
	mode, consistent := deliveryModeOf(label, address.goesTo())
	o := &adapterv1.Order{
		OrderNumber:        number,
		Reference:          reference(w),
		Status:             orderStatus(own, lines),
		NativeStatus:       clean(w.Status),
		Fulfillment:        m.fulfillment(w, lines),
		SalesChannel:       clean(w.SalesChannel.ID),
		PurchaseTime:       timestamp(purchased),
		UpdateTime:         timestamp(m.date("updatedAt", w.UpdatedAt)),
		Customer:           customer(w, address),
		DeliveryKind:       mode.kind,
		NativeDeliveryMode: label,
		Lines:              lines,
		Fees:               m.fees(w.ServiceFees),
		Parcels:            parcels(w.Lines),
	}
	if !mode.known && label != "" && o.GetFulfillment() != adapterv1.Fulfillment_FULFILLMENT_MARKETPLACE {
		m.unknown("delivery.mode", text(label))
	}
	if !consistent {
		m.unknown("shippingAddress.pickupId", address.PickupID)
	}
	o.ShipTo, o.PickupPoint = m.destination(address, mode)
	if !w.BillingAddress.withheld() {
		o.BillTo = w.BillingAddress.home(m, "billingAddress")
	}
	m.amounts(o, w)
	m.promises(o, w)
	for _, l := range lines {
		o.CancelRequested = o.GetCancelRequested() || l.GetCancelRequested()
	}
	context, fits := contextOf(o.GetSalesChannel(), lines)
	if fits {
		o.AdapterContext = context
	} else {
		m.note("lines", "more lines than can be shipped through this API")
	}
	if !fits || !dated {
		o.Status = unrecognized
	}
	o.Unrecognized = m.unrecognized
	return o, nil
}

// reference returns the sales channel's own reference. Three hints say what it holds on Cdiscount: nothing, the partner's
// reference, or the order number again (octopia-rest.md 13.1); the last says nothing new and counts as none.
func reference(w *wireOrder) string {
	if ref := clean(w.Reference); ref != clean(w.OrderID) {
		return ref
	}
	return ""
}

// maxRaw bounds a raw value that is kept, in bytes.
const maxRaw = 256

// unknown keeps a value that is not understood.
func (m *mapper) unknown(field string, value text) {
	raw := clean(value)
	if len(raw) > maxRaw {
		raw = strings.ToValidUTF8(raw[:maxRaw], "")
	}
	m.note(field, raw)
}

// note marks a field, once.
func (m *mapper) note(field, value string) {
	field = m.at + field
	for _, u := range m.unrecognized {
		if u.GetField() == field {
			return
		}
	}
	m.unrecognized = append(m.unrecognized, &adapterv1.UnrecognizedValue{Field: field, Value: value})
}

// date reads a date; one that is not readable is kept raw, and so is one that names no zone.
func (m *mapper) date(field string, value text) time.Time {
	t, assumed, ok := parseDate(string(value))
	if !ok || assumed {
		m.unknown(field, value)
	}
	return t
}

// purchased returns when the buyer bought: purchasedAt, which may be missing, else createdAt (octopia-rest.md 5.1). An order
// without either must not stop every import of its store: it takes the date of its last change, and dated is false.
func (m *mapper) purchased(w *wireOrder) (t time.Time, dated bool) {
	if t = m.date("purchasedAt", w.PurchasedAt); !t.IsZero() {
		return t, true
	}
	if t = m.date("createdAt", w.CreatedAt); !t.IsZero() {
		return t, true
	}
	m.unknown("createdAt", w.CreatedAt)
	t, _, _ = parseDate(string(w.UpdatedAt))
	return t, false
}

// checkCurrency settles the currency of the order's amounts: the one it names; EUR on Cdiscount France, whose orders are in
// EUR, when it names none; else none, and no amount is known.
func (m *mapper) checkCurrency(w *wireOrder) {
	if m.currency == "" && clean(w.SalesChannel.ID) == cdiscountFrance {
		m.currency = "EUR"
	}
	if _, err := sdk.ParseMoney(m.currency, "0"); err != nil {
		m.unknown("currencyCode", w.CurrencyCode)
		m.currency = ""
	}
}

// money reads an amount; none gives nil. One that is not readable, or finer or larger than Money can hold, is kept raw and
// gives nil. Nothing is ever rounded.
func (m *mapper) money(field string, value text) *adapterv1.Money {
	if clean(value) == "" || m.currency == "" {
		return nil
	}
	amount, err := parseAmount(m.currency, clean(value))
	if err != nil {
		m.unknown(field, value)
		return nil
	}
	return amount
}

// country returns an ISO 3166-1 alpha-2 code in capitals; anything else is kept raw.
func (m *mapper) country(address string, value text) string {
	code := clean(value)
	if code == "" {
		return ""
	}
	if len(code) != 2 || strings.Trim(strings.ToUpper(code), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		m.unknown(address+".countryCode", value)
		return ""
	}
	return strings.ToUpper(code)
}

// customer returns the buyer: an anonymous key, the names of the billing address, which is the buyer's, and the mail address,
// which stands in the shipping address (octopia-rest.md 12.1).
func customer(w *wireOrder, shipping *wireAddress) *adapterv1.Customer {
	c := &adapterv1.Customer{
		CustomerId: clean(w.Customer.Reference),
		FirstName:  clean(w.BillingAddress.FirstName),
		LastName:   clean(w.BillingAddress.LastName),
	}
	if shipping != nil {
		c.Email = clean(shipping.Email)
	}
	return c
}

// deliveryLabel returns the delivery mode of the order: that of its first line that still counts. Lines that differ from it are
// marked.
func (m *mapper) deliveryLabel(w *wireOrder, lines []*adapterv1.OrderLine) string {
	label, counts := "", false
	for i := range w.Lines {
		mode, lineCounts := clean(w.Lines[i].Delivery.Mode), !over(lines[i].GetStatus())
		switch {
		case mode == "":
		case label == "", lineCounts && !counts:
			label, counts = mode, lineCounts
		case mode != label && lineCounts:
			m.unknown(elementPlace("lines", i)+".delivery.mode", text(mode))
		}
	}
	return label
}

// fulfillment tells who ships the order. Lines that ended have no say as long as others count.
func (m *mapper) fulfillment(w *wireOrder, lines []*adapterv1.OrderLine) adapterv1.Fulfillment {
	var counting, all []string
	for i, l := range lines {
		mode := w.supplyMode(i)
		all = append(all, mode)
		if !over(l.GetStatus()) {
			counting = append(counting, mode)
		}
	}
	if len(counting) == 0 {
		counting = all
	}
	f := fulfillmentOf(counting)
	if f == adapterv1.Fulfillment_FULFILLMENT_UNSPECIFIED && !slices.ContainsFunc(counting, unknownSupplyMode) {
		// Each is known, and marked above if not; together they name nobody.
		m.note("lines[].offer.supplyMode", strings.Join(slices.Compact(slices.Sorted(slices.Values(counting))), ","))
	}
	return f
}

// fees maps the service fees. They have a label and no code.
func (m *mapper) fees(wire []wireFee) []*adapterv1.Fee {
	var fees []*adapterv1.Fee
	for i, f := range wire {
		amount := m.money(elementPlace("serviceFees", i)+".amount", f.Amount)
		fees = append(fees, &adapterv1.Fee{Label: clean(f.Label), Amount: amount})
	}
	return fees
}

// parcels collects the parcels of all lines, each once: on Cdiscount one parcel holds all lines and is named by each.
func parcels(lines []wireLine) []*adapterv1.Parcel {
	var list []*adapterv1.Parcel
	seen := make(map[wireParcel]bool)
	for i := range lines {
		for _, p := range lines[i].Parcels {
			p = wireParcel{text(clean(p.ParcelNumber)), text(clean(p.CarrierName)), text(clean(p.TrackingURL))}
			if p == (wireParcel{}) || seen[p] {
				continue
			}
			seen[p] = true
			list = append(list, &adapterv1.Parcel{
				TrackingNumber: string(p.ParcelNumber), Carrier: string(p.CarrierName), TrackingUrl: string(p.TrackingURL),
			})
		}
	}
	return list
}
