package main

import (
	"context"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// What tests do with a system, in a line each.

// demoCredentials are those of the sandbox's first seller.
func demoCredentials() *marketplacev1.Credentials {
	return &marketplacev1.Credentials{Values: map[string]string{"login": "demo-api", "password": world.DefaultPassword}}
}

func connectRequest(id string) *marketplacev1.ConnectStoreRequest {
	return &marketplacev1.ConnectStoreRequest{
		StoreId:     id,
		Store:       &marketplacev1.Store{Adapter: "adapters/cdiscount", Environment: "sandbox"},
		Credentials: demoCredentials(),
	}
}

// connect connects the sandbox's first seller as stores/demo.
func (s *system) connect() *marketplacev1.Store {
	s.t.Helper()
	st, err := s.api.ConnectStore(s.t.Context(), connectRequest("demo"))
	if err != nil {
		s.t.Fatalf("ConnectStore: %v", err)
	}
	return st
}

// runImport imports stores/demo and returns the run at its end.
func (s *system) runImport() *marketplacev1.Import {
	s.t.Helper()
	run, err := s.api.ImportOrders(s.t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"})
	if err != nil {
		s.t.Fatalf("ImportOrders: %v", err)
	}
	return s.await(run.GetName())
}

// await watches an import to its end.
func (s *system) await(name string) *marketplacev1.Import {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	stream, err := s.api.WatchImport(ctx, &marketplacev1.WatchImportRequest{Name: name})
	if err != nil {
		s.t.Fatalf("WatchImport: %v", err)
	}
	for {
		run, err := stream.Recv()
		if err != nil {
			s.t.Fatalf("WatchImport ended early: %v", err)
		}
		if run.GetState() != marketplacev1.Import_STATE_RUNNING {
			return run
		}
	}
}

// imported runs an import that must succeed.
func (s *system) imported() *marketplacev1.Import {
	s.t.Helper()
	run := s.runImport()
	if run.GetState() != marketplacev1.Import_STATE_SUCCEEDED {
		s.t.Fatalf("import ended %s: %s", run.GetState(), run.GetFailure().GetMessage())
	}
	return run
}

// orders lists all orders of stores/demo by number.
func (s *system) orders(req *marketplacev1.ListOrdersRequest) map[string]*marketplacev1.Order {
	s.t.Helper()
	if req == nil {
		req = &marketplacev1.ListOrdersRequest{}
	}
	req.Parent = "stores/demo"
	all := make(map[string]*marketplacev1.Order)
	for {
		page, err := s.api.ListOrders(s.t.Context(), req)
		if err != nil {
			s.t.Fatalf("ListOrders: %v", err)
		}
		for _, o := range page.GetOrders() {
			all[o.GetOrderNumber()] = o
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}

// order reads one order of stores/demo.
func (s *system) order(number string) *marketplacev1.Order {
	s.t.Helper()
	o, err := s.api.GetOrder(s.t.Context(), &marketplacev1.GetOrderRequest{Name: "stores/demo/orders/" + number})
	if err != nil {
		s.t.Fatalf("GetOrder: %v", err)
	}
	return o
}

// listedSince returns the numbers of the first seller's orders that were created since and whose state the marketplace tells:
// one that is minutes old has none yet (cdiscount-soap.md 6.2), so no list by states shows it before a later import.
func (s *system) listedSince(since time.Time) []string {
	now := s.sandbox.World().Clock().Now()
	return s.sandbox.World().Find("demo", func(h world.Head) bool {
		return !h.Created.Before(since) && !h.StateKnownFrom.After(now)
	})
}

// create makes an order in the sandbox and returns its number.
func (s *system) create(spec world.Spec) string {
	s.t.Helper()
	numbers, err := s.sandbox.World().Create(spec)
	if err != nil {
		s.t.Fatalf("create order in the sandbox: %v", err)
	}
	return numbers[0]
}

// change changes an order in the sandbox.
func (s *system) change(number string, p world.Patch) {
	s.t.Helper()
	if err := s.sandbox.World().Update(number, p); err != nil {
		s.t.Fatalf("change order in the sandbox: %v", err)
	}
}

// inject adds a fault to the sandbox.
func (s *system) inject(r fault.Rule) {
	s.t.Helper()
	if _, err := s.sandbox.Faults().Add(r); err != nil {
		s.t.Fatalf("inject fault: %v", err)
	}
}

// notifyRequest is a shipment of an order of stores/demo.
func notifyRequest(number string) *marketplacev1.NotifyShipmentRequest {
	return &marketplacev1.NotifyShipmentRequest{
		Parent: "stores/demo",
		Shipment: &marketplacev1.Shipment{
			Order: "stores/demo/orders/" + number, Carrier: "Colissimo", TrackingNumber: "6A" + number,
		},
	}
}

// notify ships an order, with a carrier that serves its pickup network, and returns the shipment as accepted.
func (s *system) notify(number string) *marketplacev1.Shipment {
	s.t.Helper()
	req := notifyRequest(number)
	switch s.order(number).GetPickupPoint().GetNetwork() {
	case marketplacev1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY:
		req.Shipment.Carrier = "Mondial Relay"
	case marketplacev1.PickupNetwork_PICKUP_NETWORK_RELAIS_COLIS:
		req.Shipment.Carrier = "Relais Colis"
	}
	sh, err := s.api.NotifyShipment(s.t.Context(), req)
	if err != nil {
		s.t.Fatalf("NotifyShipment: %v", err)
	}
	return sh
}

// settled polls a shipment until it is in one of the states.
func (s *system) settled(name string, states ...marketplacev1.Shipment_State) *marketplacev1.Shipment {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		sh, err := s.api.GetShipment(s.t.Context(), &marketplacev1.GetShipmentRequest{Name: name})
		if err != nil {
			s.t.Fatalf("GetShipment: %v", err)
		}
		for _, want := range states {
			if sh.GetState() == want {
				return sh
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("shipment stays %s (%s), want one of %v", sh.GetState(), sh.GetMessage(), states)
		}
	}
}

// shipWrites returns the ship requests that the sandbox received for an order.
func (s *system) shipWrites(number string) []world.Write {
	var writes []world.Write
	for _, w := range s.sandbox.World().Writes() {
		if w.Order == number && w.RequestedState == "Shipped" {
			writes = append(writes, w)
		}
	}
	return writes
}
