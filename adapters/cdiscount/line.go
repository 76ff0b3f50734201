package cdiscount

import (
	"encoding/json"
	"strconv"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Products of pseudo lines: payment fees, never goods (cdiscount-soap.md 6.3).
const (
	feeInstalments = "INTERETBCA"
	feeProcessing  = "FRAISTRAITEMENT"
)

// fee reports whether the line is a fee, and under which code.
func (w *wireLine) fee() (code string, is bool) {
	for _, id := range [...]string{clean(w.ProductID), clean(w.Sku)} {
		if id == feeInstalments || id == feeProcessing {
			return id, true
		}
	}
	return "", false
}

// lines maps the order's lines: goods, and fees apart. own is the status of the order's own state, which most lines follow.
func (m *mapper) lines(wire []*wireLine, own adapterv1.OrderStatus) (goods []*adapterv1.OrderLine, fees []*adapterv1.Fee) {
	ids := make(map[string]bool)
	for i, w := range wire {
		m.line = i + 1
		if code, is := w.fee(); is {
			amount, _ := m.money("PurchasePrice", w.PurchasePrice)
			fees = append(fees, &adapterv1.Fee{Code: code, Label: clean(w.Name), Amount: amount})
			continue
		}
		line := m.goods(w, own)
		line.LineId = uniqueID(ids, w)
		goods = append(goods, line)
	}
	m.line = 0
	return goods, fees
}

// uniqueID returns the line's key within its order: the seller's reference, by which ValidateOrderList knows it, else the
// marketplace's; RowId is always 0. The second line with one reference gets "#2", and so on, in the order of the answer.
func uniqueID(taken map[string]bool, w *wireLine) string {
	base := "line"
	for _, id := range [...]string{w.SellerProductID, w.ProductID, w.Sku} {
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

// goods maps one line of goods, all but its id.
func (m *mapper) goods(w *wireLine, own adapterv1.OrderStatus) *adapterv1.OrderLine {
	status, cancel := lineStatus(clean(w.AcceptationState), own)
	if status == unrecognized && own != unrecognized {
		m.unknown("AcceptationState", w.AcceptationState)
	}
	quantity, ok := parseQuantity(w.Quantity)
	if !ok || (quantity == 0 && open(status)) {
		// How many pieces to ship is not known: not to be shipped. 0 was recorded once shipment had been refused.
		m.unknown("Quantity", w.Quantity)
		status = unrecognized
	}
	if clean(w.SellerProductID) == "" && open(status) {
		// What ValidateOrderList knows the line by, and the seller (cdiscount-soap.md 6.3).
		m.unknown("SellerProductId", w.SellerProductID)
		status = unrecognized
	}
	product := clean(w.ProductID)
	if product == "" {
		product = clean(w.Sku)
	}
	total, _ := m.money("PurchasePrice", w.PurchasePrice)
	line := &adapterv1.OrderLine{
		Sku:             w.SellerProductID,
		ProductId:       product,
		Ean:             clean(w.ProductEan),
		Title:           clean(w.Name),
		Quantity:        quantity,
		TotalPrice:      total,
		ShippingPrice:   m.lineShipping(w, quantity),
		Status:          status,
		NativeStatus:    clean(w.AcceptationState),
		CancelRequested: cancel,
		Condition:       clean(w.ProductCondition),
		ShipByTime:      timestamp(m.date("ShippingDateMax", w.ShippingDateMax)),
		DeliverFromTime: timestamp(m.date("DeliveryDateMin", w.DeliveryDateMin)),
		DeliverByTime:   timestamp(m.date("DeliveryDateMax", w.DeliveryDateMax)),
	}
	// PurchasePrice is the line's total: two connectors divide it by the quantity (cdiscount-soap.md 6.3, 12.12). Quantity 0
	// was seen after a refused shipment; there is no price of a piece then.
	if line.TotalPrice != nil && quantity > 0 {
		if unit, err := pieceOf(line.TotalPrice, quantity); err == nil {
			line.UnitPrice = unit
		}
	}
	return line
}

// lineShipping returns the shipping of a line: the charge of the first piece and that of each further one. It is unset when
// one of the two cannot be held, and kept raw.
func (m *mapper) lineShipping(w *wireLine, quantity int32) *adapterv1.Money {
	first, firstOK := m.money("UnitShippingCharges", w.UnitShippingCharges)
	further, furtherOK := m.money("UnitAdditionalShippingCharges", w.UnitAdditionalShippingCharges)
	if !firstOK || !furtherOK || first == nil || quantity == 0 {
		return nil
	}
	if further == nil || quantity == 1 {
		return first
	}
	sum, err := shippingOf(first, further, quantity)
	if err != nil {
		m.unknown("UnitAdditionalShippingCharges", w.UnitAdditionalShippingCharges)
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
