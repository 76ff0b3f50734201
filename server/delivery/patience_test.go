package delivery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
)

func TestPostponeBacksOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		failures   int32
		retryAfter time.Duration
		want       time.Duration
	}{
		{"first failure", 0, 0, 5 * time.Second},
		{"second", 1, 0, 10 * time.Second},
		{"seventh", 6, 0, 320 * time.Second},
		{"the longest pause", 7, 0, 10 * time.Minute},
		{"the longest pause stays", 8, 0, 10 * time.Minute},
		{"however often it failed", 1 << 30, 0, 10 * time.Minute},
		{"as late as the marketplace asks for", 3, time.Hour, time.Hour},
		{"no sooner than usual", 6, time.Second, 320 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seen := map[time.Duration]bool{}
			for range 200 {
				d := fresh()
				d.FailureCount = c.failures
				d.Postpone(&problem.Problem{Reason: "R", Message: "m", RetryAfter: c.retryAfter}, now, policy)
				pause := d.NextAttempt.Sub(now)
				within(t, "pause", pause, c.want)
				if pause < c.retryAfter {
					t.Errorf("pause %s, the marketplace asks for %s", pause, c.retryAfter)
				}
				seen[pause] = true
				want := fresh()
				want.FailureCount, want.Reason, want.Message, want.NextAttempt = c.failures+1, "R", "m", d.NextAttempt
				same(t, d, want)
			}
			if c.retryAfter < c.want && len(seen) < 100 {
				t.Errorf("only %d different pauses of 200: many deliveries would come back at once", len(seen))
			}
		})
	}
}

// TestDeadline: whatever asks for patience, the deadline is looked at in time, and past it a person is asked.
func TestDeadline(t *testing.T) {
	t.Parallel()
	cause := func(after time.Duration) *problem.Problem {
		return &problem.Problem{Reason: "THROTTLED", Message: "too many calls", RetryAfter: after}
	}
	for _, c := range []struct {
		name     string
		deadline time.Duration
		fail     func(*delivery.Delivery)
		ended    bool
	}{
		{"a long pause", time.Minute, func(d *delivery.Delivery) { d.Postpone(cause(24*time.Hour), now, policy) }, false},
		{"a pause of the back-off", time.Second, func(d *delivery.Delivery) { d.Postpone(cause(0), now, policy) }, false},
		{"a long pause after RETRY", time.Minute, func(d *delivery.Delivery) {
			d.Conclude(delivery.Queued, delivery.Result{Outcome: delivery.Retry, Message: "busy", RetryAfter: 24 * time.Hour}, now, policy)
		}, false},
		{"at the deadline there is one more try", 0, func(d *delivery.Delivery) { d.Postpone(cause(0), now, policy) }, false},
		{"past it", -1, func(d *delivery.Delivery) { d.Postpone(cause(0), now, policy) }, true},
		{"past it, not sent", -1, func(d *delivery.Delivery) { d.NotSent(delivery.Queued, cause(0), now, policy) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := sending()
			d.Deadline = in(c.deadline)
			c.fail(&d)
			if !c.ended {
				if !d.State.Open() || !d.NextAttempt.Equal(d.Deadline.Add(1)) {
					t.Errorf("%s, next attempt %s after the deadline; want an open one just after it", d.State, d.NextAttempt.Sub(d.Deadline))
				}
				return
			}
			if d.State != delivery.NeedsAttention || d.Reason != "THROTTLED" || d.Message != "gave up at the deadline: too many calls" || !d.NextAttempt.IsZero() {
				t.Errorf("%s %s %q, next attempt %s", d.State, d.Reason, d.Message, d.NextAttempt)
			}
		})
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	sent := func(times int32) delivery.Delivery {
		return with(lost(), func(d *delivery.Delivery) { d.SendCount = times })
	}
	waited := func(state delivery.State, since time.Duration) delivery.Delivery {
		return with(fresh(), func(d *delivery.Delivery) { d.State, d.UpdateTime = state, in(-since) })
	}
	for _, c := range []struct {
		name  string
		d     delivery.Delivery
		p     delivery.Policy
		want  time.Duration
		exact bool
	}{
		{"answer lost once", sent(1), policy, 30 * time.Second, true},
		{"answer lost twice", sent(2), policy, time.Minute, true},
		{"answer lost four times", sent(4), policy, 4 * time.Minute, true},
		{"answer lost for ever", sent(1 << 30), policy, 10 * time.Minute, true},
		{"a settle delay over the longest pause", sent(3), delivery.Policy{SettleDelay: time.Hour, RetryMax: time.Minute}, time.Hour, true},
		{"first wait", waited(delivery.Queued, 0), policy, 5 * time.Second, false},
		{"as long again as it has waited", waited(delivery.Queued, time.Minute), policy, 2 * time.Minute, false},
		{"the longest wait", waited(delivery.Queued, time.Hour), policy, 10 * time.Minute, false},
		{"acknowledged grows too", waited(delivery.Acknowledged, time.Minute), policy, 2 * time.Minute, false},
		{"a clock that went back", waited(delivery.Queued, -time.Hour), policy, 5 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, want := c.d, c.d
			got.Wait("R", "not yet", now, c.p)
			pause := got.NextAttempt.Sub(now)
			if c.exact && pause != c.want {
				t.Errorf("pause %s, want %s", pause, c.want)
			}
			within(t, "pause", pause, c.want)
			want.Reason, want.Message, want.NextAttempt = "R", "not yet", got.NextAttempt
			same(t, got, want)
		})
	}
}

// TestRefusalKeepsItsWords: until a refusal is settled, what the marketplace said of it is what a person reads.
func TestRefusalKeepsItsWords(t *testing.T) {
	t.Parallel()
	d := with(sending(), func(d *delivery.Delivery) { d.Uncertain = true })
	d.Conclude(delivery.Queued, delivery.Result{Outcome: delivery.Refused, Message: "the tracking number is too short"}, now, policy)
	reason, message := d.Reason, d.Message
	for name, later := range map[string]func(*delivery.Delivery){
		"a failed read": func(d *delivery.Delivery) {
			d.Postpone(&problem.Problem{Reason: "THROTTLED", Message: "busy"}, now, policy)
		},
		"a wait": func(d *delivery.Delivery) { d.Wait("", "reads again", now, policy) },
		"a failed read and a wait": func(d *delivery.Delivery) {
			d.Postpone(&problem.Problem{Reason: "THROTTLED", Message: "busy"}, now, policy)
			d.Observe(true, in(time.Minute))
			d.Wait("", "reads again", in(time.Minute), policy)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := d
			later(&d)
			if d.Reason != reason || d.Message != message || !strings.Contains(d.Message, "too short") {
				t.Errorf("%s: %q, want %s: %q", d.Reason, d.Message, reason, message)
			}
			if !d.NextAttempt.After(now) {
				t.Errorf("next attempt %s", d.NextAttempt)
			}
		})
	}
	t.Run("another request has its own words", func(t *testing.T) {
		t.Parallel()
		d := d
		d.BeginSend(now, policy)
		d.Wait("", "reads again", now, policy)
		if d.Message != "reads again" {
			t.Errorf("message %q", d.Message)
		}
	})
}

func TestEnd(t *testing.T) {
	t.Parallel()
	for _, s := range []delivery.State{delivery.Confirmed, delivery.Rejected, delivery.NeedsAttention, delivery.Superseded, delivery.Cancelled} {
		got, want := lost(), lost()
		got.End(s, "R", "m")
		want.State, want.Reason, want.Message, want.NextAttempt = s, "R", "m", time.Time{}
		same(t, got, want)
	}
}

// TestBackOffGrowsOverReadsThatWork: the order can be read each time, and each time the marketplace does not take the request. The
// pauses grow all the same, until something else comes back.
func TestBackOffGrowsOverReadsThatWork(t *testing.T) {
	t.Parallel()
	d, at := fresh(), now
	var pauses []time.Duration
	attempt := func(r delivery.Result) {
		d.Observe(true, at)
		d.BeginSend(at, policy)
		d.Conclude(delivery.Queued, r, at, policy)
		pauses = append(pauses, d.NextAttempt.Sub(at))
		at = d.NextAttempt
	}
	for range 4 {
		attempt(delivery.Result{Outcome: delivery.Retry})
	}
	for i := 1; i < len(pauses); i++ {
		if pauses[i] < pauses[i-1]*13/10 { // doubled, and each moved by a fifth at most
			t.Errorf("pauses %v do not grow", pauses)
		}
	}
	for name, after := range map[string]func(*delivery.Delivery){
		"an answer that says yes": func(d *delivery.Delivery) {
			d.Conclude(delivery.Queued, delivery.Result{Outcome: delivery.Applied}, at, policy)
		},
		"an answer that is lost": func(d *delivery.Delivery) {
			d.Conclude(delivery.Queued, delivery.Result{Outcome: delivery.Unknown}, at, policy)
		},
		"a wait for the order": func(d *delivery.Delivery) { d.Wait("", "not yet", at, policy) },
	} {
		ended := d
		after(&ended)
		if ended.FailureCount != 0 {
			t.Errorf("%s: %d failures in a row are still counted", name, ended.FailureCount)
		}
	}
}
