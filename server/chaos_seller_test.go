package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// The sellers of a chaos run: their systems repeat each call until it is answered, and note what they said and were told. Where
// relais asks for a person, one looks.

// told is one shipment that a seller notified, and what became of the notification.
type told struct {
	Tracking string
	Shipment string // its name; empty when it was refused
	Refusal  string // the reason of a refusal for good
	// Withdrawn tells that the seller cancelled it, and was told that it is.
	Withdrawn bool
}

// callTimeout is after how long a seller's system gives a call up and makes it again.
const callTimeout = 5 * time.Second

// insist makes a call until it is answered: with a result, or with a refusal for good. Any other error means that ctx has ended.
func insist[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	for {
		callCtx, cancel := context.WithTimeout(ctx, callTimeout)
		answer, err := call(callCtx)
		cancel()
		if ctx.Err() != nil && err != nil {
			return answer, ctx.Err()
		}
		if code := status.Code(err); code == codes.OK || isFinal(code) {
			return answer, err
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// isFinal reports whether the same call would be refused again.
func isFinal(code codes.Code) bool {
	switch code {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition:
		return true
	default:
		return false
	}
}

// sell does everything that the order's story tells.
func (c *chaosRun) sell(ctx context.Context, i int) {
	o := c.plan.Orders[i]
	c.cancelByBuyer(i)
	if o.Story == decided {
		c.accept(ctx, i)
	}
	if o.First == "" {
		name := c.notify(ctx, i, o.Tracking, "")
		if o.Story == retried {
			c.look(ctx, name)
		}
		return
	}
	first := c.notify(ctx, i, o.First, "")
	pause(ctx, o.Pause)
	switch {
	case first == "":
	case o.Story == withdrawn:
		if c.withdraw(ctx, i, first) {
			c.notify(ctx, i, o.Tracking, "")
		}
	default:
		c.look(ctx, c.notify(ctx, i, o.Tracking, first))
	}
}

// sellBatch notifies the shipments of several orders in one call, as often as it takes until each is answered.
func (c *chaosRun) sellBatch(ctx context.Context, api string, orders []int) {
	for _, i := range orders {
		c.cancelByBuyer(i)
	}
	for left := orders; len(left) > 0 && ctx.Err() == nil; {
		batch := &marketplacev1.BatchNotifyShipmentsRequest{Parent: "stores/" + api}
		for _, i := range left {
			batch.Requests = append(batch.Requests, c.request(i, c.plan.Orders[i].Tracking, ""))
		}
		answer, err := insist(ctx, func(ctx context.Context) (*marketplacev1.BatchNotifyShipmentsResponse, error) {
			return c.api.BatchNotifyShipments(ctx, batch, grpc.WaitForReady(true))
		})
		if err != nil || len(answer.GetResults()) != len(left) {
			if ctx.Err() == nil {
				c.mustNot("a batch of %d has %d results: %v", len(left), len(answer.GetResults()), err)
			}
			return
		}
		var again []int
		for k, i := range left {
			failed := answer.GetResults()[k].GetError()
			if failed != nil && !isFinal(codes.Code(failed.GetCode())) {
				again = append(again, i)
				continue
			}
			c.note(i, told{
				Tracking: c.plan.Orders[i].Tracking, Shipment: answer.GetResults()[k].GetShipment().GetName(), Refusal: failed.GetReason(),
			})
		}
		left = again
	}
	for _, i := range orders {
		c.repeat(ctx, i)
	}
}

// cancelByBuyer lets the buyer cancel the order on the marketplace, if the plan says so.
func (c *chaosRun) cancelByBuyer(i int) {
	if !c.plan.Orders[i].Cancelled {
		return
	}
	cancelled := world.CancelledByCustomer
	if err := c.s.sandbox.World().Update(c.numbers[i], world.Patch{State: &cancelled}); err != nil {
		c.mustNot("cancel order: %v", err)
	}
}

// accept accepts an order.
func (c *chaosRun) accept(ctx context.Context, i int) {
	_, err := insist(ctx, func(ctx context.Context) (*marketplacev1.Order, error) {
		return c.api.AcceptOrder(ctx, &marketplacev1.AcceptOrderRequest{Name: c.orderName(i)}, grpc.WaitForReady(true))
	})
	if err != nil && ctx.Err() == nil {
		c.mustNot("order %s cannot be accepted: %v", c.numbers[i], err)
	}
}

// request is the notification of a shipment, in the place of another one if that has a name.
func (c *chaosRun) request(i int, tracking, replaces string) *marketplacev1.NotifyShipmentRequest {
	o := c.plan.Orders[i]
	req := &marketplacev1.NotifyShipmentRequest{
		Parent: "stores/" + o.API,
		Shipment: &marketplacev1.Shipment{
			Order: c.orderName(i), Carrier: o.Carrier, TrackingNumber: tracking, Replaces: replaces,
		},
	}
	if !o.Unnamed {
		req.RequestId = "chaos-" + tracking
	}
	return req
}

// notify notifies a shipment and returns its name; empty after a refusal for good and at the end of ctx.
func (c *chaosRun) notify(ctx context.Context, i int, tracking, replaces string) string {
	call := func(ctx context.Context) (*marketplacev1.Shipment, error) {
		return c.api.NotifyShipment(ctx, c.request(i, tracking, replaces), grpc.WaitForReady(true))
	}
	sh, err := insist(ctx, call)
	if err != nil {
		if ctx.Err() == nil {
			c.note(i, told{Tracking: tracking, Refusal: reasonOf(err)})
		}
		return ""
	}
	c.note(i, told{Tracking: tracking, Shipment: sh.GetName()})
	if tracking == c.plan.Orders[i].Tracking && replaces == "" {
		c.repeat(ctx, i)
	}
	return sh.GetName()
}

// repeat makes a notification a second time, if the plan says so and the first one was taken.
func (c *chaosRun) repeat(ctx context.Context, i int) {
	o, first := c.plan.Orders[i], c.last(i).Shipment
	if !o.Repeated || first == "" {
		return
	}
	again, err := insist(ctx, func(ctx context.Context) (*marketplacev1.Shipment, error) {
		return c.api.NotifyShipment(ctx, c.request(i, o.Tracking, ""), grpc.WaitForReady(true))
	})
	if ctx.Err() == nil && (err != nil || again.GetName() != first) {
		c.mustNot("the same request made %s and %s: %v", first, again.GetName(), err)
	}
}

// withdraw cancels a shipment and reports whether it is. Where it cannot be any more it stands.
func (c *chaosRun) withdraw(ctx context.Context, i int, name string) bool {
	sh, err := insist(ctx, func(ctx context.Context) (*marketplacev1.Shipment, error) {
		return c.api.CancelShipment(ctx, &marketplacev1.CancelShipmentRequest{Name: name}, grpc.WaitForReady(true))
	})
	switch {
	case err == nil && sh.GetState() == marketplacev1.Shipment_STATE_CANCELLED:
		c.mu.Lock()
		c.told[i][len(c.told[i])-1].Withdrawn = true
		c.mu.Unlock()
		return true
	case ctx.Err() == nil && reasonOf(err) != "SHIPMENT_NOT_CANCELLABLE":
		c.mustNot("shipment %s cannot be cancelled, it is %s: %v", name, sh.GetState(), err)
	}
	return false
}

// look waits until a shipment has ended, and takes up again what a person can: what the marketplace refused, and what relais could
// not tell from the picture that the marketplace gave then.
func (c *chaosRun) look(ctx context.Context, name string) {
	for retries := 0; name != "" && ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
		sh, err := insist(ctx, func(ctx context.Context) (*marketplacev1.Shipment, error) {
			return c.api.GetShipment(ctx, &marketplacev1.GetShipmentRequest{Name: name}, grpc.WaitForReady(true))
		})
		switch state := sh.GetState(); {
		case err != nil:
			return
		case state == queued || state == sending || state == acknowledged:
			continue
		case retries < 10 && (state == rejected || state == attention && sh.GetReason() == "TRACKING_MISMATCH"):
			retries++
			// Refused when an earlier call, whose answer was lost, took it up.
			_, _ = insist(ctx, func(ctx context.Context) (*marketplacev1.Shipment, error) {
				return c.api.RetryShipment(ctx, &marketplacev1.RetryShipmentRequest{Name: name}, grpc.WaitForReady(true))
			})
			continue
		}
		return
	}
}

// note keeps what a seller said and was told.
func (c *chaosRun) note(i int, t told) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told[i] = append(c.told[i], t)
}

// last is what was said last of an order.
func (c *chaosRun) last(i int) told {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.told[i]); n > 0 {
		return c.told[i][n-1]
	}
	return told{}
}
