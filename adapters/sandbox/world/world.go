// Package world is the one world of orders behind every API face of the sandbox: sellers, orders, time, and a record of
// each write received. It knows no API. Faces translate it into their own words and ask it to apply what they decided.
//
// A World is safe for concurrent use. Orders that nobody has touched are not kept but made anew from a recipe at each
// read, so that a hundred thousand of them cost some tens of megabytes and start in a moment.
package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says how a world starts.
type Config struct {
	Orders  int              // of each seller; zero means none
	Sellers int              // zero means one
	Seed    uint64           // the same seed and start give the same world
	Start   time.Time        // world time at the start; zero means the wall clock's
	Wall    func() time.Time // the wall clock; nil means time.Now
	Frozen  bool             // the clock stands still until it is moved or restarted
	// Varieties are what the first orders are drawn from; empty means all of them, beginning with one of each.
	Varieties []Variety
}

// World is sellers and their orders at one moment that moves. Make it with New.
type World struct {
	clock *Clock
	gen   *generator

	mu       sync.Mutex // guards all fields below, and the records they reach
	settings Settings
	sellers  map[string]*sellerBook
	accounts []string // keys of sellers, in the order of their creation
	orders   map[string]*record
	made     uint64               // orders ever made
	moving   map[*record]struct{} // records that will change by themselves as time passes
	tokens   map[string]token
	issued   map[string][]time.Time // when clients got tokens, within the last hour
	writes   []Write
	pending  []pending          // writes that are carried out later, by due time
	products map[string]Product // by EAN
	calls    map[CallKey]int
}

// sellerBook is a seller with the orders, by creation, oldest first.
type sellerBook struct {
	Seller
	orders []*record
}

// record is one order as the world keeps it.
type record struct {
	head   Head // of the untouched order; order.Head counts once order is set
	seed   int  // position among the orders that its seller started with, oldest first
	recipe recipe
	order  *Order // nil while nobody has touched the order

	shown      *Order // what reads still show after an applied shipment; nil when they show the order itself
	shownUntil time.Time
	shipped    bool // a received write shipped it
}

// New makes a world with its sellers demo, demo2, demo3, … and their orders.
func New(cfg Config) (*World, error) {
	if cfg.Orders < 0 || cfg.Sellers < 0 {
		return nil, errors.New("the numbers of orders and sellers must not be negative")
	}
	if cfg.Wall == nil {
		cfg.Wall = time.Now
	}
	if cfg.Start.IsZero() {
		cfg.Start = cfg.Wall()
	}
	start := cfg.Start.UTC().Truncate(time.Millisecond)
	gen, err := newGenerator(cfg.Seed, start, cfg.Varieties)
	if err != nil {
		return nil, fmt.Errorf("invent orders: %w", err)
	}
	w := &World{
		clock: newClock(start, cfg.Wall), gen: gen, settings: DefaultSettings(),
		sellers: map[string]*sellerBook{}, orders: make(map[string]*record, cfg.Orders),
		moving: map[*record]struct{}{}, tokens: map[string]token{}, issued: map[string][]time.Time{},
		calls: map[CallKey]int{}, products: catalogue(),
	}
	w.clock.frozen = cfg.Frozen // nobody else has the clock yet
	for i := range max(cfg.Sellers, 1) {
		account := "demo"
		if i > 0 {
			account = fmt.Sprintf("demo%d", i+1)
		}
		if _, err := w.PutSeller(SellerPatch{Account: account}); err != nil {
			return nil, err
		}
		w.seed(w.sellers[account], cfg.Orders)
	}
	return w, nil
}

// seed gives a seller its first orders. Only New calls it, before the world is shared.
func (w *World) seed(book *sellerBook, n int) {
	made := make([]record, n)
	book.orders = make([]*record, n)
	for i := range made {
		made[i].head, made[i].recipe = w.gen.seeded(book.Account, i, w.made)
		w.made++
		book.orders[i] = &made[i]
	}
	slices.SortFunc(book.orders, byCreation)
	backing := make([]record, n) // in the order in which they are scanned: neighbours in time are neighbours in memory
	for i, r := range book.orders {
		backing[i] = *r
		backing[i].seed = i
		book.orders[i] = &backing[i]
		w.orders[r.head.Number] = &backing[i]
	}
}

func byCreation(a, b *record) int {
	if c := a.head.Created.Compare(b.head.Created); c != 0 {
		return c
	}
	return strings.Compare(a.head.Number, b.head.Number)
}

// Clock is the world's time.
func (w *World) Clock() *Clock { return w.clock }

// Find returns the numbers of a seller's orders that match, newest first, as reads show them at this moment.
func (w *World) Find(account string, match func(h Head) bool) []string {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	book := w.sellers[account]
	if book == nil {
		return nil
	}
	var out []string
	for _, r := range slices.Backward(book.orders) {
		if h := r.visibleHead(); match(h) {
			out = append(out, h.Number)
		}
	}
	return out
}

// Touched is the seed that Scan gives for an order that is no longer, or never was, as the world began with it.
const Touched = -1

// Scan shows visit each order of a seller, newest first, as reads show it at this moment. seed is the order's position among
// those that the seller started with, oldest first, as long as nobody has touched the order: reads then differ from earlier
// ones at most by the time and the settings. visit must neither keep nor change the head, nor call the world.
func (w *World) Scan(account string, visit func(h *Head, seed int)) {
	w.ScanCreated(account, time.Time{}, time.Time{}, visit)
}

// ScanCreated is Scan over the orders created from one instant to another, both included; a zero instant is open. It costs as
// much as those orders, whatever the number of the others.
func (w *World) ScanCreated(account string, from, to time.Time, visit func(h *Head, seed int)) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	book := w.sellers[account]
	if book == nil {
		return
	}
	for _, r := range slices.Backward(created(book.orders, from, to)) {
		switch {
		case r.shown != nil:
			visit(&r.shown.Head, Touched)
		case r.order != nil:
			visit(&r.order.Head, Touched)
		default:
			visit(&r.head, r.seed)
		}
	}
}

// created returns the part of the orders that was created in the range.
func created(orders []*record, from, to time.Time) []*record {
	if !to.IsZero() {
		end, _ := slices.BinarySearchFunc(orders, to, func(r *record, t time.Time) int {
			if r.head.Created.After(t) {
				return 1
			}
			return -1
		})
		orders = orders[:end]
	}
	begin, _ := slices.BinarySearchFunc(orders, from, func(r *record, t time.Time) int { return r.head.Created.Compare(t) })
	return orders[begin:]
}

// Read returns an order as reads show it at this moment: without what is not visible yet.
func (w *World) Read(number string) (Order, bool) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	r := w.orders[number]
	if r == nil {
		return Order{}, false
	}
	o := w.gen.orderOf(r).clone()
	if r.shown != nil {
		o = r.shown.clone()
	}
	o.Parcels = slices.DeleteFunc(o.Parcels, func(p Parcel) bool {
		return !w.settings.ParcelsVisible || now.Before(p.VisibleFrom)
	})
	return o, true
}

// Truth returns an order as it really is, whatever reads show.
func (w *World) Truth(number string) (Order, bool) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	r := w.orders[number]
	if r == nil {
		return Order{}, false
	}
	return w.gen.orderOf(r).clone(), true
}

// orderOf returns the order of a record, made anew when nobody has touched it.
func (g *generator) orderOf(r *record) *Order {
	if r.order != nil {
		return r.order
	}
	return g.order(r.head, r.recipe)
}

// touch returns the order of a record for changing, and keeps it from now on.
func (w *World) touch(r *record) *Order {
	if r.order == nil {
		r.order = w.gen.order(r.head, r.recipe)
	}
	return r.order
}

// truthHead is the head of the order as it is.
func (r *record) truthHead() Head {
	if r.order != nil {
		return r.order.Head
	}
	return r.head
}

// visibleHead is the head as reads show it.
func (r *record) visibleHead() Head {
	if r.shown != nil {
		return r.shown.Head
	}
	return r.truthHead()
}

// move lets orders change that change by themselves. It needs w.mu.
func (w *World) move(now time.Time) {
	for r := range w.moving {
		o := r.order
		if due(o.PaymentStarts, now) {
			o.State, o.Modified, o.PaymentStarts = PaymentInProgress, o.PaymentStarts, time.Time{}
		}
		if due(o.PaymentDone, now) {
			if late := w.settings.AddressesLateBy; late > 0 {
				o.AddressesFrom = o.PaymentDone.Add(time.Duration(late))
			}
			o.State, o.Modified, o.PaymentDone = WaitingForShipmentAcceptation, o.PaymentDone, time.Time{}
		}
		if r.shown != nil && due(r.shownUntil, now) {
			r.shown = nil
		}
		if o.PaymentStarts.IsZero() && o.PaymentDone.IsZero() && r.shown == nil {
			delete(w.moving, r)
		}
	}
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// insert puts a new order into the world. It needs w.mu.
func (w *World) insert(book *sellerBook, o *Order) {
	r := &record{head: o.Head, order: o}
	w.orders[o.Number] = r
	at, _ := slices.BinarySearchFunc(book.orders, r, byCreation)
	book.orders = slices.Insert(book.orders, at, r)
}

// next starts a new random stream and returns its number. It needs w.mu.
func (w *World) next() (*rand.Rand, uint64) {
	count := w.made
	w.made++
	return rand.New(rand.NewPCG(w.gen.seed, count<<1)), count
}
