package store_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// standing is how the shop's credentials for alpha stand.
func (w *world) standing() store.Standing { return w.db.bindings.Adapters[0].Standing }

// TestRefusalsAreBelievedWhenRepeated: the first refusals are a suspicion, and each counts once. What is believed is tried less and
// less often. One success forgets it all.
func TestRefusalsAreBelievedWhenRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.db.ill(store.Healthy, "")
	const reason = problem.ReasonCredentialsRejected
	for _, step := range []struct {
		name     string
		after    time.Duration // since the step before
		err      error
		refusals int
		refused  bool
		wait     time.Duration // for the next probe at least; zero when that was planned before
		state    store.HealthState
		reason   string
	}{
		{"refused", 0, rejected, 1, false, time.Minute, store.Retrying, reason},
		{"refused, by a request that was under way", 30 * time.Second, rejected, 1, false, 0, store.Retrying, reason},
		{"down, another one", time.Second, down, 1, false, 0, store.Retrying, reason},
		{"refused a second time", time.Minute, rejected, 2, false, 4 * time.Minute, store.Retrying, reason},
		{"down", 5 * time.Minute, down, 2, false, 4 * time.Minute, store.Retrying, reason},
		{"refused a third time", 5 * time.Minute, rejected, 3, true, 15 * time.Minute, store.AuthRequired, reason},
		{"down", 20 * time.Minute, down, 3, true, 15 * time.Minute, store.AuthRequired, reason},
		{"refused a fourth time", 20 * time.Minute, rejected, 4, true, 30 * time.Minute, store.AuthRequired, reason},
		{"refused a fifth time", time.Hour, rejected, 5, true, time.Hour, store.AuthRequired, reason},
		{"refused a sixth time", 2 * time.Hour, rejected, 6, true, time.Hour, store.AuthRequired, reason},
		{"of another account", 2 * time.Hour, mismatch, 6, true, time.Hour, store.AuthRequired, problem.ReasonAccountMismatch},
		{"taken", time.Second, nil, 0, false, 0, store.Healthy, ""},
		{"refused", time.Second, rejected, 1, false, time.Minute, store.Retrying, reason},
		{"taken, account closed", time.Second, inactive, 0, false, 0, store.AuthRequired, problem.ReasonSellerInactive},
		{"taken", time.Second, nil, 0, false, 0, store.Healthy, ""},
	} {
		w.now = w.now.Add(step.after)
		before := w.standing()
		w.Report(t.Context(), shopAlpha, step.err)
		got, health := w.standing(), w.db.stores["shop"].Health
		if got.Refusals != step.refusals || got.Refused != step.refused || health.State != step.state || health.Reason != step.reason {
			t.Fatalf("%s: %+v, %+v", step.name, got, health)
		}
		switch wait := got.NextProbe.Sub(w.now); {
		case step.wait > 0 && (wait < step.wait || wait > step.wait+step.wait/5):
			t.Errorf("%s: next probe in %s, want %s and up to a fifth more", step.name, wait, step.wait)
		case step.wait == 0 && !got.Works() && got != before:
			t.Errorf("%s: changed to %+v", step.name, got)
		case got.Works() && got != (store.Standing{}):
			t.Errorf("%s: works and is %+v", step.name, got)
		}
		switch mistake, asks := strings.Contains(health.Message, "may be its mistake"), strings.Contains(health.Message, "tries them now and then"); {
		case mistake != (step.state == store.Retrying), asks != (step.state == store.AuthRequired && step.reason == reason):
			t.Errorf("%s: message %q", step.name, health.Message)
		}
	}
}

// TestGarbledAnswersHoldTheWork: some token services answer refused credentials with nothing, or a page. A few such answers in a row
// hold the work behind a probe, and a person is told to look when they go on. They are never believed to be a refusal, and an outage
// that says so is waited for no longer than a minute.
func TestGarbledAnswersHoldTheWork(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.db.ill(store.Healthy, "")
	const unread, asks = "tries them before anything else", "check that these are still right"
	for _, step := range []struct {
		name    string
		after   time.Duration // since the step before
		err     error
		garbled int
		wait    time.Duration // for the next probe at least; zero when that was planned before, or the work goes on
		works   bool
		message string // holds this, and neither of the other
	}{
		{"odd", 0, odd, 1, 0, true, ""},
		{"well", time.Second, nil, 0, 0, true, ""},
		{"odd", time.Second, odd, 1, 0, true, ""},
		{"down does not make them fewer", time.Second, down, 1, 0, true, ""},
		{"odd a second time", time.Second, odd, 2, 0, true, ""},
		{"odd a third time", time.Second, odd, 3, 0, true, ""},
		{"odd a fourth time", time.Hour, odd, 4, 0, true, ""},
		{"odd a fifth time", time.Second, odd, 5, time.Minute, false, unread},
		{"odd, by a request that was under way", time.Second, odd, 5, 0, false, unread},
		{"down, and says so", 2 * time.Minute, down, 5, time.Minute, false, ""},
		{"odd to the first probe", 2 * time.Minute, odd, 6, 4 * time.Minute, false, unread},
		{"odd to the second probe", 5 * time.Minute, odd, 7, 15 * time.Minute, false, asks},
		{"odd to the third probe", 20 * time.Minute, odd, 8, 15 * time.Minute, false, asks},
		{"down, and says so", 20 * time.Minute, down, 8, time.Minute, false, ""},
		{"odd to a later probe", 24 * time.Hour, odd, 9, 15 * time.Minute, false, asks},
		{"well", time.Second, nil, 0, 0, true, ""},
		{"odd", time.Second, odd, 1, 0, true, ""},
	} {
		w.now = w.now.Add(step.after)
		before := w.standing()
		w.Report(t.Context(), shopAlpha, step.err)
		got, health := w.standing(), w.db.stores["shop"].Health
		if got.Garbled != step.garbled || got.Refused || got.Refusals != 0 || got.Works() != step.works {
			t.Fatalf("%s: %+v", step.name, got)
		}
		switch wait := got.NextProbe.Sub(w.now); {
		case step.wait > 0 && (wait < step.wait || wait > step.wait+step.wait/5):
			t.Errorf("%s: next probe in %s, want %s and up to a fifth more", step.name, wait, step.wait)
		case step.wait == 0 && got.NextProbe != before.NextProbe && !got.Works():
			t.Errorf("%s: changed to %+v", step.name, got)
		}
		if problem.HasReason(step.err, problem.ReasonMalformedAnswer) {
			same(t, step.name, []string{string(health.State), health.Reason}, []string{string(store.Retrying), problem.ReasonMalformedAnswer})
		}
		for _, m := range []string{unread, asks} {
			if strings.Contains(health.Message, m) != (m == step.message) {
				t.Errorf("%s: message %q", step.name, health.Message)
			}
		}
	}
	same(t, "told", w.told, []bool{false, false, false, false, false, false, false, true})
	if n := strings.Count(w.log.String(), "credentials work again"); n != 1 {
		t.Errorf("%d times credentials work again", n)
	}
}

// TestRefusalsAndGarbledAnswers: a token service that says no in its words now and then is believed as one that always does.
func TestRefusalsAndGarbledAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i, err := range []error{odd, odd, rejected, odd, rejected, odd, odd, rejected} {
		w.Report(t.Context(), shopAlpha, err)
		switch s := w.standing(); {
		case i < 2 && !s.Works(), i >= 2 && s.Works(), s.Refused != (i == 7):
			t.Fatalf("after answer %d: %+v", i, s)
		case i == 2:
			same(t, "since", s.Since, w.now)
		}
		w.now = w.now.Add(7 * time.Minute)
	}
	same(t, "health", w.db.stores["shop"].Health.State, store.AuthRequired)
}

// TestUnreadableCredentials: that relais cannot open them is certain at once, and whether it can costs nobody anything.
func TestUnreadableCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for range 4 {
		w.Report(t.Context(), shopAlpha, unreadable)
		wait := w.standing().NextProbe.Sub(w.now)
		if s := w.standing(); !s.Refused || wait < 15*time.Minute || wait > 18*time.Minute {
			t.Errorf("%+v, next probe in %s", s, wait)
		}
		same(t, "health", w.db.stores["shop"].Health.State, store.AuthRequired)
		w.now = w.now.Add(20 * time.Minute)
	}
}

// TestHealthOfAMoveTellsBelievedRefusals: the health of the adapter that is left says what is known now, since when it fails.
func TestHealthOfAMoveTellsBelievedRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.db.moving(-10)
	w.db.ill(store.Healthy, "")
	var told []string
	for range 3 {
		w.Report(t.Context(), shopAlpha, rejected)
		told = append(told, w.db.stores["shop"].Health.Message)
		w.now = w.now.Add(6 * time.Minute)
	}
	health := w.db.stores["shop"].Health
	same(t, "since", health.Since, noon)
	same(t, "reason", health.Reason, problem.ReasonLeavingAdapterFails)
	same(t, "the second refusal changes nothing", told[1], told[0])
	if told[2] == told[0] || !strings.Contains(told[2], "tries them now and then") {
		t.Errorf("message %q", told[2])
	}
}

// TestProber: suspected and refused credentials are tried at their time, rarely, and a success ends it. A failure of the database
// does not make it ask the marketplace more often than the pause.
func TestProber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.clock = time.Now
		prober := store.NewProber(store.ProberConfig{Repository: w.db, Stores: w.Service, Pause: 2 * time.Minute, Now: time.Now, Log: w.logger()})
		prober.Start()
		synctest.Wait()
		// pass lets time pass while the prober works, and changes things then.
		pass := func(d time.Duration, then func()) {
			<-time.After(d) // of the fake clock
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			then()
		}
		pass(0, func() { w.market.errs["alpha"] = rejected })
		w.Report(t.Context(), shopAlpha, rejected)
		prober.Wake()
		pass(55*time.Second, func() { same(t, "asked at once", len(w.market.checks), 0) })
		pass(7*time.Minute, func() {
			same(t, "asked while suspected", len(w.market.checks), 2)
			same(t, "health", w.db.stores["shop"].Health.State, store.AuthRequired)
		})
		asked := 0
		pass(12*time.Hour, func() {
			if asked = len(w.market.checks); asked < 12 || asked > 16 { // after 15 and 30 minutes, then every hour
				t.Errorf("asked %d times in twelve hours", asked)
			}
			for _, d := range w.market.within {
				if d > 20*time.Second {
					t.Errorf("a probe may take %s", d)
				}
			}
			w.db.standErr = errors.New("disk full")
		})
		pass(73*time.Minute, func() {
			if n := len(w.market.checks) - asked; n < 1 || n > 40 {
				t.Errorf("asked %d times while nothing could be noted", n)
			}
			w.db.standErr, w.market.errs["alpha"], w.told = nil, nil, nil
		})
		pass(72*time.Minute, func() {
			same(t, "told", w.told, []bool{true})
			same(t, "health", w.db.stores["shop"].Health.State, store.Healthy)
			same(t, "standing", w.standing(), store.Standing{})
			asked = len(w.market.checks)
		})
		pass(24*time.Hour, func() { same(t, "asked once more", len(w.market.checks), asked) })
		if err := prober.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if strings.Contains(w.log.String(), secret) {
			t.Error("the log holds a secret")
		}
	})
}
