package cdiscount

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// wireLine is an OrderLine (cdiscount-soap.md 6.3). Values stay text until they are mapped: one that nobody can read must
// not make the whole answer unreadable.
type wireLine struct {
	AcceptationState  string `xml:"AcceptationState"`
	DeliveryDateMax   string `xml:"DeliveryDateMax"`
	DeliveryDateMin   string `xml:"DeliveryDateMin"`
	Name              string `xml:"Name"`
	ProductCondition  string `xml:"ProductCondition"`
	ProductEan        string `xml:"ProductEan"`
	ProductID         string `xml:"ProductId"`
	PurchasePrice     string `xml:"PurchasePrice"`
	Quantity          string `xml:"Quantity"`
	SellerProductID   string `xml:"SellerProductId"`
	ShippingDateMax   string `xml:"ShippingDateMax"`
	Sku               string `xml:"Sku"`
	AdditionalCharges string `xml:"UnitAdditionalShippingCharges"`
	ShippingCharges   string `xml:"UnitShippingCharges"`
}

// feeProducts are the products of pseudo lines: payment fees, never goods (cdiscount-soap.md 6.3).
func feeProducts() []string { return []string{"INTERETBCA", "FRAISTRAITEMENT"} }

// fee reports whether the line is a fee, and under which code.
func (w *wireLine) fee() (code string, is bool) {
	for _, id := range []string{clean(w.ProductID), clean(w.Sku)} {
		if slices.Contains(feeProducts(), id) {
			return id, true
		}
	}
	return "", false
}

// lines maps the order's lines: goods, and fees apart. own is the status of the order's own state, which most lines follow.
func (m *mapper) lines(wire []wireLine, own adapterv1.OrderStatus) (goods []*adapterv1.OrderLine, fees []*adapterv1.Fee) {
	ids := make(map[string]bool, len(wire))
	for i := range wire {
		w := &wire[i]
		field := fmt.Sprintf("OrderLine[%d]", i)
		if code, is := w.fee(); is {
			fees = append(fees, &adapterv1.Fee{Code: code, Label: clean(w.Name), Amount: m.money(field+".PurchasePrice", w.PurchasePrice)})
			continue
		}
		line := m.line(w, field, own)
		line.LineId = uniqueID(ids, w)
		goods = append(goods, line)
	}
	return goods, fees
}

// uniqueID returns the line's key within its order: the seller's reference, by which ValidateOrderList knows it, else the
// marketplace's; RowId is always 0. The second line with one reference gets "#2", and so on, in the order of the answer.
func uniqueID(taken map[string]bool, w *wireLine) string {
	base := "line"
	for _, id := range []string{w.SellerProductID, w.ProductID, w.Sku} {
		if id = clean(id); id != "" {
			base = id
			break
		}
	}
	id := base
	for n := 2; taken[id]; n++ {
		id = base + "#" + strconv.Itoa(n)
	}
	taken[id] = true
	return id
}

// line maps one line of goods, all but its id.
func (m *mapper) line(w *wireLine, field string, own adapterv1.OrderStatus) *adapterv1.OrderLine {
	status, cancel := lineStatus(clean(w.AcceptationState), own)
	if status == unrecognized && own != unrecognized {
		m.unknown(field+".AcceptationState", w.AcceptationState)
	}
	quantity, ok := parseQuantity(w.Quantity)
	if !ok {
		// How many pieces to ship is not known: not to be shipped.
		m.unknown(field+".Quantity", w.Quantity)
		status = unrecognized
	}
	product := clean(w.ProductID)
	if product == "" {
		product = clean(w.Sku)
	}
	line := &adapterv1.OrderLine{
		Sku:             w.SellerProductID,
		ProductId:       product,
		Ean:             clean(w.ProductEan),
		Title:           clean(w.Name),
		Quantity:        quantity,
		TotalPrice:      m.money(field+".PurchasePrice", w.PurchasePrice),
		ShippingPrice:   m.lineShipping(w, field, quantity),
		Status:          status,
		NativeStatus:    clean(w.AcceptationState),
		CancelRequested: cancel,
		Condition:       clean(w.ProductCondition),
		ShipByTime:      timestamp(m.date(field+".ShippingDateMax", w.ShippingDateMax)),
		DeliverFromTime: timestamp(m.date(field+".DeliveryDateMin", w.DeliveryDateMin)),
		DeliverByTime:   timestamp(m.date(field+".DeliveryDateMax", w.DeliveryDateMax)),
	}
	// PurchasePrice is the line's total: two connectors divide it by the quantity (cdiscount-soap.md 6.3, 12.12). Quantity 0
	// was seen after a refused shipment; there is no price of a piece then.
	if line.TotalPrice != nil && quantity > 0 {
		if unit, err := sdk.DivideMoney(line.TotalPrice, quantity); err == nil {
			line.UnitPrice = unit
		}
	}
	return line
}

// lineShipping returns the shipping of a line: the charge of the first piece and that of each further one.
func (m *mapper) lineShipping(w *wireLine, field string, quantity int32) *adapterv1.Money {
	first := m.money(field+".UnitShippingCharges", w.ShippingCharges)
	further := m.money(field+".UnitAdditionalShippingCharges", w.AdditionalCharges)
	if first == nil || quantity == 0 {
		return nil
	}
	if further == nil || quantity == 1 {
		return first
	}
	rest, err := sdk.MultiplyMoney(further, int64(quantity-1))
	if err != nil {
		m.unknown(field+".UnitAdditionalShippingCharges", w.AdditionalCharges)
		return nil
	}
	sum, err := sdk.AddMoney(first, rest)
	if err != nil {
		m.unknown(field+".UnitShippingCharges", w.ShippingCharges)
		return nil
	}
	return sum
}

// parseQuantity reads a quantity; none at all reads as 0.
func parseQuantity(text string) (quantity int32, ok bool) {
	text = clean(text)
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return int32(max(n, 0)), err == nil && n >= 0
}

// orderContext is Order.adapter_context: what ValidateOrderList must say of every line (cdiscount-soap.md 8.2). The names
// are short because an order may have hundreds of lines.
type orderContext struct {
	Version int           `json:"v"`
	Lines   []contextLine `json:"l"`
}

// contextLine is a line of goods that can still be shipped.
type contextLine struct {
	ID        string `json:"i"`
	SKU       string `json:"s"` // SellerProductId exactly as read; may be empty
	Condition string `json:"c,omitempty"`
}

// Version and size of a context.
const (
	contextVersion = 1
	contextLimit   = 16 << 10
)

// contextOf returns the context of an order, false when it is larger than the protocol allows. Lines that were cancelled or
// refused are left out: to state them as shipped would be false, and nothing else can be said of them any more.
func contextOf(lines []*adapterv1.OrderLine) ([]byte, bool) {
	c := orderContext{Version: contextVersion, Lines: []contextLine{}}
	for _, l := range lines {
		if l.GetStatus() == cancelled || l.GetStatus() == refused {
			continue
		}
		c.Lines = append(c.Lines, contextLine{ID: l.GetLineId(), SKU: l.GetSku(), Condition: l.GetCondition()})
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic("cdiscount: strings always encode: " + err.Error())
	}
	return b, len(b) <= contextLimit
}
