package api

import (
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// Marketplace serves relais.marketplace.v1.MarketplaceService over the core.
type Marketplace struct {
	marketplacev1.UnimplementedMarketplaceServiceServer
	stores    *store.Service
	orders    order.Repository
	importer  *order.Importer
	decisions *decision.Service
	shipments *shipment.Service
	wake      func() // tells the schedule that stores may be due
}

// NewMarketplace returns the service over these parts of the core. wake tells the schedule of imports that stores may be due.
func NewMarketplace(
	stores *store.Service, orders order.Repository, importer *order.Importer, decisions *decision.Service, shipments *shipment.Service, wake func(),
) *Marketplace {
	return &Marketplace{stores: stores, orders: orders, importer: importer, decisions: decisions, shipments: shipments, wake: wake}
}
