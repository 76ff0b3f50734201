package octopia

import (
	"encoding/json"
	"strconv"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// over reports whether a line or order ended without a sale.
func over(s adapterv1.OrderStatus) bool { return s == cancelled || s == refused }

// lines maps the order's lines, all of which are goods: fees stand apart (octopia-rest.md 12.1). own is the status of the
// order's own word.
func (m *mapper) lines(w *wireOrder, own adapterv1.OrderStatus) []*adapterv1.OrderLine {
	taken := make(map[string]bool, len(w.Lines))
	lines := make([]*adapterv1.OrderLine, 0, len(w.Lines))
	for i := range w.Lines {
		m.at = elementPlace("lines", i) + "."
		line := m.goods(&w.Lines[i], w.supplyMode(i), own)
		line.LineId = uniqueID(taken, line.GetLineId())
		lines = append(lines, line)
	}
	m.at = ""
	return lines
}

// supplyMode tells who ships a line: its offer says, else the order.
func (w *wireOrder) supplyMode(i int) string {
	if mode := clean(w.Lines[i].Offer.SupplyMode); mode != "" {
		return mode
	}
	return clean(w.SupplyMode)
}

// uniqueID returns the line's key within its order. The second line with one id gets "#2", and so on: that was never seen, and
// the host needs them apart.
func uniqueID(taken map[string]bool, base string) string {
	id := base
	for n := 2; taken[id]; n++ {
		id = base + "#" + strconv.Itoa(n)
	}
	taken[id] = true
	return id
}

// goods maps one line.
func (m *mapper) goods(w *wireLine, supplyMode string, own adapterv1.OrderStatus) *adapterv1.OrderLine {
	status, cancel := lineStatus(clean(w.Status), own, supplyMode == "Seller")
	if status == unrecognized && own != unrecognized {
		m.unknown("status", w.Status)
	}
	if unknownSupplyMode(supplyMode) {
		m.unknown("offer.supplyMode", text(supplyMode))
	}
	quantity, ok := parseQuantity(clean(w.Quantity))
	if !ok || quantity == 0 && open(status) {
		// How many pieces to ship is not known: not to be shipped.
		m.unknown("quantity", w.Quantity)
		status = unrecognized
	}
	if clean(w.Offer.SellerProductID) == "" && open(status) {
		// Nobody could tell which of the seller's articles it is (octopia-rest.md 5.2: the join key).
		m.unknown("offer.sellerProductId", w.Offer.SellerProductID)
		status = unrecognized
	}
	id := clean(w.OrderLineID)
	if id == "" {
		m.unknown("orderLineId", w.OrderLineID)
		id = "line"
	}
	line := &adapterv1.OrderLine{
		LineId:          id,
		Sku:             string(w.Offer.SellerProductID),
		ProductId:       clean(w.Offer.ProductID),
		Ean:             clean(w.Offer.ProductGtin),
		Title:           clean(w.Offer.ProductTitle),
		Quantity:        quantity,
		UnitPrice:       m.money("sellingPrice.unitSalesPrice", w.SellingPrice.UnitSalesPrice),
		ShippingPrice:   m.money("sellingPrice.shippingCost", w.SellingPrice.ShippingCost),
		Status:          status,
		NativeStatus:    clean(w.Status),
		CancelRequested: cancel,
		Condition:       clean(w.Offer.Condition),
		ShipByTime:      timestamp(m.date("delivery.shippedAtMax", w.Delivery.ShippedAtMax)),
		DeliverFromTime: timestamp(m.date("delivery.promisedAtMin", w.Delivery.PromisedAtMin)),
		DeliverByTime:   timestamp(m.date("delivery.promisedAtMax", w.Delivery.PromisedAtMax)),
	}
	line.TotalPrice = m.lineTotal(w, line)
	return line
}

// lineTotal returns the price of a line without shipping: pieces × unit price. The line's own total serves as a check, and as
// the exact figure where the price of a piece was rounded to cents (three pieces for 10.00). Whether that total holds the
// shipping is not settled (octopia-rest.md 5.2, 13.13), so both readings are tried; one that fits neither is kept raw.
func (m *mapper) lineTotal(w *wireLine, line *adapterv1.OrderLine) *adapterv1.Money {
	const field = "totalPrice.sellingPrice"
	total := m.money(field, w.TotalPrice.SellingPrice)
	if line.GetUnitPrice() == nil || line.GetQuantity() == 0 {
		return total
	}
	goods, err := sdk.MultiplyMoney(line.GetUnitPrice(), int64(line.GetQuantity()))
	if err != nil {
		m.unknown("sellingPrice.unitSalesPrice", w.SellingPrice.UnitSalesPrice)
		return total
	}
	if total == nil || same(total, goods) {
		return goods
	}
	withShipping, err := sdk.AddMoney(goods, line.GetShippingPrice())
	switch {
	case err == nil && same(total, withShipping):
		return goods
	case roundedTotal(total, goods, line.GetQuantity()):
		return total
	case err == nil && roundedTotal(total, withShipping, line.GetQuantity()):
		return m.less(total, line.GetShippingPrice(), goods)
	}
	m.unknown(field, w.TotalPrice.SellingPrice)
	return goods
}

// less returns total − part, or otherwise when that cannot be computed.
func (m *mapper) less(total, part, otherwise *adapterv1.Money) *adapterv1.Money {
	if negative, err := sdk.MultiplyMoney(part, -1); err == nil {
		if rest, err := sdk.AddMoney(total, negative); err == nil {
			return rest
		}
	}
	return otherwise
}

// parseQuantity reads a quantity; none at all reads as 0.
func parseQuantity(s string) (quantity int32, ok bool) {
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return int32(max(n, 0)), err == nil && n >= 0
}

// orderContext is Order.adapter_context: what the adapter must know of an order when it is shipped or decided about. The names
// are short because an order may have hundreds of lines.
type orderContext struct {
	Version int      `json:"v"`
	Channel string   `json:"c"`
	Lines   []string `json:"l"` // ids of the lines that still count
}

// Version and size of a context.
const (
	contextVersion = 1
	contextLimit   = 16 << 10
)

// contextOf returns the context of an order, false when it is larger than the protocol allows. Lines that ended without a sale
// are left out: they are no part of what leaves.
func contextOf(channel string, lines []*adapterv1.OrderLine) ([]byte, bool) {
	c := orderContext{Version: contextVersion, Channel: channel, Lines: []string{}}
	for _, l := range lines {
		if !over(l.GetStatus()) {
			c.Lines = append(c.Lines, l.GetLineId())
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic("octopia: strings always encode: " + err.Error())
	}
	return b, len(b) <= contextLimit
}
