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

// Plan returns the windows of an import that starts at start. previousStart is the start of the last import that
// succeeded, zero for the first.
//
// Created and modified are two windows whose results are united, never one filter on both: a marketplace may leave the
// modification date out. After a gap longer than the look-back the look-back grows with the gap.
func Plan(start, previousStart time.Time, look store.LookBack) []Window {
	start = start.UTC()
	if previousStart.IsZero() {
		lookBack := orDays(look.FirstImportDays, FirstLookBack)
		return []Window{{Axis: Created, Since: start.Add(-lookBack), Until: start}}
	}
	previousStart = previousStart.UTC()
	lookBack := max(orDays(look.LaterImportDays, LaterLookBack), start.Sub(previousStart))
	return []Window{
		{Axis: Created, Since: start.Add(-lookBack), Until: start},
		{Axis: Modified, Since: previousStart.Add(-ModifiedOverlap), Until: start},
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
