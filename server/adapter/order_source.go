package adapter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// maxOrdersPerMessage is what the protocol allows.
const maxOrdersPerMessage = 100

// ListOrders reads one window. It returns nil only when the adapter said that the answer is complete. When the process that reads it
// retires, reading stops at the next finished sub-window and goes on there on the process that serves; when the process ends, it goes
// on from the last finished sub-window, which is done once without getting any further. It also begins anew at a finished sub-window when
// it may read faster, because calls of the store on another process have ended.
func (f *Facade) ListOrders(ctx context.Context, ref store.Ref, q order.Query, receive func(order.Page) error) error {
	progress := window{finished: q.Since, until: q.Until}
	repeatedAt, repeated := time.Time{}, false
	for {
		err := f.listFrom(ctx, ref, q, &progress, receive)
		l, wasLost := isLost(err)
		switch {
		case errors.Is(err, errRetiring):
		case !wasLost || ctx.Err() != nil || repeated && !progress.finished.After(repeatedAt):
			return found(err)
		default:
			l.await(ctx)
			repeatedAt, repeated = progress.finished, true
		}
	}
}

// listFrom reads what is left of a window on one process. errRetiring means that the rest is to be read with a new lease.
func (f *Facade) listFrom(ctx context.Context, ref store.Ref, q order.Query, progress *window, receive func(order.Page) error) error {
	s, err := f.open(ctx, ref)
	if err != nil {
		return err
	}
	defer s.release()
	if before := progress.session; before != nil {
		progress.complete = false
		progress.resumed = progress.resumed || before.lease.Generation() != s.lease.Generation()
		f.log.InfoContext(ctx, "orders are read on", "store", ref.StoreID, "adapter", ref.Adapter, "finished_until", progress.finished,
			"by_another_process", progress.resumed)
	}
	progress.session = s
	req := &adapterv1.ListOrdersRequest{Store: s.store, Until: timestamppb.New(q.Until)}
	since := timestamppb.New(progress.finished)
	switch q.Axis {
	case order.Created:
		req.Since = &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: since}
	case order.Modified:
		req.Since = &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: since}
	}
	for _, st := range q.Statuses {
		req.Statuses = append(req.Statuses, statusToProto(st))
	}

	// A stream that falls silent must not hold an import for ever: each message restarts the clock. The time that receive
	// takes is not the adapter's.
	streamCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(f.timeouts.StreamIdle, func() { cancel(errIdle) })
	defer idle.Stop()

	stream, err := s.client.ListOrders(streamCtx, req)
	if err != nil {
		return s.lostStream(s.problem(ctx, err))
	}
	for {
		message, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return progress.end()
		case err != nil && errors.Is(context.Cause(streamCtx), errIdle):
			return &problem.Problem{
				Kind: problem.Unavailable, Reason: problem.ReasonMarketplaceDown,
				Message: fmt.Sprintf("no orders and no end came from the marketplace for %s; try again later", f.timeouts.StreamIdle),
			}
		case err != nil:
			return s.lostStream(s.problem(ctx, err))
		}
		idle.Stop()
		page, err := progress.page(message)
		if err != nil {
			return err
		}
		f.keep(ctx, s, message.GetStateUpdate())
		if err := receive(page); err != nil {
			return err
		}
		if !page.Finished.IsZero() && !progress.complete && retiring(s.lease) {
			return errRetiring
		}
		idle.Reset(f.timeouts.StreamIdle)
	}
}

// lostStream marks the error of a stream whose process ended under it. One that retired had to end: that is no crash, and does not count as
// one, however long the stream was.
func (s *session) lostStream(err error) error {
	err = s.lost(err)
	if _, ok := isLost(err); ok && retiring(s.lease) {
		return errRetiring
	}
	return err
}

// retiring reports whether a new lease is better: another process serves the store by now, or more of its rate budget is free.
func retiring(l Lease) bool {
	select {
	case <-l.Retiring():
		return true
	default:
		return false
	}
}

// errRetiring says that a stream ended because a new lease is better: at a finished sub-window, or cut short at the end of its process.
// See Lease.Retiring.
var errRetiring = errors.New("the adapter's process retires")

// errIdle is the cause of a stream that was cancelled because it fell silent.
var errIdle = errors.New("stream idle")

// window checks that the messages of one answer keep to the protocol.
type window struct {
	session  *session
	finished time.Time
	until    time.Time
	complete bool
	resumed  bool // the next page is the first of another process
}

// page converts a message and moves the checkpoint, which may only go forward and not beyond the window.
func (w *window) page(m *adapterv1.ListOrdersResponse) (order.Page, error) {
	switch {
	case w.complete:
		return order.Page{}, w.session.malformed("a message came after the complete checkpoint")
	case len(m.GetOrders()) > maxOrdersPerMessage:
		return order.Page{}, w.session.malformed(fmt.Sprintf("a message holds %d orders, %d are allowed", len(m.GetOrders()), maxOrdersPerMessage))
	}
	orders, err := w.session.orders(m.GetOrders())
	if err != nil {
		return order.Page{}, err
	}
	page := order.Page{Orders: orders, Resumed: w.resumed}
	w.resumed = false
	if c := m.GetCheckpoint(); c != nil {
		at := c.GetFinishedUntil().AsTime()
		if at.Before(w.finished) || at.After(w.until) || (c.GetComplete() && !at.Equal(w.until)) {
			return order.Page{}, w.session.malformed("a checkpoint lies outside of the window or goes back")
		}
		w.finished, w.complete = at, c.GetComplete()
		page.Finished = at
	}
	return page, nil
}

// end says whether the answer was complete. A stream that just ends may be a short list: that must never pass for all.
func (w *window) end() error {
	if !w.complete {
		return w.session.malformed("ListOrders ended without the complete checkpoint")
	}
	return nil
}

// GetOrders reads orders by number, in as many calls as the adapter needs: each on the process that serves by then, and repeated once
// by itself. order.Found.Release is that of the last.
func (f *Facade) GetOrders(ctx context.Context, ref store.Ref, numbers []string) (order.Found, error) {
	var all order.Found
	for len(numbers) > 0 {
		err := f.read(ctx, ref, func(ctx context.Context, s *session) error {
			perCall := int(s.lease.Description().GetCapabilities().GetMaxOrdersPerGet())
			if perCall < 1 {
				return s.malformed("it declares no max_orders_per_get")
			}
			n := min(perCall, len(numbers))
			orders, err := f.getOrders(ctx, s, numbers[:n])
			if err != nil {
				return err
			}
			all.Orders, all.Release, numbers = append(all.Orders, orders...), s.lease.Binary(), numbers[n:]
			return nil
		})
		if err != nil {
			return order.Found{}, err
		}
	}
	return all, nil
}

func (f *Facade) getOrders(ctx context.Context, s *session, numbers []string) ([]order.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.Call)
	defer cancel()
	answer, err := s.client.GetOrders(ctx, &adapterv1.GetOrdersRequest{Store: s.store, OrderNumbers: numbers})
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	f.keep(ctx, s, answer.GetStateUpdate())
	orders, err := s.orders(answer.GetOrders())
	if err != nil {
		return nil, err
	}
	if orders, err = order.Renumber(orders, numbers); err != nil {
		return nil, s.malformed("GetOrders answered with an order that was not asked for")
	}
	return orders, nil
}
