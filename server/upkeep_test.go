package main

import (
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// misset moves the server's clock, but not the marketplace's.
func (s *system) misset(d time.Duration) {
	s.t.Helper()
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.offset += d
}

// TestClockThatWasAhead: what a server planned while its clock was a year ahead goes on soon after the clock is put right, and again
// when that happened while no server ran.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for _, c := range []struct {
		name string
		back func(s *system)
	}{
		{"put right under way", func(s *system) { s.misset(-year); s.server.upkeep.Wake() }},
		{"put right before a start", func(s *system) { s.stop(); s.misset(-year); s.start() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0, "RELAIS_IMPORT_INTERVAL=10m", "RELAIS_SHIPMENT_RETRY_MIN=1h", "RELAIS_SHIPMENT_RETRY_MAX=2h", "RELAIS_SHIPMENT_WAIT_MARGIN=2h")
			numbers := s.readyOrders("cdiscount", 3)
			s.misset(year)
			s.server.schedule.Wake()
			waitFor(t, func() bool { return s.scheduled() > 0 && s.store().GetNextImportTime().AsTime().After(s.clock.now()) })
			s.inject(fault.Rule{On: fault.Get, Kind: fault.HTTP503})
			names := s.notifyAll(numbers)
			for _, name := range names {
				waitFor(t, func() bool { return s.shipment(name).GetReason() == "MARKETPLACE_DOWN" })
			}
			s.sandbox.Faults().Clear()
			imports := s.scheduled()

			c.back(s)
			for _, name := range names {
				s.settled(name, confirmed)
			}
			s.shippedOnce(numbers)
			waitFor(t, func() bool {
				next := s.store().GetNextImportTime().AsTime()
				return s.scheduled() > imports && next.Before(s.clock.now().Add(time.Hour))
			})
		})
	}
}

// TestHeldBeyondTheDeadline: a shipment that waits for its store does not wait in silence when its deadline passes, and can be retried.
func TestHeldBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	numbers := s.readyOrders("cdiscount", 1)
	if _, err := s.api.PauseStore(t.Context(), &marketplacev1.PauseStoreRequest{Name: "stores/demo"}); err != nil {
		t.Fatal(err)
	}
	name := s.notify(numbers[0]).GetName()
	s.advance(60 * 24 * time.Hour) // beyond any ship-by time and margin
	s.server.upkeep.Wake()
	held := s.settled(name, marketplacev1.Shipment_STATE_NEEDS_ATTENTION)
	if held.GetReason() != "STORE_PAUSED" || len(s.shipWrites(numbers[0])) != 0 {
		t.Errorf("reason %s, %d requests", held.GetReason(), len(s.shipWrites(numbers[0])))
	}
	if _, err := s.api.ResumeStore(t.Context(), &marketplacev1.ResumeStoreRequest{Name: "stores/demo"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.RetryShipment(t.Context(), &marketplacev1.RetryShipmentRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
	s.settled(name, confirmed)
	s.shippedOnce(numbers)
}
