package shipment_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var policy = delivery.Policy{
	CallTimeout: time.Minute, SettleDelay: time.Minute, RepeatedReads: 3, RetryMin: time.Minute, RetryMax: time.Hour,
}

// world is store "shop" with one order and one shipment, and a marketplace with two adapters. The time does not pass but where a
// field says so.
type world struct {
	shipment.Repository // the methods that are not here are not to be called

	mu         sync.Mutex // guards the fields below
	adapter    string     // the order's binding
	onCreate   func()     // what happens before shipments are stored
	onRules    func()     // what happens while a request is looked at
	rules      shipment.Rules
	ship       shipment.Shipment
	others     []shipment.Shipment // of the same order
	events     []shipment.Event
	shown      order.Order // as the marketplace has it
	readErr    error
	readTakes  time.Duration // how long a read waits for its answer
	passed     time.Duration // since noon
	due        bool
	updated    chan struct{} // gets a value at the update that tells what became of a request, or that nothing is sent
	cached     map[string]shipment.CarrierList
	created    []string // adapters of the shipments that were stored, or were to be
	lists      map[string][]shipment.Carrier
	listErrs   map[string]error
	onList     func(ctx context.Context) error // what happens while the marketplace lists its carriers
	asked      int                             // how often it was asked to
	refused    bool                            // the credentials do not work
	result     delivery.Result
	sendErr    error
	prepareErr error
	leases     int             // that were not given back
	onSend     func()          // what happens while the request is on its way
	storing    time.Duration   // how long it takes to store that a request leaves
	allowed    []time.Duration // what was left of the time to make a request ready, and then to send it
	sent       []string
	reports    []string
}

func newWorld() *world {
	w := &world{
		adapter: "alpha", due: true, updated: make(chan struct{}, 10),
		cached: map[string]shipment.CarrierList{},
		lists: map[string][]shipment.Carrier{
			"alpha": {{Code: "1", Name: "Colissimo"}}, "beta": {{Code: "2", Name: "COLISSIMO (beta)"}, {Code: "Colissimo", Name: "La Poste Colissimo"}},
		},
		listErrs: map[string]error{},
		result:   delivery.Result{Outcome: delivery.Applied},
	}
	w.shown = order.Order{
		Number: "1", Status: order.ReadyToShip, Fulfillment: order.FulfilledBySeller, Lines: []order.Line{{ID: "A", Quantity: 1}},
	}
	w.ship = shipment.Shipment{
		ID: "p1", StoreID: "shop", Adapter: "alpha", Chosen: shipment.ChosenCarrier{Name: "Colissimo"}, Revision: 1,
		Request:  shipment.Request{OrderNumber: "1", Carrier: "colissimo", TrackingNumber: "6A1"},
		Delivery: delivery.New(noon, noon.Add(24*time.Hour)),
	}
	return w
}

// takeOver binds the order and its shipment to beta, as an import does.
func (w *world) takeOver() {
	w.adapter = "beta"
	w.ship.Adapter, w.ship.Chosen = "beta", shipment.ChosenCarrier{}
	w.ship.NextAttempt, w.ship.FailureCount = noon, 0
	w.ship.Revision++
}

func now() time.Time { return noon }

// clock is the worker's time.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return noon.Add(w.passed)
}

// step lets the worker make one step with the shipment, and returns the shipment afterwards.
func (w *world) step(t *testing.T) shipment.Shipment {
	t.Helper()
	reader := order.NewReader(w, w, order.NewCatalogue(noProducts{}, noProducts{}, now, slog.New(slog.DiscardHandler)), now)
	book := newBook(w, w.clock)
	worker := shipment.NewWorker(shipment.WorkerConfig{
		Repository: w, Reader: reader, Stores: w, Marketplace: w, Carriers: book, Workers: 1, Policy: policy, WaitMargin: time.Hour, Now: w.clock, Log: slog.New(slog.DiscardHandler),
	})
	worker.Start()
	select {
	case <-w.updated:
	case <-t.Context().Done():
	}
	if err := errors.Join(worker.Stop(context.WithoutCancel(t.Context())), book.Stop(context.WithoutCancel(t.Context()))); err != nil {
		t.Error(err)
	}
	return w.ship
}

// newBook is the carriers of this world.
func newBook(w *world, now func() time.Time) *shipment.CarrierBook {
	return shipment.NewCarrierBook(shipment.CarrierBookConfig{
		Table: carrier.Default(), Repository: w, Stores: w, Marketplace: w, Now: now, Log: slog.New(slog.DiscardHandler),
	})
}

// DueShipments tells the shipment once.
func (w *world) DueShipments(context.Context, due.Look[store.Ref]) ([]shipment.Shipment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.due {
		return nil, nil
	}
	w.due = false
	return []shipment.Shipment{w.ship}, nil
}

func (w *world) NextDue(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, nil
}

func (w *world) Adapters(context.Context) ([]string, error) { return []string{"alpha"}, nil }

func (w *world) UpdateShipment(_ context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.Message != "sending" {
		defer func() { w.updated <- struct{}{} }()
	} else { // it announces a request
		w.passed += w.storing
	}
	if s.Revision != w.ship.Revision {
		return s, shipment.ErrConflict
	}
	s.Revision++
	w.ship = s
	w.events = append(w.events, events...)
	return s, nil
}

func (w *world) ReopenShipment(_ context.Context, s shipment.Shipment, _ shipment.Event) (shipment.Shipment, error) {
	w.ship = s
	return s, nil
}

func (w *world) GetShipment(context.Context, string, string) (shipment.Shipment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ship, nil
}

func (w *world) ListShipments(_ context.Context, q shipment.ListQuery) ([]shipment.Shipment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(append(slices.Clone(w.others), w.ship), func(s shipment.Shipment) bool {
		return s.OrderNumber != q.OrderNumber || len(q.States) > 0 && !slices.Contains(q.States, s.State)
	}), nil
}

func (w *world) FindRequest(_ context.Context, _, requestID string) (shipment.Shipment, error) {
	if w.ship.RequestID == requestID {
		return w.ship, nil
	}
	return shipment.Shipment{}, shipment.ErrNotFound
}

func (w *world) CreateShipments(_ context.Context, news []shipment.New) ([]shipment.Created, error) {
	if w.onCreate != nil {
		w.onCreate()
	}
	created := make([]shipment.Created, len(news))
	for i, n := range news {
		w.created = append(w.created, n.Shipment.Adapter)
		created[i].Shipment = n.Shipment
		if n.Shipment.Adapter != w.adapter {
			created[i].Err = order.ErrMoved
		}
	}
	return created, nil
}

func (w *world) Carriers(_ context.Context, ref store.Ref) (shipment.CarrierList, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cached[ref.Adapter], nil
}

func (w *world) SaveCarriers(_ context.Context, ref store.Ref, l shipment.CarrierList) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cached[ref.Adapter] = l
	return nil
}

func parcel(number string) order.Parcel { return order.Parcel{TrackingNumber: number} }

func colissimoPoint() *order.PickupPoint {
	return &order.PickupPoint{Network: order.Colissimo, ID: "123456"}
}

// GetOrder implements shipment.Orders.
func (w *world) GetOrder(context.Context, string, string) (order.Stored, error) {
	return order.Stored{Order: w.shown, StoreID: "shop", Adapter: w.adapter}, nil
}

// GetOrders implements order.Getter.
func (w *world) GetOrders(context.Context, store.Ref, []string) (order.Found, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed += w.readTakes
	return order.Found{Orders: []order.Order{w.shown}, Release: "1.0.0@feed"}, w.readErr
}

// ApplyBatch implements order.Keeper.
func (w *world) ApplyBatch(context.Context, order.Batch) (order.Counts, error) {
	return order.Counts{}, nil
}

// Get implements shipment.Stores.
func (w *world) Get(_ context.Context, id string) (store.Store, error) {
	return store.Store{ID: id, Adapter: w.adapter, Adapters: []string{"alpha", "beta"}}, nil
}

// Report implements shipment.Stores. As with a database, nothing is noted when the time for it is over.
func (w *world) Report(ctx context.Context, ref store.Ref, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	said := " is well"
	if err != nil {
		said = " fails"
	}
	if w.reports = append(w.reports, ref.Adapter+said); len(w.reports) > 1 {
		w.reports = slices.Compact(w.reports)
	}
}

// PrepareShipment implements shipment.Marketplace.
func (w *world) PrepareShipment(ctx context.Context, ref store.Ref, n shipment.Notification) (shipment.Prepared, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.prepareErr != nil {
		return nil, w.prepareErr
	}
	w.leases++
	w.allow(ctx)
	return &prepared{world: w, says: ref.Adapter + ": " + n.Carrier, release: "1.0.0@" + ref.Adapter}, nil
}

// allow notes how long a call may take. The caller holds mu.
func (w *world) allow(ctx context.Context) {
	deadline, _ := ctx.Deadline() // without one it is long over
	w.allowed = append(w.allowed, time.Until(deadline))
}

// prepared implements shipment.Prepared.
type prepared struct {
	world         *world
	says, release string
}

func (p *prepared) Requests() []shipment.MarketplaceRequest {
	return []shipment.MarketplaceRequest{{Method: "POST", Body: p.says}}
}

func (p *prepared) Release() string { return p.release }

func (p *prepared) Close() {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.world.leases--
}

func (p *prepared) Send(ctx context.Context) (delivery.Result, error) {
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allow(ctx)
	w.sent = append(w.sent, p.says)
	if w.onSend != nil {
		w.onSend()
	}
	return w.result, w.sendErr
}

// ListCarriers implements shipment.Marketplace.
func (w *world) ListCarriers(ctx context.Context, ref store.Ref) ([]shipment.Carrier, error) {
	w.mu.Lock()
	w.asked++
	w.mu.Unlock()
	if w.onList != nil {
		if err := w.onList(ctx); err != nil {
			return nil, err
		}
	}
	return w.lists[ref.Adapter], w.listErrs[ref.Adapter]
}

// Usable implements shipment.Stores.
func (w *world) Usable(context.Context, store.Ref) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.refused, nil
}

// Hold implements shipment.Stores.
func (w *world) Hold(context.Context, store.Store, string) (store.Hold, error) {
	return store.Hold{}, nil
}

// ShipmentRules implements shipment.Marketplace. The shop is on a release of its own, and no other one runs.
func (w *world) ShipmentRules(_ context.Context, ref store.Ref) (shipment.Rules, error) {
	if ref.StoreID != "shop" {
		return shipment.Rules{}, problem.New(problem.Unavailable, problem.ReasonAdapterDown, "asked for store %q", ref.StoreID)
	}
	if w.onRules != nil {
		w.onRules()
	}
	return w.rules, nil
}

// noProducts is a catalogue that knows nothing and cannot be asked.
type noProducts struct{}

func (noProducts) Products(context.Context, string, []string) (map[string]order.Product, error) {
	return nil, nil
}
func (noProducts) SaveProducts(context.Context, string, []order.Product) error { return nil }
func (noProducts) GetProducts(context.Context, store.Ref, []string) ([]order.Product, bool, error) {
	return nil, false, nil
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
