package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

const (
	superseded = marketplacev1.Shipment_STATE_SUPERSEDED
	cancelled  = marketplacev1.Shipment_STATE_CANCELLED
)

// TestRetryShipment: what the marketplace refused is taken up again; what needs no retry is not.
func TestRetryShipment(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	s.inject(fault.Rule{Operation: "ValidateOrderList", Kind: fault.SOAPFault, Params: fault.Params{Code: "DeserializationFailed", Text: "no"}})
	sh := s.settled(s.notify(number).GetName(), rejected)
	s.sandbox.Faults().Clear()
	retry := &marketplacev1.RetryShipmentRequest{Name: sh.GetName()}
	open, err := s.api.RetryShipment(t.Context(), retry)
	if err != nil || (open.GetState() != queued && open.GetState() != sending) || open.GetReason() != "" || open.GetNextAttemptTime() == nil {
		t.Fatalf("taken up as %v, %v", open, err)
	}
	end := s.settled(sh.GetName(), confirmed)
	if n := len(s.shipWrites(number)); n != 2 || end.GetSendCount() != 2 {
		t.Errorf("the marketplace received %d ship requests, counted %d", n, end.GetSendCount())
	}
	noneDoubled(t, s.shipWrites(number))
	if person := eventsOf(end, marketplacev1.ShipmentEvent_KIND_PERSON); len(person) != 1 {
		t.Errorf("what a person did: %v", person)
	}
	_, err = s.api.RetryShipment(t.Context(), retry)
	wantError(t, err, codes.FailedPrecondition, "SHIPMENT_NOT_RETRYABLE")
	retry.Name = "stores/demo/shipments/nosuch"
	_, err = s.api.RetryShipment(t.Context(), retry)
	wantError(t, err, codes.NotFound, "SHIPMENT_NOT_FOUND")
}

// TestRetryWithForce: the buyer asked to cancel after the shipment was accepted; a person decides to ship.
func TestRetryWithForce(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	sku := s.order(number).GetLines()[0].GetSku()
	s.change(number, world.Patch{CancelRequested: &sku})
	sh := s.settled(s.notify(number).GetName(), attention)
	if sh.GetReason() != "CANCEL_REQUESTED" || len(s.shipWrites(number)) != 0 {
		t.Fatalf("ended with %s after %d ship requests", sh.GetReason(), len(s.shipWrites(number)))
	}
	if _, err := s.api.RetryShipment(t.Context(), &marketplacev1.RetryShipmentRequest{Name: sh.GetName(), Force: true}); err != nil {
		t.Fatal(err)
	}
	s.settled(sh.GetName(), confirmed)
}

// TestCancelShipment: what was not sent is withdrawn and never sent; what was sent is not.
func TestCancelShipment(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	s.pause()
	first := s.notify(number)
	for range 2 { // again is fine
		sh, err := s.api.CancelShipment(t.Context(), &marketplacev1.CancelShipmentRequest{Name: first.GetName()})
		if err != nil || sh.GetState() != cancelled || sh.GetNextAttemptTime() != nil {
			t.Fatalf("cancelled: %v, %v", sh, err)
		}
	}
	s.resume()
	again := notifyRequest(number)
	again.RequestId, again.Shipment.TrackingNumber = "another", "6A-ANOTHER"
	second, err := s.api.NotifyShipment(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	s.settled(second.GetName(), confirmed)
	if w := s.shipWrites(number); len(w) != 1 || w[0].TrackingNumber != "6A-ANOTHER" {
		t.Errorf("the marketplace received %v", w)
	}
	_, err = s.api.CancelShipment(t.Context(), &marketplacev1.CancelShipmentRequest{Name: second.GetName()})
	wantError(t, err, codes.FailedPrecondition, "SHIPMENT_NOT_CANCELLABLE")
	if sh := s.shipment(first.GetName()); sh.GetState() != cancelled {
		t.Errorf("the cancelled one became %s", sh.GetState())
	}
}

// correctionOf states another tracking number for an order, in place of a shipment.
func correctionOf(sh *marketplacev1.Shipment) *marketplacev1.NotifyShipmentRequest {
	r := notifyRequest(strings.TrimPrefix(sh.GetOrder(), "stores/demo/orders/"))
	r.Shipment.TrackingNumber, r.Shipment.Replaces = "6A-RIGHT", sh.GetName()
	return r
}

// TestReplaceBeforeSending: a correction supersedes a shipment of which nothing was sent, and is sent alone.
func TestReplaceBeforeSending(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	s.pause()
	wrong := s.notify(number)
	right, err := s.api.NotifyShipment(t.Context(), correctionOf(wrong))
	if err != nil {
		t.Fatal(err)
	}
	old := s.shipment(wrong.GetName())
	if old.GetState() != superseded || old.GetReplacedBy() != right.GetName() || right.GetReplaces() != wrong.GetName() {
		t.Errorf("the old one is %s, replaced by %q; the new one replaces %q", old.GetState(), old.GetReplacedBy(), right.GetReplaces())
	}
	s.resume()
	s.settled(right.GetName(), confirmed)
	if w := s.shipWrites(number); len(w) != 1 || w[0].TrackingNumber != "6A-RIGHT" {
		t.Errorf("the marketplace received %v", w)
	}
	twice := correctionOf(wrong)
	twice.Shipment.TrackingNumber = "6A-THIRD"
	info, _, _ := wantError(t, second(s.api.NotifyShipment(t.Context(), twice)), codes.FailedPrecondition, "SHIPMENT_NOT_REPLACEABLE")
	if info.GetMetadata()["shipment"] != right.GetName() {
		t.Errorf("metadata %v", info.GetMetadata())
	}
	_, err = s.api.NotifyShipment(t.Context(), correctionOf(right)) // says what right itself says, of another shipment
	wantError(t, err, codes.FailedPrecondition, "CORRECTION_UNSUPPORTED")
}

// TestReplaceUnderWay: the answer for the wrong number is lost. The correction is not sent over it: the order is read until that is
// settled, and the marketplace takes no second number.
func TestReplaceUnderWay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		lost   fault.Kind
		want   marketplacev1.Shipment_State
		reason string
		sent   []string // tracking numbers that the marketplace received
	}{
		{"it had been applied", fault.CutAfter, attention, "CORRECTION_UNSUPPORTED", []string{"6A"}},
		{"it never arrived", fault.CutBefore, confirmed, "", []string{"6A", "6A-RIGHT"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0)
			number := s.readyOrder(world.Spec{})
			s.inject(fault.Rule{Operation: "ValidateOrderList", Kind: tt.lost, Times: 1})
			s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.HTTP500, After: 1}) // the reads that would settle it fail
			wrong := s.notify(number)
			waitFor(t, func() bool {
				got := s.shipment(wrong.GetName())
				return got.GetState() == sending && len(eventsOf(got, marketplacev1.ShipmentEvent_KIND_SENT)) == 1
			})
			right, err := s.api.NotifyShipment(t.Context(), correctionOf(wrong))
			if err != nil {
				t.Fatal(err)
			}
			s.sandbox.Faults().Clear()
			end := s.settled(right.GetName(), anyEnd...)
			if end.GetState() != tt.want || end.GetReason() != tt.reason {
				t.Errorf("ended %s with %s (%s), want %s with %s", end.GetState(), end.GetReason(), end.GetMessage(), tt.want, tt.reason)
			}
			if old := s.shipment(wrong.GetName()); old.GetState() != superseded {
				t.Errorf("the old one is %s", old.GetState())
			}
			var sent []string
			for _, w := range s.shipWrites(number) {
				sent = append(sent, strings.Replace(w.TrackingNumber, number, "", 1))
			}
			if diff := cmp.Diff(tt.sent, sent); diff != "" {
				t.Errorf("numbers sent (-want +got)\n%s", diff)
			}
			noneDoubled(t, s.shipWrites(number))
		})
	}
}
