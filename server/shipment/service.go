package shipment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// Stores is what shipments need to know of stores.
type Stores interface {
	// Get returns a store. STORE_NOT_FOUND.
	Get(ctx context.Context, id string) (store.Store, error)
	// Report notes how an exchange with the marketplace ended.
	Report(ctx context.Context, ref store.Ref, err error)
	// Usable reports whether the credentials for an adapter may be used, besides to try whether they work again.
	Usable(ctx context.Context, ref store.Ref) (bool, error)
	// Hold returns what holds the work of a store, as it was read, through one of its adapters.
	Hold(ctx context.Context, st store.Store, adapter string) (store.Hold, error)
}

// Orders is what shipments need of orders.
type Orders interface {
	// GetOrder returns a stored order. order.ErrNotFound.
	GetOrder(ctx context.Context, storeID, number string) (order.Stored, error)
}

// Service takes shipments in. Its errors are problems.
type Service struct {
	repository  Repository
	orders      Orders
	stores      Stores
	marketplace Marketplace
	carriers    *CarrierBook
	wake        func() // tells the worker that a shipment is due
	waitMargin  time.Duration
	now         func() time.Time
	log         *slog.Logger
}

// ServiceConfig is what a service needs. All fields are required.
type ServiceConfig struct {
	Repository  Repository
	Orders      Orders
	Stores      Stores
	Marketplace Marketplace
	Carriers    *CarrierBook
	// Wake is told when a shipment is due.
	Wake func()
	// WaitMargin is how long after max(ship-by, accepted) relais keeps trying before a person must look.
	WaitMargin time.Duration
	Now        func() time.Time
	Log        *slog.Logger
}

// NewService returns a service.
func NewService(c ServiceConfig) *Service {
	return &Service{
		repository: c.Repository, orders: c.Orders, stores: c.Stores, marketplace: c.Marketplace,
		carriers: c.Carriers, wake: c.Wake, waitMargin: c.WaitMargin, now: c.Now, log: c.Log,
	}
}

// Get returns a shipment with its events; one that the store holds back says why. SHIPMENT_NOT_FOUND.
func (s *Service) Get(ctx context.Context, storeID, id string) (Shipment, []Event, error) {
	sh, err := s.get(ctx, storeID, id)
	if err != nil {
		return Shipment{}, nil, err
	}
	events, err := s.repository.ShipmentEvents(ctx, storeID, id)
	if err != nil {
		return Shipment{}, nil, fmt.Errorf("read events of shipment: %w", err)
	}
	if !sh.State.Open() {
		return sh, events, nil
	}
	st, err := s.stores.Get(ctx, storeID)
	if err != nil {
		return Shipment{}, nil, err
	}
	if err := s.holds(st).tell(ctx, &sh); err != nil {
		return Shipment{}, nil, err
	}
	return sh, events, nil
}

func (s *Service) get(ctx context.Context, storeID, id string) (Shipment, error) {
	sh, err := s.repository.GetShipment(ctx, storeID, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return Shipment{}, problem.New(problem.NotFound, problem.ReasonShipmentNotFound,
			"store %q has no shipment %q; ListShipments shows the shipments there are", storeID, id)
	case err != nil:
		return Shipment{}, fmt.Errorf("read shipment: %w", err)
	}
	return sh, nil
}

// List returns a page of a store's shipments, newest first; those that the store holds back say why.
func (s *Service) List(ctx context.Context, q ListQuery) ([]Shipment, error) {
	st, err := s.stores.Get(ctx, q.StoreID)
	if err != nil {
		return nil, err
	}
	found, err := s.repository.ListShipments(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list shipments: %w", err)
	}
	holds := s.holds(st)
	for i := range found {
		if err := holds.tell(ctx, &found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// carriersTimeout bounds reading the marketplace's carriers where an older list can be answered instead.
const carriersTimeout = 20 * time.Second

// Carriers reads the marketplace's carriers now, through one of the store's adapters; empty means the one of new orders. When that
// fails it returns the list that was read last, with its time; the error is for want of one. aliases holds, for each carrier, what
// else a shipment may call it.
func (s *Service) Carriers(ctx context.Context, storeID, adapter string) (list CarrierList, aliases [][]string, err error) {
	st, err := s.stores.Get(ctx, storeID)
	if err != nil {
		return CarrierList{}, nil, err
	}
	if adapter == "" {
		adapter = st.Adapter
	}
	if list, err = s.latestCarriers(ctx, store.Ref{StoreID: storeID, Adapter: adapter}, st); err != nil {
		return CarrierList{}, nil, err
	}
	return list, s.carriers.aliases(list.Carriers), nil
}

// latestCarriers is the marketplace's list as of now, or as of the last time that it could be read.
func (s *Service) latestCarriers(ctx context.Context, ref store.Ref, st store.Store) (CarrierList, error) {
	if !st.Connected() || !slices.Contains(st.Adapters, ref.Adapter) { // whose list would that be?
		return s.carriers.read(ctx, ref)
	}
	kept, err := s.repository.Carriers(ctx, ref)
	if err != nil {
		return CarrierList{}, fmt.Errorf("read cached carriers: %w", err)
	}
	if kept.ReadTime.IsZero() {
		return s.carriers.read(ctx, ref)
	}
	bounded, cancel := context.WithTimeout(ctx, carriersTimeout)
	defer cancel()
	list, err := s.carriers.read(bounded, ref)
	if err != nil && problem.As(err) != nil && ctx.Err() == nil {
		return kept, nil
	}
	return list, err
}

// prepareTimeout bounds Prepare, which nobody asked for.
const prepareTimeout = 10 * time.Second

// Prepare reads the carriers of a store that was just connected, so that shipments can be taken while the marketplace is down.
// It is a help, not a condition: failing only means that the first shipment reads them.
func (s *Service) Prepare(ctx context.Context, ref store.Ref) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	carriers, err := s.marketplace.ListCarriers(ctx, ref)
	if err == nil {
		err = s.repository.SaveCarriers(ctx, ref, CarrierList{Carriers: carriers, ReadTime: s.now().UTC()})
	}
	if err != nil {
		s.log.InfoContext(ctx, "carriers not read ahead; the first shipment reads them", "store", ref.StoreID)
	}
}

// Resume tells the worker that shipments may be due which were held back.
func (s *Service) Resume() { s.wake() }
