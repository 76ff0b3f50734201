package shipment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// WorkerConfig is what a worker needs. All fields are required.
type WorkerConfig struct {
	Repository  Repository
	Reader      *order.Reader
	Stores      Stores
	Marketplace Marketplace
	// Workers is how many shipments are worked on at once.
	Workers int
	// Policy is how patient a shipment is.
	Policy delivery.Policy
	Now    func() time.Time
	Log    *slog.Logger
}

// Worker carries shipments to the marketplace, one step at a time.
type Worker struct {
	cfg      WorkerConfig
	carriers carrierBook
	loop     *due.Loop[Shipment]
}

// NewWorker returns a worker that has not started.
func NewWorker(cfg WorkerConfig) *Worker {
	w := &Worker{cfg: cfg, carriers: carrierBook{cfg.Repository, cfg.Stores, cfg.Marketplace, cfg.Now}}
	w.loop = due.New(due.Config[Shipment]{
		Due: cfg.Repository.DueShipments, Next: cfg.Repository.NextDue,
		ID: func(s Shipment) string { return s.ID }, Work: w.work,
		Workers: cfg.Workers, Pause: cfg.Policy.RetryMin, Now: cfg.Now, Log: cfg.Log,
	})
	return w
}

// Wake tells the worker that something may be due. It never blocks.
func (w *Worker) Wake() { w.loop.Wake() }

// Start begins to work in the background. It is called once.
func (w *Worker) Start() { w.loop.Start() }

// Stop begins nothing new and waits until what is under way has ended, or until ctx ends.
func (w *Worker) Stop(ctx context.Context) error { return w.loop.Stop(ctx) }

// work makes one step with a shipment and logs what came of it. A step is never cut in the middle by a shutdown:
// Policy.CallTimeout bounds it.
func (w *Worker) work(ctx context.Context, s Shipment) error {
	log := w.cfg.Log.With("store", s.StoreID, "shipment", s.ID, "adapter", s.Adapter)
	after, err := w.step(ctx, s)
	switch {
	case errors.Is(err, ErrConflict), errors.Is(err, ErrHeld):
		log.Info("shipment changed or was held back meanwhile; it is looked at again")
		return nil
	case err != nil:
		log.Error("shipment step not stored", "error", err)
		return err
	}
	log.Info("shipment step", "from", s.State, "to", after.State, "reason", after.Reason, "sends", after.SendCount)
	return nil
}

// step reads the order, decides, and acts. It returns the shipment as stored; an error means that it could not be stored.
func (w *Worker) step(ctx context.Context, s Shipment) (Shipment, error) {
	ref := store.Ref{StoreID: s.StoreID, Adapter: s.Adapter}
	told := s.Message
	o, err := w.read(ctx, ref, s.OrderNumber)
	if err != nil {
		s.Postpone(w.failed(ctx, s, err), w.now(), w.cfg.Policy)
		return w.store(ctx, s, told)
	}
	w.cfg.Stores.Report(ctx, store.Ref{StoreID: s.StoreID, Adapter: s.Adapter}, nil)
	now := w.now()
	s.Observe(o != nil && o.Status == order.ReadyToShip, now)
	v := decide(s, o, now, w.cfg.Policy.RepeatedReads)
	switch v.action {
	case send:
		if s.MarketplaceCarrier == "" { // the order went to another adapter since
			if !w.carrier(ctx, &s, ref) {
				return w.store(ctx, s, told)
			}
		}
		return w.send(ctx, s, ref, *o)
	case confirm:
		s.End(delivery.Confirmed, v.reason, v.message)
	case reject:
		s.End(delivery.Rejected, v.reason, v.message)
	case attention:
		s.End(delivery.NeedsAttention, v.reason, v.message)
	case wait:
		s.Wait(v.reason, v.message, now, w.cfg.Policy)
	}
	s.Evidence = v.evidence
	return w.store(ctx, s, told)
}

// read reads the order fresh and keeps what it shows. Nil means that the marketplace does not show the order.
func (w *Worker) read(ctx context.Context, ref store.Ref, number string) (*order.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Policy.CallTimeout)
	defer cancel()
	return w.cfg.Reader.Fresh(ctx, ref, number)
}

// carrier finds the carrier in the list of the adapter that the shipment is sent through now. It is false when the shipment is
// not to be sent for the time being.
func (w *Worker) carrier(ctx context.Context, s *Shipment, ref store.Ref) bool {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Policy.CallTimeout)
	defer cancel()
	c, err := w.carriers.find(ctx, ref, s.Carrier)
	switch {
	case problem.HasReason(err, problem.ReasonCarrierUnknown):
		s.End(delivery.NeedsAttention, problem.ReasonCarrierUnknown,
			"the order went to another API of the marketplace, whose carriers are others: "+problem.As(err).Message)
		return false
	case err != nil:
		s.Postpone(w.failed(ctx, *s, err), w.now(), w.cfg.Policy)
		return false
	}
	s.MarketplaceCarrier = c.Name
	return true
}

// send commits SENDING, tells the marketplace, and stores what came of it.
func (w *Worker) send(ctx context.Context, s Shipment, ref store.Ref, o order.Order) (Shipment, error) {
	before, told := s.State, s.Message
	s.BeginSend(w.now(), w.cfg.Policy)
	s, err := w.store(ctx, s, told)
	if err != nil {
		return s, err
	}
	told = s.Message
	callCtx, cancel := context.WithTimeout(ctx, w.cfg.Policy.CallTimeout)
	defer cancel()
	result, err := w.cfg.Marketplace.NotifyShipment(callCtx, ref, Notification{
		Key: s.ID, Order: o, Lines: shippedLines(s.Items, o.Lines), Carrier: s.MarketplaceCarrier,
		TrackingNumber: s.TrackingNumber, TrackingURL: s.TrackingURL,
		Service: s.Service, CarrierFee: s.CarrierFee, ShipTime: s.ShipTime,
	})
	conclude := func(s *Shipment) { s.Conclude(before, result, w.now(), w.cfg.Policy) }
	if err != nil { // certainly nothing was sent
		failure := w.failed(ctx, s, err)
		conclude = func(s *Shipment) { s.NotSent(before, failure, w.now(), w.cfg.Policy) }
	}
	announced := s
	conclude(&s)
	if err == nil && result.Outcome == delivery.Retry {
		w.cfg.Stores.Report(ctx, ref, problem.New(problem.Unavailable, s.Reason, "%s", s.Message))
	}
	stored, storeErr := w.store(ctx, s, told)
	if !errors.Is(storeErr, ErrConflict) {
		return stored, storeErr
	}
	// The order went to another adapter while the request was on its way: what came back must not be lost.
	fresh, readErr := w.cfg.Repository.GetShipment(ctx, s.StoreID, s.ID)
	if readErr != nil || fresh.State != delivery.Sending || fresh.SendCount != announced.SendCount || fresh.LastOutcome != "" {
		return s, errors.Join(storeErr, readErr)
	}
	conclude(&fresh)
	return w.store(ctx, fresh, told)
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

// failed tells the store's health of a failure and returns what a person may know of it.
func (w *Worker) failed(ctx context.Context, s Shipment, err error) *problem.Problem {
	w.cfg.Stores.Report(ctx, store.Ref{StoreID: s.StoreID, Adapter: s.Adapter}, err)
	if p := problem.As(err); p != nil {
		return p
	}
	w.cfg.Log.ErrorContext(ctx, "shipment step failed", "store", s.StoreID, "shipment", s.ID, "error", err)
	return problem.New(problem.Internal, problem.ReasonInternal, "an internal error stopped this attempt; the server's log tells which")
}

// store writes the shipment, with an event when its message is not the one that was told last.
func (w *Worker) store(ctx context.Context, s Shipment, told string) (Shipment, error) {
	s.UpdateTime = w.now()
	var events []Event
	if s.Message != told {
		events = append(events, Event{Time: s.UpdateTime, State: s.State, Message: s.Message})
	}
	stored, err := w.cfg.Repository.UpdateShipment(ctx, s, events...)
	if err != nil {
		return s, fmt.Errorf("store shipment as %s: %w", s.State, err)
	}
	return stored, nil
}

func (w *Worker) now() time.Time { return w.cfg.Now().UTC() }
