package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// The judgement of a chaos run rests on two things alone: what the marketplace wrote down of the requests that it received, and
// what relais's own API says of the shipments.

// chaosCase is one order of a run at its end.
type chaosCase struct {
	chaosOrder
	Number string
	// Refused tells that NotifyShipment refused for good, so that there is no shipment.
	Refused bool
	// Shipments are all that the API lists for the order.
	Shipments []*marketplacev1.Shipment
	// Writes are the ship requests that the marketplace received for the order, in the order of arrival.
	Writes []world.Write
}

// chaosResult is what a run, or several, came to.
type chaosResult struct {
	Shipments      int `json:"shipments"`
	Confirmed      int `json:"confirmed"`
	Rejected       int `json:"rejected"`
	NeedsAttention int `json:"needs_attention"`
	// Lost counts orders that should have been shipped and are not, or whose shipment never ended.
	Lost int `json:"lost"`
	// Doubled counts ship requests that were received for an order after one had been applied and had become visible to reads.
	Doubled      int     `json:"doubled"`
	Kills        int     `json:"kills"`         // of the server
	AdapterKills int     `json:"adapter_kills"` // of adapters
	Faults       int     `json:"faults"`        // calls that the marketplace let fail, or answered late
	Seconds      float64 `json:"seconds"`

	// Resent counts requests that followed an applied one which did not show yet. They are no fault of relais's: nobody could
	// have known.
	Resent int `json:"-"`
	// Repeats counts ship requests beyond the first of their orders, whatever became of either.
	Repeats int `json:"-"`
	// Wrong is what must not be, a sentence each. A run that has any fails.
	Wrong []string `json:"-"`
}

// judge adds one order to the result.
func (r *chaosResult) judge(c chaosCase) {
	r.Shipments++
	var applied, foreign int
	for _, w := range c.Writes {
		switch {
		case w.Doubled:
			r.Doubled++
			r.wrong(c, "request %d was sent although the marketplace showed the order as shipped", w.Sequence)
		case w.EarlierShip == world.EarlierShipHidden:
			r.Resent++
		}
		if w.Applied {
			applied++
		}
		if w.TrackingNumber != c.Tracking {
			foreign++
		}
	}
	r.Repeats += max(len(c.Writes)-1, 0)
	if foreign > 0 {
		r.wrong(c, "%d requests bore another tracking number than %s", foreign, c.Tracking)
	}
	switch len(c.Shipments) {
	case 0:
		r.judgeMissing(c)
	case 1:
		r.judgeEnd(c, c.Shipments[0], applied)
	default:
		r.wrong(c, "%d shipments exist, though one was asked for", len(c.Shipments))
	}
}

// judgeMissing judges an order without a shipment.
func (r *chaosResult) judgeMissing(c chaosCase) {
	if c.Refused && c.Cancelled && len(c.Writes) == 0 {
		r.Rejected++ // before it became a shipment
		return
	}
	r.Lost++
	r.wrong(c, "there is no shipment of it")
}

// judgeEnd judges the one shipment of an order.
func (r *chaosResult) judgeEnd(c chaosCase, sh *marketplacev1.Shipment, applied int) {
	if sh.GetTrackingNumber() != c.Tracking {
		r.wrong(c, "its shipment has the tracking number %s", sh.GetTrackingNumber())
	}
	switch state := sh.GetState(); {
	case state == attention:
		r.NeedsAttention++
		r.wrong(c, "its shipment needs a person: %s", sh.GetMessage())
	case state == confirmed && applied > 0 && !c.Cancelled:
		r.Confirmed++
	case state == confirmed && !c.Cancelled:
		r.Confirmed++
		r.Lost++
		r.wrong(c, "its shipment is CONFIRMED, but the marketplace carried out none")
	case state == rejected && applied == 0 && c.Cancelled:
		r.Rejected++
	case state == rejected && applied == 0:
		r.Rejected++
		r.Lost++
		r.wrong(c, "its shipment was REJECTED without a cause: %s", sh.GetMessage())
	case state == rejected || state == confirmed:
		r.wrong(c, "its shipment is %s after %d were carried out; cancelled by the buyer: %t", state, applied, c.Cancelled)
	default:
		r.Lost++
		r.wrong(c, "its shipment never ended, it stays %s: %s", state, sh.GetMessage())
	}
}

func (r *chaosResult) wrong(c chaosCase, format string, args ...any) {
	r.Wrong = append(r.Wrong, fmt.Sprintf("order %s of %s: ", c.Number, c.API)+fmt.Sprintf(format, args...))
}

// add adds another run.
func (r *chaosResult) add(o chaosResult) {
	r.Shipments += o.Shipments
	r.Confirmed += o.Confirmed
	r.Rejected += o.Rejected
	r.NeedsAttention += o.NeedsAttention
	r.Lost += o.Lost
	r.Doubled += o.Doubled
	r.Kills += o.Kills
	r.AdapterKills += o.AdapterKills
	r.Faults += o.Faults
	r.Seconds += o.Seconds
	r.Resent += o.Resent
	r.Repeats += o.Repeats
	r.Wrong = slices.Concat(r.Wrong, o.Wrong)
}

// TestChaosJudge: each way in which a shipment can go wrong is found, and nothing else is.
func TestChaosJudge(t *testing.T) {
	t.Parallel()
	const tracking = "6A00000000001"
	shipment := func(state marketplacev1.Shipment_State) []*marketplacev1.Shipment {
		return []*marketplacev1.Shipment{{State: state, TrackingNumber: tracking}}
	}
	applied := world.Write{Action: world.Ship, TrackingNumber: tracking, Applied: true, EarlierShip: world.NoEarlierShip}
	lost := world.Write{Action: world.Ship, TrackingNumber: tracking, EarlierShip: world.NoEarlierShip}
	hidden := world.Write{Action: world.Ship, TrackingNumber: tracking, Applied: true, EarlierShip: world.EarlierShipHidden}
	doubled := world.Write{Action: world.Ship, TrackingNumber: tracking, EarlierShip: world.EarlierShipVisible, Doubled: true}
	foreign := world.Write{Action: world.Ship, TrackingNumber: "6A9", Applied: true, EarlierShip: world.NoEarlierShip}

	type counts struct {
		confirmed, rejected, attention, lost, doubled, resent, wrong int
	}
	tests := []struct {
		name string
		in   chaosCase
		want counts
	}{
		{"shipped once", chaosCase{Shipments: shipment(confirmed), Writes: []world.Write{applied}}, counts{confirmed: 1}},
		{"sent again after one that never arrived", chaosCase{Shipments: shipment(confirmed), Writes: []world.Write{lost, applied}}, counts{confirmed: 1}},
		{"sent again before the first one showed", chaosCase{Shipments: shipment(confirmed), Writes: []world.Write{applied, hidden}}, counts{confirmed: 1, resent: 1}},
		{"sent again though it showed", chaosCase{Shipments: shipment(confirmed), Writes: []world.Write{applied, doubled}}, counts{confirmed: 1, doubled: 1, wrong: 1}},
		{"sent twice again", chaosCase{Shipments: shipment(confirmed), Writes: []world.Write{applied, doubled, doubled}}, counts{confirmed: 1, doubled: 2, wrong: 2}},
		{"confirmed, and nothing was sent", chaosCase{Shipments: shipment(confirmed)}, counts{confirmed: 1, lost: 1, wrong: 1}},
		{"confirmed, and nothing arrived", chaosCase{Shipments: shipment(confirmed), Writes: []world.Write{lost}}, counts{confirmed: 1, lost: 1, wrong: 1}},
		{"never ended", chaosCase{Shipments: shipment(sending), Writes: []world.Write{lost}}, counts{lost: 1, wrong: 1}},
		{"applied, and relais does not know", chaosCase{Shipments: shipment(acknowledged), Writes: []world.Write{applied}}, counts{lost: 1, wrong: 1}},
		{"a person must look", chaosCase{Shipments: shipment(attention), Writes: []world.Write{applied}}, counts{attention: 1, wrong: 1}},
		{"never accepted", chaosCase{}, counts{lost: 1, wrong: 1}},
		{"refused without a cause", chaosCase{Refused: true}, counts{lost: 1, wrong: 1}},
		{"rejected without a cause", chaosCase{Shipments: shipment(rejected), Writes: []world.Write{lost}}, counts{rejected: 1, lost: 1, wrong: 1}},
		{"rejected, and shipped", chaosCase{Shipments: shipment(rejected), Writes: []world.Write{applied}}, counts{wrong: 1}},
		{"cancelled by the buyer", chaosCase{chaosOrder: chaosOrder{Cancelled: true}, Shipments: shipment(rejected)}, counts{rejected: 1}},
		{"cancelled by the buyer, and known to be", chaosCase{chaosOrder: chaosOrder{Cancelled: true}, Refused: true}, counts{rejected: 1}},
		{"cancelled by the buyer, and shipped", chaosCase{chaosOrder: chaosOrder{Cancelled: true}, Shipments: shipment(confirmed), Writes: []world.Write{applied}}, counts{wrong: 1}},
		{"another tracking number was sent", chaosCase{Shipments: shipment(confirmed), Writes: []world.Write{foreign}}, counts{confirmed: 1, wrong: 1}},
		{"two shipments", chaosCase{Shipments: slices.Concat(shipment(confirmed), shipment(confirmed)), Writes: []world.Write{applied}}, counts{wrong: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.in.Tracking = tracking
			var r chaosResult
			r.judge(tt.in)
			got := counts{r.Confirmed, r.Rejected, r.NeedsAttention, r.Lost, r.Doubled, r.Resent, len(r.Wrong)}
			if got != tt.want || r.Shipments != 1 {
				t.Errorf("judged %+v, want %+v: %q", got, tt.want, r.Wrong)
			}
		})
	}
}
