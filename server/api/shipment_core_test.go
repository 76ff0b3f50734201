package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relaishq/relais/server/api"
	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// noon is when the tests of shipments happen.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ledger is a small world below shipments: every store is connected but "nosuch", every order can be shipped but those whose numbers
// say otherwise, and the marketplace has two carriers.
type ledger struct {
	shipment.Repository // what is not here is not to be called

	mu     sync.Mutex          // guards stored
	stored []shipment.Shipment // in the order in which they came
	events []shipment.Event    // of every shipment
}

// shipments is a server over a ledger.
func shipments(t *testing.T, l *ledger) *running {
	t.Helper()
	log := &lockedLog{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	stores := store.NewService(store.Config{Repository: ledgerStores{}, Now: time.Now, Log: logger})
	book := shipment.NewCarrierBook(shipment.CarrierBookConfig{
		Table: carrier.Default(), Repository: l, Stores: stores, Marketplace: ledgerMarketplace{}, Now: func() time.Time { return noon }, Log: logger,
	})
	t.Cleanup(func() {
		if err := book.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	core := shipment.NewService(shipment.ServiceConfig{
		Repository: l, Orders: ledgerOrders{}, Stores: stores, Marketplace: ledgerMarketplace{}, Carriers: book,
		Wake: func() {}, WaitMargin: time.Hour, Now: func() time.Time { return noon }, Log: logger,
	})
	r := serve(t, api.NewMarketplace(stores, nil, nil, nil, core, func() {}, logger))
	r.log = log
	return r
}

type ledgerStores struct{ store.Repository }

func (ledgerStores) GetStore(_ context.Context, id string) (store.Store, error) {
	if id == "nosuch" {
		return store.Store{}, store.ErrNotFound
	}
	return store.Store{ID: id, Adapter: "alpha", Adapters: []string{"alpha"}}, nil
}

type ledgerOrders struct{}

func (ledgerOrders) GetOrder(_ context.Context, storeID, number string) (order.Stored, error) {
	o := order.Stored{StoreID: storeID, Adapter: "alpha", Order: order.Order{
		Number: number, Status: order.ReadyToShip, Fulfillment: order.FulfilledBySeller, Lines: []order.Line{{ID: "L1", Quantity: 2}},
	}}
	switch number {
	case "GONE":
		return order.Stored{}, order.ErrNotFound
	case "BROKEN":
		return order.Stored{}, errors.New(private)
	case "DOWN":
		p := problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "the marketplace is down")
		p.RetryAfter = 90 * time.Second
		return order.Stored{}, p
	case "CANCELLED":
		o.Status, o.NativeStatus = order.Cancelled, "CancelledByCustomer"
	case "CANCELLING":
		o.CancelRequested = true
	}
	return o, nil
}

type ledgerMarketplace struct{}

func (ledgerMarketplace) ListCarriers(context.Context, store.Ref) ([]shipment.Carrier, error) {
	return []shipment.Carrier{{Code: "1", Name: "Colissimo", TrackingURL: "https://list.example/?n="}, {Code: "2", Name: "Mondial Relay"}}, nil
}

func (ledgerMarketplace) ShipmentRules(context.Context, store.Ref) (shipment.Rules, error) {
	return shipment.Rules{TakesTrackingURL: true, MaxNumberLength: 50}, nil
}

func (ledgerMarketplace) PrepareShipment(_ context.Context, _ store.Ref, n shipment.Notification) (shipment.Prepared, error) {
	return ledgerPrepared{n}, nil
}

type ledgerPrepared struct{ n shipment.Notification }

func (p ledgerPrepared) Requests() []shipment.MarketplaceRequest {
	return []shipment.MarketplaceRequest{{
		Method: "POST", URL: "https://marketplace.example/ship", Headers: map[string]string{"Authorization": "***"},
		Body: p.n.Order.Number + " " + p.n.Carrier + " " + p.n.TrackingNumber,
	}}
}
func (ledgerPrepared) Release() string { return "1.0.0@9f2c" }
func (ledgerPrepared) Close()          {}
func (ledgerPrepared) Send(context.Context) (delivery.Result, error) {
	return delivery.Result{}, errors.New("nothing may be sent by a call of the API")
}

func (l *ledger) CreateShipments(_ context.Context, news []shipment.New) ([]shipment.Created, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var created []shipment.Created
	for _, n := range news {
		c := shipment.Created{Shipment: n.Shipment}
		for _, s := range l.stored {
			switch {
			case s.RequestID == n.Shipment.RequestID:
				c = shipment.Created{Shipment: s, Result: shipment.SameRequest}
			case s.OrderNumber == n.Shipment.OrderNumber && s.State.Open() && c.Result == shipment.CreatedNew:
				c = shipment.Created{Shipment: s, Result: shipment.OrderHasOpen}
			}
		}
		if c.Result == shipment.CreatedNew {
			l.stored = append(l.stored, n.Shipment)
		}
		created = append(created, c)
	}
	return created, nil
}

func (l *ledger) FindRequest(_ context.Context, _, requestID string) (shipment.Shipment, error) {
	return l.find(func(s shipment.Shipment) bool { return s.RequestID == requestID })
}

func (l *ledger) GetShipment(_ context.Context, _, id string) (shipment.Shipment, error) {
	return l.find(func(s shipment.Shipment) bool { return s.ID == id })
}

func (l *ledger) find(fits func(shipment.Shipment) bool) (shipment.Shipment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.stored {
		if fits(s) {
			return s, nil
		}
	}
	return shipment.Shipment{}, fmt.Errorf("ledger: %w", shipment.ErrNotFound)
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.stored)
}

func (l *ledger) ShipmentEvents(context.Context, string, string) ([]shipment.Event, error) {
	return l.events, nil
}

func (l *ledger) ListShipments(_ context.Context, q shipment.ListQuery) ([]shipment.Shipment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []shipment.Shipment
	for _, s := range l.stored {
		if (q.BeforeID == "" || s.ID < q.BeforeID) && (q.OrderNumber == "" || s.OrderNumber == q.OrderNumber) && (len(q.States) == 0 || slices.Contains(q.States, s.State)) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b shipment.Shipment) int { return strings.Compare(b.ID, a.ID) })
	return found[:min(len(found), q.Limit)], nil
}

func (l *ledger) Carriers(context.Context, store.Ref) (shipment.CarrierList, error) {
	list, err := ledgerMarketplace{}.ListCarriers(context.Background(), store.Ref{})
	return shipment.CarrierList{Carriers: list, ReadTime: noon.Add(-5 * time.Minute)}, err
}

func (l *ledger) SaveCarriers(context.Context, store.Ref, shipment.CarrierList) error { return nil }

func (l *ledger) UpdateShipment(_ context.Context, s shipment.Shipment, _ ...shipment.Event) (shipment.Shipment, error) {
	return s, nil
}

func (l *ledger) ReopenShipment(_ context.Context, s shipment.Shipment, _ shipment.Event) (shipment.Shipment, error) {
	return s, nil
}
