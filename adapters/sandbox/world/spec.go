package world

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"
)

// Errors of changing orders.
var (
	ErrNoSeller = errors.New("no such seller")
	ErrNoOrder  = errors.New("no such order")
)

// Spec asks for new orders. Fields that are left out are invented as the variety has it.
type Spec struct {
	Seller  string  `json:"seller"`  // account; empty means the first seller
	Variety Variety `json:"variety"` // empty means drawn at random, or home-tracked when any other field is given
	Count   int     `json:"count"`   // zero means one; more than one only without Number

	Number     string       `json:"number"` // must be new; empty means invented
	State      State        `json:"state"`
	Created    *time.Time   `json:"created"`   // default: now
	Purchased  *time.Time   `json:"purchased"` // default: when it is created
	Modified   *time.Time   `json:"modified"`
	NoModified bool         `json:"no_modified"` // the marketplace sends no modification date
	PartnerRef string       `json:"partner_ref"`
	Channel    string       `json:"channel"`
	Country    string       `json:"country"`
	Fulfilment Fulfilment   `json:"fulfilment"`
	Delivery   string       `json:"delivery"` // any code; REL, SO1 and RCO get a pickup point
	Pickup     *PickupPoint `json:"pickup"`
	Addresses  AddressView  `json:"addresses"`
	Customer   *Customer    `json:"customer"`
	BillTo     *Address     `json:"bill_to"`
	ShipTo     *Address     `json:"ship_to"`
	Lines      []Line       `json:"lines"`
	Fees       []Fee        `json:"fees"` // an empty list means none, a missing one means as the variety has it
	Parcels    []Parcel     `json:"parcels"`
	ShipBy     *time.Time   `json:"ship_by"`
	Claim      bool         `json:"claim"`
	Vouchers   []Voucher    `json:"vouchers"`
	// How long after its creation the state is not told, and the addresses are not. Zero means as the settings have it.
	StateUnknown   Duration `json:"state_unknown_for"`
	AddressesAfter Duration `json:"addresses_after"`
}

// empty reports whether nothing is asked for but some order.
func (s Spec) empty() bool {
	return s.Number == "" && s.State == "" && s.Delivery == "" && s.Lines == nil && s.Pickup == nil && s.Fulfilment == ""
}

// Create makes orders and returns their numbers. It fails with ErrNoSeller, on an unknown variety, or when the number
// exists.
func (w *World) Create(spec Spec) ([]string, error) {
	if spec.Variety != "" && !spec.Variety.Known() {
		return nil, fmt.Errorf("variety %q is none of %v", spec.Variety, Varieties())
	}
	if spec.Count < 0 || spec.Count > 1 && spec.Number != "" {
		return nil, errors.New("count must be positive, and only one order can have a given number")
	}
	if err := spec.check(); err != nil {
		return nil, err
	}
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	account := spec.Seller
	if account == "" {
		account = w.accounts[0]
	}
	book := w.sellers[account]
	if book == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoSeller, account)
	}
	if w.orders[spec.Number] != nil {
		return nil, fmt.Errorf("order %s exists already", spec.Number)
	}
	numbers := make([]string, 0, max(spec.Count, 1))
	for range max(spec.Count, 1) {
		o := w.invent(account, spec, now)
		w.insert(book, o)
		numbers = append(numbers, o.Number)
	}
	return numbers, nil
}

// words are what states and codes are made of; a document of any face can hold them as they are.
var words = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

func (s Spec) check() error {
	for field, value := range map[string]string{
		"number": s.Number, "state": string(s.State), "delivery": s.Delivery, "channel": s.Channel, "country": s.Country,
	} {
		if !words.MatchString(value) {
			return fmt.Errorf("%s must be at most 64 letters, digits, '-' and '_'", field)
		}
	}
	switch s.Fulfilment {
	case "", BySeller, ByMarketplace:
	default:
		return fmt.Errorf("fulfilment %q is none of %s, %s", s.Fulfilment, BySeller, ByMarketplace)
	}
	for _, v := range s.Vouchers {
		if err := v.check(); err != nil {
			return err
		}
	}
	return s.Addresses.check()
}

func (v Voucher) check() error {
	switch v.Source {
	case "", "Customer", "CDiscount", "Seller":
		return nil
	default:
		return fmt.Errorf("voucher source %q is none of Customer, CDiscount, Seller", v.Source)
	}
}

func (v AddressView) check() error {
	switch v {
	case AddressByState, AddressFull, AddressPartial, AddressNone:
		return nil
	default:
		return fmt.Errorf("addresses %q is none of %s, %s, %s", v, AddressFull, AddressPartial, AddressNone)
	}
}

// invent makes one order of a spec. It needs w.mu.
func (w *World) invent(account string, spec Spec, now time.Time) *Order {
	r, count := w.next()
	rec := recipe{stream: count}
	switch {
	case spec.Variety != "":
		rec.shape = slices.IndexFunc(w.gen.shapes, func(s shape) bool { return s.variety == spec.Variety })
	case spec.empty():
		rec.shape = w.gen.draw(r)
	default:
		rec.shape = slices.IndexFunc(w.gen.shapes, func(s shape) bool { return s.variety == HomeTracked })
	}
	created := now
	assign(&created, spec.Created)
	o := w.gen.order(w.gen.head(account, rec, created, now, count, r), rec)
	spec.dress(o, r)
	w.delay(o, spec)
	return o
}

// delay keeps state and addresses of a new order back for as long as the spec or the settings have it. It needs w.mu.
func (w *World) delay(o *Order, spec Spec) {
	late := func(asked, usual Duration) time.Time { return o.Created.Add(time.Duration(cmp.Or(asked, usual))) }
	if spec.StateUnknown > 0 || w.settings.StateUnknownFor > 0 {
		o.StateKnownFrom = late(spec.StateUnknown, w.settings.StateUnknownFor)
	}
	if spec.AddressesAfter > 0 || w.settings.AddressesLateBy > 0 && !o.State.BeforePayment() {
		o.AddressesFrom = late(spec.AddressesAfter, w.settings.AddressesLateBy)
	}
}

// dress replaces what the spec gives.
func (s Spec) dress(o *Order, r *rand.Rand) {
	if s.Number != "" {
		o.Number = s.Number
	}
	if s.State != "" {
		o.State = s.State
		o.setLines(LineStateFor(s.State))
	}
	if s.Purchased != nil {
		o.Purchased = s.Purchased.UTC().Truncate(time.Millisecond)
	}
	if s.Modified != nil {
		o.Modified = s.Modified.UTC().Truncate(time.Millisecond)
	}
	if s.NoModified {
		o.Modified = time.Time{}
	}
	for to, from := range map[*string]string{
		&o.PartnerRef: s.PartnerRef, &o.Channel: s.Channel, &o.Country: s.Country,
	} {
		if from != "" {
			*to = from
		}
	}
	if s.Fulfilment != "" {
		o.Fulfilment = s.Fulfilment
	}
	if s.Delivery != "" {
		o.Delivery = s.Delivery
		o.Pickup = inventPickup(r, s.Delivery)
	}
	if s.Pickup != nil {
		p := *s.Pickup
		o.Pickup = &p
	}
	if s.Addresses != "" {
		o.Addresses = s.Addresses
	}
	assign(&o.Customer, s.Customer)
	assign(&o.BillTo, s.BillTo)
	assign(&o.ShipTo, s.ShipTo)
	assign(&o.ShipBy, s.ShipBy)
	if s.Lines != nil {
		o.Lines = slices.Clone(s.Lines)
		for i := range o.Lines {
			o.Lines[i].complete(o.State)
		}
	}
	if s.Fees != nil {
		o.Fees = slices.Clone(s.Fees)
	}
	if s.Parcels != nil {
		o.Parcels = slices.Clone(s.Parcels)
	}
	o.Claim, o.Vouchers = s.Claim, slices.Clone(s.Vouchers)
}

// complete fills in what a given line left out.
func (l *Line) complete(s State) {
	if l.State == "" {
		l.State = LineStateFor(s)
	}
	if l.Quantity == 0 {
		l.Quantity = 1
	}
	if l.Condition == "" {
		l.Condition = "New"
	}
	if l.ProductID == "" {
		l.ProductID = "DEM" + l.SKU
	}
	if l.Title == "" {
		l.Title = l.SKU
	}
}

// Patch changes an order as the marketplace itself or the buyer would. Nil fields stay.
type Patch struct {
	State *State `json:"state"` // the lines follow, unless LineStates says otherwise; timers stop
	// LineStates gives lines a state, by SKU.
	LineStates map[string]LineState `json:"line_states"`
	// CancelRequested names the SKU of a line that the buyer asks to cancel.
	CancelRequested *string      `json:"cancel_requested"`
	Addresses       *AddressView `json:"addresses"`
	PartnerRef      *string      `json:"partner_ref"`
	Delivery        *string      `json:"delivery"`
	Parcels         *[]Parcel    `json:"parcels"`
	Claim           *bool        `json:"claim"`
	Vouchers        *[]Voucher   `json:"vouchers"`
	// Modified sets the modification date; without it, it becomes now.
	Modified *time.Time `json:"modified"`
	// NoModified takes the modification date away; KeepModified leaves it as it is.
	NoModified   bool `json:"no_modified"`
	KeepModified bool `json:"keep_modified"`
}

// Update changes an order. Reads show the change at once. It fails with ErrNoOrder, or when a line is not part of the order.
func (w *World) Update(number string, p Patch) error {
	if p.Addresses != nil {
		if err := p.Addresses.check(); err != nil {
			return err
		}
	}
	if p.Vouchers != nil {
		for _, v := range *p.Vouchers {
			if err := v.check(); err != nil {
				return err
			}
		}
	}
	if p.State != nil && (!words.MatchString(string(*p.State)) || *p.State == "") {
		return errors.New("state must be 1 to 64 letters, digits, '-' and '_'")
	}
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	r := w.orders[number]
	if r == nil {
		return fmt.Errorf("%w: %s", ErrNoOrder, number)
	}
	next := w.gen.orderOf(r).clone()
	paid := !next.State.BeforePayment()
	if err := p.apply(&next, now); err != nil {
		return err
	}
	if late := w.settings.AddressesLateBy; late > 0 && !paid && !next.State.BeforePayment() {
		next.AddressesFrom = now.Add(time.Duration(late))
	}
	r.order, r.shown = &next, nil
	return nil
}

// Touch gives an order the present as its modification date and changes nothing else. It fails with ErrNoOrder.
func (w *World) Touch(number string) error {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	r := w.orders[number]
	if r == nil {
		return fmt.Errorf("%w: %s", ErrNoOrder, number)
	}
	w.touch(r).Modified = now
	if r.shown != nil {
		r.shown.Modified = now
	}
	return nil
}

func (p Patch) apply(o *Order, now time.Time) error {
	if p.State != nil {
		o.State = *p.State
		o.StateKnownFrom = time.Time{}
		o.setLines(LineStateFor(*p.State))
		o.stopTimers()
	}
	states := map[string]LineState{}
	if p.CancelRequested != nil {
		states[*p.CancelRequested] = LineCancelRequested
	}
	for sku, s := range p.LineStates {
		states[sku] = s
	}
	for sku, s := range states {
		at := slices.IndexFunc(o.Lines, func(l Line) bool { return l.SKU == sku })
		if at < 0 {
			return fmt.Errorf("order %s has no line %q", o.Number, sku)
		}
		if !words.MatchString(string(s)) {
			return errors.New("a line state must be at most 64 letters, digits, '-' and '_'")
		}
		o.Lines[at].State = s
	}
	assign(&o.Addresses, p.Addresses)
	assign(&o.PartnerRef, p.PartnerRef)
	assign(&o.Delivery, p.Delivery)
	assign(&o.Parcels, p.Parcels)
	assign(&o.Claim, p.Claim)
	assign(&o.Vouchers, p.Vouchers)
	switch {
	case p.NoModified:
		o.Modified = time.Time{}
	case p.Modified != nil:
		o.Modified = p.Modified.UTC().Truncate(time.Millisecond)
	case !p.KeepModified:
		o.Modified = now
	}
	return nil
}

// Remove takes an order out of the world. It fails with ErrNoOrder.
func (w *World) Remove(number string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.orders[number]
	if r == nil {
		return fmt.Errorf("%w: %s", ErrNoOrder, number)
	}
	delete(w.orders, number)
	delete(w.moving, r)
	book := w.sellers[r.head.Seller]
	book.orders = slices.DeleteFunc(book.orders, func(other *record) bool { return other == r })
	return nil
}
