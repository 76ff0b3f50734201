package api

import (
	"log/slog"

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
	log       *slog.Logger
}

// NewMarketplace returns the service over these parts of the core. wake tells the schedule of imports that stores may be due;
// log gets what went wrong inside one item of a batch, and what no caller may read.
func NewMarketplace(
	stores *store.Service, orders order.Repository, importer *order.Importer, decisions *decision.Service, shipments *shipment.Service,
	wake func(), log *slog.Logger,
) *Marketplace {
	return &Marketplace{stores: stores, orders: orders, importer: importer, decisions: decisions, shipments: shipments, wake: wake, log: log}
}
