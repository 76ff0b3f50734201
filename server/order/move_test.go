package order_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// move is a store with two adapters: its database, the marketplace behind each, and what is told of them. Runs are read by one
// goroutine; the test reads the fields when a run has ended.
type move struct {
	order.Repository // the methods that are not here are not to be called
	importer         *order.Importer
	background       sync.WaitGroup
	log              lockedText
	apis             map[string]*api

	mu         sync.Mutex // guards the fields below
	bindings   store.Bindings
	shelf      map[string]kept // by number
	batches    []order.Batch
	current    order.Import
	parts      []order.Part        // of the run's end
	unseen     map[string][]string // by adapter
	rereads    []string            // the adapters whose open orders were asked for, as "<adapter>,<adapter>"
	unreadable map[string]string   // the number in the database of an order that has it as reference only, by the number that it is read under
	probed     []string            // adapters that were probed
	probeErr   map[string]error    // by adapter
	identities []order.Identity
	asked      []string // "<adapter>: <numbers>"
	listed     []string // "<adapter>: <axis>"
	matchErr   error
	unseenErr  error
	applyErr   func(order.Batch) error
	reports    []string // "<adapter>: <error>"
	concluded  int
}

// kept is an order in the database, with its binding.
type kept struct {
	order.Order
	adapter string
}

// api is the marketplace as one adapter shows it.
type api struct {
	pages           [][]order.Order
	byNumber        map[string]order.Order
	listErr, getErr error
	onList, onGet   func(context.Context) error
}

// sells makes orders that are listed, and known by number.
func (a *api) sells(orders ...order.Order) {
	a.pages = append(a.pages, orders)
	a.knows(orders...)
}

// knows makes orders known by number only.
func (a *api) knows(orders ...order.Order) {
	for _, o := range orders {
		a.byNumber[o.Number] = o
	}
}

func newMove(t *testing.T, b store.Bindings) *move {
	t.Helper()
	m := &move{bindings: b, shelf: map[string]kept{}, apis: map[string]*api{}}
	for _, x := range b.Adapters {
		m.apis[x.Adapter] = &api{byNumber: map[string]order.Order{}}
	}
	c := newCatalogue()
	c.unsupported = true
	m.importer = order.NewImporter(order.ImporterConfig{
		Repository: m, Source: shown{m}, Catalogue: c.Catalogue, Stores: m, Statuses: order.Statuses(), Workers: 1, Pending: func(context.Context, string, []order.Order) {},
		Migration: store.MigrationPolicy{Keep: time.Hour, Patience: time.Hour},
		Now:       func() time.Time { return noon }, Log: slog.New(slog.NewTextHandler(&m.log, nil)),
	})
	t.Cleanup(func() {
		same(t, "stop", m.importer.Stop(context.WithoutCancel(t.Context())), nil)
		m.background.Wait()
	})
	return m
}

// run imports once and returns the run as it ended.
func (m *move) run(t *testing.T) order.Import {
	t.Helper()
	run, err := m.importer.Start(t.Context(), shopRef.StoreID)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.importer.Watch(t.Context(), shopRef.StoreID, run.ID, func(i order.Import) error { run = i; return nil }); err != nil {
		t.Fatal(err)
	}
	// The run is over when the importer has concluded it, after the end was told.
	same(t, "stop", m.importer.Stop(context.WithoutCancel(t.Context())), nil)
	return run
}

// owners is the adapter of each stored order.
func (m *move) owners() map[string]string {
	owners := map[string]string{}
	for number, k := range m.shelf {
		owners[number] = k.adapter
	}
	return owners
}

// times is how often each order was given to the database.
func (m *move) times() map[string]int {
	times := map[string]int{}
	for _, b := range m.batches {
		for _, o := range b.Orders {
			times[o.Number]++
		}
	}
	return times
}

// reported is what was told of each adapter, in order, as "<adapter> is well" or "<adapter> fails".
func (m *move) reported() []string {
	var said []string
	for _, r := range m.reports {
		adapter, err, _ := strings.Cut(r, ": ")
		if err == "<nil>" {
			said = append(said, adapter+" is well")
		} else {
			said = append(said, adapter+" fails")
		}
	}
	return said
}

// Get implements order.Stores.
func (m *move) Get(_ context.Context, id string) (store.Store, error) {
	return store.Store{ID: id, Adapter: m.bindings.Current}, nil
}

// Report implements order.Stores.
func (m *move) Report(_ context.Context, ref store.Ref, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reports = append(m.reports, fmt.Sprintf("%s: %v", ref.Adapter, err))
}

// Probe implements order.Stores.
func (m *move) Probe(_ context.Context, ref store.Ref) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.probed = append(m.probed, ref.Adapter)
	return m.probeErr[ref.Adapter]
}

// Conclude implements order.Stores.
func (m *move) Conclude(context.Context, string, store.MigrationPolicy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.concluded++
	return nil
}

// Bindings implements order.Repository.
func (m *move) Bindings(context.Context, string) (store.Bindings, error) { return m.bindings, nil }

// StartImport implements order.Repository.
func (m *move) StartImport(_ context.Context, run order.Import) (order.Import, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = run
	return run, false, nil
}

// FinishImport implements order.Repository.
func (m *move) FinishImport(_ context.Context, run order.Import) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current.State, m.current.Failure, m.parts = run.State, run.Failure, run.Parts
	return nil
}

// GetImport implements order.Repository.
func (m *move) GetImport(context.Context, string, string) (order.Import, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current, nil
}

// ApplyBatch implements order.Repository: an order stays with an adapter that answers.
func (m *move) ApplyBatch(_ context.Context, b order.Batch) (order.Counts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applyErr != nil {
		if err := m.applyErr(b); err != nil {
			return order.Counts{}, err
		}
	}
	b.Orders = slices.Clone(b.Orders)
	m.batches = append(m.batches, b)
	for _, o := range b.Orders {
		k, known := m.shelf[o.Number]
		if known && k.adapter != b.Ref.Adapter && m.bindings.Speaks(k.adapter) && !slices.Contains(b.TakeOver, k.adapter) {
			continue
		}
		m.shelf[o.Number] = kept{o, b.Ref.Adapter}
	}
	return order.Counts{Read: int64(len(b.Orders))}, nil
}

// MatchOrders implements order.Repository: by number, by a reference that is one, or as unreadable tells.
func (m *move) MatchOrders(_ context.Context, _ store.Ref, orders []order.Identity) ([]*order.Match, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.identities = append(m.identities, orders...)
	matches := make([]*order.Match, len(orders))
	for i, o := range orders {
		for _, name := range []string{o.Reference, o.Number} {
			if k, ok := m.shelf[name]; ok {
				matches[i] = &order.Match{Number: name, Adapter: k.adapter, Readable: true}
			}
		}
		if name, ok := m.unreadable[o.Number]; ok {
			matches[i] = &order.Match{Number: name, Adapter: m.shelf[name].adapter}
		}
	}
	return matches, m.matchErr
}

// UnseenOpenOrders implements order.Repository.
func (m *move) UnseenOpenOrders(_ context.Context, _ string, adapters []string, _, after string, _ int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if after != "" {
		return nil, nil
	}
	m.rereads = append(m.rereads, strings.Join(adapters, ","))
	var numbers []string
	for _, a := range adapters {
		numbers = append(numbers, m.unseen[a]...)
	}
	slices.Sort(numbers)
	return numbers, m.unseenErr
}

// shown is the marketplace of a move as its adapters show it: order.Source.
type shown struct{ *move }

// ListOrders implements order.Source.
func (m shown) ListOrders(ctx context.Context, ref store.Ref, q order.Query, receive func(order.Page) error) error {
	a := m.apis[ref.Adapter]
	if a.onList != nil {
		if err := a.onList(ctx); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.listed = append(m.listed, fmt.Sprintf("%s: %s", ref.Adapter, q.Axis))
	m.mu.Unlock()
	for _, page := range a.pages {
		if err := receive(order.Page{Orders: cloned(page)}); err != nil {
			return err
		}
	}
	if a.listErr != nil {
		return a.listErr
	}
	return receive(order.Page{Finished: q.Until})
}

// GetOrders implements order.Source.
func (m shown) GetOrders(ctx context.Context, ref store.Ref, numbers []string) (order.Found, error) {
	a := m.apis[ref.Adapter]
	m.mu.Lock()
	m.asked = append(m.asked, ref.Adapter+": "+strings.Join(slices.Sorted(slices.Values(numbers)), ","))
	m.mu.Unlock()
	if a.onGet != nil {
		if err := a.onGet(ctx); err != nil {
			return order.Found{}, err
		}
	}
	if a.getErr != nil {
		return order.Found{}, a.getErr
	}
	var found []order.Order
	for _, n := range numbers {
		if o, ok := a.byNumber[n]; ok {
			found = append(found, o)
		}
	}
	return order.Found{Orders: cloned(found)}, nil
}

// lockedText is a log that a test reads while the importer writes it.
type lockedText struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
