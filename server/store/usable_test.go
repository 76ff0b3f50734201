package store_test

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/store"
)

// TestUsable: credentials that wait for a probe are not to be used, those of the other adapter of a moving store are.
func TestUsable(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.db.bindings.Adapters = []store.Binding{
		{Adapter: "alpha", Standing: store.Standing{Refusals: 1, NextProbe: w.now.Add(-time.Minute)}}, {Adapter: "beta"},
	}
	for adapter, want := range map[string]bool{"alpha": false, "beta": true, "gamma": false} {
		if got, err := w.Usable(t.Context(), store.Ref{StoreID: "shop", Adapter: adapter}); err != nil || got != want {
			t.Errorf("usable through %s: %v, %v, want %v", adapter, got, err, want)
		}
	}
}
