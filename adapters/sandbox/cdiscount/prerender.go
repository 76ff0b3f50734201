package cdiscount

import (
	"math"
	"slices"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// blockSize is the size of the blocks that rendered orders lie in. Neighbours in a list are neighbours in a block, so that a
// list is written in few large pieces.
const blockSize = 1 << 20

// rendered is the orders that a seller started with, as GetOrderList writes them with lines and parcels. Whatever time, a
// setting or a write can change is written anew instead.
type rendered struct {
	blocks [][]byte
	rows   []row // by the seed of the order
}

// row is one rendered order with all that the usual filter looks at.
type row struct {
	block, from, to  int32 // to zero means not rendered
	state            int16 // index into orderStates
	parcels, dated   bool
	created, changed int64     // clock readings in Paris, in nanoseconds
	validUntil       time.Time // the last instant at which the order reads like this; zero means for good
}

// Prerender renders the orders that the world holds now, of every seller. It must be called before the face serves.
func (f *Face) Prerender() {
	f.rendered = map[string]*rendered{}
	for _, s := range f.World.Sellers() {
		f.rendered[s.Account] = f.render(s.Account)
	}
}

// render renders the orders of one seller, newest first.
func (f *Face) render(account string) *rendered {
	type start struct {
		number string
		seed   int
	}
	var orders []start
	f.World.Scan(account, func(h *world.Head, seed int) {
		if seed != world.Touched {
			orders = append(orders, start{h.Number, seed})
		}
	})
	out := &rendered{rows: make([]row, len(orders))}
	now := f.World.Clock().Now()
	whole := filter{fetchLines: true, fetchParcels: true}
	var d document
	for _, s := range orders {
		o, ok := f.World.Read(s.number)
		state := slices.Index(orderStates(), string(o.State))
		if !ok || !o.StateKnown(now) || state < 0 {
			continue
		}
		d.b = d.b[:0]
		d.order(&o, whole, now)
		r := &out.rows[s.seed]
		*r = row{
			state: int16(state), parcels: len(o.Parcels) > 0, dated: !o.Modified.IsZero(),
			created: clockReading(o.Created).UnixNano(), changed: clockReading(o.LastChange()).UnixNano(),
		}
		if end := o.LastChange().Add(relayMailFor); o.State == world.Shipped && !now.After(end) {
			r.validUntil = end
		}
		r.block, r.from, r.to = out.add(d.b)
	}
	return out
}

// add keeps an order and says where.
func (p *rendered) add(order []byte) (block, from, to int32) {
	last := len(p.blocks) - 1
	if last < 0 || len(p.blocks[last])+len(order) > cap(p.blocks[last]) {
		p.blocks = append(p.blocks, make([]byte, 0, max(blockSize, len(order))))
		last++
	}
	at := len(p.blocks[last])
	p.blocks[last] = append(p.blocks[last], order...)
	return int32(last), int32(at), int32(at + len(order))
}

// orderList is what a filter found, newest first.
type orderList struct {
	pieces   []piece
	orders   int   // how many
	rendered int   // how many of them are rendered
	size     int64 // of what is rendered, in bytes
}

// piece is one order that is still to be written, or any number of rendered ones.
type piece struct {
	number string
	body   []byte
}

// find finds a seller's orders.
func (f *Face) find(account string, asked filter, now time.Time) orderList {
	asked = asked.effective()
	match := asked.matcher(now)
	ready := f.rendered[account]
	if ready == nil || !asked.fetchLines || !asked.fetchParcels || len(asked.numbers) > 0 {
		ready = &rendered{}
	}
	quick, isQuick := asked.quick()
	parcelsVisible := f.World.Settings().ParcelsVisible

	var list orderList
	var block, from, to int32 // the rendered piece that grows
	closePiece := func() {
		if to > from {
			list.pieces = append(list.pieces, piece{body: ready.blocks[block][from:to]})
			list.size += int64(to - from)
		}
		from, to = 0, 0
	}
	f.World.Scan(account, func(h *world.Head, seed int) {
		var r *row
		if seed >= 0 && seed < len(ready.rows) && ready.rows[seed].to > 0 {
			r = &ready.rows[seed]
		}
		switch {
		case r != nil && isQuick:
			if !quick.matches(r) {
				return
			}
		case !match(h):
			return
		}
		list.orders++
		switch {
		case r == nil, r.parcels && !parcelsVisible, !r.validUntil.IsZero() && now.After(r.validUntil):
			closePiece()
			list.pieces = append(list.pieces, piece{number: h.Number})
			return
		case r.block == block && r.from == to && to > 0:
			to = r.to
		default:
			closePiece()
			block, from, to = r.block, r.from, r.to
		}
		list.rendered++
	})
	closePiece()
	return list
}

// quickFilter is a filter of states and dates only, in numbers that are fast to compare.
type quickFilter struct {
	states                                                         []bool // by index into orderStates
	datedOnly                                                      bool
	beginCreation, endCreation, beginModification, endModification int64
}

// quick returns the filter in numbers; ok is false when it looks at more than states and dates, or at the look-back.
func (f filter) quick() (q quickFilter, ok bool) {
	if len(f.states) == 0 || f.corporation != "" || f.country != "" || f.orderType != "None" || len(f.partnerRefs) > 0 ||
		f.beginCreation.IsZero() && f.beginModification.IsZero() {
		return quickFilter{}, false
	}
	all := orderStates()
	q = quickFilter{
		states: make([]bool, len(all)), datedOnly: f.datedOnly, beginCreation: nanoseconds(f.beginCreation, math.MinInt64),
		endCreation: nanoseconds(f.endCreation, math.MaxInt64), beginModification: nanoseconds(f.beginModification, math.MinInt64),
		endModification: nanoseconds(f.endModification, math.MaxInt64),
	}
	for _, s := range f.states {
		if at := slices.Index(all, s); at >= 0 {
			q.states[at] = true
		}
	}
	return q, true
}

// nanoseconds is a bound as a number; without one, the given number. Years beyond what the number can hold are as good as
// none, because no order is that old or young.
func nanoseconds(t time.Time, none int64) int64 {
	switch {
	case t.IsZero():
		return none
	case t.Year() < 1700:
		return math.MinInt64
	case t.Year() > 2200:
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}

func (q *quickFilter) matches(r *row) bool {
	return q.states[r.state] && (r.dated || !q.datedOnly) && r.created >= q.beginCreation && r.created <= q.endCreation &&
		r.changed >= q.beginModification && r.changed <= q.endModification
}
