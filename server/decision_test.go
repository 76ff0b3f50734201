package main

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

const (
	accept = marketplacev1.Decision_KIND_ACCEPT
	refuse = marketplacev1.Decision_KIND_REFUSE
)

// decide accepts or refuses an order of stores/demo.
func (s *system) decide(number string, kind marketplacev1.Decision_Kind) (*marketplacev1.Order, error) {
	name := "stores/demo/orders/" + number
	if kind == refuse {
		return s.api.RefuseOrder(s.t.Context(), &marketplacev1.RefuseOrderRequest{Name: name})
	}
	return s.api.AcceptOrder(s.t.Context(), &marketplacev1.AcceptOrderRequest{Name: name})
}

// decided polls an order until its decision has ended.
func (s *system) decided(number string) *marketplacev1.Decision {
	s.t.Helper()
	var d *marketplacev1.Decision
	waitFor(s.t, func() bool {
		d = s.order(number).GetDecision()
		switch d.GetState() {
		case marketplacev1.Decision_STATE_CONFIRMED, marketplacev1.Decision_STATE_REJECTED, marketplacev1.Decision_STATE_NEEDS_ATTENTION:
			return true
		default:
			return false
		}
	})
	return d
}

// decisionWrites returns the accept and refuse requests that the sandbox received for an order.
func (s *system) decisionWrites(number string) []world.Write {
	var writes []world.Write
	for _, w := range s.sandbox.World().Writes() {
		if w.Order == number {
			writes = append(writes, w)
		}
	}
	return writes
}

// TestDecisions drives decisions through what can happen to them, with the read-send-read discipline of shipments.
func TestDecisions(t *testing.T) {
	t.Parallel()
	const (
		confirmed = marketplacev1.Decision_STATE_CONFIRMED
		rejected  = marketplacev1.Decision_STATE_REJECTED
	)
	write := func(kind fault.Kind) []fault.Rule {
		return []fault.Rule{{Operation: "ValidateOrderList", Kind: kind, Times: 1}}
	}
	tests := []struct {
		name   string
		kind   marketplacev1.Decision_Kind
		before func(s *system, number string)
		faults []fault.Rule
		want   marketplacev1.Decision_State
		status marketplacev1.OrderStatus
		writes int
		// paid lets the buyer be debited as soon as the acceptance was applied: that proves it where the answer was lost.
		paid bool
	}{
		{name: "accept", kind: accept, want: confirmed, status: marketplacev1.OrderStatus_ORDER_STATUS_PROCESSING, writes: 1},
		{name: "refuse", kind: refuse, want: confirmed, status: marketplacev1.OrderStatus_ORDER_STATUS_REFUSED, writes: 1},
		{name: "accept, answer lost after applying", kind: accept, faults: write(fault.CutAfter), want: confirmed, status: marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, writes: 1, paid: true},
		{name: "refuse, answer lost before applying", kind: refuse, faults: write(fault.CutBefore), want: confirmed, status: marketplacev1.OrderStatus_ORDER_STATUS_REFUSED, writes: 2},
		{name: "accept, HTTP 500 after applying", kind: accept, faults: []fault.Rule{{Operation: "ValidateOrderList", Kind: fault.HTTP500, Times: 1, Params: fault.Params{Apply: true}}}, want: confirmed, status: marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, writes: 1, paid: true},
		{name: "accept, token expired", kind: accept, faults: write(fault.TokenExpired), want: confirmed, status: marketplacev1.OrderStatus_ORDER_STATUS_PROCESSING, writes: 2},
		{name: "accept, the buyer was faster", kind: accept, before: func(s *system, number string) {
			state := world.CancelledByCustomer
			s.change(number, world.Patch{State: &state})
		}, want: rejected, status: marketplacev1.OrderStatus_ORDER_STATUS_CANCELLED, writes: 0},
		{name: "refuse, accepted elsewhere", kind: refuse, before: func(s *system, number string) {
			state := world.WaitingForShipmentAcceptation
			s.change(number, world.Patch{State: &state})
		}, want: rejected, status: marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, writes: 0},
		{name: "accept, accepted elsewhere: the aim is reached", kind: accept, before: func(s *system, number string) {
			state := world.WaitingForShipmentAcceptation
			s.change(number, world.Patch{State: &state})
		}, want: confirmed, status: marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, writes: 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0)
			number := s.readyOrder(world.Spec{Variety: world.WaitingAcceptance})
			if got := s.order(number).GetStatus(); got != marketplacev1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE {
				t.Fatalf("the order is %s", got)
			}
			if tt.before != nil {
				tt.before(s, number)
			}
			for _, f := range tt.faults {
				s.inject(f)
			}
			o, err := s.decide(number, tt.kind)
			if err != nil {
				t.Fatal(err)
			}
			if o.GetDecision().GetState() != marketplacev1.Decision_STATE_QUEUED || o.GetDecision().GetKind() != tt.kind {
				t.Errorf("taken as %v", o.GetDecision())
			}
			if tt.paid {
				waitFor(t, func() bool {
					return slices.ContainsFunc(s.decisionWrites(number), func(w world.Write) bool { return w.Applied })
				})
				s.advance(time.Hour)
			}
			d := s.decided(number)
			if d.GetState() != tt.want || d.GetMessage() == "" {
				t.Errorf("ended %s: %s, want %s", d.GetState(), d.GetMessage(), tt.want)
			}
			if got := s.order(number).GetStatus(); got != tt.status {
				t.Errorf("the order is %s, want %s", got, tt.status)
			}
			writes := s.decisionWrites(number)
			applied := 0
			for _, w := range writes {
				if w.Applied {
					applied++
				}
			}
			if len(writes) != tt.writes || applied > 1 {
				t.Errorf("%d requests, %d applied; want %d requests", len(writes), applied, tt.writes)
			}
			again, err := s.decide(number, tt.kind)
			if tt.want == confirmed && (err != nil || again.GetDecision().GetState() != confirmed) {
				t.Errorf("repeated: %v, %v", again.GetDecision(), err)
			}
		})
	}
}

// TestAcceptThenShip: an accepted order is paid, becomes ready, and ships.
func TestAcceptThenShip(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{Variety: world.WaitingAcceptance})
	if _, err := s.decide(number, accept); err != nil {
		t.Fatal(err)
	}
	s.decided(number)
	s.advance(time.Hour) // the marketplace debits the buyer
	s.imported()
	if !s.order(number).GetShippable() {
		t.Fatalf("an accepted and paid order is %s", s.order(number).GetStatus())
	}
	s.settled(s.notify(number).GetName(), confirmed)
}

func TestDecisionErrors(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	pending := s.create(world.Spec{Variety: world.WaitingAcceptance})
	ready := s.create(world.Spec{Variety: world.HomeTracked})
	s.imported()
	tests := []struct {
		name   string
		err    error
		code   codes.Code
		reason string
	}{
		{"order ready to ship", second(s.decide(ready, accept)), codes.FailedPrecondition, "ORDER_NOT_PENDING"},
		{"order unknown", second(s.decide("nosuch", refuse)), codes.NotFound, "ORDER_NOT_FOUND"},
		{"store unknown", second(s.api.AcceptOrder(t.Context(), &marketplacev1.AcceptOrderRequest{Name: "stores/nosuch/orders/1"})), codes.NotFound, "STORE_NOT_FOUND"},
		{"name malformed", second(s.api.RefuseOrder(t.Context(), &marketplacev1.RefuseOrderRequest{Name: "orders/1"})), codes.InvalidArgument, "INVALID_FIELD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantError(t, tt.err, tt.code, tt.reason) })
	}
	s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.HTTP500})
	if _, err := s.decide(pending, accept); err != nil {
		t.Fatal(err)
	}
	wantError(t, second(s.decide(pending, refuse)), codes.AlreadyExists, "DECISION_ALREADY_OPEN")
}
