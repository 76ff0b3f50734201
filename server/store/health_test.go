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
	inactive   = problem.New(problem.Precondition, problem.ReasonSellerInactive, "closed")
	mismatch   = problem.New(problem.Precondition, problem.ReasonAccountMismatch, "another")
	odd        = problem.New(problem.Internal, problem.ReasonMalformedAnswer, "odd")
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
		{"well, beta is refused once", store.Healthy, "", "beta", rejected, store.Retrying, problem.ReasonCredentialsRejected, true, false},
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
		{"alpha fails, beta cannot be opened", store.Retrying, leaving, "beta", unreadable, store.AuthRequired, problem.ReasonCredentialsUnreadable, true, false},
		{"well, beta sells no more", store.Healthy, "", "beta", inactive, store.AuthRequired, problem.ReasonSellerInactive, true, false},
		{"alpha fails, beta is refused once", store.Retrying, leaving, "beta", rejected, store.Retrying, problem.ReasonCredentialsRejected, true, false},
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

// TestStandingAfterAnExchange: what holds up requests is kept for each adapter, and written when it changes.
func TestStandingAfterAnExchange(t *testing.T) {
	t.Parallel()
	suspected := store.Standing{Refusals: 2, Since: at(-5), NextProbe: at(0)}
	refused := store.Standing{Refusals: 3, Since: at(-10), Refused: true, NextProbe: at(0)}
	for _, c := range []struct {
		name    string
		before  store.Standing
		adapter string
		err     error
		want    []string
	}{
		{"refused", store.Standing{}, "alpha", rejected, []string{"alpha suspected"}},
		{"the adapter of new orders is refused", store.Standing{}, "beta", rejected, []string{"beta suspected"}},
		{"credentials that cannot be opened", store.Standing{}, "alpha", unreadable, []string{"alpha refused"}},
		{"refused again, and believed", suspected, "alpha", rejected, []string{"alpha refused"}},
		{"refused again by a request that was under way", store.Standing{Refusals: 2, Since: at(-9), NextProbe: at(1)}, "alpha", rejected, nil},
		{"refused for the third time in a minute", store.Standing{Refusals: 2, Since: at(-1), NextProbe: at(0)}, "alpha", rejected, []string{"alpha suspected"}},
		{"a suspected one cannot be opened", store.Standing{Refusals: 1, Since: at(0), NextProbe: at(1)}, "alpha", unreadable, []string{"alpha refused"}},
		{"refused when it was believed", refused, "alpha", rejected, []string{"alpha refused"}},
		{"another failure", store.Standing{}, "alpha", down, nil},
		{"another failure of a suspected one", suspected, "alpha", down, []string{"alpha suspected"}},
		{"another failure of a refused one", refused, "alpha", down, []string{"alpha refused"}},
		{"an error that is no problem", store.Standing{}, "alpha", errors.New("disk full"), nil},
		{"well", store.Standing{}, "alpha", nil, nil},
		{"a suspected one answers", suspected, "alpha", nil, []string{"alpha works"}},
		{"a refused one answers", refused, "alpha", nil, []string{"alpha works"}},
		{"a refused one is taken, and the account is closed", refused, "alpha", inactive, []string{"alpha works"}},
		{"a refused one belongs to another account", refused, "alpha", mismatch, []string{"alpha refused"}},
		{"a refused one answers before it was asked", store.Standing{Refusals: 3, Refused: true, NextProbe: at(60)}, "alpha", nil, []string{"alpha works"}},
		{"an adapter that the store does not speak through", store.Standing{}, "gamma", rejected, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.db.moving(-10)
			for i := range w.db.bindings.Adapters {
				w.db.bindings.Adapters[i].Standing = c.before
			}
			w.Report(t.Context(), store.Ref{StoreID: "shop", Adapter: c.adapter}, c.err)
			same(t, "noted", w.db.standings, c.want)
			same(t, "told", len(w.told), len(c.want))
		})
	}
	t.Run("a disconnected store", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.db.disconnect("shop")
		before := w.db.stores["shop"]
		w.Report(t.Context(), shopAlpha, rejected)
		same(t, "noted", w.db.standings, []string{})
		same(t, "store", w.db.stores["shop"], before)
	})
}
