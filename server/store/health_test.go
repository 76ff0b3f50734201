package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

var (
	rejected   = problem.New(problem.Precondition, problem.ReasonCredentialsRejected, "refused")
	unreadable = problem.New(problem.Internal, problem.ReasonCredentialsUnreadable, "no key")
	down       = problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "down")
)

// TestHealthAfterAnExchange: the health is that of the adapter of new orders. That the other one fails shows only while all is
// well otherwise, and until that one works.
func TestHealthAfterAnExchange(t *testing.T) {
	t.Parallel()
	const leaving = problem.ReasonLeavingAdapterFails
	for _, c := range []struct {
		name          string
		state         store.HealthState
		reason        string
		adapter       string
		err           error
		wantState     store.HealthState
		wantReason    string
		writes        bool
		alphaIsBroken bool // whether the message names the adapter
	}{
		{"well, beta is refused", store.Healthy, "", "beta", rejected, store.AuthRequired, problem.ReasonCredentialsRejected, true, false},
		{"well, beta answers", store.Healthy, "", "beta", nil, store.Healthy, "", false, false},
		{"throttled, beta answers", store.Throttled, problem.ReasonThrottled, "beta", nil, store.Healthy, "", true, false},
		{"throttled, beta is down", store.Throttled, problem.ReasonThrottled, "beta", down, store.MarketplaceDown, problem.ReasonMarketplaceDown, true, false},
		{"down, beta is down", store.MarketplaceDown, problem.ReasonMarketplaceDown, "beta", down, store.MarketplaceDown, problem.ReasonMarketplaceDown, false, false},

		{"well, alpha is refused", store.Healthy, "", "alpha", rejected, store.Retrying, leaving, true, true},
		{"well, alpha is down", store.Healthy, "", "alpha", down, store.Retrying, leaving, true, true},
		{"well, alpha answers", store.Healthy, "", "alpha", nil, store.Healthy, "", false, false},
		{"refused, alpha is down", store.AuthRequired, problem.ReasonCredentialsRejected, "alpha", down, store.AuthRequired, problem.ReasonCredentialsRejected, false, false},
		{"refused, alpha answers", store.AuthRequired, problem.ReasonCredentialsRejected, "alpha", nil, store.AuthRequired, problem.ReasonCredentialsRejected, false, false},
		{"throttled, alpha is down", store.Throttled, problem.ReasonThrottled, "alpha", down, store.Throttled, problem.ReasonThrottled, false, false},

		{"alpha fails, beta answers", store.Retrying, leaving, "beta", nil, store.Retrying, leaving, false, false},
		{"alpha fails, beta is refused", store.Retrying, leaving, "beta", rejected, store.AuthRequired, problem.ReasonCredentialsRejected, true, false},
		{"alpha fails, and again", store.Retrying, leaving, "alpha", down, store.Retrying, leaving, false, false},
		{"alpha fails, and answers", store.Retrying, leaving, "alpha", nil, store.Healthy, "", true, false},

		{"well, an adapter that the store left for good is down", store.Healthy, "", "gamma", down, store.Healthy, "", false, false},
		{"down, an adapter that the store left for good answers", store.MarketplaceDown, "", "gamma", nil, store.MarketplaceDown, "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.db.moving(-10)
			w.db.ill(c.state, c.reason)
			before := w.db.stores["shop"]
			for range 2 {
				w.Report(t.Context(), store.Ref{StoreID: "shop", Adapter: c.adapter}, c.err)
			}
			health := w.db.stores["shop"].Health
			same(t, "health", []string{string(health.State), health.Reason}, []string{string(c.wantState), c.wantReason})
			if !c.writes {
				same(t, "store", w.db.stores["shop"], before)
				return
			}
			same(t, "writes", w.db.updates, 1)
			same(t, "since", health.Since, noon)
			same(t, "the message names the adapter", strings.Contains(health.Message, "adapter alpha"), c.alphaIsBroken)
		})
	}
}

// TestHealthIsDecidedOnTheRow: between the look at a store and the write of its health it may turn to another adapter.
func TestHealthIsDecidedOnTheRow(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.db.moving(-10)
	w.db.ill(store.Healthy, "")
	w.db.onUpdate = func() { w.db.returning(-1) } // undone meanwhile: beta is the one that is left
	w.Report(t.Context(), shopBeta, rejected)
	same(t, "reason", w.db.stores["shop"].Health.Reason, problem.ReasonLeavingAdapterFails)

	w = newWorld()
	w.db.moving(-10)
	w.db.ill(store.Healthy, "")
	w.db.onUpdate = func() { // complete meanwhile: alpha is left for good
		shop := w.db.stores["shop"]
		shop.Adapters = []string{"beta"}
		w.db.stores["shop"] = shop
	}
	w.Report(t.Context(), shopAlpha, down)
	same(t, "state", w.db.stores["shop"].Health.State, store.Healthy)
}

// TestBindingAfterAnExchange: what holds up requests is kept for each adapter, and written when it changes.
func TestBindingAfterAnExchange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		refused bool // before
		adapter string
		err     error
		want    []string
	}{
		{"refused", false, "alpha", rejected, []string{"alpha refused"}},
		{"the adapter of new orders is refused", false, "beta", rejected, []string{"beta refused"}},
		{"credentials that cannot be opened", false, "alpha", unreadable, []string{"alpha refused"}},
		{"refused again", true, "alpha", rejected, nil},
		{"another failure", false, "alpha", down, nil},
		{"another failure of a refused one", true, "alpha", down, nil},
		{"an error that is no problem", false, "alpha", errors.New("disk full"), nil},
		{"well", false, "alpha", nil, nil},
		{"a refused one answers", true, "alpha", nil, []string{"alpha works"}},
		{"an adapter that the store does not speak through", false, "gamma", rejected, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.db.moving(-10)
			for i := range w.db.bindings.Adapters {
				w.db.bindings.Adapters[i].Refused = c.refused
			}
			w.Report(t.Context(), store.Ref{StoreID: "shop", Adapter: c.adapter}, c.err)
			same(t, "noted", w.db.healths, c.want)
		})
	}
	t.Run("a disconnected store", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.db.disconnect("shop")
		before := w.db.stores["shop"]
		w.Report(t.Context(), shopAlpha, rejected)
		same(t, "noted", w.db.healths, []string{})
		same(t, "store", w.db.stores["shop"], before)
	})
}
