package octopia

import (
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// amounts sets total, shipping and commission.
//
// Shipping and commission are sums over the lines that the seller did not refuse, or over all when none is left: what counts for the
// order as it stands. The total is what the marketplace says the customer pays. Whether that holds the service fees is not settled
// (octopia-rest.md 13.13), while Order.total does: when it is exactly goods and shipping, the fees are added.
func (m *mapper) amounts(o *adapterv1.Order, w *wireOrder) {
	var shipping, commission, counting, all, fees sum
	left := 0
	for _, l := range o.GetLines() {
		if l.GetStatus() != refused {
			left++
		}
	}
	for i, l := range o.GetLines() {
		all.add(l.GetTotalPrice(), l.GetShippingPrice())
		if l.GetStatus() == refused && left > 0 {
			continue
		}
		m.at = elementPlace("lines", i) + "."
		counting.add(l.GetTotalPrice(), l.GetShippingPrice())
		shipping.add(l.GetShippingPrice())
		commission.add(m.commission(&w.Lines[i]))
		m.at = ""
	}
	for _, f := range o.GetFees() {
		fees.add(f.GetAmount())
	}
	o.Shipping, o.Commission = shipping.money(), commission.money()
	o.Total = m.money("totalPrice.sellingPrice", w.TotalPrice.SellingPrice)
	if goods := o.GetTotal(); same(goods, counting.money()) || same(goods, all.money()) {
		if total, err := sdk.AddMoney(goods, fees.money()); err == nil {
			o.Total = total
		}
	}
}

// commission returns the marketplace's commission of a line, VAT included like every other amount; one client knows it by another
// name (octopia-rest.md 5.2, 13.12). Where only the amount without VAT is there it stands in, and is marked.
func (m *mapper) commission(w *wireLine) *adapterv1.Money {
	const prefix = "offerPrice.commission."
	c := &w.OfferPrice.Commission
	switch {
	case clean(c.AmountWithVat) != "":
		return m.money(prefix+"amountWithVat", c.AmountWithVat)
	case clean(c.AmountWithTax) != "":
		return m.money(prefix+"amountWithTax", c.AmountWithTax)
	case clean(c.AmountWithoutVat) != "":
		m.unknown(prefix+"amountWithoutVat", c.AmountWithoutVat)
		return m.money(prefix+"amountWithoutVat", c.AmountWithoutVat)
	}
	return nil
}

// promises sets the order's dates from its lines that still count: the earliest date to ship, and the whole span of delivery.
// The order's own date to ship stands in where none of them has any. Lines that ended promise nothing.
func (m *mapper) promises(o *adapterv1.Order, w *wireOrder) {
	ended := 0
	for _, l := range o.GetLines() {
		if over(l.GetStatus()) {
			ended++
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
	own := m.date("shippedAtMax", w.ShippedAtMax)
	if o.ShipByTime == nil && (ended == 0 || ended < len(o.GetLines())) {
		o.ShipByTime = timestamp(own)
	}
}

// sum adds up amounts; amounts that are not there count as nothing, and what cannot be added makes the sum unknown.
type sum struct {
	total   *adapterv1.Money
	unknown bool
}

func (s *sum) add(amounts ...*adapterv1.Money) {
	for _, a := range amounts {
		total, err := sdk.AddMoney(s.total, a)
		if err != nil {
			s.unknown = true
			return
		}
		s.total = total
	}
}

// money returns the sum; nil when there was nothing to add, or it is unknown.
func (s *sum) money() *adapterv1.Money {
	if s.unknown {
		return nil
	}
	return s.total
}
