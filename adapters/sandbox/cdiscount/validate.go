package cdiscount

import (
	"cmp"
	"strings"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// request is one ValidateOrder of a message (cdiscount-soap.md 8.1).
type request struct {
	carrier, number, state, tracking, url string
	lines                                 []requestLine
}

// action is what the request asks for; empty when its state is none that a seller may ask for.
func (q request) action() world.Action {
	for _, t := range transitions(false) {
		if t.requested == q.state {
			return t.action
		}
	}
	return ""
}

// requestLine is one ValidateOrderLine.
type requestLine struct{ state, condition, sku string }

// readRequests reads the message. ok is false when it is null or absent, or its list is.
func readRequests(message *element) (requests []request, ok bool, err error) {
	list := members(message, nsData, "OrderList")["OrderList"]
	if list == nil || list.null {
		return nil, false, nil
	}
	for _, e := range items(list, nsData, "ValidateOrder") {
		r := &reader{members: members(e, nsData, "CarrierName", "OrderLineList", "OrderNumber", "OrderState", "TrackingNumber", "TrackingUrl")}
		q := request{
			carrier: r.text("CarrierName"), number: r.text("OrderNumber"), tracking: r.text("TrackingNumber"), url: r.text("TrackingUrl"),
			state: r.enum("OrderState", "OrderStateEnum", orderStates(), false),
		}
		for _, l := range items(r.members["OrderLineList"], nsData, "ValidateOrderLine") {
			line, lineErr := readRequestLine(l)
			if lineErr != nil && r.err == nil {
				r.err = lineErr
			}
			q.lines = append(q.lines, line)
		}
		if r.err != nil && err == nil {
			err = r.err
		}
		requests = append(requests, q)
	}
	return requests, true, err
}

// readRequestLine reads a line. An empty TypeOfReturn is an illegal value: the official SDK sends one, and faults were
// reported for it (cdiscount-soap.md 8.2).
func readRequestLine(e *element) (requestLine, error) {
	r := &reader{members: members(e, nsData, "AcceptationState", "ProductCondition", "SellerProductId", "TypeOfReturn")}
	l := requestLine{
		state:     r.enum("AcceptationState", "AcceptationStateEnum", lineStates(), false),
		condition: r.enum("ProductCondition", "ProductConditionEnum", conditions(), false),
		sku:       r.text("SellerProductId"),
	}
	r.enum("TypeOfReturn", "AskingForReturnType", []string{"AskingForReturn", "AskingForReturnAndRemoval"}, true)
	return l, r.err
}

// entry is the request as the log of writes has it.
func (q request) entry(c *call) world.Write {
	w := world.Write{
		API: api, Operation: c.op.name, Seller: c.seller.Account, Order: q.number, RequestedState: q.state, Action: q.action(),
		Carrier:        q.carrier,
		TrackingNumber: q.tracking, TrackingURL: q.url, Lines: []world.WriteLine{}, Fault: c.fault,
	}
	for _, l := range q.lines {
		w.Lines = append(w.Lines, world.WriteLine{SKU: l.sku, State: l.state, Condition: l.condition})
	}
	return w
}

// orderNumbers are the orders that a call names: those that it writes, or asks for by number.
func (c *call) orderNumbers() []string {
	if !c.op.write {
		return c.numbersAsked()
	}
	requests, _, _ := readRequests(c.parameter()) // illegal values do not hide the numbers
	numbers := make([]string, len(requests))
	for i, q := range requests {
		numbers[i] = q.number
	}
	return numbers
}

// numbersAsked are the order numbers that an order list is asked for; none for other operations.
func (c *call) numbersAsked() []string {
	if c.op.name != "GetOrderList" {
		return nil
	}
	asked, _ := readFilter(c.parameter())
	return asked.numbers
}

// action is what the call is for. A message with a shipment among decisions of other kinds counts as a shipment.
func (c *call) action() fault.Action {
	switch {
	case c.op.write:
		requests, _, _ := readRequests(c.parameter())
		action := fault.Action("")
		for _, q := range requests {
			switch q.action() {
			case world.Ship, world.RefuseShipment:
				return fault.Ship
			case world.Accept, world.Refuse:
				action = fault.Decide
			}
		}
		return action
	case len(c.numbersAsked()) > 0:
		return fault.Get
	default:
		return c.op.actions[0]
	}
}

// recordLost records the writes of a call that a fault kept from being carried out.
func (f *Face) recordLost(c *call, d fault.Decision) {
	c.fault = string(d.Kind)
	f.recordRefused(c, "")
}

// recordRefused records the writes of a call that was refused as a whole, with the reason.
func (f *Face) recordRefused(c *call, errorType string) {
	if !c.op.write {
		return
	}
	requests, _, _ := readRequests(c.parameter()) // what can be read of it
	for _, q := range requests {
		w := q.entry(c)
		w.ErrorType = errorType
		f.World.Record(w)
	}
}

// validateOrderList applies what the seller decided about orders (cdiscount-soap.md 8). Orders are independent of each other.
func (f *Face) validateOrderList(c *call) face.Answer {
	requests, ok, err := readRequests(c.parameter())
	switch {
	case err != nil:
		f.recordRefused(c, "DeserializationFailed")
		return deserializationFailed(c.op.parameter, err)
	case !ok:
		b := c.base()
		b.message = "Invalid request object"
		b.errors = []problem{{"InvalidRequest", b.message}}
		return refusal(c.op, b)
	}
	habits := f.World.Settings()
	outcomes := make([]outcome, len(requests))
	var messages []string
	for i, q := range requests {
		var v verdict
		decide := func(o world.Order, found bool) (world.Change, *world.Refusal) {
			v = judge(q, o, found, habits)
			return v.change, v.refusal()
		}
		if c.late > 0 {
			f.World.PerformLater(q.entry(c), c.late, decide)
			continue // nobody sees the answer
		}
		f.World.Perform(q.entry(c), decide)
		outcomes[i] = outcome{request: q, verdict: v}
		if !v.validated() {
			messages = append(messages, q.number+" error: "+v.errors[0].message)
		}
	}
	b := c.base()
	b.message = cmp.Or(strings.Join(messages, " "), b.message) // success all the same (cdiscount-soap.md 4.1)
	return validated(c.op, b, outcomes)
}

// validated is the answer that holds an outcome for each order.
func validated(op operation, b base, outcomes []outcome) face.Answer {
	return result(op, b, func(d *document) {
		if len(outcomes) == 0 {
			d.empty("ValidateOrderResults")
			return
		}
		d.open("ValidateOrderResults")
		for _, o := range outcomes {
			d.outcome(o)
		}
		d.close("ValidateOrderResults")
	})
}

// outcome is a request with what was decided.
type outcome struct {
	request
	verdict
}

// outcome writes one ValidateOrderResult (cdiscount-soap.md 8.3). The shape of a success was never recorded.
func (d *document) outcome(o outcome) {
	d.open("ValidateOrderResult")
	d.problems("Errors", o.errors)
	d.textOrNull("OrderNumber", o.number)
	if len(o.lineErrors) == 0 {
		d.empty("ValidateOrderLineResults")
	} else {
		d.open("ValidateOrderLineResults")
		for i, l := range o.lines {
			d.open("ValidateOrderLineResult")
			d.problems("Errors", o.lineErrors[i])
			d.textOrNull("SellerProductId", l.sku)
			d.boolean("Updated", o.validated())
			d.close("ValidateOrderLineResult")
		}
		d.close("ValidateOrderLineResults")
	}
	d.boolean("Validated", o.validated())
	d.empty("Warnings")
	d.close("ValidateOrderResult")
}
