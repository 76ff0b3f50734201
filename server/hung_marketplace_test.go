package main

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// seller is a store of these tests, with an order to ship and one that waits for acceptance.
type seller struct {
	s                *system
	id, account      string
	toShip, toAccept string
}

// newSeller connects a seller of the sandbox through an adapter and imports its orders.
func (s *system) newSeller(id, account, adapter string) seller {
	s.t.Helper()
	req := connectRequest(id)
	req.Store.Adapter = "adapters/" + adapter
	for _, x := range s.sandbox.World().Sellers() {
		if x.Account == account {
			req.Credentials = &marketplacev1.Credentials{Values: map[string]string{"login": x.Login, "password": x.Password}}
		}
	}
	if adapter == "octopia" {
		req.Credentials = s.octopiaCredentials(account)
	}
	if _, err := s.api.ConnectStore(s.t.Context(), req); err != nil {
		s.t.Fatalf("ConnectStore: %v", err)
	}
	x := seller{s: s, id: id, account: account}
	for variety, number := range map[world.Variety]*string{world.HomeTracked: &x.toShip, world.WaitingAcceptance: &x.toAccept} {
		numbers, err := s.sandbox.World().Create(world.Spec{Seller: account, Variety: variety})
		if err != nil {
			s.t.Fatal(err)
		}
		*number = numbers[0]
	}
	s.importedOf(id)
	return x
}

// move begins to move the seller's store from Cdiscount to Octopia.
func (x seller) move() {
	x.s.t.Helper()
	req := x.s.migrateRequest()
	req.Name, req.Credentials = "stores/"+x.id, x.s.octopiaCredentials(x.account)
	if _, err := x.s.moves.MigrateStore(x.s.t.Context(), req); err != nil {
		x.s.t.Fatalf("MigrateStore: %v", err)
	}
}

// work asks for everything that relais does by itself: a shipment, whose name is returned, a decision and an import.
func (x seller) work() (shipment string) {
	x.s.t.Helper()
	ctx, name := x.s.t.Context(), "stores/"+x.id
	sh, err := x.s.api.NotifyShipment(ctx, &marketplacev1.NotifyShipmentRequest{
		Parent: name, Shipment: &marketplacev1.Shipment{
			Order: name + "/orders/" + x.toShip, Carrier: "Colissimo", TrackingNumber: "6A" + x.toShip,
		},
	})
	if err != nil {
		x.s.t.Fatalf("NotifyShipment: %v", err)
	}
	if _, err := x.s.api.AcceptOrder(ctx, &marketplacev1.AcceptOrderRequest{Name: name + "/orders/" + x.toAccept}); err != nil {
		x.s.t.Fatalf("AcceptOrder: %v", err)
	}
	// Another interval starts an import at once.
	if _, err := x.s.api.UpdateStore(ctx, &marketplacev1.UpdateStoreRequest{
		Store: &marketplacev1.Store{Name: name, Settings: &marketplacev1.StoreSettings{
			ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(time.Hour)},
		}}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"settings.import_schedule"}},
	}); err != nil {
		x.s.t.Fatalf("UpdateStore: %v", err)
	}
	return sh.GetName()
}

// accepted reports whether the order that waited was accepted.
func (x seller) accepted() bool {
	x.s.t.Helper()
	o, err := x.s.api.GetOrder(x.s.t.Context(), &marketplacev1.GetOrderRequest{Name: "stores/" + x.id + "/orders/" + x.toAccept})
	if err != nil {
		x.s.t.Fatalf("GetOrder: %v", err)
	}
	return o.GetDecision().GetState() == marketplacev1.Decision_STATE_CONFIRMED
}

// imported reports whether the schedule imported the store.
func (x seller) imported() bool {
	x.s.t.Helper()
	last := x.s.runsOf("stores/" + x.id)[0]
	return last.GetScheduled() && last.GetState() == marketplacev1.Import_STATE_SUCCEEDED
}

// TestHungMarketplace: while every store of one marketplace's API hangs, in all that relais does for it, and there are more of them than
// workers, what a store of the other API needs is done at once.
func TestHungMarketplace(t *testing.T) {
	t.Parallel()
	const (
		stores      = 4 // that hang
		workers     = 2
		callTimeout = 15 * time.Second // when the hung calls end
	)
	for _, c := range []struct {
		name           string
		adapter, other string
		moving         bool // the stores are leaving the adapter that hangs for the other one
	}{
		{"Cdiscount", "cdiscount", "octopia", false},
		{"Octopia", "octopia", "cdiscount", false},
		{"Cdiscount, which its stores are leaving", "cdiscount", "octopia", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sandbox, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{World: world.Config{Sellers: stores + 1, Seed: 1}})
			if err != nil {
				t.Fatalf("start sandbox: %v", err)
			}
			s := newSystemAt(t, sandbox, "RELAIS_ADAPTERS_CALL_TIMEOUT="+callTimeout.String(),
				fmt.Sprint("RELAIS_SHIPMENT_WORKERS=", workers), fmt.Sprint("RELAIS_IMPORT_WORKERS=", workers))
			t.Cleanup(func() { _ = sandbox.Close() }) // before the server stops, which would wait for the hung calls
			accounts := sandbox.World().Sellers()
			idle := s.newSeller("idle", accounts[stores].Account, c.other)
			var hung []seller
			for i := range stores {
				x := s.newSeller(fmt.Sprintf("hung-%d", i), accounts[i].Account, c.adapter)
				if c.moving {
					x.move()
				}
				hung = append(hung, x)
			}
			for _, action := range []fault.Action{fault.Get, fault.List} {
				s.inject(fault.Rule{API: c.adapter, On: action, Kind: fault.Latency, Params: fault.Params{Milliseconds: 60_000}})
			}
			begin := time.Now()
			for _, x := range hung {
				x.work()
			}
			waitFor(t, func() bool { // until nobody is free who works for the hung stores
				reads, lists := 0, 0
				for _, hit := range sandbox.Faults().Hits() {
					if hit.Action == fault.Get {
						reads++
					} else {
						lists++
					}
				}
				return reads >= 2*workers && lists >= workers
			})
			shipment := idle.work()
			s.settled(shipment, confirmed)
			waitFor(t, func() bool { return idle.accepted() && idle.imported() })
			if took := time.Since(begin); took > callTimeout*2/3 {
				t.Errorf("all was done after %v, about when the calls of the other stores end", took)
			}
			for _, x := range hung {
				if x.accepted() || x.imported() {
					t.Errorf("%s hung in nothing: nothing was shown", x.id)
				}
			}
		})
	}
}
