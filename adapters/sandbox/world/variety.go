package world

import (
	"slices"
	"time"
)

// Variety is a kind of order that the world can invent.
type Variety string

// The varieties. The comments name what is special about each.
const (
	HomeTracked          Variety = "home-tracked"
	HomeStandard         Variety = "home-standard"    // three pieces whose total does not divide by three
	HomeRegistered       Variety = "home-registered"  // with the fee FRAISTRAITEMENT
	HomeExpress          Variety = "home-express"     //
	HomeLegacyCode       Variety = "home-legacy-code" // delivery code COL, which means STD
	MondialRelay         Variety = "mondial-relay"
	MondialRelayFee      Variety = "mondial-relay-fee" // with the fee INTERETBCA, and a line of two pieces
	Colissimo            Variety = "colissimo-point"
	RelaisColis          Variety = "relais-colis"
	MultiLine            Variety = "multi-line"            // three lines, one of them used goods
	Company              Variety = "company"               // every part of the address, an invented EAN, trailing zeros
	MarketplaceFulfilled Variety = "marketplace-fulfilled" // not the seller's to ship
	CancelRequested      Variety = "cancel-requested"      // to ship, but the buyer asks to cancel a line
	AddressMissing       Variety = "address-missing"       // to ship, but the address is still withheld
	SparseOrder          Variety = "sparse"                // to ship, with nothing but what must be sent
	JustCreated          Variety = "just-created"          // state and addresses are not told yet
	WaitingAcceptance    Variety = "waiting-acceptance"
	Accepted             Variety = "accepted"
	PaymentRunning       Variety = "payment-in-progress"
	ShippedOrder         Variety = "shipped"           // lines ShippedBySeller, with a parcel
	ShippedLineNone      Variety = "shipped-line-none" // as recorded: lines None, no parcel
	CancelledOrder       Variety = "cancelled"
	RefusedOrder         Variety = "refused"
	ShipmentRefused      Variety = "shipment-refused"
	AutoCancelled        Variety = "auto-cancelled"
	PaymentRefusedOrder  Variety = "payment-refused"
)

// shape is what a variety prescribes. Combinations of order and line state follow cdiscount-soap.md 7.3 where recorded.
type shape struct {
	variety   Variety
	state     State
	lineState LineState // empty: LineStateFor(state)
	delivery  string
	lines     int    // zero: one or two
	quantity  int    // of the first line; zero: mostly one
	fee       string // code of a fee; empty: sometimes one
	weight    int    // how often it is drawn, out of the sum of all weights
	deckAge   time.Duration
	minAge    time.Duration // youngest and oldest when drawn
	maxAge    time.Duration
}

const day = 24 * time.Hour

// shapes returns all varieties, those first that a small world must have. About half of the weight is to ship.
func shapes() []shape {
	toShip := func(v Variety, delivery string, weight int, deckAge time.Duration) shape {
		return shape{
			variety: v, state: WaitingForShipmentAcceptation, delivery: delivery, weight: weight,
			deckAge: deckAge, minAge: 20 * time.Minute, maxAge: 22 * day,
		}
	}
	early := func(v Variety, s State, weight int, deckAge time.Duration) shape {
		return shape{variety: v, state: s, weight: weight, deckAge: deckAge, minAge: 15 * time.Minute, maxAge: 2 * day}
	}
	ended := func(v Variety, s State, line LineState, weight int, deckAge time.Duration) shape {
		return shape{variety: v, state: s, lineState: line, weight: weight, deckAge: deckAge, minAge: day, maxAge: 45 * day}
	}
	with := func(s shape, change func(*shape)) shape { change(&s); return s }

	return []shape{
		with(toShip(MondialRelayFee, "REL", 30, 26*time.Hour), func(s *shape) { s.lines, s.quantity, s.fee = 2, 2, "INTERETBCA" }),
		toShip(HomeTracked, "TRK", 120, 5*time.Hour),
		toShip(Colissimo, "SO1", 50, 2*day),
		with(toShip(HomeStandard, "STD", 50, 3*day), func(s *shape) { s.lines, s.quantity = 1, 3 }),
		with(toShip(HomeRegistered, "REG", 25, 79*time.Hour), func(s *shape) { s.fee = "FRAISTRAITEMENT" }),
		toShip(MarketplaceFulfilled, "M30", 30, 4*day),
		early(WaitingAcceptance, WaitingForSellerAcceptation, 40, 35*time.Minute),
		early(PaymentRunning, PaymentInProgress, 20, 100*time.Minute),
		ended(ShippedLineNone, Shipped, LineNone, 60, 12*day),
		ended(ShippedOrder, Shipped, LineShipped, 300, 9*day),
		ended(CancelledOrder, CancelledByCustomer, LineCancelledBeforePayment, 30, 6*day),
		ended(RefusedOrder, RefusedBySeller, LineCancelledBeforePayment, 15, 8*day),
		ended(ShipmentRefused, ShipmentRefusedBySeller, LineRefundedAfterRefusal, 15, 10*day),
		with(toShip(CancelRequested, "TRK", 5, 30*time.Hour), func(s *shape) { s.lines = 2 }),
		with(toShip(MultiLine, "TRK", 40, 15*day), func(s *shape) { s.lines = 3 }),
		with(early(JustCreated, WaitingForSellerAcceptation, 0, 4*time.Minute), func(s *shape) { s.minAge, s.maxAge = 0, 9*time.Minute }),
		toShip(AddressMissing, "REL", 5, 28*time.Hour),
		early(Accepted, AcceptedBySeller, 15, 50*time.Minute),
		ended(AutoCancelled, AutomaticCancellation, "", 15, 13*day),
		ended(PaymentRefusedOrder, PaymentRefused, "", 10, 14*day),
		toShip(MondialRelay, "REL", 80, 41*time.Hour),
		toShip(RelaisColis, "RCO", 20, 5*day),
		toShip(Company, "TRK", 15, 16*day),
		toShip(HomeLegacyCode, "COL", 5, 17*day),
		toShip(HomeExpress, "EXP", 5, 11*time.Hour),
		toShip(SparseOrder, "", 0, 18*day),
	}
}

// Varieties lists all varieties.
func Varieties() []Variety {
	all := shapes()
	out := make([]Variety, len(all))
	for i, s := range all {
		out[i] = s.variety
	}
	return out
}

// Known reports whether the world can invent such an order.
func (v Variety) Known() bool { return slices.Contains(Varieties(), v) }
