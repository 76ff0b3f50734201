package pace_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func store(id string, perSecond float64, burst int32) *adapterv1.StoreContext {
	return &adapterv1.StoreContext{StoreId: id, RateBudget: &adapterv1.RateBudget{RequestsPerSecond: perSecond, Burst: burst}}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		store   *adapterv1.StoreContext
		waits   int
		tooSlow bool
		err     error
	}{
		{name: "no budget", ctx: soon, store: &adapterv1.StoreContext{StoreId: "s"}, waits: 1000},
		{name: "within the burst", ctx: soon, store: store("s", 0.001, 3), waits: 3},
		{name: "over the burst, turn after the deadline", ctx: soon, store: store("s", 0.001, 3), waits: 4, tooSlow: true},
		{name: "over the burst, turn comes", ctx: soon, store: store("s", 1000, 1), waits: 3},
		{name: "a burst of at least one", ctx: soon, store: store("s", 0.001, 0), waits: 1},
		{name: "cancelled without budget", ctx: ended, store: &adapterv1.StoreContext{}, waits: 1, err: context.Canceled},
		{name: "cancelled", ctx: ended, store: store("s", 0.001, 1), waits: 1, err: context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var budgets pace.Budgets
			var err error
			for range c.waits {
				if err != nil {
					t.Fatalf("waiting failed early: %v", err)
				}
				err = budgets.For(c.store).Wait(c.ctx)
			}
			var slow *pace.TooSlowError
			switch {
			case c.tooSlow:
				if !errors.As(err, &slow) || slow.Wait <= time.Minute {
					t.Errorf("got %v, want a *TooSlowError of more than a minute", err)
				}
			case !errors.Is(err, c.err):
				t.Errorf("got %v, want %v", err, c.err)
			}
		})
	}
}

// TestStoresApart: one store's calls do not use up another's budget, and a new budget counts at once.
func TestStoresApart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	var budgets pace.Budgets
	if err := budgets.For(store("one", 0.001, 1)).Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if err := budgets.For(store("one", 0.001, 1)).Wait(ctx); err == nil {
		t.Error("the second call of a store with a burst of one did not have to wait")
	}
	if err := budgets.For(store("two", 0.001, 1)).Wait(ctx); err != nil {
		t.Errorf("another store had to wait: %v", err)
	}
	if err := budgets.For(store("one", 1000, 1)).Wait(ctx); err != nil {
		t.Errorf("the larger budget did not count: %v", err)
	}
}
