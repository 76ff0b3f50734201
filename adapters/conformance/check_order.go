package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

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
			Proves: "Orders of every kind have a number, a purchase time, a status with its raw word, lines with keys of their own, and amounts of one currency.",
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
			Proves: "Purchase and update time are the instants of the marketplace in UTC, in summer and in winter.",
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

// bench is a shop and a process, which most checks of orders need.
func (s *subject) bench(ctx context.Context) (*shop, *process, error) {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.start(ctx)
	return sh, p, err
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

// incomplete lists what an order lacks that every order must have.
func incomplete(o *adapterv1.Order) []string {
	var out []string
	addf := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if o.GetPurchaseTime().AsTime().Unix() <= 0 {
		addf("it has no purchase_time")
	}
	if o.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_UNSPECIFIED || o.GetNativeStatus() == "" {
		addf("its status is %s, in the marketplace's words %q", statusName(o.GetStatus()), o.GetNativeStatus())
	}
	if len(o.GetLines()) == 0 {
		addf("it has no lines")
	}
	if n := len(o.GetAdapterContext()); n > maxContext {
		addf("its adapter_context takes %d bytes, at most %d are allowed", n, maxContext)
	}
	currencies := map[string]bool{}
	money := []*adapterv1.Money{o.GetTotal(), o.GetShipping(), o.GetCommission()}
	var ids []string
	for _, l := range o.GetLines() {
		if l.GetLineId() == "" || slices.Contains(ids, l.GetLineId()) {
			addf("a line has the id %q, which is not its own", l.GetLineId())
		}
		ids = append(ids, l.GetLineId())
		// A line that ended may have no pieces left (seen on refused shipments of Cdiscount).
		if l.GetSku() == "" || l.GetQuantity() < 0 || l.GetQuantity() == 0 && l.GetStatus() == readyToShip || l.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_UNSPECIFIED {
			addf("line %s has the SKU %q, %d pieces and the status %s", l.GetLineId(), l.GetSku(), l.GetQuantity(), statusName(l.GetStatus()))
		}
		if l.GetTotalPrice() == nil {
			addf("line %s has no price", l.GetLineId())
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
		currencies[m.GetCurrencyCode()] = true
		if m.GetUnits() > 0 && m.GetNanos() < 0 || m.GetUnits() < 0 && m.GetNanos() > 0 || m.GetNanos() <= -1e9 || m.GetNanos() >= 1e9 {
			addf("it has an amount whose units and nanos contradict each other")
		}
	}
	if len(currencies) != 1 || currencies[""] {
		addf("its amounts have %d currencies", len(currencies))
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

// person is invented, and unlike anything else that a sandbox invents.
func person(tag string) map[string]any {
	return map[string]any{
		"civility": "MR", "first_name": "Canarino" + tag, "last_name": "Quuxberg" + tag, "street": "17 rue Xyzzy" + tag, "zip_code": "31000",
		"city": "Toulouse", "country": "FR",
	}
}

func orderWithheld(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	var f findings
	number, err := sh.order(ctx, control.OrderSpec{"variety": varietyPlain, "ship_to": person(""), "bill_to": person("B"), "addresses": "none"})
	if err != nil {
		return err
	}
	for _, view := range []string{"none", "withheld"} {
		if err := s.sandbox.PatchOrder(ctx, number, map[string]any{"addresses": view}); err != nil {
			return err
		}
		o, err := p.one(ctx, sh.store, number)
		if err != nil {
			return err
		}
		if a := o.GetShipTo(); a != nil {
			f.addf("ship_to is set while the marketplace shows %q of the address: %d street lines", view, len(a.GetLines()))
		}
	}
	if err := s.sandbox.PatchOrder(ctx, number, map[string]any{"addresses": "full"}); err != nil {
		return err
	}
	o, err := p.one(ctx, sh.store, number)
	if err != nil {
		return err
	}
	a := o.GetShipTo()
	if a.GetLastName() != "Quuxberg" || a.GetPostalCode() != "31000" || a.GetCity() != "Toulouse" || a.GetCountryCode() != "FR" ||
		!strings.Contains(strings.Join(a.GetLines(), "\n"), "17 rue Xyzzy") {
		f.addf("ship_to of a shown address lacks name, street, postal code, city or country")
	}
	return f.err()
}

func orderPickup(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, point := range []struct{ delivery, id string }{
		{"REL", "004512"}, {"REL", "61032"}, {"SO1", "012345"}, {"RCO", "0C1234"}, {"RCO", "C1234"},
	} {
		o, err := s.read(ctx, p, sh, control.OrderSpec{
			"variety": "mondial-relay", "delivery": point.delivery, "ship_to": person(""), "addresses": "full",
			"pickup": map[string]any{"id": point.id, "name": "TABAC QUUX", "street": "3 place Xyzzy", "zip_code": "31100", "city": "Toulouse"},
		})
		if err != nil {
			f.add(err)
			continue
		}
		got := o.GetPickupPoint()
		what := fmt.Sprintf("an order for the point %s, delivery %s", point.id, point.delivery)
		switch {
		case got == nil:
			f.addf("%s: has no pickup_point", what)
			continue
		case got.GetRawId() != point.id:
			f.addf("%s: raw_id is %q", what, got.GetRawId())
		case got.GetId() == "" || o.GetDeliveryKind() != adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP:
			f.addf("%s: id is %q, and the kind of delivery %s", what, got.GetId(), o.GetDeliveryKind())
		}
		if got.GetName() != "TABAC QUUX" || got.GetAddress().GetPostalCode() != "31100" || got.GetAddress().GetLastName() != "" {
			f.addf("%s: the point's name or address is not what was sent", what)
		}
		if o.GetShipTo().GetLastName() != "Quuxberg" {
			f.addf("%s: ship_to does not name the receiver", what)
		}
	}
	return f.err()
}

func orderFulfillment(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	var f findings
	for by, want := range map[string]adapterv1.Fulfillment{
		"seller": adapterv1.Fulfillment_FULFILLMENT_SELLER, "marketplace": adapterv1.Fulfillment_FULFILLMENT_MARKETPLACE,
	} {
		o, err := s.read(ctx, p, sh, control.OrderSpec{"variety": varietyPlain, "fulfilment": by})
		if err != nil {
			return err
		}
		got := o.GetFulfillment()
		if got != want && !(by == "marketplace" && got == adapterv1.Fulfillment_FULFILLMENT_UNSPECIFIED) {
			f.addf("an order that the %s ships has the fulfillment %s", by, got)
		}
	}
	return f.err()
}

func orderMoney(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, m := range []struct {
		quantity                     int
		total, first, next, shipping string
	}{
		{1, "0.10", "0.20", "0.00", "0.20"}, {1, "1.15", "4.35", "0.00", "4.35"}, {3, "13.05", "2.99", "1.01", "5.01"},
		{1, "8.41", "0.00", "0.00", "0.00"}, {1, "9999999.99", "0.07", "0.00", "0.07"}, {7, "0.07", "0.29", "0.29", "2.03"},
	} {
		o, err := s.read(ctx, p, sh, control.OrderSpec{
			"variety": varietyPlain,
			"lines": []map[string]any{{
				"sku": "A", "quantity": m.quantity, "total": m.total, "first_shipping": m.first, "next_shipping": m.next,
			}},
			"fees": []map[string]any{{"code": "INTERETBCA", "label": "Frais", "amount": "1.13"}},
		})
		if err != nil {
			f.add(err)
			continue
		}
		l := o.GetLines()[0]
		if got := decimal(l.GetTotalPrice()); got != trimmed(m.total) {
			f.addf("a line of %s costs %s", m.total, got)
		}
		if l.GetQuantity() != int32(m.quantity) {
			f.addf("a line of %d pieces has %d", m.quantity, l.GetQuantity())
		}
		if got := l.GetShippingPrice(); got != nil && decimal(got) != trimmed(m.shipping) {
			f.addf("the shipping of %s costs %s", m.shipping, decimal(got))
		}
		if fees := o.GetFees(); len(fees) != 1 || decimal(fees[0].GetAmount()) != "1.13" {
			f.addf("a fee of 1.13 came back as %d fees", len(fees))
		}
		if len(o.GetLines()) != 1 {
			f.addf("an order of one article has %d lines", len(o.GetLines()))
		}
	}
	return f.err()
}

// decimal writes an amount as the shortest decimal.
func decimal(m *adapterv1.Money) string {
	if m == nil {
		return "nothing"
	}
	sign := ""
	units, nanos := m.GetUnits(), m.GetNanos()
	if units < 0 || nanos < 0 {
		sign, units, nanos = "-", -units, -nanos
	}
	return sign + trimmed(fmt.Sprintf("%d.%09d", units, nanos))
}

// trimmed drops zeros that say nothing.
func trimmed(number string) string {
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return number
}

func orderTimes(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	var f findings
	year := now.Year() - 1
	for _, at := range []time.Time{
		time.Date(year, time.January, 15, 22, 59, 59, 0, time.UTC), time.Date(year, time.January, 15, 23, 0, 1, 0, time.UTC),
		time.Date(year, time.July, 15, 21, 59, 59, 0, time.UTC), time.Date(year, time.July, 15, 22, 0, 1, 0, time.UTC),
		time.Date(year, time.December, 31, 23, 30, 0, 0, time.UTC),
	} {
		o, err := s.read(ctx, p, sh, control.OrderSpec{"variety": varietyPlain, "created": at, "modified": at.Add(time.Hour)})
		if err != nil {
			f.add(err)
			continue
		}
		f.add(sameInstant("purchase_time", o.GetPurchaseTime(), at))
		if o.GetUpdateTime() != nil {
			f.add(sameInstant("update_time", o.GetUpdateTime(), at.Add(time.Hour)))
		}
	}
	return f.err()
}

// sameInstant says how far a time is off.
func sameInstant(what string, got *timestamppb.Timestamp, want time.Time) error {
	if off := got.AsTime().Sub(want); off != 0 {
		return fmt.Errorf("%s of %s is off by %s", what, want.Format(time.RFC3339), off)
	}
	return nil
}

func orderClockChange(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	back, forth := lastSunday(now, time.October), lastSunday(now, time.March)
	if limit := s.capabilities().GetLookBackLimit(); limit != nil && (now.Sub(back) > limit.AsDuration() || now.Sub(forth) > limit.AsDuration()) {
		return skipped("the last clock change lies behind the look-back limit of %s", limit.AsDuration())
	}
	var f findings
	for _, change := range []struct {
		name string
		at   time.Time
	}{{"back", back}, {"forth", forth}} {
		for minutes := -90; minutes <= 90; minutes += 30 {
			f.add(s.acrossChange(ctx, p, sh, change.at.Add(time.Duration(minutes)*time.Minute), change.name, change.at))
		}
	}
	return f.err()
}

// acrossChange creates an order near a clock change and looks for it in a window of half an hour on either side.
func (s *subject) acrossChange(ctx context.Context, p *process, sh *shop, at time.Time, direction string, change time.Time) error {
	number, err := sh.order(ctx, control.OrderSpec{"variety": varietyPlain, "created": at, "modified": at})
	if err != nil {
		return err
	}
	// Marketplaces that write local time without its zone write the repeated hour twice alike; it is read as the earlier one.
	repeated := direction == "back" && !at.Before(change) && at.Before(change.Add(time.Hour))
	var f findings
	for _, modified := range []bool{false, true} {
		w := window{since: at.Add(-30 * time.Minute), until: at.Add(30 * time.Minute), modified: modified}
		what := fmt.Sprintf("%s, the clocks go %s at %s", at.Format(time.RFC3339), direction, change.Format(time.RFC3339))
		l, err := p.list(ctx, sh.store, w)
		if err != nil {
			f.add(failed("ListOrders around "+what, err))
			continue
		}
		if !l.has(number) {
			f.addf("an order of %s is missing, by modification date: %t", what, modified)
			continue
		}
		for _, o := range l.orders() {
			got := o.GetPurchaseTime().AsTime()
			if is(o, number) && !got.Equal(at) && !(repeated && got.Equal(at.Add(-time.Hour))) {
				f.addf("an order of %s has the purchase_time %s", what, got.Format(time.RFC3339))
			}
		}
	}
	return f.err()
}

// lastSunday returns the instant at which the clocks of the European Union changed in a month, the last time before now: 01:00 UTC on
// the month's last Sunday.
func lastSunday(now time.Time, month time.Month) time.Time {
	for year := now.Year(); ; year-- {
		day := time.Date(year, month, 31, 1, 0, 0, 0, time.UTC)
		day = day.AddDate(0, 0, -int(day.Weekday()))
		if day.Before(now.Add(-dayLong)) {
			return day
		}
	}
}
