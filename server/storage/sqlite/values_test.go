package sqlite

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/store"
)

var at0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func connectForTest(t *testing.T, db *DB) {
	t.Helper()
	if err := db.CreateStore(t.Context(), store.Store{ID: "shop", Adapter: "alpha", Marketplace: "m", AccountID: "a"}, store.AccountKeys{"a"}, store.Sealed{}); err != nil {
		t.Fatal(err)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	paris := time.FixedZone("Paris", 3600)
	for _, c := range []struct {
		name     string
		in, want time.Time
	}{
		{"zero", time.Time{}, time.Time{}},
		{"nanoseconds", at0.Add(1), at0.Add(1)},
		{"zone", time.Date(2026, 3, 1, 10, 0, 0, 0, paris), at0},
		{"before 1970", time.Date(1969, 12, 31, 23, 59, 59, 999, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999, time.UTC)},
		{"never", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), latest.UTC()},
		{"long ago", time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC), earliest.UTC()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := instant(nanos(c.in))
			if !got.Equal(c.want) || got.Location() != time.UTC && !got.IsZero() {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
