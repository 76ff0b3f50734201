package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// TestHold: what holds the work of a store is told for each of its adapters; a pause holds both.
func TestHold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	soon := w.now.Add(time.Minute)
	refused, unread := store.Standing{Refusals: 1, NextProbe: soon}, store.Standing{Garbled: 5, NextProbe: soon}
	moving := store.Store{ID: "shop", Adapter: "beta", Adapters: []string{"beta", "alpha"}}
	held := moving
	held.NextProbe = soon
	for _, c := range []struct {
		name     string
		st       store.Store
		with     func(*store.Store)
		adapter  string
		standing store.Standing // of the adapter
		reason   string
		until    time.Time
	}{
		{"works", moving, nil, "beta", store.Standing{}, "", time.Time{}},
		{"the adapter that it leaves works", moving, nil, "alpha", store.Standing{}, "", time.Time{}},
		{"the adapter that it leaves refuses", moving, nil, "alpha", refused, problem.ReasonCredentialsRejected, soon},
		{"the adapter that it leaves cannot be read", moving, nil, "alpha", unread, problem.ReasonMalformedAnswer, soon},
		{"refused", held, func(s *store.Store) { s.Health.Reason, s.Health.Message = problem.ReasonCredentialsRejected, "m" }, "beta", refused, problem.ReasonCredentialsRejected, soon},
		{"its own key is lost", held, func(s *store.Store) { s.Health.Reason, s.Health.Message = problem.ReasonCredentialsUnreadable, "m" }, "beta", refused, problem.ReasonCredentialsUnreadable, soon},
		{"refused, the health not written yet", held, nil, "beta", refused, problem.ReasonCredentialsRejected, soon},
		{"it works again meanwhile", held, nil, "beta", store.Standing{}, "", time.Time{}},
		{"paused", moving, func(s *store.Store) { s.Paused = true }, "alpha", store.Standing{}, problem.ReasonStorePaused, time.Time{}},
		{"paused and refused", held, func(s *store.Store) { s.Paused = true }, "beta", refused, problem.ReasonStorePaused, time.Time{}},
		{"an adapter that it left for good", moving, nil, "gamma", store.Standing{}, "", time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.db.bindings.Adapters = []store.Binding{{Adapter: "beta"}, {Adapter: "alpha"}}
			for i := range w.db.bindings.Adapters {
				if b := &w.db.bindings.Adapters[i]; b.Adapter == c.adapter {
					b.Standing = c.standing
				}
			}
			if c.with != nil {
				c.with(&c.st)
			}
			got, err := w.Hold(t.Context(), c.st, c.adapter)
			if err != nil {
				t.Fatal(err)
			}
			if (got.Message == "") != (c.reason == "") {
				t.Errorf("message %q", got.Message)
			}
			got.Message = ""
			if diff := cmp.Diff(store.Hold{Reason: c.reason, Until: c.until}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
