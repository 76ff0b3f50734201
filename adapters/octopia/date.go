package octopia

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// zoneless is a date without a zone. None was recorded in an answer, one client sends such filters (octopia-rest.md 3, 13.17).
const zoneless = "2006-01-02T15:04:05"

// parseDate reads a date of an answer: ISO 8601 with "Z" or an offset (octopia-rest.md 5), in UTC. An empty one, and one of
// the year 1 as .NET writes an unset date, is the zero time. assumed is true when it had no zone and was read as UTC; ok is
// false when it is not readable.
func parseDate(s string) (t time.Time, assumed, ok bool) {
	if s = strings.TrimSpace(s); s == "" {
		return time.Time{}, false, true
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		if t, err = time.Parse(zoneless, s); err != nil {
			return time.Time{}, false, false
		}
		assumed = true
	}
	if t = t.UTC(); t.Year() <= 1 {
		return time.Time{}, false, true
	}
	return t, assumed, t.Year() <= 9999
}

// timestamp returns an instant for a message, nil for none.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// filterMargin is how much a filter is widened on both sides: whether the API includes the instants that bound a filter is not
// known (octopia-rest.md 3, 13.17), and it is asked in whole seconds.
const filterMargin = time.Second

// filterTime writes an instant for a filter, always with its zone.
func filterTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// floor and ceil round an instant to whole seconds.
func floor(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func ceil(t time.Time) time.Time { return floor(t.Add(time.Second - time.Nanosecond)) }
