package order_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// orders is the database of a store in memory. The methods of order.Repository that it does not have are not to be called.
type orders struct {
	order.Repository
	mu      sync.Mutex // guards the fields below
	kept    map[string]order.Order
	batches []order.Batch
	run     order.Import
	keepErr error
	unseen  []string // numbers of open orders that no window shows
}

// marketplace shows the same orders in every window.
type marketplace struct {
	pages  [][]order.Order
	byNo   map[string]order.Order // what it shows by number
	getErr error
	onGet  func()
}

func (f *orders) Bindings(context.Context, string) (store.Bindings, error) {
	return store.Bindings{Current: shopRef.Adapter, Origin: shopRef.Adapter, Adapters: []store.Binding{{Adapter: shopRef.Adapter}}}, nil
}

func (f *orders) StartImport(_ context.Context, run order.Import) (order.Import, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.run = run
	return run, false, nil
}

func (f *orders) FinishImport(_ context.Context, run order.Import) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.run.State, f.run.Failure = run.State, run.Failure
	return nil
}

func (f *orders) GetImport(context.Context, string, string) (order.Import, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.run, nil
}

func (f *orders) ApplyBatch(_ context.Context, b order.Batch) (order.Counts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keepErr != nil {
		return order.Counts{}, f.keepErr
	}
	b.Orders = slices.Clone(b.Orders)
	f.batches = append(f.batches, b)
	for _, o := range b.Orders {
		f.kept[o.Number] = o
	}
	return order.Counts{Read: int64(len(b.Orders))}, nil
}

func (f *orders) UnseenOpenOrders(_ context.Context, _ string, _ []string, _, after string, _ int) ([]string, error) {
	if after != "" {
		return nil, nil
	}
	return f.unseen, nil
}

// ListOrders implements order.Source.
func (m *marketplace) ListOrders(_ context.Context, _ store.Ref, q order.Query, receive func(order.Page) error) error {
	for i, page := range m.pages {
		p := order.Page{Orders: cloned(page)}
		if i == len(m.pages)-1 {
			p.Finished = q.Until
		}
		if err := receive(p); err != nil {
			return err
		}
	}
	return nil
}

// GetOrders implements order.Source and order.Getter.
func (m *marketplace) GetOrders(_ context.Context, _ store.Ref, numbers []string) (order.Found, error) {
	if m.onGet != nil {
		m.onGet()
	}
	var found []order.Order
	for _, n := range numbers {
		if o, ok := m.byNo[n]; ok {
			found = append(found, o)
		}
	}
	return order.Found{Orders: cloned(found), Release: "1.0.0@feed"}, m.getErr
}

// cloned copies orders as a new read of the marketplace gives them.
func cloned(orders []order.Order) []order.Order {
	copies := slices.Clone(orders)
	for i := range copies {
		copies[i].Lines = slices.Clone(copies[i].Lines)
	}
	return copies
}

// lateness is how long the marketplace takes to answer.
const lateness = time.Minute

// connected is a store that is.
type connected struct{}

func (connected) Get(_ context.Context, id string) (store.Store, error) {
	return store.Store{ID: id, Adapter: shopRef.Adapter}, nil
}
func (connected) Report(context.Context, store.Ref, error)                      {}
func (connected) Probe(context.Context, store.Ref) error                        { return nil }
func (connected) Conclude(context.Context, string, store.MigrationPolicy) error { return nil }

// TestImportLosesNoOrderToLookups: whatever becomes of the look-ups, every order of every window, and every one that is read
// by number, is kept; the next import heals what went without.
func TestImportLosesNoOrderToLookups(t *testing.T) {
	t.Parallel()
	failures := map[string]func(*catalogue){
		"the marketplace is down":          func(c *catalogue) { c.askErr = problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "down") },
		"the cache is broken":              func(c *catalogue) { c.readErr, c.setErr = errors.New("disk full"), errors.New("disk full") },
		"nothing is answered for":          func(c *catalogue) { c.silent = map[string]bool{"1": true, "2": true, "3": true} },
		"the adapter cannot read products": func(c *catalogue) { c.unsupported = true },
		"all is well":                      func(*catalogue) {},
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCatalogue()
			c.market["1"], c.market["2"], c.market["3"] = size("S"), size("M"), size("L")
			f := &orders{kept: map[string]order.Order{}, unseen: []string{"E"}}
			m := &marketplace{
				pages: [][]order.Order{{articles("A", "1"), articles("B", "2", "1")}, {articles("C", "")}, {articles("D", "3")}},
				byNo:  map[string]order.Order{"E": articles("E", "2")},
			}
			importer := order.NewImporter(order.ImporterConfig{
				Repository: f, Source: m, Catalogue: c.Catalogue, Stores: connected{}, Statuses: order.Statuses(),
				Workers: 1, Pending: func(context.Context, string, []order.Order) {}, Now: c.clock, Log: slog.New(slog.DiscardHandler),
			})
			t.Cleanup(func() { same(t, "stop", importer.Stop(context.WithoutCancel(t.Context())), nil) })
			imported := func() map[string][]string {
				run, err := importer.Start(t.Context(), shopRef.StoreID)
				if err != nil {
					t.Fatal(err)
				}
				var last order.Import
				if err := importer.Watch(t.Context(), shopRef.StoreID, run.ID, func(i order.Import) error { last = i; return nil }); err != nil {
					t.Fatal(err)
				}
				if last.State != order.Succeeded {
					t.Errorf("the import ended %s: %s", last.State, last.Failure.Message)
				}
				kept := map[string][]string{}
				for number, o := range f.kept {
					kept[number] = looked(o)
				}
				return kept
			}

			fail(c)
			kept := imported()
			if len(kept) != 5 {
				t.Errorf("kept %v, want A to E", kept)
			}
			if last := f.batches[len(f.batches)-2]; last.Finished.IsZero() || last.Reread {
				t.Errorf("the window was not finished: %+v", last)
			}
			c.askErr, c.readErr, c.setErr, c.silent, c.unsupported = nil, nil, nil, nil, false
			same(t, "after the next import", imported(), map[string][]string{
				"A": {"FOUND S"}, "B": {"FOUND M", "FOUND S"}, "C": {""}, "D": {"FOUND L"}, "E": {"FOUND M"},
			})
		})
	}
}

// TestFresh: a single read keeps what it shows as of when it began, with the options that are known.
func TestFresh(t *testing.T) {
	t.Parallel()
	down := problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "down")
	broken := errors.New("disk full")
	for _, c := range []struct {
		name string
		with func(*orders, *marketplace)
		want []string // look-ups of the order; nil when it is not shown
		kept bool
		err  error
	}{
		{"shown", func(*orders, *marketplace) {}, []string{"FOUND S"}, true, nil},
		{"not shown", func(_ *orders, m *marketplace) { clear(m.byNo) }, nil, false, nil},
		{"another order is shown", func(_ *orders, m *marketplace) { m.byNo["A"] = articles("a", "1") }, nil, false, nil},
		{"the marketplace is down", func(_ *orders, m *marketplace) { m.getErr = down }, nil, false, down},
		{"it cannot be kept", func(f *orders, _ *marketplace) { f.keepErr = broken }, nil, false, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shop := newCatalogue()
			shop.cache["alpha/1"] = order.Product{EAN: "1", Found: true, Options: size("S"), ReadTime: noon}
			f := &orders{kept: map[string]order.Order{}}
			m := &marketplace{byNo: map[string]order.Order{"A": articles("A", "1"), "B": articles("B")}}
			m.onGet = func() { shop.now = shop.now.Add(lateness) } // the answer takes its time
			c.with(f, m)
			read, err := order.NewReader(m, f, shop.Catalogue, shop.clock).Fresh(t.Context(), shopRef, "A")
			got := read.Order
			if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if (got != nil) != (c.want != nil) {
				t.Fatalf("got %v, want one: %t", got, c.want != nil)
			}
			if err == nil {
				same(t, "release", read.Release, "1.0.0@feed")
			}
			if got != nil {
				same(t, "order", looked(*got), c.want)
			}
			if !c.kept {
				same(t, "kept", len(f.batches), 0)
				return
			}
			same(t, "kept", f.batches, []order.Batch{{Ref: shopRef, Orders: []order.Order{*got}, ReadTime: noon, Time: noon.Add(lateness)}})
		})
	}
}
