package order

import (
	"time"

	"github.com/relaishq/relais/server/store"
)

// The look-back of imports (design section 6, re-creating ShipStation's Cdiscount integration).
const (
	day = 24 * time.Hour
	// FirstLookBack is how far the first import reads back.
	FirstLookBack = 29 * day
	// LaterLookBack is how far later imports read back for new orders.
	LaterLookBack = 30 * day
	// ModifiedOverlap is how far before the start of the previous import modifications are read.
	ModifiedOverlap = 24 * time.Hour
)

// planAll returns the windows of an import through every adapter that the store speaks through, the one of new orders first.
func planAll(start time.Time, b store.Bindings, look store.LookBack) []Window {
	var all []Window
	for _, binding := range b.Adapters {
		windows := Plan(start, Cursor{PreviousStart: binding.ImportStart, FirstAttempt: binding.FirstAttempt}, look)
		for i := range windows {
			windows[i].Adapter = binding.Adapter
		}
		all = append(all, windows...)
	}
	return all
}

// Cursor is where the imports of a store through one adapter stand.
type Cursor struct {
	// PreviousStart is the start of the last import that read everything; zero before the first.
	PreviousStart time.Time
	// FirstAttempt is the start of the first import, whatever became of it; zero when there was none. While none has
	// succeeded, the look-back counts from it: an outage must not push the oldest days out of the first window.
	FirstAttempt time.Time
}

// Plan returns the windows of an import that starts at start.
//
// Created and modified are two windows whose results are united, never one filter on both: a marketplace may leave the
// modification date out. After a gap longer than the look-back the look-back grows with the gap, and overlaps the previous
// import as the modified window does.
func Plan(start time.Time, c Cursor, look store.LookBack) []Window {
	start = start.UTC()
	if c.PreviousStart.IsZero() {
		from := start
		if !c.FirstAttempt.IsZero() && c.FirstAttempt.Before(start) {
			from = c.FirstAttempt.UTC()
		}
		return []Window{{Axis: Created, Since: from.Add(-orDays(look.FirstImportDays, FirstLookBack)), Until: start}}
	}
	// A clock that was set back must not make a window that ends before it begins.
	previous := c.PreviousStart.UTC()
	if previous.After(start) {
		previous = start
	}
	lookBack := orDays(look.LaterImportDays, LaterLookBack)
	if gap := start.Sub(previous); gap > lookBack {
		lookBack = gap + ModifiedOverlap
	}
	return []Window{
		{Axis: Created, Since: start.Add(-lookBack), Until: start},
		{Axis: Modified, Since: previous.Add(-ModifiedOverlap), Until: start},
	}
}

func orDays(days int, fallback time.Duration) time.Duration {
	if days > 0 {
		return time.Duration(days) * day
	}
	return fallback
}

// Percent is the share of the planned time that has been read, 0 to 100.
func (im Import) Percent() int {
	if im.State == Succeeded {
		return 100
	}
	var planned, read time.Duration
	for _, w := range im.Windows {
		planned += w.Until.Sub(w.Since)
		if w.Finished.After(w.Since) {
			read += w.Finished.Sub(w.Since)
		}
	}
	if planned <= 0 {
		return 0
	}
	return int(100 * read.Seconds() / planned.Seconds())
}
