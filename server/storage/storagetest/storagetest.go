// Package storagetest is the suite that every implementation of the core's repositories passes. Its subtests follow the
// sentences of the comments in server/store, server/order, server/shipment, server/decision and server/host/release, which are the
// contract.
package storagetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// Repositories are one database, seen through the ports of the core.
type Repositories struct {
	Stores    store.Repository
	Orders    order.Repository
	Shipments shipment.Repository
	Decisions decision.Repository
	Products  order.ProductRepository
	Schedule  order.ScheduleRepository
	Releases  release.Repository
	InUse     release.Stores
	Upkeep    store.UpkeepRepository
	// Reopen closes the database and opens it again on the same data, as a restart of the server does. The ones before
	// are not used any more.
	Reopen func(t *testing.T) Repositories
}

// Run tests an implementation. open returns an empty database, which it closes when the test ends; the tests run in
// parallel, each on a database of its own.
func Run(t *testing.T, open func(t *testing.T) Repositories) {
	t.Helper()
	for _, group := range []struct {
		name  string
		cases []testCase
	}{
		{"Stores", storeCases},
		{"Credentials", credentialCases},
		{"Orders", orderCases},
		{"FreshReads", freshnessCases},
		{"OrderPages", pageCases},
		{"Imports", importCases},
		{"Shipments", shipmentCases},
		{"ShipmentBatches", shipmentBatchCases},
		{"Corrections", correctionCases},
		{"Evidence", evidenceCases},
		{"Reopenings", reopeningCases},
		{"ShipmentPages", shipmentPageCases},
		{"Decisions", decisionCases},
		{"DueDecisions", dueDecisionCases},
		{"Queues", queueCases},
		{"Lanes", laneCases},
		{"Holds", holdCases},
		{"Products", productCases},
		{"Schedule", scheduleCases},
		{"Releases", releaseCases},
		{"LastSwaps", lastSwapCases},
		{"Pins", pinCases},
		{"AdapterUse", useCases},
		{"StoreUse", storeUseCases},
		{"Reviews", reviewCases},
		{"Bindings", bindingCases},
		{"Accounts", accountCases},
		{"AccountNames", nameCases},
		{"AdapterHealth", healthCases},
		{"Standing", standingCases},
		{"Upkeep", upkeepCases},
		{"Cursors", cursorCases},
		{"Migrations", migrationCases},
		{"Completion", completionCases},
		{"GivenUp", givenUpCases},
		{"Moves", moveCases},
		{"Matches", matchCases},
		{"Restart", restartCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, open(t))
				})
			}
		})
	}
}

// testCase is one sentence of the contract.
type testCase struct {
	name string
	run  func(t *testing.T, r Repositories)
}

// day is when everything happens, with nanoseconds so that lost ones show.
var day = time.Date(2026, 3, 1, 9, 0, 0, 123_456_789, time.UTC)

// at is n minutes into the day.
func at(minutes int) time.Time { return day.Add(time.Duration(minutes) * time.Minute) }

// The store that most tests use, and the adapter it is bound to.
const (
	shop  = "shop"
	alpha = "alpha"
)

var shopRef = store.Ref{StoreID: shop, Adapter: alpha}

// newStore is a store with a value in every field that CreateStore takes.
func newStore(id string) store.Store {
	return store.Store{
		ID: id, Adapter: alpha, Adapters: []string{alpha}, Acceptance: store.AcceptedBySeller, Environment: "production", Marketplace: "market", AccountID: "account-" + id, ShopName: "Shop " + id,
		Settings: store.Settings{
			DisplayName:          "Display " + id,
			Branding:             store.Branding{SupportEmail: "help@example.com"},
			CustomerNotification: store.CustomerNotification{OnShipment: true},
			LookBack:             store.LookBack{FirstImportDays: 10},
		},
		Health:     store.Health{State: store.Healthy, Reason: "R", Message: "m", Since: at(0)},
		CreateTime: at(0), UpdateTime: at(1),
	}
}

// keysOf are the names of a store's account.
func keysOf(s store.Store) store.AccountKeys {
	return store.AccountKeys{"adapter/" + s.Adapter + ":" + s.AccountID, "login:" + s.AccountID}
}

// sealed is a sealed value that can be told from others.
func sealed(s string) store.Sealed { return store.Sealed{KeyID: "key-" + s, Ciphertext: []byte(s)} }

// connect creates stores with credentials.
func connect(t *testing.T, r Repositories, ids ...string) {
	t.Helper()
	for _, id := range ids {
		noError(t, r.Stores.CreateStore(t.Context(), newStore(id), keysOf(newStore(id)), sealed("credentials of "+id)))
	}
}

// newOrder is an order with a value in every kind of field.
func newOrder(number string, status order.Status) order.Order {
	amount := &order.Money{Currency: "EUR", Units: 12, Nanos: 990_000_000}
	return order.Order{
		Number: number, NativeID: "native-" + number, Reference: "ref-" + number, Status: status, NativeStatus: "Native",
		Fulfillment: order.FulfilledBySeller, PurchaseTime: at(-60), UpdateTime: at(-30), ShipBy: at(24 * 60),
		ShipTo: &order.Address{LastName: "Exemple", Lines: []string{"1 rue des Essais"}, PostalCode: "75001", City: "Paris"},
		Lines:  []order.Line{{ID: "1", SKU: "sku", Quantity: 2, TotalPrice: amount, Status: status}},
		Total:  amount, AdapterContext: []byte{0, 1, 255},
	}
}

// apply stores orders outside an import, as a read that took no time.
func apply(t *testing.T, r Repositories, storeID string, now time.Time, orders ...order.Order) order.Counts {
	t.Helper()
	return applyBatch(t, r, order.Batch{Ref: store.Ref{StoreID: storeID, Adapter: alpha}, Orders: orders, ReadTime: now, Time: now})
}

// applyBatch stores a batch.
func applyBatch(t *testing.T, r Repositories, b order.Batch) order.Counts {
	t.Helper()
	counts, err := r.Orders.ApplyBatch(t.Context(), b)
	noError(t, err)
	return counts
}

// setPaused pauses or resumes a store.
func setPaused(t *testing.T, r Repositories, storeID string, paused bool) {
	t.Helper()
	_, err := r.Stores.UpdateStore(t.Context(), storeID, func(s *store.Store) error { s.Paused = paused; return nil })
	noError(t, err)
}

// setHealth writes the health of the shop.
func setHealth(t *testing.T, r Repositories, h store.Health) {
	t.Helper()
	_, err := r.Stores.UpdateStore(t.Context(), shop, func(s *store.Store) error { s.Health = h; return nil })
	noError(t, err)
}

// getOrder returns an order of the shop.
func getOrder(t *testing.T, r Repositories, number string) order.Stored {
	t.Helper()
	o, err := r.Orders.GetOrder(t.Context(), shop, number)
	noError(t, err)
	return o
}

// startImport starts a run of the shop with two windows.
func startImport(t *testing.T, r Repositories, id string) order.Import {
	t.Helper()
	run, joined, err := r.Orders.StartImport(t.Context(), newImport(shop, id))
	noError(t, err)
	if joined {
		t.Fatalf("import %s joined %s", id, run.ID)
	}
	return run
}

func newImport(storeID, id string) order.Import {
	return order.Import{
		ID: id, StoreID: storeID, State: order.Running, Start: at(100),
		Windows: []order.Window{
			{Adapter: alpha, Axis: order.Created, Since: at(-1000), Until: at(100)},
			{Adapter: alpha, Axis: order.Modified, Since: at(-500), Until: at(100)},
		},
	}
}

// newShipment is a shipment with a value in every field that CreateShipments takes.
func newShipment(id, number string) shipment.Shipment {
	return shipment.Shipment{
		ID: id, StoreID: shop, Adapter: alpha,
		Request: shipment.Request{
			OrderNumber: number, Carrier: "Colissimo", TrackingNumber: "6A" + id, TrackingURL: "https://tracking.example/" + id,
			Service: "home", CarrierFee: &order.Money{Currency: "EUR", Units: 4}, ShipTime: at(5),
			Items: []shipment.Item{{LineID: "1", Quantity: 2}}, Replaces: "before-" + id,
		},
		Options:   shipment.Options{AllowOther: true, OverCancel: true, OverNetwork: true},
		RequestID: "request-" + id, RequestDigest: []byte(id),
		Chosen: shipment.ChosenCarrier{
			Name: "code", Rule: carrier.RuleAlias, ListAge: 90*time.Minute + 1, TrackingURL: "https://carrier.example/" + id,
		},
		NotSentFields: []string{"service", "carrier_fee"}, Evidence: shipment.EvidenceState,
		ReplacedTracking: "6Bbefore-" + id, ReplacedBy: "after-" + id, CreateTime: at(6),
		Delivery: delivery.Delivery{State: delivery.Queued, NextAttempt: at(10), Deadline: at(10000), UpdateTime: at(6)},
	}
}

// queued is the first event of a shipment.
var queued = shipment.Event{Time: at(6), State: delivery.Queued, Kind: shipment.KindAccepted, Message: "queued"}

// once is events as they are read when nothing was counted.
func once(events ...shipment.Event) []shipment.Event {
	read := slices.Clone(events)
	for i := range read {
		read[i].Count, read[i].LastTime = 1, read[i].Time
	}
	return read
}

// eventsOf returns the events of a shipment of the shop.
func eventsOf(t *testing.T, r Repositories, id string) []shipment.Event {
	t.Helper()
	events, err := r.Shipments.ShipmentEvents(t.Context(), shop, id)
	noError(t, err)
	return events
}

// getShipment returns a shipment of the shop.
func getShipment(t *testing.T, r Repositories, id string) shipment.Shipment {
	t.Helper()
	s, err := r.Shipments.GetShipment(t.Context(), shop, id)
	noError(t, err)
	return s
}

// ship stores an order of the shop and a shipment for it.
func ship(t *testing.T, r Repositories, id, number string) shipment.Shipment {
	t.Helper()
	apply(t, r, shop, at(0), newOrder(number, order.ReadyToShip))
	return create(t, r, newShipment(id, number))
}

// create stores a shipment, which must be new.
func create(t *testing.T, r Repositories, s shipment.Shipment) shipment.Shipment {
	t.Helper()
	stored, result, err := createOne(t, r, s)
	noError(t, err)
	if result != shipment.CreatedNew {
		t.Fatalf("CreateShipments(%s): result %d, want CreatedNew", s.ID, result)
	}
	return stored
}

// createOne creates a shipment by itself and returns what became of it.
func createOne(t *testing.T, r Repositories, s shipment.Shipment) (shipment.Shipment, shipment.CreateResult, error) {
	created, err := r.Shipments.CreateShipments(t.Context(), []shipment.New{{Shipment: s, Event: queued}})
	if err != nil {
		return shipment.Shipment{}, 0, err
	}
	if len(created) != 1 {
		return shipment.Shipment{}, 0, fmt.Errorf("CreateShipments of one shipment has %d results", len(created))
	}
	return created[0].Shipment, created[0].Result, created[0].Err
}

// update writes a shipment.
func update(t *testing.T, r Repositories, s shipment.Shipment, events ...shipment.Event) shipment.Shipment {
	t.Helper()
	stored, err := r.Shipments.UpdateShipment(t.Context(), s, events...)
	noError(t, err)
	return stored
}

// newDecision is a decision about an order of the shop with a value in every field.
func newDecision(number string, kind decision.Kind) decision.Decision {
	return decision.Decision{
		StoreID: shop, Adapter: alpha, OrderNumber: number, Kind: kind, CreateTime: at(6),
		Delivery: delivery.Delivery{
			State: delivery.Queued, Reason: "R", Message: "m", SendCount: 1, SentTime: at(2), LastOutcome: delivery.Retry,
			Uncertain: true, SettledTime: at(3), StillReady: 2, FailureCount: 4, NextAttempt: at(10), Deadline: at(10000), UpdateTime: at(6),
		},
	}
}

// decide stores an order of the shop and a decision about it, which must be new.
func decide(t *testing.T, r Repositories, number string) decision.Decision {
	t.Helper()
	apply(t, r, shop, at(0), newOrder(number, order.PendingAcceptance))
	return put(t, r, newDecision(number, decision.Accept))
}

// put stores a decision, which must take the place of the earlier one.
func put(t *testing.T, r Repositories, d decision.Decision) decision.Decision {
	t.Helper()
	current, stored, err := r.Decisions.PutDecision(t.Context(), d)
	noError(t, err)
	if !stored {
		t.Fatalf("PutDecision(%s): not stored, there is %s %s", d.OrderNumber, current.Kind, current.State)
	}
	return current
}

// updateDecision writes a decision.
func updateDecision(t *testing.T, r Repositories, d decision.Decision) decision.Decision {
	t.Helper()
	stored, err := r.Decisions.UpdateDecision(t.Context(), d)
	noError(t, err)
	return stored
}

// getDecision returns the decision about an order of the shop.
func getDecision(t *testing.T, r Repositories, number string) decision.Decision {
	t.Helper()
	found, err := r.Decisions.Decisions(t.Context(), shop, []string{number})
	noError(t, err)
	d, ok := found[number]
	if !ok {
		t.Fatalf("there is no decision about order %s", number)
	}
	return d
}

// noError ends the test on an error.
func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError compares an error's chain.
func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !cmp.Equal(err, want, cmpopts.EquateErrors()) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// same compares two values; nil and empty lists are the same.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// together runs f n times at once and returns when all have ended.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// numbered is "<prefix>0007".
func numbered(prefix string, n int) string { return fmt.Sprintf("%s%04d", prefix, n) }
