package market

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// parcel is the body of a shipment.
type parcel struct{ Carrier, Parcel, URL string }

// entry is a write as the log has it.
func (c *call) entry() world.Write {
	var p parcel
	_ = json.Unmarshal(c.body, &p) // what cannot be read is not told
	return world.Write{
		API: api, Operation: c.name(c.version), Seller: c.seller.Account, Order: c.order, RequestedState: string(c.write), Action: c.write,
		Carrier: p.Carrier, TrackingNumber: p.Parcel, TrackingURL: p.URL, Lines: []world.WriteLine{}, Fault: string(c.fault.Kind),
	}
}

// decide carries a write out, and says what became of it.
func (f *Face) decide(c *call) face.Answer {
	w := c.entry()
	status, code, text := http.StatusOK, "", ""
	judge := func(o world.Order, known bool) (world.Change, *world.Refusal) {
		from, to := world.WaitingForSellerAcceptation, world.LineAccepted
		switch c.write {
		case world.Refuse:
			to = world.LineRefused
		case world.Ship:
			from, to = world.WaitingForShipmentAcceptation, world.LineShipped
		}
		switch {
		case !known:
			status, code, text = http.StatusNotFound, "order", "There is no such order."
		case o.State != from || o.Fulfilment != world.BySeller:
			status, code, text = http.StatusConflict, "state", "The order is not in the right state."
		case c.write == world.Ship && (w.Carrier == "" || w.TrackingNumber == ""):
			status, code, text = http.StatusBadRequest, "parcel", "Carrier and parcel are needed."
		default:
			return c.change(o, w, to), nil
		}
		return world.Change{}, &world.Refusal{ErrorType: code, Message: text}
	}
	if c.fault.Kind == fault.ApplyLate {
		f.World.PerformLater(w, c.fault.Params.Pause(), judge)
		return face.Answer{Status: http.StatusOK} // nobody sees it
	}
	f.World.Perform(w, judge)
	if code != "" {
		return refused(status, code, text)
	}
	return answer(map[string]any{"done": string(c.write), "order": c.request.PathValue("id")})
}

// change is what an allowed write does to an order.
func (c *call) change(o world.Order, w world.Write, to world.LineState) world.Change {
	out := world.Change{Action: c.write}
	var skus []string
	for _, l := range o.Lines {
		state := l.State
		if state.Open() {
			state = to
			skus = append(skus, l.SKU)
		}
		out.LineStates = append(out.LineStates, state)
	}
	if c.write == world.Ship {
		out.Parcel = &world.Parcel{TrackingNumber: w.TrackingNumber, Carrier: w.Carrier, TrackingURL: w.TrackingURL, SKUs: skus}
	}
	return out
}

// replace is what a fault answers instead.
func (f *Face) replace(c *call, d fault.Decision) face.Answer {
	p := d.Params
	switch d.Kind {
	case fault.HTML:
		return face.Page(p, http.StatusBadGateway)
	case fault.Malformed:
		return face.Text(cmp.Or(p.Status, http.StatusOK), jsonContent, cmp.Or(p.Body, `{"orders":[{"number":"BRO`))
	case fault.Hostile:
		return f.Hostile(p.Code, cmp.Or(p.Status, http.StatusOK), jsonContent, frame(c.action))
	case fault.Refusal:
		return refused(cmp.Or(p.Status, http.StatusBadRequest), "refused", p.Text)
	default: // fault.Throttle, fault.Quota
		a := refused(http.StatusTooManyRequests, string(d.Kind), "Come back later.")
		if p.Seconds > 0 {
			a.Header = http.Header{"Retry-After": {strconv.Itoa(p.Seconds)}}
		}
		return a
	}
}

// frame is a good answer for an action, around one text and one number.
func frame(action fault.Action) face.Frame {
	order := func(text, number string) string {
		return `{"number":` + text + `,"state":"to-ship","bought":"2026-03-19T09:57:29Z","lines":[{"id":"1","pieces":` + number + `}]}`
	}
	whole := map[fault.Action][5]string{ // before the text, up to the number, the rest, wrong types, duplicates
		fault.Token: {`{"token":`, `,"seconds":`, `}`, `{"token":{},"seconds":[]}`, `{"token":"a","token":"b","seconds":1,"seconds":2}`},
		fault.Account: {
			`{"name":`, `,"shop":`, `}`, `{"shop":{},"name":[],"accepts_by_itself":"perhaps"}`, `{"shop":"1","shop":"2","name":"a","name":"b"}`,
		},
		fault.List: {
			`{"orders":[{"state":"to-ship","number":`, `,"lines":[{"id":"1","pieces":`, `}]}],"next":""}`,
			`{"orders":[` + order(`{"a":1}`, `"many"`) + `],"next":{}}`, `{"orders":[` + order(`"A"`, `1`) + `],"orders":[],"next":"","next":""}`,
		},
		fault.Get: {
			`{"order":{"state":"to-ship","number":`, `,"lines":[{"id":"1","pieces":`, `}]}}`, `{"order":` + order(`{"a":1}`, `"many"`) + `}`,
			`{"order":` + order(`"A"`, `1,"pieces":2`) + `,"order":` + order(`"B"`, `1`) + `}`,
		},
		fault.Count:    {`{"text":`, `,"count":`, `}`, `{"count":"many"}`, `{"count":1,"count":2}`},
		fault.Carriers: {`{"carriers":[`, `,`, `]}`, `{"carriers":{"a":1}}`, `{"carriers":["A"],"carriers":["B"]}`},
		fault.Products: {
			`{"articles":[{"ean":`, `,"size":`, `}]}`, `{"articles":{"ean":[]}}`, `{"articles":[{"ean":"1","ean":"2"}],"articles":[]}`,
		},
	}
	parts, known := whole[action]
	if !known { // the writes
		parts = [5]string{`{"done":`, `,"order":`, `}`, `{"done":{},"order":[]}`, `{"done":"ship","done":"accept","order":"A","order":"B"}`}
	}
	return face.Frame{Before: parts[0], Between: parts[1], After: parts[2], WrongTypes: parts[3], Duplicates: parts[4]}
}
