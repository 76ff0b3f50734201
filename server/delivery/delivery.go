// Package delivery is how a statement of the seller reaches a marketplace exactly once: the states, what each answer means,
// and when to act again. Shipments and decisions are deliveries. It decides on plain values and calls nobody.
package delivery

import (
	"math/rand/v2"
	"time"

	"github.com/relaishq/relais/server/problem"
)

// State of a delivery. Storage keeps these words.
type State string

// The states of design section 1.
const (
	Queued         State = "QUEUED"       // certainly nothing was applied
	Sending        State = "SENDING"      // a request was sent or is being sent; it may have been applied
	Acknowledged   State = "ACKNOWLEDGED" // the marketplace said yes
	Confirmed      State = "CONFIRMED"    // a later read shows it
	Rejected       State = "REJECTED"
	NeedsAttention State = "NEEDS_ATTENTION"
	Superseded     State = "SUPERSEDED"
	Cancelled      State = "CANCELLED"
)

// States is every state.
func States() []State {
	return []State{Queued, Sending, Acknowledged, Confirmed, Rejected, NeedsAttention, Superseded, Cancelled}
}

// Open reports whether relais still works on a delivery in this state.
func (s State) Open() bool { return s == Queued || s == Sending || s == Acknowledged }

// OpenStates is the states in which relais still works on a delivery.
func OpenStates() []State { return []State{Queued, Sending, Acknowledged} }

// Outcome is what became of one write. Storage keeps these words.
type Outcome string

// The outcomes of design section 5.
const (
	Applied        Outcome = "APPLIED"         // the marketplace said yes
	AlreadyApplied Outcome = "ALREADY_APPLIED" // the marketplace said that this had been done before
	Refused        Outcome = "REJECTED"        // the marketplace said no; nothing changed there
	Retry          Outcome = "RETRY"           // certainly not applied
	Unknown        Outcome = "UNKNOWN"         // the answer was lost
)

// Result is an outcome with what the marketplace said.
type Result struct {
	Outcome      Outcome
	NativeReason string        // the marketplace's own code of a refusal
	Message      string        // for a person, without personal data
	RetryAfter   time.Duration // with Retry; zero when the marketplace did not say
}

// Policy is how patient a delivery is.
type Policy struct {
	// CallTimeout bounds one request: after a crash, nothing is known of it before that time is over.
	CallTimeout time.Duration
	// SettleDelay is how long a request whose answer was lost may take to become visible, and the time between reads.
	SettleDelay time.Duration
	// RepeatedReads is how many reads in a row must show that nothing was applied before a request is sent a second time.
	RepeatedReads int32
	// RetryMin and RetryMax bound the back-off after a failure and between reads while waiting.
	RetryMin, RetryMax time.Duration
}

// Delivery is how far a statement is on its way to the marketplace.
type Delivery struct {
	State   State
	Reason  string // ErrorInfo-style; empty when all is well
	Message string // for a person

	SendCount    int32     // how often a request left for the marketplace
	SentTime     time.Time // when the last one left
	LastOutcome  Outcome   // what came back for it; empty while that is not known
	Uncertain    bool      // an answer was lost: that request may have been applied
	SettledTime  time.Time // from then on a read shows what became of the last request
	StillReady   int32     // reads in a row since SettledTime that still showed the order as before
	FailureCount int32     // consecutive failures; drives the back-off
	NextAttempt  time.Time // zero when nothing more is planned
	Deadline     time.Time // when waiting ends and a person must look

	UpdateTime time.Time
}

// New returns a delivery that is due at once.
func New(now, deadline time.Time) Delivery {
	return Delivery{State: Queued, NextAttempt: now, Deadline: deadline, UpdateTime: now}
}

// MayBeApplied reports whether any request so far can have been applied.
func (d Delivery) MayBeApplied() bool {
	return d.Uncertain || d.State == Acknowledged || d.State == Sending && d.LastOutcome == ""
}

// Reached reports whether any request so far can have been applied, whatever the state is now.
func (d Delivery) Reached() bool {
	return d.Uncertain || d.SendCount > 0 && d.LastOutcome != Retry && d.LastOutcome != Refused
}

// Inherit makes a new delivery the successor of one that may have been applied: that is settled by reading before anything of
// this one is sent.
func (d *Delivery) Inherit(old Delivery, now time.Time) {
	d.State, d.Uncertain, d.LastOutcome = Sending, true, Unknown
	d.SettledTime = now
	if old.SettledTime.After(now) {
		d.SettledTime = old.SettledTime
	}
}

// Reopen takes up a delivery that ended without reaching its aim, until another deadline. What may have been applied is settled
// by reading before anything is sent.
func (d *Delivery) Reopen(now, deadline time.Time, message string) {
	if d.Reached() {
		d.Inherit(*d, now)
	} else {
		d.State = Queued
	}
	d.StillReady, d.FailureCount = 0, 0
	d.NextAttempt, d.Deadline, d.UpdateTime = now, deadline, now
	d.Reason, d.Message = "", message
}

// Observe notes what a read that began at an instant showed: asBefore when the order is still as it was before anything was sent.
func (d *Delivery) Observe(asBefore bool, at time.Time) {
	switch {
	case !asBefore:
		d.StillReady = 0
	case d.State == Sending && !at.Before(d.SettledTime):
		d.StillReady++
	}
}

// BeginSend makes the delivery SENDING. It must be committed before anything is sent: a crash afterwards leaves SENDING
// behind, which is resolved by reading.
func (d *Delivery) BeginSend(now time.Time, p Policy) {
	if d.MayBeApplied() {
		d.Uncertain = true
	}
	d.State = Sending
	d.SendCount++
	d.SentTime = now
	d.LastOutcome, d.StillReady = "", 0
	d.SettledTime = now.Add(p.CallTimeout + p.SettleDelay)
	d.NextAttempt = now.Add(p.SettleDelay)
	d.Reason, d.Message = "", "sending"
}

// Conclude notes the answer to the request that BeginSend announced. before is the state before it: Queued when no earlier
// request can have been applied.
func (d *Delivery) Conclude(before State, r Result, now time.Time, p Policy) {
	d.LastOutcome = r.Outcome
	if r.Outcome != Retry { // a read alone does not end a row of failures: what comes after it may fail again and again
		d.FailureCount = 0
	}
	switch r.Outcome {
	case Applied, AlreadyApplied:
		d.State, d.NextAttempt, d.Reason = Acknowledged, now, ""
		d.Message = "the marketplace said yes; relais reads the order to confirm it"

	case Retry:
		d.NotSent(before, &problem.Problem{
			Reason:  problem.ReasonMarketplaceRefused,
			Message: "the marketplace did not take the request now: " + r.Message, RetryAfter: r.RetryAfter,
		}, now, p)

	case Refused:
		// The refusal itself applied nothing. But "the order's state does not allow it" may mean that an earlier request,
		// or somebody else, was faster (cdiscount-soap.md 8.3): only a read tells.
		d.Reason = problem.ReasonMarketplaceWriteError
		d.Message = "the marketplace refused: " + join(r.NativeReason, r.Message)
		d.SettledTime, d.NextAttempt = now, now
		if d.Uncertain { // an earlier request may still become visible
			d.SettledTime = now.Add(p.SettleDelay)
			d.NextAttempt = d.SettledTime
		} else {
			d.StillReady = p.RepeatedReads // one read settles it
		}

	default:
		d.LastOutcome, d.Uncertain = Unknown, true
		d.SettledTime = now.Add(p.SettleDelay)
		d.NextAttempt = d.SettledTime
		d.Reason = problem.ReasonMarketplaceDown
		d.Message = "the marketplace's answer was lost: " + r.Message + "; relais reads the order before it does anything else"
	}
}

// NotSent notes that the request which BeginSend announced certainly applied nothing.
func (d *Delivery) NotSent(before State, cause *problem.Problem, now time.Time, p Policy) {
	d.State, d.LastOutcome, d.SettledTime = before, Retry, now
	d.Postpone(cause, now, p)
}

// Postpone plans another step after a failure that certainly applied nothing; past the deadline a person must look.
func (d *Delivery) Postpone(cause *problem.Problem, now time.Time, p Policy) {
	if now.After(d.Deadline) {
		d.tell(cause.Reason, "gave up at the deadline: "+cause.Message)
		d.End(NeedsAttention, d.Reason, d.Message)
		return
	}
	next := now.Add(max(jitter(doubled(p.RetryMin, d.FailureCount, p.RetryMax)), cause.RetryAfter))
	if next.After(d.Deadline) { // whatever the marketplace asks for, the deadline is looked at in time
		next = d.Deadline.Add(time.Nanosecond)
	}
	d.FailureCount++
	d.NextAttempt = next
	d.tell(cause.Reason, cause.Message)
}

// Wait plans the next read. A request whose answer was lost is read after again at the settle delay, so that its resolution
// does not take longer than it must, yet slower with every request that went the same way; other waits grow.
func (d *Delivery) Wait(reason, message string, now time.Time, p Policy) {
	if d.State != Sending {
		d.WaitLonger(reason, message, now, p)
		return
	}
	d.FailureCount = 0
	d.NextAttempt = now.Add(doubled(p.SettleDelay, d.SendCount-1, max(p.SettleDelay, p.RetryMax)))
	d.tell(reason, message)
}

// WaitLonger plans the next read of an order that something else has to happen to first: each wait is about twice as long as the
// one before it, also while a request is unresolved.
func (d *Delivery) WaitLonger(reason, message string, now time.Time, p Policy) {
	d.FailureCount = 0
	d.NextAttempt = now.Add(jitter(min(max(2*now.Sub(d.UpdateTime), p.RetryMin), p.RetryMax)))
	d.tell(reason, message)
}

// tell replaces what a person reads, but never the marketplace's own words of a refusal that is not settled yet.
func (d *Delivery) tell(reason, message string) {
	if d.State == Sending && d.LastOutcome == Refused {
		return
	}
	d.Reason, d.Message = reason, message
}

// End makes the delivery final.
func (d *Delivery) End(state State, reason, message string) {
	d.State, d.Reason, d.Message, d.NextAttempt = state, reason, message, time.Time{}
}

// doubled is d, doubled times times, at most limit.
func doubled(d time.Duration, times int32, limit time.Duration) time.Duration {
	for range times {
		if d >= limit/2 {
			return limit
		}
		d *= 2
	}
	return min(d, limit)
}

// jitter spreads a delay by ±20 %, so that many deliveries do not return at once.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

func join(code, text string) string {
	switch {
	case code == "":
		return text
	case text == "":
		return code
	}
	return code + ": " + text
}
