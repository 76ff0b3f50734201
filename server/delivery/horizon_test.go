package delivery_test

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
)

// TestNothingIsPlannedBeyondTheHorizon: whatever happens to a delivery, and however often, its plans lie within what the policy calls
// the longest: beyond that they count as those of a wrong clock.
func TestNothingIsPlannedBeyondTheHorizon(t *testing.T) {
	t.Parallel()
	for _, p := range []delivery.Policy{
		{CallTimeout: 2 * time.Minute, SettleDelay: 30 * time.Second, RepeatedReads: 3, RetryMin: 5 * time.Second, RetryMax: 15 * time.Minute},
		{CallTimeout: time.Minute, SettleDelay: 48 * time.Hour, RepeatedReads: 3, RetryMin: time.Second, RetryMax: time.Minute},
		{CallTimeout: time.Minute, SettleDelay: time.Second, RepeatedReads: 3, RetryMin: time.Hour, RetryMax: 72 * time.Hour},
	} {
		for name, step := range map[string]func(d *delivery.Delivery){
			"a failure": func(d *delivery.Delivery) {
				d.Postpone(problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "down"), now, p)
			},
			"a failure with a wait": func(d *delivery.Delivery) {
				slow := problem.New(problem.Exhausted, problem.ReasonThrottled, "slow down")
				slow.RetryAfter = problem.LongestRetryAfter
				d.Postpone(slow, now, p)
			},
			"a wait":               func(d *delivery.Delivery) { d.Wait("", "", now, p) },
			"a wait for an answer": func(d *delivery.Delivery) { d.State, d.SendCount = delivery.Sending, 99; d.Wait("", "", now, p) },
			"a long wait":          func(d *delivery.Delivery) { d.UpdateTime = now.Add(-1000 * time.Hour); d.Wait("", "", now, p) },
			"a request":            func(d *delivery.Delivery) { d.BeginSend(now, p) },
			"a lost answer": func(d *delivery.Delivery) {
				d.Conclude(delivery.Queued, delivery.Result{Outcome: delivery.Unknown}, now, p)
			},
			"a refusal after a loss": func(d *delivery.Delivery) {
				d.Uncertain = true
				d.Conclude(delivery.Sending, delivery.Result{Outcome: delivery.Refused}, now, p)
			},
		} {
			for range 200 {
				d := delivery.New(now, now.Add(1e4*time.Hour))
				d.FailureCount = 100
				step(&d)
				if pause := d.NextAttempt.Sub(now); pause > p.LongestPause() || pause < 0 {
					t.Fatalf("%s: next attempt in %s, the longest is %s", name, pause, p.LongestPause())
				}
				if settle := d.SettledTime.Sub(now); settle > p.LongestSettling() {
					t.Fatalf("%s: settles in %s, the longest is %s", name, settle, p.LongestSettling())
				}
			}
		}
	}
}
