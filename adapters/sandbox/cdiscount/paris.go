package cdiscount

import (
	"time"

	// The face speaks Paris time also where the system has no time zone data.
	_ "time/tzdata"
)

// paris is the marketplace's time zone: its dates carry no offset (cdiscount-soap.md 3.3).
var paris = mustLoadParis()

func mustLoadParis() *time.Location {
	loc, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err) // the zone is embedded above
	}
	return loc
}

// clockReading is what a clock in Paris shows at t, carried in UTC so that readings compare as clocks do: the two passes of
// a repeated hour are equal.
func clockReading(t time.Time) time.Time {
	t = t.In(paris)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}
