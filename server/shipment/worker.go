package shipment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// WorkerConfig is what a worker needs. All fields are required.
type WorkerConfig struct {
	Repository  Repository
	Orders      Orders
	Stores      Stores
	Marketplace Marketplace
	// Workers is how many shipments are worked on at once.
	Workers int
	// SettleDelay is how long a request whose answer was lost may take to become visible, and the time between reads.
	SettleDelay time.Duration
	// RepeatedReads is how many reads in a row must show "still ready" before a request is sent a second time.
	RepeatedReads int32
	// RetryMin and RetryMax bound the back-off after a failure and between reads while waiting.
	RetryMin, RetryMax time.Duration
	// CallTimeout bounds one exchange with the marketplace. A request under way is not cut by a shutdown before it.
	CallTimeout time.Duration
	Now         func() time.Time
	Log         *slog.Logger
}

// Worker carries shipments to the marketplace, one step at a time.
type Worker struct {
	cfg  WorkerConfig
	loop *due.Loop[Shipment]
}

// NewWorker returns a worker that has not started.
func NewWorker(cfg WorkerConfig) *Worker {
	w := &Worker{cfg: cfg}
	w.loop = due.New(due.Config[Shipment]{
		Due: cfg.Repository.DueShipments, Next: cfg.Repository.NextDue,
		ID: func(s Shipment) string { return s.ID }, Work: w.work,
		Workers: cfg.Workers, Pause: cfg.RetryMin, Now: cfg.Now, Log: cfg.Log,
	})
	return w
}

// Wake tells the worker that something may be due. It never blocks.
func (w *Worker) Wake() { w.loop.Wake() }

// Start begins to work in the background. It is called once.
func (w *Worker) Start() { w.loop.Start() }

// Stop begins nothing new and waits until what is under way has ended, or until ctx ends.
func (w *Worker) Stop(ctx context.Context) error { return w.loop.Stop(ctx) }

// work makes one step with a shipment and logs what stopped it. A step is never cut in the middle by a shutdown: CallTimeout
// bounds it.
func (w *Worker) work(ctx context.Context, s Shipment) {
	log := w.cfg.Log.With("store", s.StoreID, "shipment", s.ID, "adapter", s.Adapter)
	after, err := w.step(ctx, s)
	switch {
	case errors.Is(err, ErrConflict):
		log.Info("shipment changed meanwhile; the next look takes it up again")
	case err != nil:
		log.Error("shipment step not stored", "error", err)
	default:
		log.Info("shipment step", "from", s.State, "to", after.State, "reason", after.Reason, "sends", after.SendCount)
	}
}

// step reads the order, decides, and acts. It returns the shipment as stored; an error means that it could not be stored.
func (w *Worker) step(ctx context.Context, s Shipment) (Shipment, error) {
	o, err := w.read(ctx, s)
	if err != nil {
		return w.postpone(ctx, s, err)
	}
	w.cfg.Stores.Report(ctx, s.StoreID, nil)
	if s.State == Sending && o != nil && o.Status == order.ReadyToShip && w.settled(s) {
		s.StillReady++
	}
	v := decide(s, o, w.cfg.Now(), w.cfg.RepeatedReads)
	s.FailureCount = 0
	switch v.action {
	case send:
		return w.send(ctx, s, *o)
	case confirm:
		return w.end(ctx, s, Confirmed, v)
	case reject:
		return w.end(ctx, s, Rejected, v)
	case attention:
		return w.end(ctx, s, NeedsAttention, v)
	}
	return w.waitMore(ctx, s, v)
}

// settled reports whether the request last sent has had its time to become visible.
func (w *Worker) settled(s Shipment) bool {
	return !w.cfg.Now().Before(s.SentTime.Add(w.cfg.SettleDelay))
}

// read reads the order fresh and keeps what it shows. Nil means that the marketplace does not show the order.
func (w *Worker) read(ctx context.Context, s Shipment) (*order.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.CallTimeout)
	defer cancel()
	ref := store.Ref{StoreID: s.StoreID, Adapter: s.Adapter}
	orders, err := w.cfg.Marketplace.GetOrders(ctx, ref, []string{s.OrderNumber})
	if err != nil {
		return nil, err
	}
	for i := range orders {
		if orders[i].Number != s.OrderNumber {
			continue
		}
		if _, err := w.cfg.Orders.ApplyBatch(ctx, order.Batch{Ref: ref, Orders: orders[i : i+1], Window: -1, Time: w.cfg.Now().UTC()}); err != nil {
			return nil, fmt.Errorf("keep fresh read of order: %w", err)
		}
		return &orders[i], nil
	}
	return nil, nil
}

// send commits SENDING, tells the marketplace, and stores what came of it. A crash after the commit leaves SENDING behind,
// which is resolved by reading.
func (w *Worker) send(ctx context.Context, s Shipment, o order.Order) (Shipment, error) {
	before := s.State // Queued: certainly nothing applied. Sending: an earlier request may have been
	s.State = Sending
	s.SendCount++
	s.SentTime = w.cfg.Now().UTC()
	s.LastOutcome, s.StillReady = "", 0
	s.NextAttempt = s.SentTime.Add(w.cfg.SettleDelay)
	s.Reason, s.Message = "", "sending"
	s, err := w.store(ctx, s, fmt.Sprintf("sending request %d", s.SendCount))
	if err != nil {
		return s, err
	}

	callCtx, cancel := context.WithTimeout(ctx, w.cfg.CallTimeout)
	defer cancel()
	result, err := w.cfg.Marketplace.NotifyShipment(callCtx, store.Ref{StoreID: s.StoreID, Adapter: s.Adapter}, Notification{
		Key: s.ID, Order: o, Lines: o.Lines, Carrier: s.MarketplaceCarrier,
		TrackingNumber: s.TrackingNumber, TrackingURL: s.TrackingURL,
		Service: s.Service, CarrierFee: s.CarrierFee, ShipTime: s.ShipTime,
	})
	if err != nil { // certainly nothing was sent
		s.State = before
		return w.postpone(ctx, s, err)
	}
	return w.outcome(ctx, s, before, result)
}

// outcome stores what the marketplace answered.
func (w *Worker) outcome(ctx context.Context, s Shipment, before State, r Result) (Shipment, error) {
	now := w.cfg.Now().UTC()
	s.LastOutcome = r.Outcome
	switch r.Outcome {
	case Applied, AlreadyApplied:
		s.State, s.NextAttempt, s.Reason = Acknowledged, now, ""
		s.Message = "the marketplace said yes; relais reads the order to confirm it"
		return w.store(ctx, s, s.Message)

	case Retry:
		s.State = before
		return w.postpone(ctx, s, &problem.Problem{
			Kind: problem.Unavailable, Reason: problem.ReasonMarketplaceRefused,
			Message: "the marketplace did not take the request now: " + r.Message, RetryAfter: r.RetryAfter,
		})

	case Refused:
		// The refusal itself applied nothing. But "the order's state does not allow it" may mean that an earlier request,
		// or somebody else, was faster (cdiscount-soap.md 8.3): only a read tells.
		s.Reason = problem.ReasonMarketplaceWriteError
		s.Message = "the marketplace refused the shipment: " + r.NativeReason + " " + r.Message
		if before == Queued { // no earlier request: one read settles it
			s.StillReady = w.cfg.RepeatedReads
			s.NextAttempt = now
		}
		return w.store(ctx, s, s.Message)
	}
	s.Reason = problem.ReasonMarketplaceDown
	s.Message = "the marketplace's answer was lost: " + r.Message + "; relais reads the order before it does anything else"
	return w.store(ctx, s, s.Message)
}

// end stores a final state.
func (w *Worker) end(ctx context.Context, s Shipment, state State, v verdict) (Shipment, error) {
	s.State, s.Evidence, s.Reason, s.Message, s.NextAttempt = state, v.evidence, v.reason, v.message, time.Time{}
	return w.store(ctx, s, v.message)
}

// waitMore plans the next read. A shipment whose request was lost is read at the settle delay, so that a resolution does
// not take longer than it must; other waits grow.
func (w *Worker) waitMore(ctx context.Context, s Shipment, v verdict) (Shipment, error) {
	now := w.cfg.Now().UTC()
	delay := w.cfg.SettleDelay
	if s.State != Sending {
		delay = w.growing(now.Sub(s.UpdateTime))
	}
	s.NextAttempt = now.Add(delay)
	if s.State == Sending && s.LastOutcome == Refused { // keep what the marketplace said
		return w.store(ctx, s, v.message)
	}
	said := s.Message == v.message
	s.Reason, s.Message = v.reason, v.message
	if said {
		return w.store(ctx, s, "")
	}
	return w.store(ctx, s, v.message)
}

// growing doubles the last wait within the bounds.
func (w *Worker) growing(last time.Duration) time.Duration {
	return jitter(min(max(2*last, w.cfg.RetryMin), w.cfg.RetryMax))
}

// postpone plans another step after a failure that certainly applied nothing.
func (w *Worker) postpone(ctx context.Context, s Shipment, cause error) (Shipment, error) {
	now := w.cfg.Now().UTC()
	w.cfg.Stores.Report(ctx, s.StoreID, cause)
	p := problem.As(cause)
	if p == nil {
		w.cfg.Log.ErrorContext(ctx, "shipment step failed", "store", s.StoreID, "shipment", s.ID, "error", cause)
		p = problem.New(problem.Internal, problem.ReasonInternal, "an internal error stopped this attempt; the server's log tells which")
	}
	if now.After(s.Deadline) {
		return w.end(ctx, s, NeedsAttention, verdict{reason: p.Reason, message: "gave up at the deadline: " + p.Message})
	}
	delay := w.cfg.RetryMin << min(s.FailureCount, 20)
	if delay <= 0 || delay > w.cfg.RetryMax {
		delay = w.cfg.RetryMax
	}
	s.FailureCount++
	s.NextAttempt = now.Add(max(jitter(delay), p.RetryAfter))
	news := ""
	if s.Reason != p.Reason || s.Message != p.Message {
		news = p.Message
	}
	s.Reason, s.Message = p.Reason, p.Message
	return w.store(ctx, s, news)
}

// store writes the shipment, with an event when there is something to tell.
func (w *Worker) store(ctx context.Context, s Shipment, news string) (Shipment, error) {
	s.UpdateTime = w.cfg.Now().UTC()
	var events []Event
	if news != "" {
		events = append(events, Event{Time: s.UpdateTime, State: s.State, Message: news})
	}
	stored, err := w.cfg.Repository.UpdateShipment(ctx, s, events...)
	if err != nil {
		return s, fmt.Errorf("store shipment as %s: %w", s.State, err)
	}
	return stored, nil
}

// jitter spreads a delay by ±20 %, so that many shipments do not return at once.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
