package decision

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

// Stores is what decisions need to know of stores.
type Stores interface {
	// Get returns a store. STORE_NOT_FOUND.
	Get(ctx context.Context, id string) (store.Store, error)
	// Report notes how an exchange with the marketplace ended.
	Report(ctx context.Context, ref store.Ref, err error)
}

// Orders is what decisions need of orders.
type Orders interface {
	// GetOrder returns a stored order. order.ErrNotFound.
	GetOrder(ctx context.Context, storeID, number string) (order.Stored, error)
	// ListOrders returns a page of stored orders, least recently changed first.
	ListOrders(ctx context.Context, q order.ListQuery) ([]order.Stored, error)
}

// Config is what a service needs. All fields are required.
type Config struct {
	Repository  Repository
	Orders      Orders
	Reader      *order.Reader
	Stores      Stores
	Marketplace Marketplace
	// Workers is how many decisions of one adapter are worked on at once.
	Workers int
	// Policy is how patient a decision is.
	Policy delivery.Policy
	// WaitMargin is how long relais keeps trying before a person must look.
	WaitMargin time.Duration
	Now        func() time.Time
	Log        *slog.Logger
}

// Service takes decisions in and carries them to the marketplace. Its errors are problems.
type Service struct {
	cfg      Config
	loop     *due.Loop[Decision, store.Ref]
	reviews  *due.Loop[Review, string]
	stopping context.Context // ends with Stop, for reviews: they can be long
	cancel   context.CancelFunc
}

// NewService returns a service whose work has not started.
func NewService(cfg Config) *Service {
	s := &Service{cfg: cfg}
	s.stopping, s.cancel = context.WithCancel(context.Background())
	s.reviews = s.newReviews()
	s.loop = due.New(due.Config[Decision, store.Ref]{
		Lanes: cfg.Repository.Adapters, Due: cfg.Repository.DueDecisions, Next: cfg.Repository.NextDecision,
		ID:    func(d Decision) string { return d.StoreID + "/" + d.OrderNumber },
		Group: func(d Decision) store.Ref { return store.Ref{StoreID: d.StoreID, Adapter: d.Adapter} }, Work: s.work,
		Workers: cfg.Workers, Pause: cfg.Policy.RetryMin, Now: cfg.Now, Log: cfg.Log,
	})
	return s
}

// Start begins to work in the background. It is called once.
func (s *Service) Start() {
	s.loop.Start()
	s.reviews.Start()
}

// Stop begins nothing new and waits until what is under way has ended, or until ctx ends.
func (s *Service) Stop(ctx context.Context) error {
	s.cancel()
	return errors.Join(s.reviews.Stop(ctx), s.loop.Stop(ctx))
}

// Resume tells the workers that decisions may be due which were held back, or orders to be judged by another policy.
func (s *Service) Resume() {
	s.loop.Wake()
	s.reviews.Wake()
}

// maxAttempts is how often a decision is taken anew when what it rests on changes before it is stored: its order goes to another
// adapter, or is decided by another call.
const maxAttempts = 3

// Decide stores a decision; it is durable when Decide returns. The same decision, repeated while it is open or confirmed, is
// found again, and taken up again when its order waits for the seller all the same. Errors: STORE_NOT_FOUND, STORE_DISCONNECTED,
// ORDER_NOT_FOUND, ACCEPTANCE_UNSUPPORTED, ORDER_NOT_PENDING, DECISION_ALREADY_OPEN.
func (s *Service) Decide(ctx context.Context, storeID, number string, kind Kind) (order.Stored, Decision, error) {
	person := func(store.Store, order.Order) (string, error) { return "", nil }
	for attempt := 1; ; attempt++ {
		o, d, err := s.put(ctx, storeID, number, kind, person)
		overtaken := errors.Is(err, order.ErrMoved) || errors.Is(err, ErrConflict)
		if !overtaken || attempt == maxAttempts {
			return o, d, err
		}
	}
}

// decider says who decides about an order, as it and its store are now: a rule in words, empty for a person, or errLeft.
type decider func(store.Store, order.Order) (string, error)

// put stores a decision. What may have been applied of the order's earlier one stays open in it: that is settled by reading before
// anything of this one is sent. Beside the errors of Decide it returns order.ErrMoved and ErrConflict, and errors of by.
func (s *Service) put(ctx context.Context, storeID, number string, kind Kind, by decider) (order.Stored, Decision, error) {
	st, err := s.cfg.Stores.Get(ctx, storeID)
	if err != nil {
		return order.Stored{}, Decision{}, err
	}
	if !st.Connected() {
		return order.Stored{}, Decision{}, store.Disconnected(storeID)
	}
	o, err := s.cfg.Orders.GetOrder(ctx, storeID, number)
	if errors.Is(err, order.ErrNotFound) {
		return order.Stored{}, Decision{}, order.NotFound(storeID, number)
	} else if err != nil {
		return order.Stored{}, Decision{}, fmt.Errorf("read order: %w", err)
	}
	known, err := s.Of(ctx, storeID, []string{number})
	if err != nil {
		return order.Stored{}, Decision{}, err
	}
	earlier := known[number]
	switch {
	case earlier.undone(o.Order) && earlier.Kind == kind:
		d, err := s.takeUp(ctx, o, earlier)
		return o, d, err
	case earlier.stands():
		return answer(o, earlier, kind)
	}
	rule, err := by(st, o.Order)
	if err != nil {
		return order.Stored{}, Decision{}, err
	}
	takes, err := s.cfg.Marketplace.TakesDecisions(ctx, store.Ref{StoreID: storeID, Adapter: o.Adapter})
	switch {
	case err != nil:
		return order.Stored{}, Decision{}, err
	case !takes:
		return order.Stored{}, Decision{}, problem.New(problem.Precondition, problem.ReasonAcceptanceUnsupported,
			"the marketplace of order %s takes no decisions from sellers", number)
	case o.Status != order.PendingAcceptance && o.Status != order.Processing && o.Status != order.Unrecognized:
		return order.Stored{}, Decision{}, problem.New(problem.Precondition, problem.ReasonOrderNotPending,
			"order %s is %s on the marketplace (%s); it no longer waits for the seller", number, o.Status, o.NativeStatus)
	}
	now := s.now()
	d := Decision{
		StoreID: storeID, Adapter: o.Adapter, OrderNumber: number, Kind: kind, DecidedBy: rule,
		Delivery: delivery.New(now, now.Add(s.cfg.WaitMargin)), CreateTime: now, Revision: earlier.Revision,
	}
	if earlier.Reached() {
		d.Inherit(earlier.Delivery, now)
		d.Message = "an earlier request about this order may have been applied; relais reads the order before it sends this one"
	}
	d, err = s.replace(ctx, d)
	return o, d, err
}

// takeUp takes up a decision again that was confirmed, and whose order waits for the seller all the same. It stands, and is
// delivered once more as after a lost answer: what this one read shows is not enough to send on.
func (s *Service) takeUp(ctx context.Context, o order.Stored, d Decision) (Decision, error) {
	now := s.now()
	d.Adapter = o.Adapter
	d.Reopen(now, now.Add(s.cfg.WaitMargin), "this was confirmed, and the marketplace shows the order as waiting for the seller again; relais reads the order")
	return s.replace(ctx, d)
}

// replace stores a decision in place of the one at its revision. ErrConflict when that is another by now, order.ErrMoved,
// STORE_DISCONNECTED.
func (s *Service) replace(ctx context.Context, d Decision) (Decision, error) {
	current, stored, err := s.cfg.Repository.PutDecision(ctx, d)
	switch {
	case errors.Is(err, store.ErrNoCredentials):
		return Decision{}, store.Disconnected(d.StoreID)
	case err != nil:
		return Decision{}, fmt.Errorf("store decision: %w", err)
	case !stored: // another call was faster
		return Decision{}, ErrConflict
	}
	s.loop.Wake()
	return current, nil
}

// stands reports whether there is a decision that no other one takes the place of.
func (d Decision) stands() bool { return d.State.Open() || d.State == delivery.Confirmed }

// undone reports whether a decision was confirmed about an order that waits for the seller all the same.
func (d Decision) undone(o order.Order) bool {
	return d.State == delivery.Confirmed && o.Status == order.PendingAcceptance
}

// answer answers a call for an order that was decided before.
func answer(o order.Stored, d Decision, kind Kind) (order.Stored, Decision, error) {
	if d.Kind == kind {
		return o, d, nil
	}
	return order.Stored{}, Decision{}, problem.New(problem.Exists, problem.ReasonDecisionAlreadyOpen,
		"order %s was decided otherwise before (%s, %s); a decision cannot be taken back", o.Number, d.Kind, d.State)
}

// Of returns the decisions about these orders, by order number; orders without one are left out.
func (s *Service) Of(ctx context.Context, storeID string, numbers []string) (map[string]Decision, error) {
	found, err := s.cfg.Repository.Decisions(ctx, storeID, numbers)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return found, nil
}

// work makes one step with a decision and logs what came of it.
func (s *Service) work(ctx context.Context, d Decision) error {
	log := s.cfg.Log.With("store", d.StoreID, "order", d.OrderNumber, "decision", d.Kind, "adapter", d.Adapter)
	after, err := s.step(ctx, d, log)
	switch {
	case errors.Is(err, ErrConflict), errors.Is(err, ErrHeld):
		log.Info("decision changed or was held back meanwhile; it is looked at again")
		return nil
	case err != nil:
		log.Error("decision step not stored", "error", err)
		return err
	}
	log.Info("decision step", "from", d.State, "to", after.State, "reason", after.Reason, "sends", after.SendCount)
	return nil
}

// step reads the order, decides, and acts. It returns the decision as stored; an error means that it could not be stored.
func (s *Service) step(ctx context.Context, d Decision, log *slog.Logger) (Decision, error) {
	ref := store.Ref{StoreID: d.StoreID, Adapter: d.Adapter}
	began := s.now()
	o, err := s.read(ctx, ref, d.OrderNumber)
	if err != nil {
		d.Postpone(s.failed(ctx, d, err, log), s.now(), s.cfg.Policy)
		return s.store(ctx, d)
	}
	s.cfg.Stores.Report(ctx, store.Ref{StoreID: d.StoreID, Adapter: d.Adapter}, nil)
	now := s.now()
	// What the read shows may be as old as its begin.
	d.Observe(o != nil && o.Status == order.PendingAcceptance, began)
	v := decide(d, o, now, s.cfg.Policy.RepeatedReads)
	if v.action == send && d.DecidedBy != "" {
		if v, err = s.judgeAgain(ctx, d, *o); err != nil {
			return d, err
		}
	}
	switch v.action {
	case send:
		return s.send(ctx, d, ref, *o, log)
	case confirm:
		d.End(delivery.Confirmed, v.reason, v.message)
	case reject:
		d.End(delivery.Rejected, v.reason, v.message)
	case attention:
		d.End(delivery.NeedsAttention, v.reason, v.message)
	case wait:
		if o != nil && o.Status == order.Processing { // for as long as control and payment take
			d.WaitLonger(v.reason, v.message, now, s.cfg.Policy)
			break
		}
		d.Wait(v.reason, v.message, now, s.cfg.Policy)
	}
	return s.store(ctx, d)
}

func (s *Service) read(ctx context.Context, ref store.Ref, number string) (*order.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Policy.CallTimeout)
	defer cancel()
	read, err := s.cfg.Reader.Fresh(ctx, ref, number)
	return read.Order, err
}

// send commits SENDING, tells the marketplace, and stores what came of it.
func (s *Service) send(ctx context.Context, d Decision, ref store.Ref, o order.Order, log *slog.Logger) (Decision, error) {
	before := d.State
	d.BeginSend(s.now(), s.cfg.Policy)
	d, err := s.store(ctx, d)
	if err != nil {
		return d, err
	}
	callCtx, cancel := context.WithTimeout(ctx, s.cfg.Policy.CallTimeout)
	defer cancel()
	result, err := s.cfg.Marketplace.Decide(callCtx, ref, d.Kind, o)
	conclude := func(d *Decision) { d.Conclude(before, result, s.now(), s.cfg.Policy) }
	if err != nil { // certainly nothing was sent
		failure := s.failed(ctx, d, err, log)
		conclude = func(d *Decision) { d.NotSent(before, failure, s.now(), s.cfg.Policy) }
	}
	announced := d
	conclude(&d)
	if err == nil && result.Outcome == delivery.Retry {
		s.cfg.Stores.Report(ctx, ref, problem.New(problem.Unavailable, d.Reason, "%s", d.Message))
	}
	stored, storeErr := s.store(ctx, d)
	if !errors.Is(storeErr, ErrConflict) {
		return stored, storeErr
	}
	// The order went to another adapter while the request was on its way: what came back must not be lost.
	known, readErr := s.cfg.Repository.Decisions(ctx, d.StoreID, []string{d.OrderNumber})
	fresh, ok := known[d.OrderNumber]
	if readErr != nil || !ok || fresh.State != delivery.Sending || fresh.SendCount != announced.SendCount || fresh.LastOutcome != "" {
		return d, errors.Join(storeErr, readErr)
	}
	conclude(&fresh)
	return s.store(ctx, fresh)
}

// failed tells the store's health of a failure and returns what a person may know of it.
func (s *Service) failed(ctx context.Context, d Decision, err error, log *slog.Logger) *problem.Problem {
	s.cfg.Stores.Report(ctx, store.Ref{StoreID: d.StoreID, Adapter: d.Adapter}, err)
	if p := problem.As(err); p != nil {
		return p
	}
	log.ErrorContext(ctx, "decision step failed", "error", err)
	return problem.New(problem.Internal, problem.ReasonInternal, "an internal error stopped this attempt; the server's log tells which")
}

func (s *Service) store(ctx context.Context, d Decision) (Decision, error) {
	d.UpdateTime = s.now()
	stored, err := s.cfg.Repository.UpdateDecision(ctx, d)
	if err != nil {
		return d, fmt.Errorf("store decision as %s: %w", d.State, err)
	}
	return stored, nil
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }
