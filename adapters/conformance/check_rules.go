package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// ruleCase is a shipment of an order with two lines that keeps the declared rules, or breaks one.
type ruleCase struct {
	what   string
	change func(n *adapterv1.ShipmentNotification)
	keeps  bool
}

// ruleCases are the cases of what an adapter declares. addresses says whether it sends tracking addresses at all.
func ruleCases(c *adapterv1.Capabilities, addresses bool) []ruleCase {
	var cases []ruleCase
	add := func(what string, keeps bool, change func(n *adapterv1.ShipmentNotification)) {
		cases = append(cases, ruleCase{what, change, keeps})
	}
	rules := c.GetTrackingRules()
	if longest := int(rules.GetMaxNumberLength()); longest > 0 {
		for more, keeps := range map[int]bool{0: true, 1: false} {
			add(fmt.Sprintf("a tracking number of %d characters", longest+more), keeps, func(n *adapterv1.ShipmentNotification) {
				n.TrackingNumber = strings.Repeat("7", longest+more)
			})
		}
	}
	for _, forbidden := range rules.GetForbiddenNumberCharacters() {
		add(fmt.Sprintf("a tracking number with %q", forbidden), false, func(n *adapterv1.ShipmentNotification) {
			n.TrackingNumber = "7A" + string(forbidden) + "7B"
		})
	}
	const begin = "https://tracking.example/"
	if longest := int(rules.GetMaxUrlLength()); longest >= len(begin) && addresses {
		for more, keeps := range map[int]bool{0: true, 1: false} {
			add(fmt.Sprintf("a tracking address of %d characters", longest+more), keeps, func(n *adapterv1.ShipmentNotification) {
				n.TrackingUrl = begin + strings.Repeat("7", longest+more-len(begin))
			})
		}
	}
	if !c.GetPartialShipment() {
		add("a shipment that leaves out the first line", false, func(n *adapterv1.ShipmentNotification) { n.Lines = n.GetLines()[1:] })
		add("a shipment that leaves out the last line", false, func(n *adapterv1.ShipmentNotification) { n.Lines = n.GetLines()[:1] })
	}
	return cases
}

// contextCases are adapter_contexts that are not the order's. foreign is that of another order, with a line more.
func contextCases(foreign []byte) []ruleCase {
	with := func(context []byte) func(n *adapterv1.ShipmentNotification) {
		return func(n *adapterv1.ShipmentNotification) { n.AdapterContext = context }
	}
	return []ruleCase{
		{"no adapter_context", with(nil), false},
		{"an adapter_context of noise", with([]byte("\x00\xff{not a context")), false},
		{"an adapter_context of nobody's", with([]byte(`{"v":4095,"order":"?","lines":7}`)), false},
		{"the adapter_context of another order", with(foreign), false},
	}
}

// lined creates an order with that many lines that can be shipped, and reads it.
func (d *desk) lined(ctx context.Context, lines int) (item, error) {
	var goods []map[string]any
	for i := range lines {
		goods = append(goods, map[string]any{"sku": fmt.Sprintf("RULE%d", i), "total": "10.00"})
	}
	number, err := d.shop.order(ctx, control.OrderSpec{"variety": varietyPlain, "state": stateReady, "lines": goods})
	if err != nil {
		return item{}, err
	}
	o, err := d.one(ctx, d.store, number)
	if err != nil {
		return item{}, err
	}
	if len(o.GetLines()) != lines {
		return item{}, fmt.Errorf("an order of %d articles has %d lines", lines, len(o.GetLines()))
	}
	return d.itemOf(number, o), nil
}

func shipRules(ctx context.Context, d *desk, w write) error {
	other, err := d.lined(ctx, 3)
	if err != nil {
		return err
	}
	cases := ruleCases(d.capabilities(), d.takes(adapterv1.ShipmentField_SHIPMENT_FIELD_TRACKING_URL))
	if foreign := other.order.GetAdapterContext(); len(foreign) > 0 { // else the adapter looks at none
		cases = append(cases, contextCases(foreign)...)
	}
	var f findings
	for _, c := range cases {
		it, err := d.lined(ctx, 2)
		if err != nil {
			return err
		}
		it.change = c.change
		if c.keeps {
			results, err := d.send(ctx, w, it)
			if err != nil {
				f.add(failed(c.what, err))
				continue
			}
			f.add(outcomes(c.what+", which keeps the rules", results[0], applied))
			continue
		}
		f.add(d.refusedUnsent(ctx, w, c.what, it))
	}
	f.add(d.severalParcels(ctx, w))
	return f.err()
}

// refusedUnsent sends items for one order and says what is wrong unless every one is refused before anything is sent.
func (d *desk) refusedUnsent(ctx context.Context, w write, what string, items ...item) error {
	var f findings
	results, err := d.send(ctx, w, items...)
	if err != nil {
		_, wrong := expectReason(what, err, invalidRequest)
		f.add(wrong)
	}
	for _, r := range results {
		f.add(outcomes(what, r, rejected))
	}
	received, done, err := d.received(ctx, w, items[0].number)
	if err != nil {
		return err
	}
	if received > 0 {
		f.addf("%s: %d requests were sent, %d carried out", what, received, done)
	}
	return f.err()
}

// severalParcels ships orders in two parcels in one call, where the adapter declares that this cannot be.
func (d *desk) severalParcels(ctx context.Context, w write) error {
	c := d.capabilities()
	if c.GetSeveralParcels() || w.limit(c) < 2 {
		return nil
	}
	var f findings
	first, err := d.lined(ctx, 2)
	if err != nil {
		return err
	}
	second := d.itemOf(first.number, first.order)
	results, err := d.send(ctx, w, first, second)
	if err != nil {
		_, wrong := expectReason("a second parcel with every line", err, invalidRequest)
		f.add(wrong)
	} else if results[0].GetOutcome() == applied && results[1].GetOutcome() == applied {
		f.addf("two parcels with every line are both APPLIED")
	}
	f.add(d.onceAtMost(ctx, w, first.number))
	if c.GetPartialShipment() {
		return f.err()
	}
	if first, err = d.lined(ctx, 2); err != nil {
		return err
	}
	second = d.itemOf(first.number, first.order)
	first.change = func(n *adapterv1.ShipmentNotification) { n.Lines = n.GetLines()[:1] }
	second.change = func(n *adapterv1.ShipmentNotification) { n.Lines = n.GetLines()[1:] }
	f.add(d.refusedUnsent(ctx, w, "an order in two parcels of a line each", first, second))
	return f.err()
}
