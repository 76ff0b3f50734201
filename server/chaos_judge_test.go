package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// The judgement of a chaos run rests on three things: what the marketplace wrote down of the requests that it received, and how its
// orders stand in the end; what relais's own API says of the shipments; and what the sellers said and were told.
//
// The number that an order must be shipped with is the seller's last word: that of the last notification that relais took and that
// the seller did not withdraw. Two things change it. A correction that relais refuses as CORRECTION_UNSUPPORTED was never taken. And
// one that it took may end NEEDS_ATTENTION for the same reason; then, and only then, the order bears the number that was to be
// corrected. The order bears no other number beside its own, and nothing that the seller was told is withdrawn was ever carried out.

// chaosCase is one order of a run at its end.
type chaosCase struct {
	chaosOrder
	Number string
	// Told is what the seller said, in order, and was told.
	Told []told
	// Shipments are all that the API lists for the order.
	Shipments []*marketplacev1.Shipment
	// Decision is what the API tells of its acceptance; nil for orders of other stories.
	Decision *marketplacev1.Decision
	// Writes are the requests about the order that the marketplace received, in the order of arrival.
	Writes []world.Write
	// Parcels are what the order bears in the end, shown or not.
	Parcels []world.Parcel
}

// chaosResult is what a run, or several, came to.
type chaosResult struct {
	Shipments      int `json:"shipments"` // orders that were to be shipped
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
	// Corrected counts corrections that relais took and delivered, Uncorrected those that came too late.
	Corrected, Uncorrected int `json:"-"`
	// Withdrawn counts shipments that were cancelled before anything of them was carried out.
	Withdrawn int `json:"-"`
	// Accepted counts orders that were accepted.
	Accepted int `json:"-"`
	// Scheduled counts imports that nobody asked for.
	Scheduled int `json:"-"`
	// Planned and Met are the kinds of faults that the plan holds, and what they are for, and those that calls met.
	Planned, Met map[string]bool `json:"-"`
	// Wrong is what must not be, a sentence each. A run that has any fails.
	Wrong []string `json:"-"`
}

// correctionUnsupported is why a correction comes too late.
const correctionUnsupported = "CORRECTION_UNSUPPORTED"

// judge adds one order to the result.
func (r *chaosResult) judge(c chaosCase) {
	r.Shipments++
	r.judgeWrites(c)
	if c.Story == decided {
		r.judgeDecision(c)
	}
	taken := slices.DeleteFunc(slices.Clone(c.Told), func(t told) bool { return t.Shipment == "" })
	if !r.judgeList(c, taken) {
		return
	}
	standing := -1 // index in taken of the shipment that counts
	for i, t := range taken {
		sh := c.shipment(t.Shipment)
		if sh.GetTrackingNumber() != t.Tracking {
			r.wrong(c, "%s has the tracking number %s, notified was %s", sh.GetName(), sh.GetTrackingNumber(), t.Tracking)
		}
		switch {
		case t.Withdrawn:
			r.judgeWithdrawn(c, sh)
		case i+1 < len(taken) && c.Story == corrected:
			if sh.GetState() != superseded || sh.GetReplacedBy() != taken[i+1].Shipment {
				r.wrong(c, "%s is %s, replaced by %q; its correction is %s", sh.GetName(), sh.GetState(), sh.GetReplacedBy(), taken[i+1].Shipment)
			}
		default:
			standing = i
		}
	}
	if standing < 0 {
		r.judgeMissing(c)
		return
	}
	r.judgeEnd(c, c.shipment(taken[standing].Shipment))
}

// judgeWrites judges the requests that the marketplace received.
func (r *chaosResult) judgeWrites(c chaosCase) {
	foreign, ships := 0, 0
	for _, w := range c.Writes {
		if w.Action == world.Accept && w.VisibleStateBefore.Accepted() {
			r.wrong(c, "request %d accepts it although the marketplace showed it as accepted", w.Sequence)
		}
		if w.Action != world.Ship {
			continue
		}
		ships++
		switch {
		case w.Doubled:
			r.Doubled++
			r.wrong(c, "request %d was sent although the marketplace showed the order as shipped", w.Sequence)
		case w.EarlierShip == world.EarlierShipHidden:
			r.Resent++
		}
		if !slices.ContainsFunc(c.Told, func(t told) bool { return t.Tracking == w.TrackingNumber }) {
			foreign++
		}
	}
	r.Repeats += max(ships-1, 0)
	if foreign > 0 {
		r.wrong(c, "%d requests bore a tracking number that nobody notified", foreign)
	}
}

// judgeDecision judges the acceptance of an order.
func (r *chaosResult) judgeDecision(c chaosCase) {
	applied := 0
	for _, w := range c.Writes {
		if w.Action == world.Accept && w.Applied {
			applied++
		}
	}
	if state := c.Decision.GetState(); applied != 1 || state != marketplacev1.Decision_STATE_CONFIRMED {
		r.wrong(c, "its acceptance is %s after %d were carried out: %s", state, applied, c.Decision.GetMessage())
		return
	}
	r.Accepted++
}

// judgeList compares the shipments that the API lists with those that the seller was told of. Without it nothing more can be said.
func (r *chaosResult) judgeList(c chaosCase, taken []told) bool {
	for _, t := range c.Told {
		if t.Refusal != "" && (c.Story != corrected || t.Tracking == c.First || t.Refusal != correctionUnsupported) && !c.Cancelled {
			r.wrong(c, "notifying %s was refused: %s", t.Tracking, t.Refusal)
		}
	}
	for _, t := range taken {
		if c.shipment(t.Shipment) == nil {
			r.Lost++
			r.wrong(c, "the seller was told of %s, which is not listed", t.Shipment)
			return false
		}
	}
	if len(c.Shipments) != len(taken) {
		r.wrong(c, "%d shipments exist, the seller was told of %d", len(c.Shipments), len(taken))
		return false
	}
	return true
}

// judgeWithdrawn judges a shipment that the seller was told is cancelled.
func (r *chaosResult) judgeWithdrawn(c chaosCase, sh *marketplacev1.Shipment) {
	r.Withdrawn++
	if sh.GetState() != marketplacev1.Shipment_STATE_CANCELLED || c.applied(sh.GetTrackingNumber()) > 0 {
		r.wrong(c, "%s was withdrawn; it is %s, and %d were carried out", sh.GetName(), sh.GetState(), c.applied(sh.GetTrackingNumber()))
	}
}

// judgeMissing judges an order that no shipment stands for.
func (r *chaosResult) judgeMissing(c chaosCase) {
	if c.Cancelled && len(c.Told) > 0 && len(c.Writes) == 0 {
		r.Rejected++ // before it became a shipment
		return
	}
	r.Lost++
	r.wrong(c, "there is no shipment of it")
}

// judgeEnd judges the shipment that stands for an order.
func (r *chaosResult) judgeEnd(c chaosCase, sh *marketplacev1.Shipment) {
	all := c.applied(c.Tracking) + c.applied(c.First)
	switch state := sh.GetState(); {
	case state == attention:
		r.NeedsAttention++
		if sh.GetReplaces() != "" && sh.GetReason() == correctionUnsupported && c.bears(c.First) {
			r.Uncorrected++
			return
		}
		r.wrong(c, "its shipment needs a person: %s %s", sh.GetReason(), sh.GetMessage())
	case state == confirmed && all > 0 && !c.Cancelled:
		r.Confirmed++
		r.judgeConfirmed(c, sh)
	case state == confirmed && !c.Cancelled:
		r.Confirmed++
		r.Lost++
		r.wrong(c, "its shipment is CONFIRMED, but the marketplace carried out none")
	case state == rejected && all == 0 && c.Cancelled:
		r.Rejected++
	case state == rejected && all == 0:
		r.Rejected++
		r.Lost++
		r.wrong(c, "its shipment was REJECTED without a cause: %s", sh.GetMessage())
	case state == rejected || state == confirmed:
		r.wrong(c, "its shipment is %s after %d were carried out; cancelled by the buyer: %t", state, all, c.Cancelled)
	default:
		r.Lost++
		r.wrong(c, "its shipment never ended, it stays %s: %s", state, sh.GetMessage())
	}
}

// judgeConfirmed judges the number that the order bears, and what relais says proves it.
func (r *chaosResult) judgeConfirmed(c chaosCase, sh *marketplacev1.Shipment) {
	switch {
	case !c.bears(sh.GetTrackingNumber()):
		r.wrong(c, "its shipment %s is CONFIRMED, and the order bears %s", sh.GetTrackingNumber(), c.numbers())
	case sh.GetReplaces() != "":
		r.Corrected++
	case c.Story == corrected:
		r.Uncorrected++
	}
	switch sh.GetEvidence() {
	case marketplacev1.Shipment_EVIDENCE_STATE:
	case marketplacev1.Shipment_EVIDENCE_TRACKING:
		if !c.showed(sh.GetTrackingNumber(), sh.GetUpdateTime().AsTime()) {
			r.wrong(c, "its tracking number is the evidence, which the marketplace did not show by %s", sh.GetUpdateTime().AsTime().Format(clockTime))
		}
	default:
		r.wrong(c, "it is CONFIRMED for want of evidence: %s", sh.GetEvidence())
	}
}

// shipment is one of the list, by name; nil when it is not there.
func (c chaosCase) shipment(name string) *marketplacev1.Shipment {
	for _, sh := range c.Shipments {
		if sh.GetName() == name {
			return sh
		}
	}
	return nil
}

// applied is how many ship requests with that number were carried out.
func (c chaosCase) applied(tracking string) int {
	n := 0
	for _, w := range c.Writes {
		if w.Action == world.Ship && w.Applied && w.TrackingNumber == tracking {
			n++
		}
	}
	return n
}

// numbers are those that the order bears, each once: a permissive marketplace takes the same one twice.
func (c chaosCase) numbers() []string {
	var all []string
	for _, p := range c.Parcels {
		if !slices.Contains(all, p.TrackingNumber) {
			all = append(all, p.TrackingNumber)
		}
	}
	return all
}

// bears reports whether the order bears that number and no other.
func (c chaosCase) bears(tracking string) bool { return slices.Equal(c.numbers(), []string{tracking}) }

// showed reports whether reads showed that number at an instant.
func (c chaosCase) showed(tracking string, at time.Time) bool {
	return slices.ContainsFunc(c.Parcels, func(p world.Parcel) bool { return p.TrackingNumber == tracking && !p.VisibleFrom.After(at) })
}

func (r *chaosResult) wrong(c chaosCase, format string, args ...any) {
	r.Wrong = append(r.Wrong, fmt.Sprintf("order %s of %s (%s): ", c.Number, c.API, c.Story)+fmt.Sprintf(format, args...))
}

// notMet are the planned faults that no call met.
func (r chaosResult) notMet() []string {
	var missing []string
	for f := range r.Planned {
		if !r.Met[f] {
			missing = append(missing, f)
		}
	}
	slices.Sort(missing)
	return missing
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
	r.Corrected += o.Corrected
	r.Uncorrected += o.Uncorrected
	r.Withdrawn += o.Withdrawn
	r.Accepted += o.Accepted
	r.Scheduled += o.Scheduled
	r.Planned, r.Met = union(r.Planned, o.Planned), union(r.Met, o.Met)
	r.Wrong = slices.Concat(r.Wrong, o.Wrong)
}

func union(a, b map[string]bool) map[string]bool {
	all := map[string]bool{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}
