package main

import (
	"slices"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// What tests of moving a store do with a system, in a line each.

// octopiaCredentials are those of a seller of the sandbox at its REST face.
func (s *system) octopiaCredentials(account string) *marketplacev1.Credentials {
	s.t.Helper()
	for _, seller := range s.sandbox.World().Sellers() {
		if seller.Account == account {
			return &marketplacev1.Credentials{Values: map[string]string{
				"client_id": seller.ClientID, "client_secret": seller.ClientSecret, "seller_id": seller.SellerID,
			}}
		}
	}
	s.t.Fatalf("the sandbox has no seller %q", account)
	return nil
}

func (s *system) migrateRequest() *marketplacev1.MigrateStoreRequest {
	return &marketplacev1.MigrateStoreRequest{
		Name: "stores/demo", TargetAdapter: "adapters/octopia", Credentials: s.octopiaCredentials("demo"),
	}
}

// migrate moves stores/demo to the other API.
func (s *system) migrate() *marketplacev1.Migration {
	s.t.Helper()
	m, err := s.moves.MigrateStore(s.t.Context(), s.migrateRequest())
	if err != nil {
		s.t.Fatalf("MigrateStore: %v", err)
	}
	return m
}

func (s *system) migration() *marketplacev1.Migration {
	s.t.Helper()
	m, err := s.moves.GetMigration(s.t.Context(), &marketplacev1.GetMigrationRequest{Name: "stores/demo/migration"})
	if err != nil {
		s.t.Fatalf("GetMigration: %v", err)
	}
	return m
}

func (s *system) undoMigration() *marketplacev1.Migration {
	s.t.Helper()
	m, err := s.moves.UndoMigration(s.t.Context(), &marketplacev1.UndoMigrationRequest{Name: "stores/demo/migration"})
	if err != nil {
		s.t.Fatalf("UndoMigration: %v", err)
	}
	return m
}

func (s *system) store() *marketplacev1.Store {
	s.t.Helper()
	st, err := s.api.GetStore(s.t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/demo"})
	if err != nil {
		s.t.Fatalf("GetStore: %v", err)
	}
	return st
}

// appliedShips returns the ship requests of an order that the sandbox carried out.
func (s *system) appliedShips(number string) []world.Write {
	return slices.DeleteFunc(s.sandbox.World().Writes(), func(w world.Write) bool {
		return w.Order != number || w.Action != world.Ship || !w.Applied
	})
}

// ship ships an order and waits until the marketplace shows it.
func (s *system) ship(number string) {
	s.t.Helper()
	s.settled(s.notify(number).GetName(), confirmed)
}

// shipEverything ships every order that can be shipped and was not yet.
func (s *system) shipEverything() {
	s.t.Helper()
	shipped := map[string]bool{}
	for _, sh := range s.shipments() {
		shipped[sh.GetOrder()] = true
	}
	for number, o := range s.orders(&marketplacev1.ListOrdersRequest{ShippableOnly: true}) {
		if !shipped[o.GetName()] {
			s.notify(number)
		}
	}
}

// shipments lists all shipments of stores/demo.
func (s *system) shipments() []*marketplacev1.Shipment {
	s.t.Helper()
	var all []*marketplacev1.Shipment
	req := &marketplacev1.ListShipmentsRequest{Parent: "stores/demo", PageSize: 500}
	for {
		page, err := s.api.ListShipments(s.t.Context(), req)
		if err != nil {
			s.t.Fatalf("ListShipments: %v", err)
		}
		all = append(all, page.GetShipments()...)
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}
