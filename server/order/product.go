package order

import (
	"context"
	"log/slog"
	"time"

	"github.com/relaishq/relais/server/store"
)

// Product is what a marketplace knows of a product.
type Product struct {
	EAN      string
	Found    bool // false: the marketplace does not know it
	Options  []ItemOption
	ReadTime time.Time
}

// OptionLookup is what became of the look-up of a line's options.
type OptionLookup string

// What can become of a look-up; the empty one means that there was none.
const (
	OptionsFound    OptionLookup = "FOUND"
	OptionsNotFound OptionLookup = "NOT_FOUND"
	OptionsFailed   OptionLookup = "FAILED"
)

// ProductRepository keeps what marketplaces said of products. It is a cache that all stores of an adapter share.
type ProductRepository interface {
	// Products returns the products that are kept, by EAN.
	Products(ctx context.Context, adapter string, eans []string) (map[string]Product, error)
	// SaveProducts keeps products in place of earlier ones.
	SaveProducts(ctx context.Context, adapter string, products []Product) error
}

// ProductSource is what the look-up asks of an adapter.
type ProductSource interface {
	// GetProducts reads products by EAN, and answers for each. supported is false when the adapter cannot read products;
	// asking for none tells that without a call to the marketplace.
	GetProducts(ctx context.Context, ref store.Ref, eans []string) (products []Product, supported bool, err error)
}

// How long a product is believed. One that the marketplace does not know may be added to its catalogue any day.
const (
	foundAge    = 30 * 24 * time.Hour
	notFoundAge = 24 * time.Hour
)

// failurePause is how long nothing is looked up for a store after a look-up failed: an import must not wait for one time-out
// after the other. A later import heals the lines that went without.
const failurePause = time.Minute

// Catalogue gives order lines their colour and size, which orders do not carry (cdiscount-soap.md 6.3). It never blocks or
// loses an order: a line whose look-up failed says so.
type Catalogue struct {
	repository ProductRepository
	source     ProductSource
	now        func() time.Time
	log        *slog.Logger
}

// NewCatalogue returns a catalogue over these collaborators.
func NewCatalogue(r ProductRepository, s ProductSource, now func() time.Time, log *slog.Logger) *Catalogue {
	return &Catalogue{repository: r, source: s, now: now, log: log}
}

// Lookup is the look-ups of one import. It is not safe for concurrent use.
type Lookup struct {
	catalogue *Catalogue
	ref       store.Ref
	known     map[string]Product // what this import has seen; bounded by maxKnown
	failed    time.Time          // when a look-up failed last
	off       bool               // the adapter cannot read products
}

// maxKnown bounds what one import remembers of products beside the database.
const maxKnown = 10_000

// NewLookup begins the look-ups of an import.
func (c *Catalogue) NewLookup(ref store.Ref) *Lookup {
	return &Lookup{catalogue: c, ref: ref, known: make(map[string]Product)}
}

// Complete gives the lines of orders their options, with at most one read of the cache and one of the marketplace.
func (l *Lookup) Complete(ctx context.Context, orders []Order) { l.complete(ctx, orders, true) }

// Recall gives the lines of orders the options that the cache holds, and asks nobody.
func (l *Lookup) Recall(ctx context.Context, orders []Order) { l.complete(ctx, orders, false) }

func (l *Lookup) complete(ctx context.Context, orders []Order, ask bool) {
	if l.off {
		return
	}
	if missing := l.missing(orders); len(missing) > 0 {
		l.load(ctx, missing, ask)
	}
	if l.off {
		return
	}
	for i := range orders {
		for j := range orders[i].Lines {
			l.fill(&orders[i].Lines[j])
		}
	}
}

// fill gives one line what is known of its product.
func (l *Lookup) fill(line *Line) {
	if line.EAN == "" || len(line.Options) > 0 {
		return
	}
	p, ok := l.known[line.EAN]
	switch {
	case !ok:
		line.OptionLookup = OptionsFailed
	case p.Found:
		line.OptionLookup, line.Options = OptionsFound, p.Options
	default:
		line.OptionLookup = OptionsNotFound
	}
}

// missing returns the EANs of lines without options that this import has not seen, each once.
func (l *Lookup) missing(orders []Order) []string {
	if len(l.known) > maxKnown {
		clear(l.known)
	}
	var eans []string
	asked := make(map[string]bool)
	for _, o := range orders {
		for _, line := range o.Lines {
			if _, known := l.known[line.EAN]; line.EAN != "" && len(line.Options) == 0 && !known && !asked[line.EAN] {
				asked[line.EAN] = true
				eans = append(eans, line.EAN)
			}
		}
	}
	return eans
}

// load gets products from the cache, and those that it does not have, or had for too long, from the marketplace. A stale
// product is better than none.
func (l *Lookup) load(ctx context.Context, eans []string, mayAsk bool) {
	c, now := l.catalogue, l.catalogue.now().UTC()
	cached, err := c.repository.Products(ctx, l.ref.Adapter, eans)
	if err != nil {
		c.log.WarnContext(ctx, "product cache not read", "store", l.ref.StoreID, "error", err)
	}
	var ask []string
	for _, ean := range eans {
		p, ok := cached[ean]
		if ok {
			l.known[ean] = p
		}
		if !ok || p.stale(now) {
			ask = append(ask, ean)
		}
	}
	switch {
	case len(ask) == 0, mayAsk && now.Sub(l.failed) < failurePause:
		return
	case !mayAsk:
		ask = nil // tells at least whether products can be read at all
	}
	products, supported, err := c.source.GetProducts(ctx, l.ref, ask)
	switch {
	case err != nil:
		l.failed = now
		c.log.WarnContext(ctx, "colour and size not looked up; a later import tries again",
			"store", l.ref.StoreID, "products", len(ask), "reason", failureOf(err).Reason)
		return
	case !supported:
		l.off = true
		return
	}
	for i := range products {
		products[i].ReadTime = now
		l.known[products[i].EAN] = products[i]
	}
	if err := c.repository.SaveProducts(ctx, l.ref.Adapter, products); err != nil {
		c.log.WarnContext(ctx, "products not kept", "store", l.ref.StoreID, "error", err)
	}
}

func (p Product) stale(now time.Time) bool {
	age := foundAge
	if !p.Found {
		age = notFoundAge
	}
	return now.Sub(p.ReadTime) > age
}
