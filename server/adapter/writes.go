package adapter

import (
	"context"
	"errors"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
)

// writeAnswer is the answer to a call that writes, whichever it was.
type writeAnswer interface {
	GetResults() []*adapterv1.WriteResult
	GetStateUpdate() *adapterv1.StateUpdate
}

// mayLeave returns why a call that writes must not begin now; nil when it may. What keeps it from leaving is an error, after which it is
// simply made again; once it has begun, only reading tells what became of it.
func (s *session) mayLeave(ctx context.Context) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil:
		return &problem.Problem{
			Kind: problem.Unavailable, Reason: problem.ReasonAdapterDown, RetryAfter: time.Second,
			Message: "the time for the request was over before it could leave; it is made again",
		}
	case s.lease.Suspect():
		return s.unresponsive()
	}
	return nil
}

// concluded says what became of the one item, with this key, of a call that writes. It fails closed: an answer that does not
// speak of the item, or no answer, is Unknown, unless the adapter said on purpose that nothing was sent.
func (f *Facade) concluded(ctx context.Context, s *session, key string, answer writeAnswer, err error) (delivery.Result, error) {
	if err != nil {
		if appliedNothing(adapterReason(err)) {
			return delivery.Result{}, s.problem(ctx, err)
		}
		return delivery.Result{Outcome: delivery.Unknown, Message: "the adapter gave no answer"}, nil
	}
	f.keep(ctx, s, answer.GetStateUpdate())
	for _, r := range answer.GetResults() {
		if r.GetKey() == key {
			return delivery.Result{
				Outcome: outcomeOf(r.GetOutcome()), NativeReason: s.clean(r.GetNativeReason()), Message: s.clean(r.GetMessage()),
				RetryAfter: waitOf(r.GetRetryAfter()),
			}, nil
		}
	}
	return delivery.Result{Outcome: delivery.Unknown, Message: "the adapter's answer does not mention the order"}, nil
}

// appliedNothing reports whether an error of the whole call proves that nothing was sent: only one that the adapter made
// on purpose does. A broken connection, a deadline or a panic in the adapter may come after the first byte left.
func appliedNothing(r adapterv1.ErrorReason) bool {
	return r != adapterv1.ErrorReason_ERROR_REASON_UNSPECIFIED && r != adapterv1.ErrorReason_ERROR_REASON_INTERNAL
}

// outcomeOf fails closed: what this server does not know may have been applied.
func outcomeOf(o adapterv1.Outcome) delivery.Outcome {
	switch o {
	case adapterv1.Outcome_OUTCOME_APPLIED:
		return delivery.Applied
	case adapterv1.Outcome_OUTCOME_ALREADY_APPLIED:
		return delivery.AlreadyApplied
	case adapterv1.Outcome_OUTCOME_REJECTED:
		return delivery.Refused
	case adapterv1.Outcome_OUTCOME_RETRY:
		return delivery.Retry
	}
	return delivery.Unknown
}
