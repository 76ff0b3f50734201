package main

import (
	"testing"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

const productOperation = "GetProductListByIdentifier"

// options returns the options of an order's first line by name.
func options(o *marketplacev1.Order) map[string]string {
	found := map[string]string{}
	for _, option := range o.GetLines()[0].GetOptions() {
		found[option.GetName()] = option.GetValue()
	}
	return found
}

// TestColourAndSize: lines get colour and size by EAN; what is known is not asked for again, a failed look-up loses no order,
// is marked, and is healed by a later import.
func TestColourAndSize(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	w := s.sandbox.World()
	if err := w.PutProduct(world.Product{EAN: "2000000000015", Title: "T-shirt", Colour: "Bleu", Size: "M"}); err != nil {
		t.Fatal(err)
	}
	line := func(ean string) []world.Line {
		return []world.Line{{SKU: "A", EAN: ean, Quantity: 1, Total: world.Cents(1990)}}
	}
	known := s.create(world.Spec{Lines: line("2000000000015")})
	unknown := s.create(world.Spec{Lines: line("2999999999990")})
	without := s.create(world.Spec{Lines: line("")})

	s.inject(fault.Rule{Operation: productOperation, Kind: fault.HTTP500})
	s.imported()
	for _, number := range []string{known, unknown} {
		if o := s.order(number); o.GetLines()[0].GetOptionLookup() != marketplacev1.OrderLine_OPTION_LOOKUP_FAILED || !o.GetShippable() {
			t.Errorf("after a failed look-up: %s, shippable %v", o.GetLines()[0].GetOptionLookup(), o.GetShippable())
		}
	}

	s.sandbox.Faults().Clear()
	s.imported()
	o := s.order(known)
	if got := options(o); got["colour"] != "Bleu" || got["size"] != "M" || o.GetLines()[0].GetOptionLookup() != marketplacev1.OrderLine_OPTION_LOOKUP_FOUND {
		t.Errorf("healed: %v, %s", got, o.GetLines()[0].GetOptionLookup())
	}
	if got := s.order(unknown).GetLines()[0].GetOptionLookup(); got != marketplacev1.OrderLine_OPTION_LOOKUP_NOT_FOUND {
		t.Errorf("unknown product: %s", got)
	}
	if got := s.order(without).GetLines()[0].GetOptionLookup(); got != marketplacev1.OrderLine_OPTION_LOOKUP_UNSPECIFIED {
		t.Errorf("without EAN: %s", got)
	}

	asked := w.Calls()[productOperation]
	s.imported()
	if now := w.Calls()[productOperation]; now != asked {
		t.Errorf("known and unknown products were asked for again: %d calls, then %d", asked, now)
	}
	// A fresh read by a shipment must not take the options away again.
	s.settled(s.notify(known).GetName(), confirmed)
	if got := options(s.order(known)); got["colour"] != "Bleu" {
		t.Errorf("after a shipment the options are %v", got)
	}
}
