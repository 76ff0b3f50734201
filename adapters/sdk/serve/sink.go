package serve

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Limits of the messages of a ListOrders stream; see MarketplaceAdapterService.ListOrders and StateUpdate.
const (
	maxOrdersPerMessage = 100
	maxBytesPerMessage  = 1 << 20
	maxOrderBytes       = handshake.MaxMessageBytes - 1<<20 // leaves room for the state and the envelope
	maxStateBytes       = 64 << 10
)

// orderSink packs what an adapter hands over into the messages of one ListOrders stream. It holds at most one message, so
// that memory does not grow with the answer; send blocks while the host is busy.
type orderSink struct {
	until time.Time
	send  func(*adapterv1.ListOrdersResponse) error

	next     *adapterv1.ListOrdersResponse // what has not been sent
	bytes    int                           // size of the orders in next
	finished time.Time                     // the last checkpoint that was sent
	err      error                         // the first failure; everything after it fails alike
}

var _ sdk.OrderSink = (*orderSink)(nil)

func newOrderSink(until time.Time, send func(*adapterv1.ListOrdersResponse) error) *orderSink {
	return &orderSink{until: until, send: send, next: &adapterv1.ListOrdersResponse{}}
}

// Send adds one order and sends the message when it is full.
func (s *orderSink) Send(o *adapterv1.Order) error {
	if s.err != nil {
		return s.err
	}
	size := proto.Size(o)
	switch {
	case o == nil:
		return s.fail(sdk.Internal("the adapter handed over an order that is nil"))
	case size > maxOrderBytes:
		return s.fail(sdk.Internal("one order takes %d bytes, more than the %d that a message can hold", size, maxOrderBytes))
	case len(s.next.Orders) > 0 && s.bytes+size > maxBytesPerMessage:
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.next.Orders = append(s.next.Orders, o)
	s.bytes += size
	if len(s.next.Orders) == maxOrdersPerMessage {
		return s.flush()
	}
	return nil
}

// Checkpoint sends what is pending together with the checkpoint. One beyond the window is cut to its end; one that is not after
// the last says nothing new and is left out, so that the host never sees a checkpoint move back.
func (s *orderSink) Checkpoint(finishedUntil time.Time) error {
	if s.err != nil {
		return s.err
	}
	if finishedUntil.After(s.until) {
		finishedUntil = s.until
	}
	if finishedUntil.After(s.finished) {
		s.finished = finishedUntil
		s.next.Checkpoint = &adapterv1.Checkpoint{FinishedUntil: timestamppb.New(finishedUntil)}
	}
	return s.flush()
}

// State keeps the state for the next message. Too large a state fails the call at the next step, since State itself cannot.
func (s *orderSink) State(state []byte) {
	if len(state) > maxStateBytes {
		_ = s.fail(sdk.Internal("the adapter's state takes %d bytes, at most %d are allowed", len(state), maxStateBytes))
		return
	}
	s.next.StateUpdate = &adapterv1.StateUpdate{State: slices.Clone(state)}
}

// complete ends the stream of a window that was delivered to its end.
func (s *orderSink) complete() error {
	if s.err != nil {
		return s.err
	}
	s.next.Checkpoint = &adapterv1.Checkpoint{FinishedUntil: timestamppb.New(s.until), Complete: true}
	return s.flush()
}

// abandon ends the stream of a window that failed: orders that were not sent are dropped, the host reads them again. New state
// is still handed over, since a token that was bought should not be bought twice. It returns the error that ends the call.
func (s *orderSink) abandon(cause error) error {
	if update := s.next.StateUpdate; update != nil && s.err == nil {
		// A failure to send changes nothing: the call fails already, for a better reason.
		_ = s.send(&adapterv1.ListOrdersResponse{StateUpdate: update})
	}
	return cause
}

// flush sends what is pending, if anything.
func (s *orderSink) flush() error {
	message := s.next
	if len(message.Orders) == 0 && message.Checkpoint == nil && message.StateUpdate == nil {
		return nil
	}
	s.next, s.bytes = &adapterv1.ListOrdersResponse{}, 0
	if err := s.send(message); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *orderSink) fail(err error) error {
	if s.err == nil {
		s.err = err
	}
	return s.err
}
