package shipment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/relaishq/relais/server/delivery"
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
	carriers    carrierBook
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
	Wake        func()
	// WaitMargin is how long after max(ship-by, accepted) relais keeps trying before a person must look.
	WaitMargin time.Duration
	Now        func() time.Time
	Log        *slog.Logger
}

// NewService returns a service.
func NewService(c ServiceConfig) *Service {
	return &Service{
		repository: c.Repository, orders: c.Orders, stores: c.Stores, marketplace: c.Marketplace,
		carriers: carrierBook{c.Repository, c.Stores, c.Marketplace, c.Now},
		wake:     c.Wake, waitMargin: c.WaitMargin, now: c.Now, log: c.Log,
	}
}

// Notify refuses what can never work and stores the rest; the shipment is durable when it returns. A repeated request gets
// the shipment that the first one made, whatever became of the order since.
func (s *Service) Notify(ctx context.Context, storeID string, r Request, requestID string) (Shipment, error) {
	sh, err := s.notify(ctx, storeID, r, requestID)
	if errors.Is(err, order.ErrMoved) { // to another adapter, while its rules were looked up
		sh, err = s.notify(ctx, storeID, r, requestID)
	}
	return sh, err
}

func (s *Service) notify(ctx context.Context, storeID string, r Request, requestID string) (Shipment, error) {
	st, err := s.stores.Get(ctx, storeID)
	if err != nil {
		return Shipment{}, err
	}
	if !st.Connected() {
		return Shipment{}, store.Disconnected(storeID)
	}
	r.trim()
	digest := digestOf(r)
	if requestID == "" {
		// The id is the content that matters: a call that repeats it finds the shipment, whatever its other fields say.
		requestID = derivedRequestID(r)
		digest = []byte(requestID)
	}
	if found, err := s.repository.FindRequest(ctx, storeID, requestID); err == nil {
		return repeated(found, digest)
	} else if !errors.Is(err, ErrNotFound) {
		return Shipment{}, fmt.Errorf("find shipment by request id: %w", err)
	}

	o, err := s.orders.GetOrder(ctx, storeID, r.OrderNumber)
	if errors.Is(err, order.ErrNotFound) {
		return Shipment{}, order.NotFound(storeID, r.OrderNumber)
	} else if err != nil {
		return Shipment{}, fmt.Errorf("read order: %w", err)
	}
	if !slices.Contains(st.Adapters, o.Adapter) {
		return Shipment{}, store.NotConnected(store.Ref{StoreID: storeID, Adapter: o.Adapter})
	}
	rules, err := s.marketplace.ShipmentRules(ctx, o.Adapter)
	if err != nil {
		return Shipment{}, err
	}
	now := s.now().UTC()
	if err := r.validate(requestID, rules, now); err != nil {
		return Shipment{}, err
	}
	if err := checkOrder(o.Order); err != nil {
		return Shipment{}, err
	}
	if err := checkItems(r.Items, o.Order, rules); err != nil {
		return Shipment{}, err
	}
	carrier, err := s.carriers.find(ctx, store.Ref{StoreID: storeID, Adapter: o.Adapter}, r.Carrier)
	if err != nil {
		return Shipment{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Shipment{}, fmt.Errorf("make shipment id: %w", err)
	}
	notSent := r.notSent(rules)
	if r.ShipTime.IsZero() {
		r.ShipTime = now
	}
	sh := Shipment{
		ID: id.String(), StoreID: storeID, Adapter: o.Adapter, Request: r,
		RequestID: requestID, RequestDigest: digest,
		MarketplaceCarrier: carrier.Name, NotSentFields: notSent,
		Delivery: delivery.New(now, latest(o.ShipBy, now).Add(s.waitMargin)), CreateTime: now,
	}
	return s.create(ctx, sh)
}

// create stores a shipment and wakes the worker, or answers for the one that was there first.
func (s *Service) create(ctx context.Context, sh Shipment) (Shipment, error) {
	digest := sh.RequestDigest
	stored, result, err := s.repository.CreateShipment(ctx, sh, Event{Time: sh.CreateTime, State: delivery.Queued, Message: "stored; the marketplace is told in the background"})
	switch {
	case errors.Is(err, store.ErrNoCredentials): // disconnected meanwhile
		return Shipment{}, store.Disconnected(sh.StoreID)
	case err != nil:
		return Shipment{}, fmt.Errorf("store shipment: %w", err)
	}
	switch result {
	case SameRequest:
		return repeated(stored, digest)
	case OrderHasOpen:
		return Shipment{}, problem.New(problem.Exists, problem.ReasonShipmentAlreadyOpen,
			"order %s has an open shipment with another carrier or tracking number: %s", sh.OrderNumber, stored.ID).
			With("shipment", "stores/"+stored.StoreID+"/shipments/"+stored.ID)
	}
	s.log.InfoContext(ctx, "shipment stored", "store", stored.StoreID, "shipment", stored.ID)
	s.wake()
	return stored, nil
}

// checkOrder refuses orders that can never be shipped. One that is not ready yet is taken: the worker waits for it.
func checkOrder(o order.Order) error {
	refuse := func(format string, args ...any) error {
		return problem.New(problem.Precondition, problem.ReasonOrderNotShippable, format, args...)
	}
	switch {
	case o.Status.Final():
		return refuse("order %s is %s on the marketplace (%s); nothing can be shipped any more", o.Number, o.Status, o.NativeStatus)
	case o.Fulfillment != order.FulfilledBySeller:
		return refuse("order %s is shipped by the marketplace itself", o.Number)
	case len(o.Lines) == 0:
		return refuse("order %s has no goods to ship", o.Number)
	case o.CancelRequested:
		return problem.New(problem.Precondition, problem.ReasonCancelRequested,
			"the buyer asks to cancel order %s; answer the request in the seller portal first", o.Number)
	}
	return nil
}

// repeated answers a request whose id is known: with its shipment, unless the content differs.
func repeated(found Shipment, digest []byte) (Shipment, error) {
	if string(found.RequestDigest) == string(digest) {
		return found, nil
	}
	return Shipment{}, problem.New(problem.Exists, problem.ReasonRequestIDReused,
		"request_id was used before for another shipment: %s; give each shipment its own", found.ID).
		With("shipment", "stores/"+found.StoreID+"/shipments/"+found.ID)
}

// derivedRequestID is the key of a request that gives none: order, carrier and tracking number as people write them.
func derivedRequestID(r Request) string {
	sum := sha256.New()
	for _, part := range []string{r.OrderNumber, fold(r.Carrier), fold(r.TrackingNumber)} {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return "auto-" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// digestOf tells requests with the same id apart.
func digestOf(r Request) []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic("shipment: a request is plain data and always encodes: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Get returns a shipment with its events.
func (s *Service) Get(ctx context.Context, storeID, id string) (Shipment, []Event, error) {
	sh, err := s.repository.GetShipment(ctx, storeID, id)
	if errors.Is(err, ErrNotFound) {
		return Shipment{}, nil, problem.New(problem.NotFound, problem.ReasonShipmentNotFound,
			"store %q has no shipment %q; ListShipments shows the shipments there are", storeID, id)
	} else if err != nil {
		return Shipment{}, nil, fmt.Errorf("read shipment: %w", err)
	}
	events, err := s.repository.ShipmentEvents(ctx, storeID, id)
	if err != nil {
		return Shipment{}, nil, fmt.Errorf("read events of shipment: %w", err)
	}
	return sh, events, nil
}

// List returns a page of a store's shipments, newest first.
func (s *Service) List(ctx context.Context, q ListQuery) ([]Shipment, error) {
	if _, err := s.stores.Get(ctx, q.StoreID); err != nil {
		return nil, err
	}
	return s.repository.ListShipments(ctx, q)
}

// Carriers reads the marketplace's carriers now, through one of the store's adapters; empty means the one of new orders.
func (s *Service) Carriers(ctx context.Context, storeID, adapter string) (CarrierList, error) {
	st, err := s.stores.Get(ctx, storeID)
	if err != nil {
		return CarrierList{}, err
	}
	if adapter == "" {
		adapter = st.Adapter
	}
	return s.carriers.read(ctx, store.Ref{StoreID: storeID, Adapter: adapter})
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
