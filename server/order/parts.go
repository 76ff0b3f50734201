package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// part is the share of a run that is read through one adapter.
type part struct {
	run    *reading
	ref    store.Ref
	lookup *Lookup
	// takeOver is the adapters whose orders this part may take over, and open those whose open orders it reads again.
	takeOver, open []string
}

// reading is a run under way: what it reads, and which of the store's adapters do not answer.
type reading struct {
	im       *Importer
	current  Import
	bindings store.Bindings
	parts    map[string]*part
	failing  map[string]error
}

func (im *Importer) newReading(current Import, b store.Bindings) *reading {
	r := &reading{im: im, current: current, bindings: b, parts: make(map[string]*part), failing: make(map[string]error)}
	for _, x := range b.Adapters {
		ref := store.Ref{StoreID: current.StoreID, Adapter: x.Adapter}
		r.parts[x.Adapter] = &part{run: r, ref: ref, lookup: im.cfg.Catalogue.NewLookup(ref), open: []string{x.Adapter}}
	}
	return r
}

// foreignError is a failure that is not the fault of the adapter whose part it ended.
type foreignError struct{ cause error }

func (e *foreignError) Error() string { return e.cause.Error() }
func (e *foreignError) Unwrap() error { return e.cause }

// heldError is why an adapter was not asked at all: nothing new is known of it.
type heldError struct{ cause error }

func (e *heldError) Error() string { return e.cause.Error() }
func (e *heldError) Unwrap() error { return e.cause }

// read reads every part, most often the adapter of new orders first, and goes on when one fails: an adapter that a store leaves may be
// gone for good. It returns what became of each part that was not interrupted, and what the run failed with.
func (r *reading) read(ctx context.Context) ([]Part, error) {
	var ended []Part
	var failed error
	for _, adapter := range r.probe(ctx) {
		err := r.failing[adapter]
		if err == nil {
			err = r.parts[adapter].read(ctx)
		}
		switch {
		case errors.Is(err, ErrStoreMoved):
			return ended, err
		case err != nil && ctx.Err() != nil:
			return ended, ctx.Err()
		}
		part := r.ended(ctx, adapter, err)
		ended = append(ended, part)
		switch {
		case err == nil:
		case r.givenUp(adapter) && !part.Blameless:
			r.takeOver(adapter)
		case failed == nil:
			failed = err
		}
	}
	return ended, failed
}

// givenUp reports whether an adapter has failed for so long that a failure of it surprises nobody.
func (r *reading) givenUp(adapter string) bool {
	return r.bindings.GivenUp(adapter, r.current.Start, r.im.cfg.Migration)
}

// takeOver lets the adapter of new orders have what is left on another one.
func (r *reading) takeOver(adapter string) {
	if current := r.parts[r.bindings.Current]; current != nil && !slices.Contains(current.takeOver, adapter) {
		current.takeOver, current.open = append(current.takeOver, adapter), append(current.open, adapter)
	}
}

// ended tells the store's health how a part ended, and returns what the record says of it.
func (r *reading) ended(ctx context.Context, adapter string, err error) Part {
	ref := store.Ref{StoreID: r.current.StoreID, Adapter: adapter}
	var foreign *foreignError
	p := Part{Adapter: adapter, Blameless: errors.As(err, &foreign)}
	if err != nil {
		p.Failure = failureOf(err)
	}
	if p.Blameless && adapter != r.bindings.Current {
		ref.Adapter = r.bindings.Current // whoever failed, it is not the adapter that the store leaves
	}
	var held *heldError
	if !errors.As(err, &held) {
		r.im.cfg.Stores.Report(context.WithoutCancel(ctx), ref, err)
	}
	if err != nil && problem.As(err) == nil {
		r.im.cfg.Log.ErrorContext(ctx, "import part ended early", "store", ref.StoreID, "adapter", adapter, "error", err)
	}
	return p
}

// probe asks the adapters that have failed for long whether they answer again, and returns the order in which the parts are read.
// An adapter that does not answer is not read, and what is left on it is taken over: nobody waits for its time-outs. One that
// answers again is read first: if that fails all the same, what is left on it is taken over in the same run. One that the store
// leaves and whose credentials do not work is not even asked: that is for their next probe.
func (r *reading) probe(ctx context.Context) []string {
	if current := r.parts[r.bindings.Current]; current != nil {
		current.open = append(current.open, r.bindings.Former...)
	}
	var first, then []string
	for _, x := range r.bindings.Adapters {
		givenUp := r.givenUp(x.Adapter)
		var err error
		switch held := x.Standing.Problem(x.Adapter); {
		case held != nil && x.Adapter != r.bindings.Current:
			err = &heldError{held}
		case givenUp:
			err = r.im.cfg.Stores.Probe(ctx, r.parts[x.Adapter].ref)
		}
		if givenUp && err == nil {
			first = append(first, x.Adapter)
			continue
		}
		then = append(then, x.Adapter)
		if err != nil {
			r.failing[x.Adapter] = err
		}
		if givenUp {
			r.takeOver(x.Adapter)
		}
	}
	return append(first, then...)
}

// read reads the windows of the part and then the open orders that no window showed. Nil means that nothing is missing.
func (p *part) read(ctx context.Context) error {
	im := p.run.im
	for i, w := range p.run.current.Windows {
		if w.Adapter != p.ref.Adapter {
			continue
		}
		began := im.cfg.Now().UTC()
		q := Query{Axis: w.Axis, Since: w.Since, Until: w.Until, Statuses: im.cfg.Statuses}
		err := im.list(ctx, p.ref, q, func(ctx context.Context, page Page) error {
			return p.keep(ctx, Batch{Orders: page.Orders, Window: i, Finished: page.Finished, Resumed: page.Resumed, ReadTime: began})
		})
		if err != nil {
			return fmt.Errorf("read orders by %s date: %w", w.Axis, err)
		}
	}
	return p.reread(ctx)
}

// reread reads open orders by number that the import has not seen: older than the look-back, left out by a filter, or left on
// an adapter that the store does not speak through any more. Those that the marketplace does not show either stay as they are: it gave
// no word of how they ended. The import counts them.
func (p *part) reread(ctx context.Context) error {
	im, after, missing := p.run.im, "", 0
	for {
		numbers, err := im.cfg.Repository.UnseenOpenOrders(ctx, p.ref.StoreID, p.open, p.run.current.ID, after, rereadPage)
		if err != nil {
			return &foreignError{fmt.Errorf("find open orders that were not seen: %w", err)}
		}
		if len(numbers) == 0 {
			if missing > 0 {
				im.cfg.Log.InfoContext(ctx, "open orders not shown by the marketplace",
					"store", p.ref.StoreID, "import", p.run.current.ID, "adapter", p.ref.Adapter, "orders", missing)
			}
			return nil
		}
		began := im.cfg.Now().UTC()
		found, err := im.cfg.Source.GetOrders(ctx, p.ref, numbers)
		if err != nil {
			return fmt.Errorf("read open orders by number: %w", err)
		}
		hidden := len(numbers) - shownOf(numbers, found.Orders)
		if err := p.apply(ctx, Batch{Orders: found.Orders, Reread: true, Missing: hidden, ReadTime: began}); err != nil {
			return err
		}
		missing += hidden
		after = numbers[len(numbers)-1]
	}
}

// shownOf counts the numbers under which there is an order.
func shownOf(numbers []string, orders []Order) (n int) {
	shown := make(map[string]bool, len(orders))
	for _, o := range orders {
		shown[o.Number] = true
	}
	for _, number := range numbers {
		if shown[number] {
			n++
		}
	}
	return n
}

// keep stores a page of a window. Of a store that was ever bound to two adapters each order is first found out to belong to one.
func (p *part) keep(ctx context.Context, b Batch) error {
	if p.run.bindings.Moved {
		mine, err := p.settle(ctx, b.Orders)
		if err != nil {
			return err
		}
		b.Orders = mine
	}
	return p.apply(ctx, b)
}

func (p *part) apply(ctx context.Context, b Batch) error {
	p.lookup.Complete(ctx, b.Orders)
	b.Ref, b.ImportID, b.TakeOver = p.ref, p.run.current.ID, p.takeOver
	if err := p.run.im.apply(ctx, b); err != nil {
		return &foreignError{err}
	}
	return nil
}

// settle returns the orders of a page that this adapter may store. An order that the store has under another number, known by
// its reference, gets that number. One that the store does not have and that was sold under another adapter is asked of that
// adapter: it stores what it knows, the rest stays here, so that no order is lost.
func (p *part) settle(ctx context.Context, orders []Order) ([]Order, error) {
	if len(orders) == 0 {
		return orders, nil
	}
	identities := make([]Identity, len(orders))
	for i, o := range orders {
		identities[i] = Identity{Number: o.Number, NativeID: o.NativeID, Reference: o.Reference}
	}
	matches, err := p.run.im.cfg.Repository.MatchOrders(ctx, p.ref, identities)
	if err != nil {
		return nil, &foreignError{fmt.Errorf("find orders that are known: %w", err)}
	}
	mine := orders[:0:0]
	theirs := make(map[string][]Order)
	for i, o := range orders {
		owner := p.run.bindings.Owner(o.PurchaseTime)
		switch m := matches[i]; {
		case m != nil && m.Adapter != p.ref.Adapter && !m.Readable: // no reader of this adapter would find it under that number
		case m != nil:
			mine = append(mine, o.as(m.Number)) // storage knows whose it is
		case owner == p.ref.Adapter || p.run.parts[owner] == nil || p.run.failing[owner] != nil && owner != p.run.bindings.Current:
			mine = append(mine, o)
		default:
			theirs[owner] = append(theirs[owner], o)
		}
	}
	for _, x := range p.run.bindings.Adapters { // in an order that does not depend on chance
		left, err := p.run.handOver(ctx, p.run.parts[x.Adapter], theirs[x.Adapter])
		if err != nil {
			return nil, err
		}
		mine = append(mine, left...)
	}
	return mine, nil
}

// handOver asks the adapter that orders were sold under for them, stores what it shows, and returns those that it does not know.
// An adapter that the store leaves and that does not answer loses them all.
func (r *reading) handOver(ctx context.Context, to *part, orders []Order) ([]Order, error) {
	if len(orders) == 0 {
		return nil, nil
	}
	var numbers []string
	for _, o := range orders {
		numbers = append(numbers, o.Number)
		if o.Reference != "" && o.Reference != o.Number { // the other API may number orders otherwise
			numbers = append(numbers, o.Reference)
		}
	}
	began := r.im.cfg.Now().UTC()
	answer, err := r.im.cfg.Source.GetOrders(ctx, to.ref, numbers)
	switch {
	case err == nil:
	case ctx.Err() != nil, to.ref.Adapter == r.bindings.Current, problem.As(err) == nil:
		return nil, &foreignError{fmt.Errorf("read orders that belong to adapter %s: %w", to.ref.Adapter, err)}
	default:
		r.failing[to.ref.Adapter] = err
		return orders, nil
	}
	known := make(map[string]bool) // an order that was found by number and by reference, in two calls, is one
	found := slices.DeleteFunc(answer.Orders, func(o Order) bool {
		id := cmp.Or(o.NativeID, o.Number)
		twice := known[id]
		known[id] = true
		return twice
	})
	if err := to.apply(ctx, Batch{Orders: found, ReadTime: began}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(orders, func(o Order) bool {
		return slices.ContainsFunc(found, func(f Order) bool { return f.Number == o.Number || f.Number == o.Reference && o.Reference != "" })
	}), nil
}

// as returns the order under the number by which the store knows it. Its own number stays as the native id.
func (o Order) as(number string) Order {
	if o.Number == number {
		return o
	}
	if o.NativeID == "" {
		o.NativeID = o.Number
	}
	o.Number = number
	return o
}

// Renumber returns the orders that were asked for by number: one whose reference was asked for, not its number, gets that as its
// number. Of several that share a reference none is taken for the one that was asked for; nor is any, when an order has that
// number itself. It fails on an order that was not asked for at all.
func Renumber(orders []Order, numbers []string) ([]Order, error) {
	asked := make(map[string]bool, len(numbers))
	for _, n := range numbers {
		asked[n] = true
	}
	claims := make(map[string]int, len(orders))
	for _, o := range orders {
		switch {
		case asked[o.Number]:
			claims[o.Number] += 2 // no reference comes up to it
		case o.Reference != "" && asked[o.Reference]:
			claims[o.Reference]++
		default:
			return nil, errors.New("an order was not asked for")
		}
	}
	var found []Order
	for _, o := range orders {
		switch {
		case asked[o.Number]:
			found = append(found, o)
		case claims[o.Reference] == 1:
			found = append(found, o.as(o.Reference))
		}
	}
	return found, nil
}
