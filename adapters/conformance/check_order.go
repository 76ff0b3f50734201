package conformance

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// maxContext is the most that an order's adapter_context may take, in bytes.
const maxContext = 16 << 10

// Normalised statuses that checks ask for by name.
const (
	unrecognized = adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED
	readyToShip  = adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP
)

func orderChecks() []check {
	return []check{
		{Info: Info{
			ID: "order-complete", Title: "gives complete orders", Sandbox: true,
			Proves: "Orders of every kind have a number, a purchase time, a status, lines with keys of their own and a status, and amounts that are decimals with the code of a currency.",
		}, run: orderComplete},
		{Info: Info{
			ID: "order-status", Title: "knows the states of an order", Sandbox: true,
			Proves: "Each state of the sandbox's world is read as the status that it means, for the order and its lines.",
		}, run: orderStatus},
		{Info: Info{
			ID: "order-unknown-status", Title: "fails closed on a status it does not know", Sandbox: true,
			Proves: "An order or line in a state that nobody knows is UNRECOGNIZED, never ready to ship, and keeps the marketplace's word.",
		}, run: orderUnknownStatus},
		{Info: Info{
			ID: "order-cancel-request", Title: "shows that the buyer asks to cancel", Sandbox: true,
			Proves: "An order with a line that the buyer asks to cancel has cancel_requested, as has the line.",
		}, run: orderCancelRequest},
		{Info: Info{
			ID: "order-withheld-address", Title: "invents no address", Sandbox: true,
			Proves: "While the marketplace withholds the address ship_to is unset; once it shows it, name, street and postal code are there.",
		}, run: orderWithheld},
		{Info: Info{
			ID: "order-pickup-point", Title: "keeps pickup points exactly", Sandbox: true,
			Proves: "A pickup order has the point's id as sent, leading zeros included, its name and address; the receiver stands in ship_to.",
		}, run: orderPickup},
		{Info: Info{
			ID: "order-fulfillment", Title: "knows who ships", Sandbox: true,
			Proves: "An order that the marketplace ships is MARKETPLACE, or at least not SELLER.",
		}, run: orderFulfillment},
		{Info: Info{
			ID: "order-money", Title: "keeps amounts exactly", Sandbox: true,
			Proves: "Prices, shipping and fees that binary fractions cannot hold come back to the cent.",
		}, run: orderMoney},
		{Info: Info{
			ID: "order-times", Title: "keeps instants exactly", Sandbox: true,
			Proves: "Purchase and update time are the instants of the marketplace in UTC, in summer and in winter; where it has no date of the purchase, that of the order's creation stands for it.",
		}, run: orderTimes},
		{Info: Info{
			ID: "order-clock-change", Title: "survives clock changes", Sandbox: true,
			Proves: "Orders of the hour that Paris repeats and of the night that misses one are found by windows of an hour, with their instants.",
		}, run: orderClockChange},
	}
}

// read creates one order and reads it.
func (s *subject) read(ctx context.Context, p *process, sh *shop, spec control.OrderSpec) (*adapterv1.Order, error) {
	number, err := sh.order(ctx, spec)
	if err != nil {
		return nil, err
	}
	return p.one(ctx, sh.store, number)
}

// varieties are the kinds of orders that every sandbox's world can invent.
func varieties() []string {
	return []string{
		"home-tracked", "home-standard", "home-registered", "home-express", "home-legacy-code", "mondial-relay", "mondial-relay-fee",
		"colissimo-point", "relais-colis", "multi-line", "company", "marketplace-fulfilled", "cancel-requested", "address-missing", "sparse",
		"waiting-acceptance", "accepted", "payment-in-progress", "shipped", "shipped-line-none", "cancelled", "refused",
		"shipment-refused", "auto-cancelled", "payment-refused",
	}
}

func orderComplete(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, v := range varieties() {
		o, err := s.read(ctx, p, sh, control.OrderSpec{"variety": v})
		if err != nil {
			f.add(failed("an order of the variety "+v, err))
			continue
		}
		for _, wrong := range incomplete(o) {
			f.addf("an order of the variety %s: %s", v, wrong)
		}
	}
	return f.err()
}

// currencyCode is what a code of ISO 4217 looks like.
var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// incomplete lists what an order lacks that every order must have.
func incomplete(o *adapterv1.Order) []string {
	var out []string
	addf := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if o.GetPurchaseTime().AsTime().Unix() <= 0 {
		addf("it has no purchase_time")
	}
	if o.GetOrderNumber() == "" {
		addf("it has no order_number")
	}
	if o.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_UNSPECIFIED {
		addf("it has no status; UNRECOGNIZED is the one of a word that is not known")
	}
	if len(o.GetLines()) == 0 {
		addf("it has no lines")
	}
	if n := len(o.GetAdapterContext()); n > maxContext {
		addf("its adapter_context takes %d bytes, at most %d are allowed", n, maxContext)
	}
	money := []*adapterv1.Money{o.GetTotal(), o.GetShipping(), o.GetCommission()}
	var ids []string
	for _, l := range o.GetLines() {
		if l.GetLineId() == "" || slices.Contains(ids, l.GetLineId()) {
			addf("a line has the id %q, which is not its own", l.GetLineId())
		}
		ids = append(ids, l.GetLineId())
		// A line that ended may have no pieces left (seen on refused shipments of Cdiscount).
		if l.GetQuantity() < 0 || l.GetQuantity() == 0 && l.GetStatus() == readyToShip || l.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_UNSPECIFIED {
			addf("line %s has %d pieces and the status %s", l.GetLineId(), l.GetQuantity(), statusName(l.GetStatus()))
		}
		money = append(money, l.GetTotalPrice(), l.GetUnitPrice(), l.GetShippingPrice())
	}
	for _, fee := range o.GetFees() {
		money = append(money, fee.GetAmount())
	}
	for _, m := range money {
		if m == nil {
			continue
		}
		if !currencyCode.MatchString(m.GetCurrencyCode()) {
			addf("it has an amount of the currency %q", m.GetCurrencyCode())
		}
		if m.GetUnits() > 0 && m.GetNanos() < 0 || m.GetUnits() < 0 && m.GetNanos() > 0 || m.GetNanos() <= -1e9 || m.GetNanos() >= 1e9 {
			addf("it has an amount whose units and nanos contradict each other")
		}
	}
	return out
}

func orderStatus(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, m := range stateMeanings() {
		o, err := s.read(ctx, p, sh, control.OrderSpec{"variety": varietyPlain, "state": m.state})
		if err != nil {
			f.add(err)
			continue
		}
		if o.GetStatus() != m.status {
			f.addf("the state %s is read as %s instead of %s", m.state, statusName(o.GetStatus()), statusName(m.status))
		}
		for _, l := range o.GetLines() {
			if l.GetStatus() != m.status {
				f.addf("a line of an order in the state %s is %s instead of %s", m.state, statusName(l.GetStatus()), statusName(m.status))
			}
		}
	}
	return f.err()
}

func orderUnknownStatus(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	const word = "Quarantined2031"
	var f findings
	o, err := s.read(ctx, p, sh, control.OrderSpec{"variety": varietyPlain, "state": word})
	if err != nil {
		return err
	}
	if o.GetStatus() != unrecognized {
		f.addf("an order in a state that nobody knows is %s instead of UNRECOGNIZED", statusName(o.GetStatus()))
	}
	if !keeps(o, o.GetNativeStatus(), word) {
		f.addf("the marketplace's word for the state is lost: %q", o.GetNativeStatus())
	}
	number, err := sh.order(ctx, control.OrderSpec{"variety": varietyPlain, "lines": []map[string]any{{"sku": "A", "total": "10.00"}}})
	if err != nil {
		return err
	}
	if err := s.sandbox.PatchOrder(ctx, number, map[string]any{"line_states": map[string]any{"A": word}}); err != nil {
		return err
	}
	if o, err = p.one(ctx, sh.store, number); err != nil {
		return err
	}
	if o.GetStatus() == readyToShip || o.GetLines()[0].GetStatus() != unrecognized {
		f.addf("an order whose only line is in a state that nobody knows is %s, and the line %s",
			statusName(o.GetStatus()), statusName(o.GetLines()[0].GetStatus()))
	}
	if !keeps(o, o.GetLines()[0].GetNativeStatus(), word) {
		f.addf("the marketplace's word for the line's state is lost: %q", o.GetLines()[0].GetNativeStatus())
	}
	return f.err()
}

// keeps reports whether an order keeps a word of the marketplace: where it belongs, or among the values that were not recognised.
func keeps(o *adapterv1.Order, native, word string) bool {
	return native == word || slices.ContainsFunc(o.GetUnrecognized(), func(u *adapterv1.UnrecognizedValue) bool { return u.GetValue() == word })
}

func orderCancelRequest(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	number, err := sh.order(ctx, control.OrderSpec{"variety": varietyPlain, "lines": []map[string]any{
		{"sku": "KEEP", "total": "10.00"}, {"sku": "CANCEL", "total": "20.00"},
	}})
	if err != nil {
		return err
	}
	var f findings
	o, err := p.one(ctx, sh.store, number)
	if err != nil {
		return err
	}
	if o.GetCancelRequested() {
		f.addf("cancel_requested is set before anybody asked")
	}
	if err := s.sandbox.PatchOrder(ctx, number, map[string]any{"cancel_requested": "CANCEL"}); err != nil {
		return err
	}
	if o, err = p.one(ctx, sh.store, number); err != nil {
		return err
	}
	if !o.GetCancelRequested() {
		f.addf("cancel_requested of the order is not set")
	}
	for _, l := range o.GetLines() {
		if l.GetCancelRequested() != (l.GetSku() == "CANCEL") {
			f.addf("cancel_requested of the line %s is %t", l.GetSku(), l.GetCancelRequested())
		}
	}
	return f.err()
}
