package world

import (
	"cmp"
	"slices"
	"time"
)

// Action is what a seller decides about an order.
type Action string

// The decisions.
const (
	Accept         Action = "accept"
	Refuse         Action = "refuse"
	Ship           Action = "ship"
	RefuseShipment Action = "refuse-shipment"
)

// Change is a decision that a face found to be allowed.
type Change struct {
	Action     Action
	LineStates []LineState // the new state of each of Order.Lines, in order
	Parcel     *Parcel     // of Ship
}

// Refusal is why a face does not apply a write.
type Refusal struct {
	ErrorType string // in the face's words, for example "OrderStateIncoherent"
	Message   string
}

// EarlierShip tells what had become of an earlier applied shipment of the same order when a write arrived.
type EarlierShip string

// What an earlier shipment can have become.
const (
	NoEarlierShip      EarlierShip = "none"
	EarlierShipHidden  EarlierShip = "hidden"  // applied, but reads still showed the order as before
	EarlierShipVisible EarlierShip = "visible" // applied, and reads showed it
)

// Write is one write as it was received, and what became of it.
type Write struct {
	Sequence int64     `json:"sequence"` // 1, 2, 3, … in the order of arrival
	Time     time.Time `json:"time"`     // world time
	WallTime time.Time `json:"wall_time"`

	API            string      `json:"api"` // the face: "cdiscount" or "octopia"
	Operation      string      `json:"operation"`
	Seller         string      `json:"seller"` // account; empty when the token told none
	Order          string      `json:"order"`
	RequestedState string      `json:"requested_state"`  // in the face's words
	Action         Action      `json:"action,omitempty"` // what it asks for; empty when it is none of the known
	Carrier        string      `json:"carrier,omitempty"`
	TrackingNumber string      `json:"tracking_number,omitempty"`
	TrackingURL    string      `json:"tracking_url,omitempty"`
	Lines          []WriteLine `json:"lines"`

	Applied bool `json:"applied"`
	// Due is when a request that was acknowledged by nobody is carried out; Decided is when any request was. Zero Decided
	// means never, or not yet.
	Due       time.Time `json:"due,omitzero"`
	Decided   time.Time `json:"decided,omitzero"`
	ErrorType string    `json:"error_type,omitempty"` // why it was not applied, in the face's words
	Message   string    `json:"message,omitempty"`
	Fault     string    `json:"fault,omitempty"` // kind of the injected fault that hit it

	StateBefore        State       `json:"state_before,omitempty"`         // the order's real state when it arrived
	VisibleStateBefore State       `json:"visible_state_before,omitempty"` // what a read would have shown
	EarlierShip        EarlierShip `json:"earlier_ship"`
	// Doubled marks a ship request that arrived when an earlier one had been applied and reads showed it: whoever looked
	// would have known better.
	Doubled bool `json:"doubled"`
}

// WriteLine is what a write asked for one line.
type WriteLine struct {
	SKU       string `json:"sku"`
	State     string `json:"state"`
	Condition string `json:"condition,omitempty"`
}

// Decide is a face's judgement about a write. It sees the order as it really is; found is false when the seller has no such
// order.
type Decide func(o Order, found bool) (Change, *Refusal)

// Perform records a write and applies it when decide allows it. Deciding, applying and recording are one step: the log is in
// the order of application.
func (w *World) Perform(req Write, decide Decide) Write {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	at := w.log(req, now)
	w.carryOut(at, now, decide)
	return w.writes[at]
}

// PerformLater records a write now and carries it out when delay has passed in world time, as Perform would then.
func (w *World) PerformLater(req Write, delay time.Duration, decide Decide) Write {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	req.Due = now.Add(delay)
	at := w.log(req, now)
	p := pending{write: at, due: req.Due, decide: decide}
	behind, _ := slices.BinarySearchFunc(w.pending, p, func(a, b pending) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.write, b.write))
	})
	w.pending = slices.Insert(w.pending, behind, p)
	return w.writes[at]
}

// Record records a write that was received but not applied, for the reason that it carries.
func (w *World) Record(req Write) Write {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	return w.writes[w.log(req, now)]
}

// pending is a write that waits for its time.
type pending struct {
	write  int // index in World.writes
	due    time.Time
	decide Decide
}

// settle does what has become due, in the order of time. It needs w.mu.
func (w *World) settle(now time.Time) {
	for len(w.pending) > 0 && due(w.pending[0].due, now) {
		p := w.pending[0]
		w.pending = w.pending[1:]
		w.move(p.due)
		w.carryOut(p.write, p.due, p.decide)
	}
	w.move(now)
}

// owned is the record of the order that a write names; nil when the seller has no such order. It needs w.mu.
func (w *World) owned(req *Write) *record {
	if r := w.orders[req.Order]; r != nil && r.head.Seller == req.Seller {
		return r
	}
	return nil
}

// log appends to the log how the order stands at this moment, and returns the index. It needs w.mu.
func (w *World) log(req Write, now time.Time) int {
	req.EarlierShip = NoEarlierShip
	if r := w.owned(&req); r != nil {
		req.StateBefore, req.VisibleStateBefore = r.truthHead().State, r.visibleHead().State
		switch {
		case r.shipped && r.shown != nil && r.shown.State != Shipped:
			req.EarlierShip = EarlierShipHidden
		case r.shipped:
			req.EarlierShip = EarlierShipVisible
		}
	}
	req.Doubled = req.Action == Ship && req.EarlierShip == EarlierShipVisible
	req.Sequence, req.Time, req.WallTime = int64(len(w.writes)+1), now, w.clock.Wall()
	w.writes = append(w.writes, req)
	return len(w.writes) - 1
}

// carryOut lets decide judge a write of the log and applies what it allows. It needs w.mu.
func (w *World) carryOut(at int, now time.Time, decide Decide) {
	req := &w.writes[at]
	req.Decided = now
	r := w.owned(req)
	var o Order
	if r != nil {
		o = w.gen.orderOf(r).clone()
	}
	change, refusal := decide(o, r != nil)
	switch {
	case refusal != nil:
		req.ErrorType, req.Message = refusal.ErrorType, refusal.Message
	case r != nil:
		w.apply(r, change, now)
		req.Applied = true
	}
}

// apply carries out a decision. It needs w.mu.
func (w *World) apply(r *record, c Change, now time.Time) {
	o := w.touch(r)
	before := o.clone()
	o.stopTimers()
	for i := range o.Lines {
		o.Lines[i].State = c.LineStates[i]
	}
	o.Modified = now
	switch c.Action {
	case Accept:
		o.State = AcceptedBySeller
		o.PaymentStarts = now.Add(time.Duration(w.settings.PaymentStartsAfter))
		o.PaymentDone = o.PaymentStarts.Add(time.Duration(w.settings.PaymentTakes))
		w.moving[r] = struct{}{}
	case Refuse:
		o.State = RefusedBySeller
	case RefuseShipment:
		o.State = ShipmentRefusedBySeller
	case Ship:
		o.State = Shipped
		r.shipped = true
		if c.Parcel != nil {
			p := *c.Parcel
			p.VisibleFrom = now.Add(time.Duration(w.settings.ParcelVisibleAfter))
			o.Parcels = append(o.Parcels, p)
		}
		if delay := time.Duration(w.settings.ShipVisibleAfter); delay > 0 && r.shown == nil {
			r.shown, r.shownUntil = &before, now.Add(delay)
			w.moving[r] = struct{}{}
		}
	}
}

// Writes returns every write received, in the order of arrival.
func (w *World) Writes() []Write {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(now)
	return slices.Clone(w.writes)
}
