package shipment

import (
	"context"
	"errors"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// send makes a request ready, commits SENDING with what is about to leave, tells the marketplace, and stores what came of it. read
// is the event of the read that allows it.
func (w *Worker) send(ctx context.Context, s Shipment, o order.Order, read Event) (Shipment, error) {
	ref := store.Ref{StoreID: s.StoreID, Adapter: s.Adapter}
	if s.Chosen.Name == "" { // the order went to another adapter since
		if err := w.choose(ctx, &s, ref, o); forGood(err) {
			p := problem.As(err)
			s.End(delivery.NeedsAttention, p.Reason, "the order went to another API of the marketplace, whose carriers are others: "+p.Message)
			return w.store(ctx, s, read, Event{State: s.State, Kind: KindFailed, Message: s.Message, Adapter: s.Adapter})
		} else if err != nil {
			return w.postpone(ctx, s, err, read)
		}
	}
	callCtx, cancel := context.WithTimeout(ctx, w.cfg.Policy.CallTimeout)
	defer cancel()
	prepared, err := w.cfg.Marketplace.PrepareShipment(callCtx, ref, s.notification(o))
	switch {
	case forGood(err):
		s.giveUp(problem.As(err))
		return w.store(ctx, s, read, Event{State: s.State, Kind: KindFailed, Message: s.Message, Adapter: s.Adapter})
	case err != nil:
		return w.postpone(ctx, s, err, read)
	}
	defer prepared.Close()

	before := s.State
	s.BeginSend(w.now(), w.cfg.Policy)
	s, err = w.store(ctx, s, read, Event{
		State: s.State, Kind: KindSending, Message: "telling the marketplace", Adapter: s.Adapter, Release: prepared.Release(),
		Proof: Proof{Requests: prepared.Requests()},
	})
	if err != nil {
		return s, err
	}
	// The settle delay counts from SentTime: the request must have ended by then, however long the commit took.
	callCtx, cancel = context.WithTimeout(ctx, w.cfg.Policy.CallTimeout-w.now().Sub(s.SentTime))
	defer cancel()
	result, err := prepared.Send(callCtx)
	return w.conclude(ctx, s, prepared.Release(), w.answer(ctx, s, before, result, err))
}

// choose finds the carrier in the list of the adapter that the shipment is sent through now.
func (w *Worker) choose(ctx context.Context, s *Shipment, ref store.Ref, o order.Order) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Policy.CallTimeout)
	defer cancel()
	rules, err := w.cfg.Marketplace.ShipmentRules(ctx, ref)
	if err != nil {
		return err
	}
	s.Chosen, _, err = w.carriers.choose(ctx, ref, s.Request, s.Options, o, rules)
	return err
}

// forGood reports whether an error comes again however often the request is made: something in the shipment is wrong.
func forGood(err error) bool {
	p := problem.As(err)
	return p != nil && (p.Kind == problem.Invalid || p.Reason == problem.ReasonCarrierNotForPickup)
}

// giveUp ends a shipment that cannot be sent as it is.
func (s *Shipment) giveUp(why *problem.Problem) {
	state := delivery.Rejected
	if s.Reached() {
		state = delivery.NeedsAttention
	}
	s.End(state, why.Reason, "it cannot be sent as it is: "+why.Message)
}

// answer notes what came back for a request, with the event that tells it.
type answer func(s *Shipment) Event

func (w *Worker) answer(ctx context.Context, announced Shipment, before delivery.State, result delivery.Result, err error) answer {
	adapter := announced.Adapter
	if forGood(err) { // certainly nothing was sent, and nothing ever will be
		return func(s *Shipment) Event {
			s.NotSent(before, problem.As(err), w.now(), w.cfg.Policy)
			s.giveUp(problem.As(err))
			return Event{State: s.State, Kind: KindSent, Message: s.Message, Adapter: adapter, Proof: Proof{Outcome: delivery.Retry}}
		}
	}
	if err != nil { // certainly nothing was sent
		failure := w.failed(ctx, announced, err)
		return func(s *Shipment) Event {
			s.NotSent(before, failure, w.now(), w.cfg.Policy)
			return Event{
				State: s.State, Kind: KindSent, Message: "nothing was sent: " + failure.Message, Adapter: adapter, Proof: Proof{Outcome: delivery.Retry},
			}
		}
	}
	if result.Outcome == delivery.Retry {
		w.cfg.Stores.Report(ctx, store.Ref{StoreID: announced.StoreID, Adapter: adapter},
			problem.New(problem.Unavailable, problem.ReasonMarketplaceRefused, "the marketplace did not take the request now: %s", result.Message))
	}
	return func(s *Shipment) Event {
		s.Conclude(before, result, w.now(), w.cfg.Policy)
		return Event{
			State: s.State, Kind: KindSent, Message: s.Message, Adapter: adapter,
			Proof: Proof{Outcome: result.Outcome, NativeReason: result.NativeReason},
		}
	}
}

// conclude stores what came back for the request that s announced.
func (w *Worker) conclude(ctx context.Context, s Shipment, release string, came answer) (Shipment, error) {
	announced := s
	event := came(&s)
	event.Release = release
	stored, err := w.store(ctx, s, event)
	if !errors.Is(err, ErrConflict) {
		return stored, err
	}
	// While the request was on its way the order went to another adapter, or a correction came in: what came back must not be lost.
	fresh, readErr := w.cfg.Repository.GetShipment(ctx, s.StoreID, s.ID)
	if readErr != nil || fresh.SendCount != announced.SendCount || fresh.LastOutcome != "" {
		return s, errors.Join(err, readErr)
	}
	switch {
	case fresh.State == delivery.Sending:
		event = came(&fresh)
	case !fresh.State.Open(): // replaced, or ended by a person: here the answer is evidence only
		fresh.LastOutcome, event.State = event.Outcome, fresh.State
	default:
		return s, err
	}
	event.Release = release
	return w.store(ctx, fresh, event)
}
