package delivery_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
)

// now is the clock of every test.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var policy = delivery.Policy{
	CallTimeout: 2 * time.Minute, SettleDelay: 30 * time.Second, RepeatedReads: 3, RetryMin: 5 * time.Second, RetryMax: 10 * time.Minute,
}

// in is a time after now.
func in(d time.Duration) time.Time { return now.Add(d) }

// fresh is a delivery that was taken in an hour ago and may take a week.
func fresh() delivery.Delivery { return delivery.New(in(-time.Hour), in(7*24*time.Hour)) }

// sending is one whose request left a moment ago.
func sending() delivery.Delivery {
	d := fresh()
	d.BeginSend(in(-time.Second), policy)
	return d
}

// lost is one whose answer was lost just now.
func lost() delivery.Delivery {
	d := sending()
	d.Conclude(delivery.Queued, delivery.Result{Outcome: delivery.Unknown, Message: "the connection broke"}, now, policy)
	return d
}

// with changes a delivery.
func with(d delivery.Delivery, change func(*delivery.Delivery)) delivery.Delivery {
	change(&d)
	return d
}

// same compares two deliveries.
func same(t *testing.T, got, want delivery.Delivery) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delivery (-want +got):\n%s", diff)
	}
}

// within compares a delay that is spread by ±20 %.
func within(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want*8/10 || got > want*12/10 {
		t.Errorf("%s %s, want %s give or take a fifth", what, got, want)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	open := map[delivery.State]bool{delivery.Queued: true, delivery.Sending: true, delivery.Acknowledged: true}
	if n := len(delivery.States()); n != 8 {
		t.Errorf("%d states, want 8", n)
	}
	for _, s := range delivery.States() {
		if s.Open() != open[s] {
			t.Errorf("%s: open %t", s, s.Open())
		}
	}
}

func TestNewIsDueAtOnce(t *testing.T) {
	t.Parallel()
	same(t, delivery.New(now, in(time.Hour)), delivery.Delivery{
		State: delivery.Queued, NextAttempt: now, Deadline: in(time.Hour), UpdateTime: now,
	})
}

func TestMayBeApplied(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		d    delivery.Delivery
		want bool
	}{
		{"nothing sent", fresh(), false},
		{"being sent, or the server died while it was", sending(), true},
		{"answer lost", lost(), true},
		{"refused", with(sending(), func(d *delivery.Delivery) { d.LastOutcome = delivery.Refused }), false},
		{"certainly not sent", with(sending(), func(d *delivery.Delivery) { d.LastOutcome = delivery.Retry }), false},
		{"refused after a lost answer", with(lost(), func(d *delivery.Delivery) { d.LastOutcome = delivery.Refused }), true},
		{"back in the queue after a lost answer", with(lost(), func(d *delivery.Delivery) { d.State = delivery.Queued }), true},
		{"acknowledged", with(sending(), func(d *delivery.Delivery) { d.State, d.LastOutcome = delivery.Acknowledged, delivery.Applied }), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.d.MayBeApplied(); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}

// TestObserve: only reads after the settled time count, and only those in a row.
func TestObserve(t *testing.T) {
	t.Parallel()
	type read struct {
		asBefore bool
		at       time.Duration
	}
	for _, c := range []struct {
		name  string
		d     delivery.Delivery
		reads []read
		want  int32
	}{
		{"before the request can have settled", lost(), []read{{true, 0}, {true, 30*time.Second - 1}}, 0},
		{"once it has settled", lost(), []read{{true, 30 * time.Second}, {true, time.Minute}}, 2},
		{"another picture begins anew", lost(), []read{{true, time.Minute}, {true, 2 * time.Minute}, {false, 3 * time.Minute}, {true, 4 * time.Minute}}, 1},
		{"another picture before the settled time too", with(lost(), func(d *delivery.Delivery) { d.StillReady = 2 }), []read{{false, 0}}, 0},
		{"nothing sent", fresh(), []read{{true, time.Minute}}, 0},
		{"acknowledged", with(lost(), func(d *delivery.Delivery) { d.State = delivery.Acknowledged }), []read{{true, time.Minute}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := c.d
			d.FailureCount = 4
			for _, r := range c.reads {
				d.Observe(r.asBefore, in(r.at))
			}
			want := c.d
			want.StillReady, want.FailureCount = c.want, 4 // that a read works does not end a row of failures to send
			same(t, d, want)
		})
	}
}

func TestBeginSend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		d         delivery.Delivery
		sends     int32
		uncertain bool
	}{
		{"first request", fresh(), 1, false},
		{"after one that certainly was not sent", with(sending(), func(d *delivery.Delivery) {
			d.NotSent(delivery.Queued, &problem.Problem{Reason: "R", Message: "m"}, now, policy)
		}), 2, false},
		{"after a crash", sending(), 2, true},
		{"after a lost answer", lost(), 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := c.d
			d.StillReady, d.FailureCount = 3, 2
			d.BeginSend(now, policy)
			same(t, d, delivery.Delivery{
				State: delivery.Sending, Message: "sending", SendCount: c.sends, SentTime: now, Uncertain: c.uncertain,
				// After a crash nobody knows how long the call went on: it is over at the call's own bound, then it settles.
				SettledTime: in(2*time.Minute + 30*time.Second), NextAttempt: in(30 * time.Second),
				FailureCount: 2, Deadline: c.d.Deadline, UpdateTime: c.d.UpdateTime,
			})
		})
	}
}

func TestConclude(t *testing.T) {
	t.Parallel()
	const refused = "the marketplace refused: OrderStateIncoherent: the state does not allow it"
	refusal := delivery.Result{Outcome: delivery.Refused, NativeReason: "OrderStateIncoherent", Message: "the state does not allow it"}
	uncertain := func(d *delivery.Delivery) { d.Uncertain = true }
	for _, c := range []struct {
		name   string
		d      delivery.Delivery
		result delivery.Result
		want   func(*delivery.Delivery)
	}{
		{"yes: one read confirms it", sending(), delivery.Result{Outcome: delivery.Applied}, func(d *delivery.Delivery) {
			d.State, d.LastOutcome, d.NextAttempt = delivery.Acknowledged, delivery.Applied, now
			d.Message = "the marketplace said yes; relais reads the order to confirm it"
		}},
		{"done before counts as yes", sending(), delivery.Result{Outcome: delivery.AlreadyApplied}, func(d *delivery.Delivery) {
			d.State, d.LastOutcome, d.NextAttempt = delivery.Acknowledged, delivery.AlreadyApplied, now
			d.Message = "the marketplace said yes; relais reads the order to confirm it"
		}},
		{"no, and no request before: one read settles it", sending(), refusal, func(d *delivery.Delivery) {
			d.LastOutcome, d.SettledTime, d.NextAttempt, d.StillReady = delivery.Refused, now, now, 3
			d.Reason, d.Message = problem.ReasonMarketplaceWriteError, refused
		}},
		{"no, but an earlier request may have been faster", with(sending(), uncertain), refusal, func(d *delivery.Delivery) {
			d.LastOutcome, d.SettledTime, d.NextAttempt = delivery.Refused, in(30*time.Second), in(30*time.Second)
			d.Reason, d.Message = problem.ReasonMarketplaceWriteError, refused
		}},
		{"no, in words only", sending(), delivery.Result{Outcome: delivery.Refused, Message: "not so"}, func(d *delivery.Delivery) {
			d.LastOutcome, d.SettledTime, d.NextAttempt, d.StillReady = delivery.Refused, now, now, 3
			d.Reason, d.Message = problem.ReasonMarketplaceWriteError, "the marketplace refused: not so"
		}},
		{"no, as a code only", sending(), delivery.Result{Outcome: delivery.Refused, NativeReason: "E17"}, func(d *delivery.Delivery) {
			d.LastOutcome, d.SettledTime, d.NextAttempt, d.StillReady = delivery.Refused, now, now, 3
			d.Reason, d.Message = problem.ReasonMarketplaceWriteError, "the marketplace refused: E17"
		}},
		{"lost: settles from now on, not from the request", sending(), delivery.Result{Outcome: delivery.Unknown, Message: "the connection broke"},
			func(d *delivery.Delivery) {
				d.LastOutcome, d.Uncertain, d.SettledTime, d.NextAttempt = delivery.Unknown, true, in(30*time.Second), in(30*time.Second)
				d.Reason = problem.ReasonMarketplaceDown
				d.Message = "the marketplace's answer was lost: the connection broke; relais reads the order before it does anything else"
			}},
		{"an outcome that nobody knows is a lost answer", sending(), delivery.Result{Outcome: "NEW"}, func(d *delivery.Delivery) {
			d.LastOutcome, d.Uncertain, d.SettledTime, d.NextAttempt = delivery.Unknown, true, in(30*time.Second), in(30*time.Second)
			d.Reason = problem.ReasonMarketplaceDown
			d.Message = "the marketplace's answer was lost: ; relais reads the order before it does anything else"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, want := c.d, c.d
			got.Conclude(delivery.Queued, c.result, now, policy)
			c.want(&want)
			same(t, got, want)
		})
	}
}

// TestNotTaken: a request that certainly applied nothing takes the delivery back to where it was, and waits as after any failure.
func TestNotTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		d        delivery.Delivery
		before   delivery.State
		conclude func(*delivery.Delivery, delivery.State)
		reason   string
		message  string
		delay    time.Duration
	}{
		{"the marketplace says later", sending(), delivery.Queued, func(d *delivery.Delivery, before delivery.State) {
			d.Conclude(before, delivery.Result{Outcome: delivery.Retry, Message: "busy"}, now, policy)
		}, problem.ReasonMarketplaceRefused, "the marketplace did not take the request now: busy", 5 * time.Second},
		{"the marketplace says when", sending(), delivery.Queued, func(d *delivery.Delivery, before delivery.State) {
			d.Conclude(before, delivery.Result{Outcome: delivery.Retry, Message: "busy", RetryAfter: time.Hour}, now, policy)
		}, problem.ReasonMarketplaceRefused, "the marketplace did not take the request now: busy", time.Hour},
		{"nothing left the house", sending(), delivery.Queued, func(d *delivery.Delivery, before delivery.State) {
			d.NotSent(before, &problem.Problem{Reason: "ADAPTER_DOWN", Message: "no adapter"}, now, policy)
		}, "ADAPTER_DOWN", "no adapter", 5 * time.Second},
		{"the second request, after a lost answer", with(lost(), func(d *delivery.Delivery) { d.BeginSend(now, policy) }), delivery.Sending,
			func(d *delivery.Delivery, before delivery.State) {
				d.NotSent(before, &problem.Problem{Reason: "ADAPTER_DOWN", Message: "no adapter"}, now, policy)
			}, "ADAPTER_DOWN", "no adapter", 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, want := c.d, c.d
			c.conclude(&got, c.before)
			within(t, "next attempt after", got.NextAttempt.Sub(now), c.delay)
			want.State, want.LastOutcome, want.SettledTime, want.FailureCount = c.before, delivery.Retry, now, 1
			want.Reason, want.Message, want.NextAttempt = c.reason, c.message, got.NextAttempt
			same(t, got, want)
			if got.MayBeApplied() != c.d.Uncertain {
				t.Errorf("may be applied: %t, and an answer was lost before: %t", got.MayBeApplied(), c.d.Uncertain)
			}
		})
	}
}
