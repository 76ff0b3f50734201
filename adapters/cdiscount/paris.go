package cdiscount

import (
	"strings"
	"time"
	_ "time/tzdata" // adapters run in environments without a time zone database

	"google.golang.org/protobuf/types/known/timestamppb"
)

// paris is the zone of every date of this API: Paris local time, written without a zone (cdiscount-soap.md 3.3).
var paris = loadParis()

func loadParis() *time.Location {
	l, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic("cdiscount: the embedded time zone database lacks Europe/Paris: " + err.Error())
	}
	return l
}

// Layouts of dates. Answers have up to seven decimals or none; requests always have two.
const (
	dateLayout       = "2006-01-02T15:04:05"
	filterDateLayout = "2006-01-02T15:04:05.00"
)

// unsetYear is the year of a date that was never set: 0001-01-01T00:00:00 (cdiscount-soap.md 3.3).
const unsetYear = 1

// parseDate reads a date of an answer. An empty or unset one gives the zero time. A date with an offset, which this API
// should not send, is taken at its word. ok is false for anything else.
func parseDate(text string) (t time.Time, ok bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, true
	}
	wall, err := time.Parse(dateLayout, text)
	if err != nil {
		if t, err = time.Parse(time.RFC3339, text); err != nil {
			return time.Time{}, false
		}
		wall = t
	} else {
		t = fromParis(wall)
	}
	if wall.Year() <= unsetYear {
		return time.Time{}, true
	}
	return t.UTC(), true
}

// fromParis returns the instant at which clocks in Paris show what wall shows in UTC. A reading of the repeated hour, when
// summer time ends, is the earlier of the two instants. A reading of the missing hour, when summer time begins, is taken as
// if the clock had not been changed.
func fromParis(wall time.Time) time.Time {
	before, after := parisOffset(wall.Add(-24*time.Hour)), parisOffset(wall.Add(24*time.Hour))
	// The larger offset gives the earlier instant.
	for _, offset := range []time.Duration{max(before, after), min(before, after)} {
		if t := wall.Add(-offset); parisOffset(t) == offset {
			return t
		}
	}
	return wall.Add(-before)
}

// parisOffset returns by how much Paris is ahead of UTC at an instant.
func parisOffset(t time.Time) time.Duration {
	_, seconds := t.In(paris).Zone()
	return time.Duration(seconds) * time.Second
}

// wallParis returns what clocks in Paris show at t, as a time in UTC.
func wallParis(t time.Time) time.Time { return t.UTC().Add(parisOffset(t)) }

// filterSlack widens date filters on both sides: it is not known whether they include their ends (cdiscount-soap.md 12.6).
const filterSlack = time.Second

// filterBegin writes the begin of a filter: no instant at or after t shows an earlier reading in Paris. Within the first of
// the two repeated hours that takes the reading back, since later instants show earlier readings again.
func filterBegin(t time.Time) string {
	t = t.Add(-filterSlack)
	reading := wallParis(t)
	if again := wallParis(t.Add(time.Hour)).Add(-time.Hour); again.Before(reading) {
		reading = again
	}
	return reading.Truncate(time.Second).Format(filterDateLayout)
}

// filterEnd writes the end of a filter: no instant before t shows a later reading in Paris.
func filterEnd(t time.Time) string {
	t = t.Add(filterSlack)
	reading := wallParis(t)
	if again := wallParis(t.Add(-time.Hour)).Add(time.Hour); again.After(reading) {
		reading = again
	}
	return reading.Add(time.Second - time.Nanosecond).Truncate(time.Second).Format(filterDateLayout)
}

// timestamp returns nil for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
