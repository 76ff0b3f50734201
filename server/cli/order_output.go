package cli

import (
	"strings"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// orderRow is an order in a list. It names no person.
func (a *app) orderRow(o *marketplacev1.Order) []string {
	var pieces int64
	for _, line := range o.GetLines() {
		pieces += int64(line.GetQuantity())
	}
	return []string{
		shortName(o.GetName()), word(o.GetStatus()), a.acceptanceWord(o), shippableWord(o), a.at(o.GetPurchaseTime()), a.at(o.GetShipByTime()),
		count(pieces), amount(o.GetTotals().GetTotal()), deliveryWord(o), a.at(o.GetUpdateTime()),
	}
}

// shippableWord tells in a word whether an order can be shipped, or why not. The reason STATUS is left out: the status
// stands beside it.
func shippableWord(o *marketplacev1.Order) string {
	if o.GetShippable() {
		return "yes"
	}
	var reasons []string
	for _, r := range o.GetNotShippable() {
		if r.GetReason() != marketplacev1.NotShippable_REASON_STATUS {
			reasons = append(reasons, word(r.GetReason()))
		}
	}
	return joined(": ", "no", strings.Join(reasons, ", "))
}

// deliveryWord tells in a word how the parcel travels.
func deliveryWord(o *marketplacev1.Order) string {
	if point := o.GetPickupPoint(); point != nil {
		return "PICKUP " + orElse(word(point.GetNetwork()), "POINT")
	}
	mode := o.GetDeliveryMode()
	return orElse(word(mode.GetKind()), mode.GetNativeCode())
}

// describeOrder prints everything about an order.
func (a *app) describeOrder(p *page, o *marketplacev1.Order) {
	totals, mode := o.GetTotals(), o.GetDeliveryMode()
	facts := []fact{
		{"Order", o.GetName()},
		{"Reference", o.GetReference()},
		{"Adapter", o.GetAdapter()},
		{"Status", statusWord(o.GetStatus(), o.GetNativeStatus())},
	}
	facts = append(facts, a.acceptanceFacts(o)...)
	if o.GetShippable() {
		facts = append(facts, fact{"Shippable", "yes"})
	}
	for _, r := range o.GetNotShippable() {
		facts = append(facts, fact{"Not shippable", joined(": ", word(r.GetReason()), r.GetMessage())})
	}
	facts = append(facts,
		fact{"Fulfilled by", word(o.GetFulfillment())},
		fact{"Sales channel", o.GetSalesChannel()},
		fact{"Purchased", a.at(o.GetPurchaseTime())},
		fact{"Ship by", a.at(o.GetShipByTime())},
		fact{"Delivery", a.period(o.GetDeliverFromTime(), o.GetDeliverByTime())},
		fact{"Delivery mode", joined(" ", word(mode.GetKind()), inBrackets(mode.GetNativeCode()))},
		fact{"Buyer", customer(o.GetCustomer())},
		fact{"Ship to", address(o.GetShipTo())},
		fact{"Receiver's phone", o.GetShipTo().GetPhone()},
		fact{"Receiver's email", o.GetShipTo().GetEmail()},
		fact{"Instructions", o.GetShipTo().GetInstructions()},
		fact{"Pickup point", pickupPoint(o.GetPickupPoint())},
		fact{"Bill to", address(o.GetBillTo())},
		fact{"Total", amount(totals.GetTotal())},
		fact{"Shipping", amount(totals.GetShipping())},
		fact{"Commission", amount(totals.GetCommission())},
		fact{"Marketplace changed", a.at(o.GetMarketplaceUpdateTime())},
		fact{"First stored", a.at(o.GetCreateTime())},
		fact{"Updated", a.at(o.GetUpdateTime())},
	)
	p.facts(facts...)

	p.table("Lines", []string{"LINE", "SKU", "TITLE", "OPTIONS", "PIECES", "UNIT", "TOTAL", "SHIPPING", "STATUS"}, lineRows(o.GetLines()))

	var fees, parcels, unrecognized [][]string
	for _, f := range o.GetFees() {
		fees = append(fees, []string{f.GetCode(), f.GetLabel(), amount(f.GetAmount())})
	}
	for _, c := range o.GetParcels() {
		parcels = append(parcels, []string{c.GetTrackingNumber(), c.GetCarrier(), c.GetNativeStatus(), c.GetTrackingUrl()})
	}
	for _, u := range o.GetUnrecognized() {
		unrecognized = append(unrecognized, []string{u.GetField(), u.GetValue()})
	}
	p.table("Fees", []string{"CODE", "LABEL", "AMOUNT"}, fees)
	p.table("Parcels", []string{"TRACKING NUMBER", "CARRIER", "STATUS", "TRACKING PAGE"}, parcels)
	p.table("Not recognized", []string{"FIELD", "VALUE"}, unrecognized)
}

func lineRows(lines []*marketplacev1.OrderLine) [][]string {
	rows := make([][]string, 0, len(lines))
	for _, l := range lines {
		status := statusWord(l.GetStatus(), l.GetNativeStatus())
		if l.GetCancelRequested() {
			status += ", CANCEL_REQUESTED"
		}
		rows = append(rows, []string{
			l.GetLineId(), l.GetSku(), l.GetTitle(), optionsWord(l), count(l.GetQuantity()),
			amount(l.GetUnitPrice()), amount(l.GetTotalPrice()), amount(l.GetShippingPrice()), status,
		})
	}
	return rows
}

// optionsWord tells colour and size, or why there are none.
func optionsWord(l *marketplacev1.OrderLine) string {
	options := make([]string, 0, len(l.GetOptions()))
	for _, option := range l.GetOptions() {
		options = append(options, joined(" ", option.GetName(), option.GetValue()))
	}
	if len(options) > 0 {
		return strings.Join(options, ", ")
	}
	switch lookup := l.GetOptionLookup(); lookup {
	case marketplacev1.OrderLine_OPTION_LOOKUP_FOUND:
		return "none"
	case marketplacev1.OrderLine_OPTION_LOOKUP_FAILED:
		return "FAILED, the next import tries again"
	default:
		return word(lookup)
	}
}

// statusWord is a status with the marketplace's own word.
func statusWord(s marketplacev1.OrderStatus, native string) string {
	return joined(" ", word(s), inBrackets(native))
}

// address is a place, and the person there, on one line.
func address(a *marketplacev1.Address) string {
	person := joined(" ", a.GetCivility(), a.GetFirstName(), a.GetLastName())
	town := joined(" ", a.GetPostalCode(), a.GetCity())
	return joined(", ", person, a.GetCompany(), joined(", ", a.GetLines()...), town, a.GetRegion(), a.GetCountryCode())
}

func customer(c *marketplacev1.Customer) string {
	return joined(", ", joined(" ", c.GetFirstName(), c.GetLastName()), c.GetEmail(), c.GetPhone(), c.GetMobilePhone(), c.GetCustomerId())
}

func pickupPoint(p *marketplacev1.PickupPoint) string {
	if p == nil {
		return ""
	}
	return joined(", ", joined(" ", orElse(word(p.GetNetwork()), "unknown network"), p.GetId()), p.GetName(), address(p.GetAddress()))
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}
