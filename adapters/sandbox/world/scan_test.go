package world_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// TestScanCreated compares the scan of a range with the scan of everything.
func TestScanCreated(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 2, 20, 9, 0, 0, 0, time.UTC)
	w, err := world.New(world.Config{Orders: 200, Seed: 3, Start: begin, Frozen: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // three orders of one instant, on a bound
		if _, err := w.Create(world.Spec{Created: new(begin.Add(-48 * time.Hour))}); err != nil {
			t.Fatal(err)
		}
	}
	type row struct {
		Number string
		Seed   int
	}
	for name, tc := range map[string]struct{ from, to time.Duration }{
		"everything": {}, "from": {from: -48 * time.Hour}, "to": {to: -48 * time.Hour}, "both": {from: -96 * time.Hour, to: -48 * time.Hour},
		"one instant": {from: -48 * time.Hour, to: -48 * time.Hour}, "nothing": {from: time.Hour}, "long ago": {to: -2000 * time.Hour},
		"backwards": {from: -48 * time.Hour, to: -96 * time.Hour},
	} {
		var from, to time.Time
		if tc.from != 0 {
			from = begin.Add(tc.from)
		}
		if tc.to != 0 {
			to = begin.Add(tc.to)
		}
		want, got := []row{}, []row{}
		w.Scan("demo", func(h *world.Head, seed int) {
			if !h.Created.Before(from) && (to.IsZero() || !h.Created.After(to)) {
				want = append(want, row{h.Number, seed})
			}
		})
		w.ScanCreated("demo", from, to, func(h *world.Head, seed int) { got = append(got, row{h.Number, seed}) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if (len(want) == 0) != (name == "nothing" || name == "long ago" || name == "backwards") || name == "one instant" && len(want) < 3 {
			t.Errorf("%s finds %d orders", name, len(want))
		}
	}
}

func TestTouch(t *testing.T) {
	t.Parallel()
	w, err := world.New(world.Config{Orders: 1, Start: time.Date(2026, 2, 20, 9, 0, 0, 0, time.UTC), Frozen: true})
	if err != nil {
		t.Fatal(err)
	}
	number := w.Find("demo", func(world.Head) bool { return true })[0]
	before, _ := w.Read(number)
	if err := w.Clock().Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := w.Touch(number); err != nil {
		t.Fatal(err)
	}
	after, _ := w.Read(number)
	if !after.Modified.Equal(w.Clock().Now()) {
		t.Errorf("modified %s", after.Modified)
	}
	before.Modified = after.Modified
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("more changed than the date (-before +after):\n%s", diff)
	}
	if err := w.Touch("nothing"); !errors.Is(err, world.ErrNoOrder) {
		t.Errorf("%v", err)
	}
}

func TestAmountsAreDivided(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		amount string
		by     int
		want   string
	}{
		{"20.00", 3, "6.67"}, {"19.99", 2, "10"}, {"0.01", 2, "0.01"}, {"0.01", 3, "0"}, {"-0.01", 2, "-0.01"}, {"-20", 3, "-6.67"},
		{"12.3450", 1, "12.35"}, {"12.3449", 1, "12.34"}, {"5", 0, "5"},
	} {
		a, err := world.ParseAmount(tc.amount)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Over(tc.by).String(); got != tc.want {
			t.Errorf("%s over %d is %s, want %s", tc.amount, tc.by, got, tc.want)
		}
		if tc.by == 1 && a.Rounded().String() != tc.want {
			t.Errorf("%s rounded is %s, want %s", tc.amount, a.Rounded(), tc.want)
		}
	}
}
