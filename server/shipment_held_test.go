package main

import (
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// listed returns the one shipment of stores/demo as a list shows it.
func (s *system) listed() *marketplacev1.Shipment {
	s.t.Helper()
	list, err := s.api.ListShipments(s.t.Context(), &marketplacev1.ListShipmentsRequest{Parent: "stores/demo"})
	if err != nil || len(list.GetShipments()) != 1 {
		s.t.Fatalf("ListShipments: %v, %v", list, err)
	}
	return list.GetShipments()[0]
}

// TestPausedShipmentSaysSo: a shipment of a paused store says why nothing happens, wherever it is shown, and plans nothing; afterwards
// nothing of that is left.
func TestPausedShipmentSaysSo(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	s.pause()
	stored := s.notify(number)
	for where, sh := range map[string]*marketplacev1.Shipment{
		"when it is stored": stored, "repeated": s.notify(number), "by name": s.shipment(stored.GetName()), "in a list": s.listed(),
	} {
		if sh.GetState() != queued || sh.GetReason() != "STORE_PAUSED" || !strings.Contains(sh.GetMessage(), "resume") || sh.GetNextAttemptTime() != nil {
			t.Errorf("%s: %s, %s %q, next attempt %v", where, sh.GetState(), sh.GetReason(), sh.GetMessage(), sh.GetNextAttemptTime())
		}
	}
	s.resume()
	if end := s.settled(stored.GetName(), confirmed); end.GetReason() != "" {
		t.Errorf("confirmed with reason %s", end.GetReason())
	}
	s.pause()
	for where, sh := range map[string]*marketplacev1.Shipment{"by name": s.shipment(stored.GetName()), "in a list": s.listed()} {
		if sh.GetState() != confirmed || sh.GetReason() != "" || strings.Contains(sh.GetMessage(), "paused") {
			t.Errorf("a confirmed one, %s: %s, %s %q", where, sh.GetState(), sh.GetReason(), sh.GetMessage())
		}
	}
}

// TestUnansweredShipmentSaysSo: of a shipment that may have been applied both is told, that and why nobody finds out.
func TestUnansweredShipmentSaysSo(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	s.inject(fault.Rule{Operation: "ValidateOrderList", Kind: fault.CutBefore})
	name := s.notify(number).GetName()
	waitFor(t, func() bool { return len(eventsOf(s.shipment(name), marketplacev1.ShipmentEvent_KIND_SENT)) > 0 })
	s.pause()
	waitFor(t, func() bool { // another request may just have been on its way
		sh := s.shipment(name)
		return sh.GetState() == sending && sh.GetReason() == "STORE_PAUSED" && strings.Contains(sh.GetMessage(), "paused") && strings.Contains(sh.GetMessage(), "answer was lost")
	})
}

// TestRefusedShipmentSaysSo: a shipment whose store's credentials are refused says so, and is due when they are tried again.
func TestRefusedShipmentSaysSo(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	wrong := "changed-at-the-marketplace"
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", Password: &wrong}); err != nil {
		t.Fatal(err)
	}
	s.sandbox.World().ForgetTokens("demo")
	name := s.notify(number).GetName()
	health := func() *marketplacev1.StoreHealth { return s.store().GetHealth() }
	waitFor(t, func() bool {
		return health().GetReason() == "MARKETPLACE_CREDENTIALS_REJECTED" && health().GetNextProbeTime() != nil
	})
	for where, sh := range map[string]*marketplacev1.Shipment{"by name": s.shipment(name), "in a list": s.listed()} {
		if sh.GetState() != queued || sh.GetReason() != "MARKETPLACE_CREDENTIALS_REJECTED" || sh.GetMessage() == "" ||
			!sh.GetNextAttemptTime().AsTime().Equal(health().GetNextProbeTime().AsTime()) {
			t.Errorf("%s: %s, %s %q, next attempt %s; the next probe is at %s", where, sh.GetState(), sh.GetReason(), sh.GetMessage(),
				sh.GetNextAttemptTime().AsTime(), health().GetNextProbeTime().AsTime())
		}
	}
}
