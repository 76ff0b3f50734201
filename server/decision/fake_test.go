package decision_test

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

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is store "shop" with one order, the decision about it, and a marketplace with two adapters. Time passes in reads only.
type world struct {
	decision.Repository // the methods that are not here are not to be called

	mu      sync.Mutex // guards the fields below
	adapter string     // the order's binding
	policy  store.AcceptancePolicy
	stored  order.Order   // as the database has it
	shown   order.Order   // as the marketplace shows it
	takes   time.Duration // of each read
	passed  time.Duration // since noon
	onRules func()        // what happens while a call is looked at
	decided *decision.Decision
	due     bool
	updated chan struct{} // gets a value at the update that tells what became of a request
	put     []string      // adapters of the decisions that were stored, or were to be
	rules   []string      // by which they were made
	onPut   func()        // what happens just before one is stored
	result  delivery.Result
	sendErr error
	onSend  func() // what happens while the request is on its way
	sent    []string
	reports []string
}

func newWorld() *world {
	return &world{
		adapter: "alpha", stored: pendingOrder(), shown: pendingOrder(), due: true, updated: make(chan struct{}, 10), result: delivery.Result{Outcome: delivery.Applied},
		decided: &decision.Decision{
			StoreID: "shop", Adapter: "alpha", OrderNumber: "1", Kind: decision.Accept, Revision: 1,
			Delivery: delivery.New(noon, noon.Add(24*time.Hour)),
		},
	}
}

// takeOver binds the order and its decision to beta, as an import does.
func (w *world) takeOver() {
	w.adapter = "beta"
	w.decided.Adapter, w.decided.NextAttempt, w.decided.FailureCount = "beta", noon, 0
	w.decided.Revision++
}

func now() time.Time { return noon }

// now is the clock of a world whose reads take time.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return noon.Add(w.passed)
}

func newService(w *world) *decision.Service {
	log := slog.New(slog.DiscardHandler)
	return decision.NewService(decision.Config{
		Repository: w, Orders: w, Reader: order.NewReader(w, w, order.NewCatalogue(noProducts{}, noProducts{}, w.now, log), w.now),
		Stores: w, Marketplace: w, Workers: 1, WaitMargin: time.Hour, Now: w.now, Log: log,
		Policy: delivery.Policy{CallTimeout: time.Minute, SettleDelay: time.Minute, RepeatedReads: 3, RetryMin: time.Minute, RetryMax: time.Hour},
	})
}

// step lets the service make one step with the decision, and returns the decision afterwards.
func (w *world) step(t *testing.T) decision.Decision {
	t.Helper()
	s := newService(w)
	s.Start()
	select {
	case <-w.updated:
	case <-t.Context().Done():
	}
	if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	return *w.decided
}

// DueDecisions tells the decision once.
func (w *world) DueDecisions(context.Context, due.Look[store.Ref]) ([]decision.Decision, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.due {
		return nil, nil
	}
	w.due = false
	return []decision.Decision{*w.decided}, nil
}

func (w *world) NextDecision(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, nil
}

func (w *world) Adapters(context.Context) ([]string, error) { return []string{"alpha"}, nil }

func (w *world) Lanes(context.Context) ([]string, error) { return []string{"alpha"}, nil }

func (w *world) UpdateDecision(_ context.Context, d decision.Decision) (decision.Decision, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.Message != "sending" { // else it announces a request
		defer func() { w.updated <- struct{}{} }()
	}
	if d.Revision != w.decided.Revision {
		return d, decision.ErrConflict
	}
	d.Revision++
	*w.decided = d
	return d, nil
}

func (w *world) Decisions(context.Context, string, []string) (map[string]decision.Decision, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.decided == nil {
		return nil, nil
	}
	return map[string]decision.Decision{"1": *w.decided}, nil
}

func (w *world) PutDecision(_ context.Context, d decision.Decision) (decision.Decision, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put, w.rules = append(w.put, d.Adapter), append(w.rules, d.DecidedBy)
	if w.onPut != nil {
		w.onPut()
	}
	if d.Adapter != w.adapter {
		return d, false, order.ErrMoved
	}
	var revision int64
	if w.decided != nil {
		revision = w.decided.Revision
	}
	if d.Revision != revision {
		return *w.decided, false, nil
	}
	d.Revision++
	w.decided = &d
	return d, true, nil
}

// DueReviews and NextReview tell no review: see reviewed.
func (w *world) DueReviews(context.Context, string, time.Time, int) ([]decision.Review, error) {
	return nil, nil
}
func (w *world) NextReview(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, nil
}

// ListOrders is not to be called: see reviewed.
func (w *world) ListOrders(context.Context, order.ListQuery) ([]order.Stored, error) {
	return nil, errors.ErrUnsupported
}

// GetOrder implements decision.Orders.
func (w *world) GetOrder(context.Context, string, string) (order.Stored, error) {
	return order.Stored{Order: w.stored, StoreID: "shop", Adapter: w.adapter}, nil
}

// GetOrders implements order.Getter.
func (w *world) GetOrders(context.Context, store.Ref, []string) (order.Found, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed += w.takes
	return order.Found{Orders: []order.Order{w.shown}}, nil
}

// ApplyBatch implements order.Keeper.
func (w *world) ApplyBatch(context.Context, order.Batch) (order.Counts, error) {
	return order.Counts{}, nil
}

// Get implements decision.Stores.
func (w *world) Get(_ context.Context, id string) (store.Store, error) {
	return store.Store{ID: id, Adapter: w.adapter, Settings: store.Settings{AcceptancePolicy: w.policy}}, nil
}

// Report implements decision.Stores.
func (w *world) Report(_ context.Context, ref store.Ref, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := " is well"
	if err != nil {
		said = " fails"
	}
	w.reports = slices.Compact(append(w.reports, ref.Adapter+said))
}

// Decide implements decision.Marketplace.
func (w *world) Decide(_ context.Context, ref store.Ref, kind decision.Kind, _ order.Order) (delivery.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, ref.Adapter+": "+string(kind))
	if w.onSend != nil {
		w.onSend()
	}
	return w.result, w.sendErr
}

// TakesDecisions implements decision.Marketplace. The shop is on a release of its own, and no other one runs.
func (w *world) TakesDecisions(_ context.Context, ref store.Ref) (bool, error) {
	if ref.StoreID != "shop" {
		return false, problem.New(problem.Unavailable, problem.ReasonAdapterDown, "asked for store %q", ref.StoreID)
	}
	if w.onRules != nil {
		w.onRules()
	}
	return true, nil
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
