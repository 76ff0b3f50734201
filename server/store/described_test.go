package store_test

import (
	"testing"

	"github.com/relaishq/relais/server/store"
)

// TestDescriptionOfTheStoresRelease: what an adapter asks for is asked of the release that the store is on, which may be another one
// than other stores', and the only one that runs.
func TestDescriptionOfTheStoresRelease(t *testing.T) {
	t.Parallel()
	credentials := map[string]string{"token": secret}
	for _, c := range []struct {
		name string
		call func(t *testing.T, w *world) error
		want []store.Ref
	}{
		{"connect", func(t *testing.T, w *world) error {
			t.Helper()
			delete(w.db.names, "login:one") // of another store
			_, err := w.Connect(t.Context(), store.ConnectRequest{StoreID: "new", Adapter: "beta", Credentials: credentials})
			return err
		}, []store.Ref{{StoreID: "new", Adapter: "beta"}}},
		{"connect without a name", func(t *testing.T, w *world) error {
			t.Helper()
			delete(w.db.names, "login:one")
			_, err := w.Connect(t.Context(), store.ConnectRequest{Adapter: "beta", Credentials: credentials})
			return err
		}, []store.Ref{{Adapter: "beta"}}},
		{"rotate credentials", func(t *testing.T, w *world) error {
			t.Helper()
			_, err := w.RotateCredentials(t.Context(), "shop", "", credentials)
			return err
		}, []store.Ref{shopAlpha}},
		{"check", func(t *testing.T, w *world) error {
			t.Helper()
			_, err := w.Check(t.Context(), "shop")
			return err
		}, []store.Ref{shopAlpha}},
		{"probe", func(t *testing.T, w *world) error {
			t.Helper()
			return w.Probe(t.Context(), shopAlpha)
		}, []store.Ref{shopAlpha}},
		{"migrate", func(t *testing.T, w *world) error {
			t.Helper()
			_, err := w.Migrate(t.Context(), toBeta())
			return err
		}, []store.Ref{shopBeta}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			if err := c.call(t, w); err != nil {
				t.Fatal(err)
			}
			same(t, "described", w.market.described, c.want)
		})
	}
}
