package main

import (
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestBusyStoreHoldsUpNobody: what one store has to ship, and how slow its marketplace is, is nothing to another store.
func TestBusyStoreHoldsUpNobody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		settings []string
		slow     func(s *system)
	}{
		{"its requests are rationed", []string{"RELAIS_ADAPTERS_REQUESTS_PER_SECOND=2", "RELAIS_ADAPTERS_BURST=2"}, func(*system) {}},
		{"its marketplace hangs", nil, func(s *system) {
			s.inject(fault.Rule{On: fault.Any, Kind: fault.Latency, Seller: "demo", Params: fault.Params{Milliseconds: 60_000}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0, c.settings...)
			busy := s.readyOrders("cdiscount", 30)

			idle := s.sandbox.World().Sellers()[1]
			req := connectRequest("idle")
			req.Credentials = &marketplacev1.Credentials{Values: map[string]string{"login": idle.Login, "password": idle.Password}}
			if _, err := s.api.ConnectStore(t.Context(), req); err != nil {
				t.Fatalf("ConnectStore: %v", err)
			}
			numbers, err := s.sandbox.World().Create(world.Spec{Seller: idle.Account, Variety: world.HomeTracked})
			if err != nil {
				t.Fatal(err)
			}
			run, err := s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/idle"})
			if err != nil {
				t.Fatalf("ImportOrders: %v", err)
			}
			s.await(run.GetName())

			c.slow(s)
			names := s.notifyAll(busy)
			begin := time.Now()
			sh, err := s.api.NotifyShipment(t.Context(), &marketplacev1.NotifyShipmentRequest{
				Parent: "stores/idle", Shipment: &marketplacev1.Shipment{
					Order: "stores/idle/orders/" + numbers[0], Carrier: "Colissimo", TrackingNumber: "6A" + numbers[0],
				},
			})
			if err != nil {
				t.Fatalf("NotifyShipment: %v", err)
			}
			s.settled(sh.GetName(), confirmed)
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("confirmed after %v behind a busy store", took)
			}
			if last := s.shipment(names[len(names)-1]); last.GetState() == confirmed {
				t.Errorf("the busy store was done before: nothing was shown")
			}
		})
	}
}
