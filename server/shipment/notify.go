package shipment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// MaxBatch is how many statements NotifyAll takes.
const MaxBatch = 1000

// batchPiece is how many shipments of a batch are stored in one transaction: other writers wait as long as that takes.
const batchPiece = 200

// maxAttempts is how often a statement is drafted anew when what it rests on changes before it is stored: its order goes to another
// adapter, or the shipment that it replaces takes a step.
const maxAttempts = 5

// Outcome is what became of one statement of a batch: a shipment, or an error.
type Outcome struct {
	Shipment Shipment
	Err      error
}

// Notify refuses what can never work and stores the rest; the shipment is durable when it returns. A repeated request gets
// the shipment that the first one made, whatever became of the order since.
func (s *Service) Notify(ctx context.Context, storeID string, st Statement) (Shipment, error) {
	outcomes, err := s.NotifyAll(ctx, storeID, []Statement{st})
	if err != nil {
		return Shipment{}, err
	}
	return outcomes[0].Shipment, outcomes[0].Err
}

// NotifyAll takes statements as Notify does, each by itself: one that fails stops no other. There is an outcome for each, in their
// order. The error means that nothing was looked at: STORE_NOT_FOUND, STORE_DISCONNECTED.
func (s *Service) NotifyAll(ctx context.Context, storeID string, statements []Statement) ([]Outcome, error) {
	d, err := s.drafts(ctx, storeID)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, 0, len(statements))
	for len(statements) > 0 {
		n := min(batchPiece, len(statements))
		outcomes = append(outcomes, d.notify(ctx, statements[:n])...)
		statements = statements[n:]
	}
	if slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.Err == nil && o.Shipment.State.Open() }) {
		s.wake()
	}
	for i := range outcomes {
		if o := &outcomes[i]; o.Err == nil {
			d.holds.tellStored(ctx, &o.Shipment)
		}
	}
	return outcomes, nil
}

// notify drafts statements and stores those that pass in one transaction. Those whose ground moved meanwhile are drafted anew.
func (d *drafts) notify(ctx context.Context, statements []Statement) []Outcome {
	outcomes := make([]Outcome, len(statements))
	left := make([]int, len(statements))
	for i := range left {
		left[i] = i
	}
	for attempt := 1; len(left) > 0; attempt++ {
		var news []New
		var at []int // index of each in statements
		for _, i := range left {
			drafted, err := d.draft(ctx, statements[i])
			if err == nil && !drafted.existing {
				news, at = append(news, drafted.new), append(at, i)
				continue
			}
			outcomes[i] = Outcome{Shipment: drafted.new.Shipment, Err: err}
		}
		left = nil
		for k, c := range d.put(ctx, news) {
			if attempt < maxAttempts && (errors.Is(c.Err, order.ErrMoved) || errors.Is(c.Err, ErrConflict)) {
				left = append(left, at[k])
				continue
			}
			outcomes[at[k]] = d.outcome(ctx, news[k].Shipment, c)
		}
	}
	return outcomes
}

// put stores drafts; a failure of all is the failure of each.
func (d *drafts) put(ctx context.Context, news []New) []Created {
	if len(news) == 0 {
		return nil
	}
	created, err := d.service.repository.CreateShipments(ctx, news)
	if err == nil {
		return created
	}
	created = make([]Created, len(news))
	for i := range created {
		created[i].Err = err
	}
	return created
}

// outcome says what storing a shipment came to.
func (d *drafts) outcome(ctx context.Context, drafted Shipment, c Created) Outcome {
	switch {
	case errors.Is(c.Err, store.ErrNoCredentials): // disconnected meanwhile
		return Outcome{Err: store.Disconnected(drafted.StoreID)}
	case errors.Is(c.Err, order.ErrMoved), errors.Is(c.Err, ErrConflict):
		return Outcome{Err: problem.New(problem.Unavailable, problem.ReasonShipmentsBusy,
			"order %s and its shipments change faster than this one can be checked; repeat the call", drafted.OrderNumber)}
	case c.Err != nil:
		return Outcome{Err: fmt.Errorf("store shipment: %w", c.Err)}
	}
	switch c.Result {
	case SameRequest:
		sh, err := repeated(c.Shipment, drafted)
		return Outcome{Shipment: sh, Err: err}
	case OrderHasOpen:
		return Outcome{Err: alreadyOpen(c.Shipment)}
	}
	d.service.log.InfoContext(ctx, "shipment stored", "store", c.Shipment.StoreID, "shipment", c.Shipment.ID)
	return Outcome{Shipment: c.Shipment}
}

func alreadyOpen(open Shipment) error {
	return problem.New(problem.Exists, problem.ReasonShipmentAlreadyOpen,
		"order %s has an open shipment: %s; to correct it, name it as replaces", open.OrderNumber, open.ID).
		With("shipment", nameOf(open.StoreID, open.ID))
}

// notification is what is sent of a shipment about an order as just read.
func (s Shipment) notification(o order.Order) Notification {
	return Notification{
		Key: s.ID, Order: o, Lines: shippedLines(s.Items, o.Lines), Carrier: s.Chosen.Name,
		TrackingNumber: s.TrackingNumber, TrackingURL: s.trackingURL(),
		Service: s.Service, CarrierFee: s.CarrierFee, ShipTime: s.ShipTime,
	}
}

// shippedLines is the lines that left, with their pieces. Without items everything left.
func shippedLines(items []Item, lines []order.Line) []order.Line {
	if len(items) == 0 {
		return lines
	}
	var shipped []order.Line
	for _, item := range items {
		for _, l := range lines {
			if l.ID == item.LineID {
				if item.Quantity > 0 {
					l.Quantity = item.Quantity
				}
				shipped = append(shipped, l)
			}
		}
	}
	return shipped
}
