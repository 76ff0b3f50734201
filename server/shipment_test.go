package main

import (
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

const (
	queued       = marketplacev1.Shipment_STATE_QUEUED
	sending      = marketplacev1.Shipment_STATE_SENDING
	acknowledged = marketplacev1.Shipment_STATE_ACKNOWLEDGED
	confirmed    = marketplacev1.Shipment_STATE_CONFIRMED
	rejected     = marketplacev1.Shipment_STATE_REJECTED
	attention    = marketplacev1.Shipment_STATE_NEEDS_ATTENTION
)

// anyEnd is every state in which relais does nothing more.
var anyEnd = []marketplacev1.Shipment_State{confirmed, rejected, attention}

// anyNumber stands for a number of writes that depends on timing.
const anyNumber = -1

// settledAs waits until the one shipment of an order is in a state.
func (s *system) settledAs(number string, state marketplacev1.Shipment_State) {
	s.t.Helper()
	list, err := s.api.ListShipments(s.t.Context(), &marketplacev1.ListShipmentsRequest{Parent: "stores/demo", Order: "stores/demo/orders/" + number})
	if err != nil || len(list.GetShipments()) != 1 {
		s.t.Fatalf("ListShipments: %v, %v", list, err)
	}
	s.settled(list.GetShipments()[0].GetName(), state)
}

// readyOrder connects, makes an order that is ready to ship, imports it, and returns its number.
func (s *system) readyOrder(spec world.Spec) string {
	s.t.Helper()
	s.connect()
	if spec.Variety == "" {
		spec.Variety = world.HomeTracked
	}
	number := s.create(spec)
	s.imported()
	return number
}

// TestShipmentEnds drives one shipment through each thing that can happen to it. Whatever that is, the sandbox's own log of
// received writes tells that at most one was applied, and that nothing was sent after it could be seen.
func TestShipmentEnds(t *testing.T) {
	t.Parallel()
	validate := func(kind fault.Kind, times int) fault.Rule {
		return fault.Rule{Operation: "ValidateOrderList", Kind: kind, Times: times}
	}
	read := func(kind fault.Kind, times int) fault.Rule {
		return fault.Rule{Operation: "GetOrderList", Kind: kind, Times: times}
	}
	tests := []struct {
		name     string
		spec     world.Spec
		before   func(s *system, number string) // after the import, before the shipment
		faults   []fault.Rule
		settings []string
		then     func(s *system, number string) // after the shipment was accepted
		want     marketplacev1.Shipment_State
		evidence marketplacev1.Shipment_Evidence
		writes   int // ship requests that the marketplace received
	}{
		{name: "healthy marketplace", want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{name: "pickup order", spec: world.Spec{Variety: world.MondialRelayFee}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{name: "several lines, one of them used goods", spec: world.Spec{Variety: world.MultiLine}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{
			name: "the marketplace shows no parcels",
			before: func(s *system, _ string) {
				settings := s.sandbox.World().Settings()
				settings.ParcelsVisible = false
				if err := s.sandbox.World().SetSettings(settings); err != nil {
					s.t.Fatal(err)
				}
			},
			want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_STATE, writes: 1,
		},
		{
			name: "the shipment becomes visible late",
			before: func(s *system, _ string) {
				settings := s.sandbox.World().Settings()
				settings.ShipVisibleAfter = world.Duration(700 * time.Millisecond)
				if err := s.sandbox.World().SetSettings(settings); err != nil {
					s.t.Fatal(err)
				}
			},
			want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1,
		},
		{name: "answer lost after applying", faults: []fault.Rule{validate(fault.CutAfter, 1)}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{name: "answer lost after applying, then reads fail", faults: []fault.Rule{validate(fault.CutAfter, 1), {Operation: "GetOrderList", Kind: fault.HTTP500, After: 1, Times: 3}}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{name: "connection cut before applying", faults: []fault.Rule{validate(fault.CutBefore, 1)}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 2},
		{name: "HTTP 500 before applying", faults: []fault.Rule{validate(fault.HTTP500, 1)}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 2},
		{name: "HTTP 500 after applying", faults: []fault.Rule{{Operation: "ValidateOrderList", Kind: fault.HTTP500, Times: 1, Params: fault.Params{Apply: true}}}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{name: "HTML after applying", faults: []fault.Rule{{Operation: "ValidateOrderList", Kind: fault.HTML, Times: 1, Params: fault.Params{Apply: true}}}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{name: "truncated answer", faults: []fault.Rule{validate(fault.Truncated, 1)}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{name: "token expired at the write: nothing was applied", faults: []fault.Rule{validate(fault.TokenExpired, 1)}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 2},
		{name: "quota at the write", faults: []fault.Rule{validate(fault.Quota, 2)}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 3},
		{name: "marketplace down for a while before the first read", faults: []fault.Rule{read(fault.HTTP503, 4)}, want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1},
		{
			name: "still in payment when accepted, paid later", spec: world.Spec{Variety: world.PaymentRunning},
			then: func(s *system, number string) {
				paid := world.WaitingForShipmentAcceptation
				s.change(number, world.Patch{State: &paid})
			},
			want: confirmed, evidence: marketplacev1.Shipment_EVIDENCE_TRACKING, writes: 1,
		},
		{
			name: "cancelled before anything was sent",
			before: func(s *system, number string) {
				state := world.CancelledByCustomer
				s.change(number, world.Patch{State: &state})
			},
			want: rejected, writes: 0,
		},
		{
			name: "shipped by somebody else with another tracking number",
			before: func(s *system, number string) {
				state := world.Shipped
				s.change(number, world.Patch{State: &state, Parcels: &[]world.Parcel{{TrackingNumber: "OTHER", Carrier: "DPD"}}})
			},
			want: attention, writes: 0, // another number is evidence of another shipment
		},
		{
			name: "the buyer asks to cancel meanwhile",
			before: func(s *system, number string) {
				sku := s.order(number).GetLines()[0].GetSku()
				s.change(number, world.Patch{CancelRequested: &sku})
			},
			want: attention, writes: 0,
		},
		{
			name:   "the marketplace refuses",
			faults: []fault.Rule{{Operation: "ValidateOrderList", Kind: fault.SOAPFault, Params: fault.Params{Code: "DeserializationFailed", Text: "no"}}},
			want:   rejected, writes: 1,
		},
		{
			name:   "refused because somebody else was faster",
			faults: []fault.Rule{{Operation: "ValidateOrderList", Kind: fault.Latency, Times: 1, Params: fault.Params{Milliseconds: 1000}}},
			then: func(s *system, number string) {
				s.settledAs(number, sending)
				state := world.Shipped
				s.change(number, world.Patch{State: &state})
			},
			want: attention, evidence: marketplacev1.Shipment_EVIDENCE_STATE, writes: 1,
		},
		{
			name:   "answer lost before applying, then the buyer asks to cancel",
			faults: []fault.Rule{validate(fault.CutBefore, 1)},
			then: func(s *system, number string) {
				s.settledAs(number, sending)
				sku := s.order(number).GetLines()[0].GetSku()
				s.change(number, world.Patch{CancelRequested: &sku})
			},
			want: attention, writes: 1,
		},
		{
			name:     "every answer is lost until the deadline",
			faults:   []fault.Rule{validate(fault.CutBefore, 0)},
			settings: []string{"RELAIS_SHIPMENT_WAIT_MARGIN=1h", "RELAIS_SHIPMENT_STILL_READY_READS=2"},
			then: func(s *system, number string) {
				waitFor(s.t, func() bool { return len(s.shipWrites(number)) >= 2 })
				s.clock.mu.Lock()
				s.clock.offset += 60 * 24 * time.Hour
				s.clock.mu.Unlock()
			},
			want: attention, writes: anyNumber,
		},
		{
			name: "never paid until the deadline", spec: world.Spec{Variety: world.PaymentRunning},
			settings: []string{"RELAIS_SHIPMENT_WAIT_MARGIN=1h"},
			then: func(s *system, _ string) {
				s.clock.mu.Lock()
				s.clock.offset += 60 * 24 * time.Hour
				s.clock.mu.Unlock()
			},
			want: attention, writes: 0,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0, tt.settings...)
			number := s.readyOrder(tt.spec)
			if tt.before != nil {
				tt.before(s, number)
			}
			for _, f := range tt.faults {
				s.inject(f)
			}
			sh := s.notify(number)
			if sh.GetState() != queued {
				t.Errorf("accepted as %s, want QUEUED", sh.GetState())
			}
			if tt.then != nil {
				tt.then(s, number)
			}
			end := s.settled(sh.GetName(), anyEnd...)
			if end.GetState() != tt.want || end.GetEvidence() != tt.evidence {
				t.Errorf("ended %s with %s (%s), want %s with %s", end.GetState(), end.GetEvidence(), end.GetMessage(), tt.want, tt.evidence)
			}
			if end.GetMessage() == "" || len(end.GetEvents()) < 2 || end.GetNextAttemptTime() != nil {
				t.Errorf("message %q, %d events, next attempt %v", end.GetMessage(), len(end.GetEvents()), end.GetNextAttemptTime())
			}
			writes := s.shipWrites(number)
			if len(writes) != tt.writes && tt.writes != anyNumber {
				t.Errorf("the marketplace received %d ship requests, want %d", len(writes), tt.writes)
			}
			noneDoubled(t, writes)
			if tt.want == confirmed {
				last := writes[len(writes)-1]
				if last.TrackingNumber != "6A"+number || last.Carrier != end.GetMarketplaceCarrier() || s.order(number).GetStatus() != marketplacev1.OrderStatus_ORDER_STATUS_SHIPPED {
					t.Errorf("sent %q with %q; the stored order is %s", last.TrackingNumber, last.Carrier, s.order(number).GetStatus())
				}
			}
		})
	}
}

// noneDoubled fails when a ship request arrived after an earlier one had been applied and could be seen.
func noneDoubled(t *testing.T, writes []world.Write) {
	t.Helper()
	applied := 0
	for _, w := range writes {
		if w.Applied {
			applied++
		}
		if w.EarlierShip == world.EarlierShipVisible {
			t.Errorf("request %d was sent although a read showed the order as shipped", w.Sequence)
		}
	}
	if applied > 1 {
		t.Errorf("%d ship requests were applied", applied)
	}
}

// TestShipmentWaitsForARight: a missing right is for the seller to mend; the shipment waits for it.
func TestShipmentWaitsForARight(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	denied := []string{"ValidateOrderList"}
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", Denied: &denied}); err != nil {
		t.Fatal(err)
	}
	sh := s.notify(number)
	// A missing right is for the seller to mend: the shipment waits, the store says so.
	waitFor(t, func() bool {
		st, err := s.api.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/demo"})
		got, getErr := s.api.GetShipment(t.Context(), &marketplacev1.GetShipmentRequest{Name: sh.GetName()})
		return err == nil && getErr == nil && st.GetHealth().GetReason() != "" && got.GetReason() != "" && got.GetState() == queued
	})
	denied = []string{}
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", Denied: &denied}); err != nil {
		t.Fatal(err)
	}
	s.settled(sh.GetName(), confirmed)
	noneDoubled(t, s.shipWrites(number))
}

// TestShipmentSurvivesRestart: whatever state a stopped server leaves behind, the next one finishes without sending twice.
func TestShipmentSurvivesRestart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		faults []fault.Rule
		leave  marketplacev1.Shipment_State
		writes int
	}{
		{"queued: the marketplace was down", []fault.Rule{{Operation: "GetOrderList", Kind: fault.HTTP500}}, queued, 1},
		{"sending: the answer was lost after applying", []fault.Rule{
			{Operation: "ValidateOrderList", Kind: fault.CutAfter}, {Operation: "GetOrderList", Kind: fault.HTTP500, After: 1},
		}, sending, 1},
		{"sending: the request never arrived", []fault.Rule{
			{Operation: "ValidateOrderList", Kind: fault.CutBefore}, {Operation: "GetOrderList", Kind: fault.HTTP500, After: 1},
		}, sending, 2},
		{"acknowledged: the reads fail", []fault.Rule{{Operation: "GetOrderList", Kind: fault.HTTP500, After: 1}}, acknowledged, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0)
			number := s.readyOrder(world.Spec{})
			for _, f := range tt.faults {
				s.inject(f)
			}
			sh := s.notify(number)
			waitFor(t, func() bool {
				got, err := s.api.GetShipment(t.Context(), &marketplacev1.GetShipmentRequest{Name: sh.GetName()})
				return err == nil && got.GetState() == tt.leave && got.GetReason() != ""
			})
			s.stop()
			s.sandbox.Faults().Clear()
			s.start()
			s.settled(sh.GetName(), confirmed)
			writes := s.shipWrites(number)
			if len(writes) != tt.writes {
				t.Errorf("the marketplace received %d ship requests, want %d", len(writes), tt.writes)
			}
			noneDoubled(t, writes)
		})
	}
}

// waitFor polls until ok, and fails after 30 s.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	waitLong(t, 30*time.Second, ok)
}

// waitLong is waitFor with another limit.
func waitLong(t *testing.T, limit time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for %s in vain", limit)
		}
	}
}
