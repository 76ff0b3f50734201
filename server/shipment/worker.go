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
	Carriers    *CarrierBook
	// Workers is how many shipments of one adapter are worked on at once.
	Workers int
	// Policy is how patient a shipment is.
	Policy delivery.Policy
	// WaitMargin is how long after an order's ship-by time relais keeps trying at least.
	WaitMargin time.Duration
	Now        func() time.Time
	Log        *slog.Logger
}

// Worker carries shipments to the marketplace, one step at a time.
type Worker struct {
	cfg      WorkerConfig
	carriers *CarrierBook
	loop     *due.Loop[Shipment, store.Ref]
}

// NewWorker returns a worker that has not started.
func NewWorker(cfg WorkerConfig) *Worker {
	w := &Worker{cfg: cfg, carriers: cfg.Carriers}
	w.loop = due.New(due.Config[Shipment, store.Ref]{
		Lanes: cfg.Repository.Adapters, Due: cfg.Repository.DueShipments, Next: cfg.Repository.NextDue,
		ID:    func(s Shipment) string { return s.ID },
		Group: func(s Shipment) store.Ref { return store.Ref{StoreID: s.StoreID, Adapter: s.Adapter} }, Work: w.work,
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

// step reads the order, decides, and acts. It returns the shipment as stored; an error means that the database failed.
func (w *Worker) step(ctx context.Context, s Shipment) (Shipment, error) {
	ref := store.Ref{StoreID: s.StoreID, Adapter: s.Adapter}
	began := w.now()
	read, err := w.read(ctx, ref, s.OrderNumber)
	if err != nil {
		return w.postpone(ctx, s, err, Event{Adapter: s.Adapter})
	}
	rules, err := w.rules(ctx, s)
	if err != nil {
		return w.postpone(ctx, s, err, w.observed(s, read, ""))
	}
	w.cfg.Stores.Report(ctx, ref, nil)
	now := w.now()
	o := read.Order
	if o != nil && o.ShipBy.Add(w.cfg.WaitMargin).After(s.Deadline) { // told only since, or put off
		s.Deadline = o.ShipBy.Add(w.cfg.WaitMargin)
	}
	// What the read shows may be as old as its begin.
	s.Observe(o != nil && (o.Status == order.ReadyToShip || correctable(s, *o, rules)), began)
	v, err := w.bears(ctx, s, o, decide(s, o, now, w.cfg.Policy.RepeatedReads, rules))
	if err != nil {
		return s, err
	}
	switch v.action {
	case send:
		return w.send(ctx, s, *o, w.observed(s, read, v.message))
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
	return w.store(ctx, s, w.observed(s, read, v.message))
}

// read reads the order fresh and keeps what it shows.
func (w *Worker) read(ctx context.Context, ref store.Ref, number string) (order.FreshRead, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Policy.CallTimeout)
	defer cancel()
	return w.cfg.Reader.Fresh(ctx, ref, number)
}

// rules returns what the marketplace allows; zero for a shipment to which it does not matter.
func (w *Worker) rules(ctx context.Context, s Shipment) (Rules, error) {
	if s.ReplacedTracking == "" {
		return Rules{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Policy.CallTimeout)
	defer cancel()
	return w.cfg.Marketplace.ShipmentRules(ctx, store.Ref{StoreID: s.StoreID, Adapter: s.Adapter})
}

// observed is the event of a read of the order.
func (w *Worker) observed(s Shipment, read order.FreshRead, message string) Event {
	seen := Observation{Found: read.Order != nil}
	if o := read.Order; o != nil {
		seen.NativeStatus, seen.TrackingNumbers, seen.CancelRequested = o.NativeStatus, trackingNumbers(*o), o.CancelRequested
	}
	return Event{
		State: s.State, Kind: KindRead, Message: message, Adapter: s.Adapter, Release: read.Release, Proof: Proof{Observed: &seen},
	}
}

// postpone plans another step after a failure before which nothing was sent. seen is what came before it in this step: it becomes a
// part of the failure's event, so that failures that repeat are one event.
func (w *Worker) postpone(ctx context.Context, s Shipment, err error, seen Event) (Shipment, error) {
	cause := w.failed(ctx, s, err)
	s.Postpone(cause, w.now(), w.cfg.Policy)
	seen.State, seen.Kind, seen.Message = s.State, KindFailed, cause.Message
	return w.store(ctx, s, seen)
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

// store writes the shipment with what happened to it.
func (w *Worker) store(ctx context.Context, s Shipment, events ...Event) (Shipment, error) {
	s.UpdateTime = w.now()
	for i := range events {
		events[i].Time = s.UpdateTime
	}
	stored, err := w.cfg.Repository.UpdateShipment(ctx, s, events...)
	if err != nil {
		return s, fmt.Errorf("store shipment as %s: %w", s.State, err)
	}
	return stored, nil
}

func (w *Worker) now() time.Time { return w.cfg.Now().UTC() }
