package order_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

var (
	shopRef = store.Ref{StoreID: "shop", Adapter: "alpha"}
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// catalogue is a Catalogue with what stands around it: a cache, a marketplace, and a clock that only the test moves.
type catalogue struct {
	*order.Catalogue
	mu  sync.Mutex // guards the fields below: an import runs in a goroutine of its own
	now time.Time

	cache           map[string]order.Product // by "adapter/EAN"
	readErr, setErr error
	reads           [][]string // EANs of each read of the cache

	market      map[string][]order.ItemOption // what the marketplace sells, by EAN
	silent      map[string]bool               // EANs that it does not answer for
	unsupported bool
	askErr      error
	asked       [][]string // EANs of each question to the marketplace
}

func newCatalogue() *catalogue {
	c := &catalogue{now: noon, cache: map[string]order.Product{}, market: map[string][]order.ItemOption{}, silent: map[string]bool{}}
	c.Catalogue = order.NewCatalogue(c, c, c.clock, slog.New(slog.DiscardHandler))
	return c
}

func (c *catalogue) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Products implements order.ProductRepository.
func (c *catalogue) Products(_ context.Context, adapter string, eans []string) (map[string]order.Product, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads = append(c.reads, slices.Clone(eans))
	if c.readErr != nil {
		return nil, c.readErr
	}
	found := map[string]order.Product{}
	for _, ean := range eans {
		if p, ok := c.cache[adapter+"/"+ean]; ok {
			found[ean] = p
		}
	}
	return found, nil
}

// SaveProducts implements order.ProductRepository.
func (c *catalogue) SaveProducts(_ context.Context, adapter string, products []order.Product) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.setErr != nil {
		return c.setErr
	}
	for _, p := range products {
		c.cache[adapter+"/"+p.EAN] = p
	}
	return nil
}

// GetProducts implements order.ProductSource.
func (c *catalogue) GetProducts(_ context.Context, _ store.Ref, eans []string) ([]order.Product, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, slices.Clone(eans))
	if c.askErr != nil || c.unsupported {
		return nil, !c.unsupported, c.askErr
	}
	var products []order.Product
	for _, ean := range eans {
		options, found := c.market[ean]
		if !c.silent[ean] {
			products = append(products, order.Product{EAN: ean, Found: found, Options: options})
		}
	}
	return products, true, nil
}

// questions are the EANs that the marketplace was asked for, one list for each call that asked for any.
func (c *catalogue) questions() [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.asked), func(eans []string) bool { return len(eans) == 0 })
}

func size(v string) []order.ItemOption { return []order.ItemOption{{Name: "size", Value: v}} }

// articles is an order of one piece of each.
func articles(number string, eans ...string) order.Order {
	o := order.Order{Number: number, Status: order.ReadyToShip}
	for i, ean := range eans {
		o.Lines = append(o.Lines, order.Line{ID: fmt.Sprint(i + 1), EAN: ean, Quantity: 1})
	}
	return o
}

// looked tells of each line what became of its look-up: "FOUND M", "NOT_FOUND", "FAILED" or "" for none.
func looked(orders ...order.Order) []string {
	var all []string
	for _, o := range orders {
		for _, l := range o.Lines {
			said := string(l.OptionLookup)
			for _, option := range l.Options {
				said += " " + option.Value
			}
			all = append(all, said)
		}
	}
	return all
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestCompleteAsksOnce: a message costs at most one read of the cache and one of the marketplace, whatever is in it.
func TestCompleteAsksOnce(t *testing.T) {
	t.Parallel()
	c := newCatalogue()
	c.market["1"], c.market["2"] = size("M"), nil
	c.cache["alpha/4"] = order.Product{EAN: "4", Found: true, Options: size("cached"), ReadTime: noon}
	c.cache["beta/2"] = order.Product{EAN: "2", Found: true, Options: size("of another adapter"), ReadTime: noon}
	said := articles("C", "5")
	said.Lines[0].Options = size("said by the order")
	orders := []order.Order{articles("A", "1", "2", "3", ""), articles("B", "3", "1", "4"), said}
	lookup := c.NewLookup(shopRef)
	lookup.Complete(t.Context(), orders)
	same(t, "look-ups", looked(orders...), []string{
		"FOUND M", "FOUND", "NOT_FOUND", "", "NOT_FOUND", "FOUND M", "FOUND cached", " said by the order",
	})
	same(t, "reads of the cache", c.reads, [][]string{{"1", "2", "3", "4"}})
	same(t, "questions", c.questions(), [][]string{{"1", "2", "3"}})
	same(t, "kept", c.cache["alpha/3"], order.Product{EAN: "3", ReadTime: noon})
	same(t, "kept", c.cache["alpha/1"], order.Product{EAN: "1", Found: true, Options: size("M"), ReadTime: noon})

	// The next message of the same import: what was seen is remembered, and a message without news costs nothing.
	again, none := []order.Order{articles("D", "2", "1")}, []order.Order{articles("E", "")}
	lookup.Complete(t.Context(), again)
	lookup.Complete(t.Context(), none)
	same(t, "look-ups of the next message", looked(again[0], none[0]), []string{"FOUND", "FOUND M", ""})
	same(t, "reads of the cache", len(c.reads), 1)
	same(t, "questions", len(c.asked), 1)
}

// TestCacheAge: products are believed for a while; ones that the marketplace did not know for a shorter one.
func TestCacheAge(t *testing.T) {
	t.Parallel()
	const month, day = 30 * 24 * time.Hour, 24 * time.Hour
	for _, c := range []struct {
		name  string
		found bool
		age   time.Duration
		asks  bool
	}{
		{"found just now", true, 0, false},
		{"found a month ago", true, month, false},
		{"found longer ago", true, month + 1, true},
		{"not found a day ago", false, day, false},
		{"not found longer ago", false, day + 1, true},
		{"found tomorrow, by a clock that was wrong", true, -day, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shop := newCatalogue()
			kept, want := order.Product{EAN: "1", ReadTime: noon.Add(-c.age)}, "NOT_FOUND"
			if c.found {
				kept.Found, kept.Options, want = true, size("old"), "FOUND old"
			}
			if c.asks {
				want = "FOUND new"
			}
			shop.cache["alpha/1"], shop.market["1"] = kept, size("new")
			orders := []order.Order{articles("A", "1")}
			shop.NewLookup(shopRef).Complete(t.Context(), orders)
			same(t, "look-up", looked(orders...), []string{want})
			same(t, "asked", len(shop.questions()) == 1, c.asks)
			if c.asks {
				same(t, "kept in its place", shop.cache["alpha/1"], order.Product{EAN: "1", Found: true, Options: size("new"), ReadTime: noon})
			}
		})
	}
}

// TestUnknownProductIsRememberedForADay: what the marketplace does not know is not asked for with every import.
func TestUnknownProductIsRememberedForADay(t *testing.T) {
	t.Parallel()
	c := newCatalogue()
	imports := func() []string {
		orders := []order.Order{articles("A", "1")}
		c.NewLookup(shopRef).Complete(t.Context(), orders)
		return looked(orders...)
	}
	for range 3 {
		same(t, "look-up", imports(), []string{"NOT_FOUND"})
		c.now = c.now.Add(8 * time.Hour)
	}
	same(t, "questions within a day", c.questions(), [][]string{{"1"}})
	c.market["1"] = size("M") // the marketplace adds it to its catalogue
	c.now = c.now.Add(time.Nanosecond)
	same(t, "look-up a day later", imports(), []string{"FOUND M"})
}

// TestFailedLookupIsMarkedAndHealed: a failure marks the lines that go without, takes nothing else, and ends with the next import.
func TestFailedLookupIsMarkedAndHealed(t *testing.T) {
	t.Parallel()
	c := newCatalogue()
	c.cache["alpha/1"] = order.Product{EAN: "1", Found: true, Options: size("cached"), ReadTime: noon}
	c.cache["alpha/2"] = order.Product{EAN: "2", Found: true, Options: size("stale"), ReadTime: noon.AddDate(-1, 0, 0)}
	c.market["3"] = size("M")
	c.askErr = problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "the marketplace is down")
	read := func(l *order.Lookup) []string {
		orders := []order.Order{articles("A", "1", "2", "3", "")}
		l.Complete(t.Context(), orders)
		return looked(orders...)
	}
	failing := c.NewLookup(shopRef)
	same(t, "while the marketplace is down", read(failing), []string{"FOUND cached", "FOUND stale", "FAILED", ""})
	if _, kept := c.cache["alpha/3"]; kept {
		t.Error("a failure is kept in the cache")
	}

	// An import does not wait for one time-out after the other.
	c.now = c.now.Add(time.Minute - 1)
	same(t, "a moment later", read(failing), []string{"FOUND cached", "FOUND stale", "FAILED", ""})
	same(t, "questions", c.questions(), [][]string{{"2", "3"}})
	c.now = c.now.Add(1)
	same(t, "after the pause", read(failing), []string{"FOUND cached", "FOUND stale", "FAILED", ""})
	same(t, "questions after the pause", len(c.questions()), 2)

	c.askErr = nil
	same(t, "by the next import", read(c.NewLookup(shopRef)), []string{"FOUND cached", "NOT_FOUND", "FOUND M", ""})
}

// TestLookupSurvivesItsSurroundings: whatever fails around a look-up, the orders stay as they are but for the marks.
func TestLookupSurvivesItsSurroundings(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk full")
	for _, c := range []struct {
		name  string
		with  func(*catalogue)
		want  []string
		asked int // calls in two messages of one import
	}{
		{"the cache cannot be read: the marketplace is asked for everything", func(c *catalogue) { c.readErr = broken }, []string{"FOUND M", "NOT_FOUND"}, 1},
		{"the cache cannot be written", func(c *catalogue) { c.setErr = broken }, []string{"FOUND M", "NOT_FOUND"}, 1},
		{"an error that is no problem", func(c *catalogue) { c.askErr = broken }, []string{"FAILED", "FAILED"}, 1},
		{"an adapter that cannot read products is asked once", func(c *catalogue) { c.unsupported = true }, []string{"", ""}, 1},
		{"an article that is not answered for", func(c *catalogue) { c.silent["2"] = true }, []string{"FOUND M", "FAILED"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shop := newCatalogue()
			shop.market["1"] = size("M")
			c.with(shop)
			lookup := shop.NewLookup(shopRef)
			for range 2 {
				orders := []order.Order{articles("A", "1", "2")}
				lookup.Complete(t.Context(), orders)
				same(t, "look-ups", looked(orders...), c.want)
				for i := range orders[0].Lines {
					orders[0].Lines[i].OptionLookup, orders[0].Lines[i].Options = "", nil
				}
				same(t, "the rest of the order", orders[0], articles("A", "1", "2"))
			}
			same(t, "calls of the marketplace", len(shop.asked), c.asked)
		})
	}
}

// TestLookupMemoryIsBounded: an import of any size remembers some products beside the cache, not all.
func TestLookupMemoryIsBounded(t *testing.T) {
	t.Parallel()
	c := newCatalogue()
	lookup := c.NewLookup(shopRef)
	message := func(first int) {
		eans := make([]string, 100)
		for i := range eans {
			eans[i] = fmt.Sprint(first + i)
		}
		lookup.Complete(t.Context(), []order.Order{articles("A", eans...)})
	}
	for first := 0; first < 10_100; first += 100 {
		message(first)
	}
	reads, asked := len(c.reads), len(c.asked)
	message(0)
	same(t, "reads of the cache for what was forgotten", len(c.reads)-reads, 1)
	same(t, "questions for what was forgotten", len(c.asked)-asked, 0)
}

// TestRecall: whoever reads a single order is in a hurry; the cache must do, and the marketplace is not waited for.
func TestRecall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		with func(*catalogue)
		want []string
	}{
		{"what is kept, however old", func(*catalogue) {}, []string{"FOUND old", "FAILED"}},
		{"an adapter that cannot read products marks nothing", func(c *catalogue) { clear(c.cache); c.unsupported = true }, []string{"", ""}},
		{"an adapter that is down", func(c *catalogue) { c.askErr = errors.New("down") }, []string{"FOUND old", "FAILED"}},
		{"a cache that cannot be read", func(c *catalogue) { c.readErr = errors.New("disk full") }, []string{"FAILED", "FAILED"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shop := newCatalogue()
			shop.cache["alpha/1"] = order.Product{EAN: "1", Found: true, Options: size("old"), ReadTime: noon.AddDate(-1, 0, 0)}
			shop.market["1"], shop.market["2"] = size("new"), size("new")
			c.with(shop)
			orders := []order.Order{articles("A", "1", "2")}
			shop.NewLookup(shopRef).Recall(t.Context(), orders)
			same(t, "look-ups", looked(orders...), c.want)
			same(t, "questions to the marketplace", len(shop.questions()), 0)
		})
	}
}
