package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

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
		if got != want && (by == "seller" || got != adapterv1.Fulfillment_FULFILLMENT_UNSPECIFIED) {
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
		created := at.Add(90 * time.Second)
		o, err := s.read(ctx, p, sh, control.OrderSpec{"variety": varietyPlain, "purchased": at, "created": created, "modified": at.Add(time.Hour)})
		if err != nil {
			f.add(err)
			continue
		}
		// An API with one date for both tells when the order came into being.
		if !o.GetPurchaseTime().AsTime().Equal(created) {
			f.add(sameInstant("purchase_time", o.GetPurchaseTime(), at))
		}
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
			if is(o, number) && !got.Equal(at) && (!repeated || !got.Equal(at.Add(-time.Hour))) {
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
