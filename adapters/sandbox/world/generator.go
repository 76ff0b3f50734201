package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	// Order numbers are written in Paris time, also where the system has no time zone data.
	_ "time/tzdata"
)

// recipe is all that is needed to make an untouched order again.
type recipe struct {
	shape  int // index into generator.shapes
	stream uint64
}

// generator invents orders. The same seed, start and position always give the same order, so an order that nobody has
// changed need not be kept: its Head and recipe are enough.
type generator struct {
	seed    uint64
	start   time.Time
	paris   *time.Location
	shapes  []shape
	weights int
	deck    bool // the first orders of a seller are one of each variety
}

func newGenerator(seed uint64, start time.Time, only []Variety) (*generator, error) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return nil, err
	}
	g := &generator{seed: seed, start: start, paris: paris, shapes: shapes()}
	for i, s := range g.shapes {
		switch {
		case len(only) > 0 && !slices.Contains(only, s.variety):
			g.shapes[i].weight = 0
		case len(only) > 0: // a variety that is never drawn otherwise is drawn when asked for
			g.shapes[i].weight = max(s.weight, 1)
		}
		g.weights += g.shapes[i].weight
	}
	for _, v := range only {
		if !v.Known() {
			return nil, fmt.Errorf("variety %q is none of %v", v, Varieties())
		}
	}
	g.deck = len(only) == 0
	return g, nil
}

// seeded makes the head of the i-th order of a seller. The first ones are one of each variety, the others are drawn. count
// is the number of orders made before in the whole world.
func (g *generator) seeded(account string, i int, count uint64) (Head, recipe) {
	r := rand.New(rand.NewPCG(g.seed, count<<1))
	rec := recipe{shape: i, stream: count}
	var age time.Duration
	if g.deck && i < len(g.shapes) {
		age = g.shapes[i].deckAge + time.Duration(r.Int64N(int64(time.Minute)))
	} else {
		rec.shape = g.draw(r)
		s := g.shapes[rec.shape]
		age = s.minAge + time.Duration(r.Int64N(int64(s.maxAge-s.minAge)))
	}
	return g.head(account, rec, g.start.Add(-age), g.start, count, r), rec
}

// draw chooses a variety by weight.
func (g *generator) draw(r *rand.Rand) int {
	n := r.IntN(g.weights)
	for i, s := range g.shapes {
		if n < s.weight {
			return i
		}
		n -= s.weight
	}
	return 0
}

// head makes the head of an order. now bounds its last change.
func (g *generator) head(account string, rec recipe, created, now time.Time, count uint64, r *rand.Rand) Head {
	s := g.shapes[rec.shape]
	created = created.UTC().Truncate(time.Millisecond)
	h := Head{
		Number: g.number(created, count), Seller: account, Variety: s.variety, State: s.state,
		Created: created, Channel: "CDSB2C", Country: "FR", Fulfilment: BySeller,
	}
	after := time.Hour + time.Duration(r.Int64N(int64(3*time.Hour)))
	if s.state == Shipped || s.state == ShipmentRefusedBySeller || s.state == AutomaticCancellation {
		after += time.Duration(r.Int64N(int64(3 * day)))
	}
	h.Modified = created.Add(after).Truncate(time.Millisecond)
	if h.Modified.After(now) {
		h.Modified = created.Add(now.Sub(created) / 2).Truncate(time.Millisecond)
	}
	switch s.variety {
	case MarketplaceFulfilled:
		h.Fulfilment = ByMarketplace
	case JustCreated:
		h.StateKnownFrom = created.Add(10 * time.Minute)
		h.Modified = time.Time{}
	case SparseOrder:
		h.Modified = time.Time{}
	case Company:
		h.PartnerRef = "PRO-" + h.Number[10:]
	case HomeLegacyCode:
		h.Channel = "CASIFR"
	default:
		if r.IntN(40) == 0 { // modification dates can be missing
			h.Modified = time.Time{}
		}
	}
	return h
}

// number makes an order number: creation in Paris time to the minute, and five characters that no other order has.
func (g *generator) number(created time.Time, count uint64) string {
	const (
		digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		base   = uint64(len(digits))
		space  = base * base * base * base * base
		step   = 7_654_321 // shares no factor with space, so no two of the first 60 million counts give the same code
	)
	b := created.In(g.paris).AppendFormat(make([]byte, 0, 15), "0601021504")
	code := (count*step + g.seed%space) % space
	for range 5 {
		b = append(b, digits[code%base])
		code /= base
	}
	return string(b)
}

// order makes the rest of an order.
func (g *generator) order(h Head, rec recipe) *Order {
	r := rand.New(rand.NewPCG(g.seed, rec.stream<<1|1))
	s := g.shapes[rec.shape]
	seconds := h.Created.Truncate(time.Second)
	o := &Order{
		Head: h, Delivery: s.delivery, Customer: inventCustomer(r),
		ShipBy: seconds.Add(4 * day), DeliverFrom: seconds.Add(8 * day), DeliverBy: seconds.Add(12 * day),
	}
	if o.Delivery == "" && s.variety != SparseOrder {
		o.Delivery = []string{"TRK", "REL", "STD", "SO1", "REG"}[r.IntN(5)]
	}
	o.BillTo = inventAddress(r, o.Customer)
	o.ShipTo = o.BillTo
	if r.IntN(5) == 0 { // a present: somebody else receives it
		o.ShipTo = inventAddress(r, inventCustomer(r))
	}
	o.Pickup = inventPickup(r, o.Delivery)
	o.Lines = inventLines(r, s)
	o.Fees = inventFees(r, s.fee)
	g.season(r, s, o)
	return o
}

// season adds what is special about a variety.
func (g *generator) season(r *rand.Rand, s shape, o *Order) {
	switch s.variety {
	case CancelRequested:
		o.Lines[len(o.Lines)-1].State = LineCancelRequested
	case AddressMissing:
		o.Addresses = AddressPartial
	case SparseOrder:
		o.Sparse = true
	case MultiLine:
		o.Lines[1].Condition = "VeryGoodState"
	case Company:
		o.BillTo.Company, o.BillTo.Building, o.BillTo.Apartment = "ATELIER D'ESSAI & FILS", "BAT C", "APPT 12"
		o.BillTo.PlaceName, o.BillTo.Instructions = "ZA DES MODÈLES", "Sonner chez l'accueil <RDC>"
		o.ShipTo = o.BillTo
		o.Lines[0].EAN = ""
		o.Lines[0].Total = o.Lines[0].Total.WithScale(4)
	case ShippedOrder:
		o.Parcels = []Parcel{inventParcel(r, o)}
	case ShippedLineNone:
		yes := true
		for i := range o.Lines {
			o.Lines[i].ShippingRefunded = &yes
		}
	}
}
