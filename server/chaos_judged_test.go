package main

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestChaosJudge: each way in which a shipment can go wrong is found, and nothing else is.
func TestChaosJudge(t *testing.T) {
	t.Parallel()
	const (
		right, wrongOne = "6A1", "6B1"
		cancelled       = marketplacev1.Shipment_STATE_CANCELLED
		byTracking      = marketplacev1.Shipment_EVIDENCE_TRACKING
		byState         = marketplacev1.Shipment_EVIDENCE_STATE
		unsupported     = "CORRECTION_UNSUPPORTED"
	)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	type change func(sh *marketplacev1.Shipment)
	shipment := func(name, tracking string, state marketplacev1.Shipment_State, changes ...change) *marketplacev1.Shipment {
		sh := &marketplacev1.Shipment{Name: name, TrackingNumber: tracking, State: state, Evidence: byTracking, UpdateTime: timestamppb.New(now)}
		for _, c := range changes {
			c(sh)
		}
		return sh
	}
	evidence := func(e marketplacev1.Shipment_Evidence) change {
		return func(sh *marketplacev1.Shipment) { sh.Evidence = e }
	}
	reason := func(why string) change { return func(sh *marketplacev1.Shipment) { sh.Reason = why } }
	replaces := func(name string) change { return func(sh *marketplacev1.Shipment) { sh.Replaces = name } }
	replacedBy := func(name string) change { return func(sh *marketplacev1.Shipment) { sh.ReplacedBy = name } }
	shipments := func(all ...*marketplacev1.Shipment) []*marketplacev1.Shipment { return all }
	one := func(state marketplacev1.Shipment_State, changes ...change) []*marketplacev1.Shipment {
		return shipments(shipment("s1", right, state, changes...))
	}

	write := func(tracking string, applied bool, earlier world.EarlierShip) world.Write {
		return world.Write{Action: world.Ship, TrackingNumber: tracking, Applied: applied, EarlierShip: earlier, Doubled: earlier == world.EarlierShipVisible}
	}
	applied, lost := write(right, true, world.NoEarlierShip), write(right, false, world.NoEarlierShip)
	hidden, doubled := write(right, true, world.EarlierShipHidden), write(right, false, world.EarlierShipVisible)
	appliedWrong := write(wrongOne, true, world.NoEarlierShip)
	accepts := func(before world.State, applied bool) world.Write {
		return world.Write{Action: world.Accept, VisibleStateBefore: before, Applied: applied}
	}
	writes := func(all ...world.Write) []world.Write { return all }
	bears := func(numbers ...string) []world.Parcel {
		var parcels []world.Parcel
		for _, n := range numbers {
			parcels = append(parcels, world.Parcel{TrackingNumber: n, VisibleFrom: now})
		}
		return parcels
	}
	later := []world.Parcel{{TrackingNumber: right, VisibleFrom: now.Add(1)}}

	first := told{Tracking: wrongOne, Shipment: "s1"}
	second := told{Tracking: right, Shipment: "s2"}
	tooLate := told{Tracking: right, Refusal: unsupported}
	gone := told{Tracking: wrongOne, Shipment: "s1", Withdrawn: true}
	old := shipment("s1", wrongOne, superseded, replacedBy("s2"))
	withdraws := func(state marketplacev1.Shipment_State) []*marketplacev1.Shipment {
		return shipments(shipment("s1", wrongOne, state), shipment("s2", right, confirmed))
	}
	refused := []told{{Tracking: right, Refusal: "ORDER_NOT_SHIPPABLE"}}
	buyer := chaosOrder{Cancelled: true}
	accepted := &marketplacev1.Decision{State: marketplacev1.Decision_STATE_CONFIRMED}

	type counts struct {
		confirmed, rejected, attention, lost, doubled, resent, corrected, uncorrected, withdrawn, accepted, wrong int
	}
	tests := []struct {
		name  string
		story story
		in    chaosCase
		want  counts
	}{
		{"shipped once", plain, chaosCase{Shipments: one(confirmed), Writes: writes(applied), Parcels: bears(right)}, counts{confirmed: 1}},
		{"shipped, shown by its state", plain, chaosCase{Shipments: one(confirmed, evidence(byState)), Writes: writes(applied), Parcels: later}, counts{confirmed: 1}},
		{"shown by a number that was hidden", plain, chaosCase{Shipments: one(confirmed), Writes: writes(applied), Parcels: later}, counts{confirmed: 1, wrong: 1}},
		{"shown by nothing", plain, chaosCase{Shipments: one(confirmed, evidence(0)), Writes: writes(applied), Parcels: bears(right)}, counts{confirmed: 1, wrong: 1}},
		{"sent again after one that never arrived", plain, chaosCase{Shipments: one(confirmed), Writes: writes(lost, applied), Parcels: bears(right)}, counts{confirmed: 1}},
		{"sent again before the first one showed", plain, chaosCase{Shipments: one(confirmed), Writes: writes(applied, hidden), Parcels: bears(right, right)}, counts{confirmed: 1, resent: 1}},
		{"sent again though it showed", plain, chaosCase{Shipments: one(confirmed), Writes: writes(applied, doubled), Parcels: bears(right)}, counts{confirmed: 1, doubled: 1, wrong: 1}},
		{"sent twice again", plain, chaosCase{Shipments: one(confirmed), Writes: writes(applied, doubled, doubled), Parcels: bears(right)}, counts{confirmed: 1, doubled: 2, wrong: 2}},
		{"confirmed, and nothing was sent", plain, chaosCase{Shipments: one(confirmed)}, counts{confirmed: 1, lost: 1, wrong: 1}},
		{"confirmed, and nothing arrived", plain, chaosCase{Shipments: one(confirmed), Writes: writes(lost)}, counts{confirmed: 1, lost: 1, wrong: 1}},
		{"never ended", plain, chaosCase{Shipments: one(sending), Writes: writes(lost)}, counts{lost: 1, wrong: 1}},
		{"applied, and relais does not know", plain, chaosCase{Shipments: one(acknowledged), Writes: writes(applied), Parcels: bears(right)}, counts{lost: 1, wrong: 1}},
		{"a person must look", plain, chaosCase{Shipments: one(attention), Writes: writes(applied), Parcels: bears(right)}, counts{attention: 1, wrong: 1}},
		{"never accepted", plain, chaosCase{Told: []told{}}, counts{lost: 1, wrong: 1}},
		{"refused without a cause", plain, chaosCase{Told: refused}, counts{lost: 1, wrong: 2}},
		{"rejected without a cause", retried, chaosCase{Shipments: one(rejected), Writes: writes(lost)}, counts{rejected: 1, lost: 1, wrong: 1}},
		{"rejected, and shipped", plain, chaosCase{Shipments: one(rejected), Writes: writes(applied), Parcels: bears(right)}, counts{wrong: 1}},
		{"cancelled by the buyer", plain, chaosCase{chaosOrder: buyer, Shipments: one(rejected)}, counts{rejected: 1}},
		{"cancelled by the buyer, and known to be", plain, chaosCase{chaosOrder: buyer, Told: refused}, counts{rejected: 1}},
		{"cancelled by the buyer, and shipped", plain, chaosCase{chaosOrder: buyer, Shipments: one(confirmed), Writes: writes(applied)}, counts{wrong: 1}},
		{"another tracking number was sent", plain, chaosCase{Shipments: one(confirmed), Writes: writes(write("6A9", true, world.NoEarlierShip), applied), Parcels: bears("6A9", right)},
			counts{confirmed: 1, wrong: 2}},
		{"the shipment has another number", plain, chaosCase{Shipments: shipments(shipment("s1", "6A9", rejected))}, counts{rejected: 1, lost: 1, wrong: 2}},
		{"two shipments", plain, chaosCase{Shipments: slices.Concat(one(confirmed), withdraws(confirmed)), Writes: writes(applied), Parcels: bears(right)}, counts{wrong: 1}},
		{"its shipment is not there", plain, chaosCase{Writes: writes(applied), Parcels: bears(right), Told: []told{second}}, counts{lost: 1, wrong: 1}},

		{"corrected", corrected, chaosCase{
			Told: []told{first, second}, Shipments: shipments(old, shipment("s2", right, confirmed, replaces("s1"))), Writes: writes(applied), Parcels: bears(right),
		}, counts{confirmed: 1, corrected: 1}},
		{"corrected, and the order bears the wrong number", corrected, chaosCase{
			Told: []told{first, second}, Shipments: shipments(old, shipment("s2", right, confirmed, replaces("s1"), evidence(byState))), Writes: writes(appliedWrong), Parcels: bears(wrongOne),
		}, counts{confirmed: 1, wrong: 1}},
		{"corrected, and the order bears both", corrected, chaosCase{
			Told: []told{first, second}, Shipments: shipments(old, shipment("s2", right, confirmed, replaces("s1"))), Writes: writes(appliedWrong, hidden), Parcels: bears(wrongOne, right),
		}, counts{confirmed: 1, resent: 1, wrong: 1}},
		{"corrected too late", corrected, chaosCase{
			Told: []told{first, second}, Shipments: shipments(old, shipment("s2", right, attention, replaces("s1"), reason(unsupported))), Writes: writes(appliedWrong), Parcels: bears(wrongOne),
		}, counts{attention: 1, uncorrected: 1}},
		{"said to be too late, and nothing was carried out", corrected, chaosCase{
			Told: []told{first, second}, Shipments: shipments(old, shipment("s2", right, attention, replaces("s1"), reason(unsupported))),
		}, counts{attention: 1, wrong: 1}},
		{"corrected, and nobody knows", corrected, chaosCase{
			Told: []told{first, second}, Shipments: shipments(old, shipment("s2", right, attention, replaces("s1"), reason("TRACKING_MISMATCH"))), Writes: writes(appliedWrong), Parcels: bears(wrongOne),
		}, counts{attention: 1, wrong: 1}},
		{"the corrected one is still open", corrected, chaosCase{
			Told: []told{first, second}, Shipments: shipments(shipment("s1", wrongOne, sending), shipment("s2", right, confirmed, replaces("s1"))), Writes: writes(applied), Parcels: bears(right),
		}, counts{confirmed: 1, corrected: 1, wrong: 1}},
		{"the correction was refused in time", corrected, chaosCase{
			Told: []told{first, tooLate}, Shipments: shipments(shipment("s1", wrongOne, confirmed)), Writes: writes(appliedWrong), Parcels: bears(wrongOne),
		}, counts{confirmed: 1, uncorrected: 1}},
		{"the correction was refused, and nothing was carried out", corrected, chaosCase{
			Told: []told{first, tooLate}, Shipments: shipments(shipment("s1", wrongOne, confirmed)),
		}, counts{confirmed: 1, lost: 1, wrong: 1}},
		{"the correction was refused for another reason", corrected, chaosCase{
			Told: []told{first, {Tracking: right, Refusal: "SHIPMENT_NOT_REPLACEABLE"}}, Shipments: shipments(shipment("s1", wrongOne, confirmed)), Writes: writes(appliedWrong), Parcels: bears(wrongOne),
		}, counts{confirmed: 1, uncorrected: 1, wrong: 1}},

		{"withdrawn", withdrawn, chaosCase{Told: []told{gone, second}, Shipments: withdraws(cancelled), Writes: writes(applied), Parcels: bears(right)}, counts{confirmed: 1, withdrawn: 1}},
		{"withdrawn, and sent", withdrawn, chaosCase{Told: []told{gone, second}, Shipments: withdraws(cancelled), Writes: writes(appliedWrong, hidden), Parcels: bears(right)},
			counts{confirmed: 1, withdrawn: 1, resent: 1, wrong: 1}},
		{"withdrawn, and still open", withdrawn, chaosCase{Told: []told{gone, second}, Shipments: withdraws(sending), Writes: writes(applied), Parcels: bears(right)},
			counts{confirmed: 1, withdrawn: 1, wrong: 1}},
		{"withdrawn, and nothing followed", withdrawn, chaosCase{Told: []told{gone}, Shipments: shipments(shipment("s1", wrongOne, cancelled))}, counts{lost: 1, withdrawn: 1, wrong: 1}},
		{"could not be withdrawn", withdrawn, chaosCase{Told: []told{first}, Shipments: shipments(shipment("s1", wrongOne, confirmed)), Writes: writes(appliedWrong), Parcels: bears(wrongOne)},
			counts{confirmed: 1}},

		{"accepted", decided, chaosCase{Decision: accepted, Shipments: one(confirmed), Writes: writes(accepts(world.WaitingForSellerAcceptation, true), applied), Parcels: bears(right)},
			counts{confirmed: 1, accepted: 1}},
		{"accepted again though it showed", decided, chaosCase{
			Decision: accepted, Shipments: one(confirmed), Parcels: bears(right),
			Writes: writes(accepts(world.WaitingForSellerAcceptation, true), accepts(world.AcceptedBySeller, false), applied),
		}, counts{confirmed: 1, accepted: 1, wrong: 1}},
		{"confirmed, and never accepted", decided, chaosCase{Decision: accepted, Shipments: one(confirmed), Writes: writes(applied), Parcels: bears(right)}, counts{confirmed: 1, wrong: 1}},
		{"accepted, and relais does not know", decided, chaosCase{Shipments: one(confirmed), Writes: writes(accepts(world.WaitingForSellerAcceptation, true), applied), Parcels: bears(right)},
			counts{confirmed: 1, wrong: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.in.Tracking, tt.in.Story = right, tt.story
			if tt.story == corrected || tt.story == withdrawn {
				tt.in.First = wrongOne
			}
			if tt.in.Told == nil {
				tt.in.Told = []told{{Tracking: right, Shipment: "s1"}}
			}
			var r chaosResult
			r.judge(tt.in)
			got := counts{r.Confirmed, r.Rejected, r.NeedsAttention, r.Lost, r.Doubled, r.Resent, r.Corrected, r.Uncorrected, r.Withdrawn, r.Accepted, len(r.Wrong)}
			if got != tt.want || r.Shipments != 1 {
				t.Errorf("judged %+v, want %+v: %q", got, tt.want, r.Wrong)
			}
		})
	}
}

// TestChaosWants: a run in which too little happened does not pass for a proof.
func TestChaosWants(t *testing.T) {
	t.Parallel()
	full := func() chaosResult {
		return chaosResult{
			Shipments: 100, Repeats: 1, Corrected: 1, Uncorrected: 1, Withdrawn: 1, Accepted: 1, Rejected: 1, Scheduled: 1,
			Planned: map[string]bool{"html": true, "on get": true}, Met: map[string]bool{"html": true, "on get": true, "on list": true},
		}
	}
	for _, c := range []struct {
		name   string
		n      int
		change func(r *chaosResult)
		want   []string
	}{
		{"everything", 100, func(*chaosResult) {}, nil},
		{"an order was not judged", 101, func(*chaosResult) {}, []string{"100 orders were judged, planned were 101"}},
		{"a fault that nothing met", 100, func(r *chaosResult) { delete(r.Met, "html") }, []string{"no call met a fault html"}},
		{"no fault of that call", 100, func(r *chaosResult) { delete(r.Met, "on get") }, []string{"no call met a fault on get"}},
		{"nothing was repeated", 100, func(r *chaosResult) { r.Repeats = 0 }, []string{"no ship request was repeated"}},
		{"too few to meet all", 99, func(r *chaosResult) { r.Shipments, r.Repeats, r.Met = 99, 0, nil }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := full()
			c.change(&r)
			if diff := cmp.Diff(c.want, r.want(c.n)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}
