package cdiscount

import (
	"sort"
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
	wall, ok := parseWall(text)
	if ok {
		t = fromParis(wall)
	} else {
		var err error
		if t, err = time.Parse(time.RFC3339, text); err != nil {
			return time.Time{}, false
		}
		wall = t
	}
	if wall.Year() <= unsetYear {
		return time.Time{}, true
	}
	return t.UTC(), true
}

// parseWall reads a reading of a clock as a time in UTC. It is time.Parse with dateLayout, which also takes decimals, and
// does itself only what every date of an answer looks like.
func parseWall(text string) (wall time.Time, ok bool) {
	const length = len(dateLayout)
	if len(text) >= length && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' && text[16] == ':' {
		year, ok1 := digits(text[:4], 4)
		month, ok2 := digits(text[5:7], 2)
		day, ok3 := digits(text[8:10], 2)
		hour, ok4 := digits(text[11:13], 2)
		minute, ok5 := digits(text[14:16], 2)
		second, ok6 := digits(text[17:19], 2)
		nanos, ok7 := fraction(text[length:])
		// Days that only some months have are left to time.Parse.
		if ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7 && month >= 1 && month <= 12 && day >= 1 && day <= 28 &&
			hour < 24 && minute < 60 && second < 60 {
			return time.Date(int(year), time.Month(month), int(day), int(hour), int(minute), int(second), int(nanos), time.UTC), true
		}
	}
	wall, err := time.Parse(dateLayout, text)
	return wall, err == nil
}

// fraction reads nothing or "." and up to nine decimals, as nanoseconds.
func fraction(text string) (nanos int64, ok bool) {
	if text == "" {
		return 0, true
	}
	if text[0] != '.' || len(text) == 1 {
		return 0, false
	}
	nanos, ok = digits(text[1:], 9)
	for range 9 - len(text[1:]) {
		nanos *= 10
	}
	return nanos, ok
}

// fromParis returns the instant at which clocks in Paris show what wall shows in UTC. A reading of the repeated hour, when
// summer time ends, is the earlier of the two instants. A reading of the missing hour, when summer time begins, is taken as
// if the clock had not been changed.
func fromParis(wall time.Time) time.Time {
	before, after := parisOffset(wall.Add(-24*time.Hour)), parisOffset(wall.Add(24*time.Hour))
	if before == after {
		return wall.Add(-before)
	}
	// The larger offset gives the earlier instant.
	for _, offset := range []time.Duration{max(before, after), min(before, after)} {
		if t := wall.Add(-offset); parisOffset(t) == offset {
			return t
		}
	}
	return wall.Add(-before)
}

// period is a stretch of time in which Paris keeps one offset.
type period struct {
	end    int64 // Unix seconds, excluded
	offset time.Duration
}

// parisBegin and parisEnd are what parisPeriods covers.
var (
	parisBegin = time.Date(2010, time.January, 1, 0, 0, 0, 0, time.UTC)
	parisEnd   = time.Date(2050, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// parisPeriods are the offsets of Paris, taken from the zone once: an order has a dozen dates, and looking each up in the
// zone took longer than reading it. Every day is probed, because Time.ZoneBounds does not get past the end of a leap year
// behind the last transition of the database (seen with Go 1.26.8 for 2040).
var parisPeriods = func() (list []period) {
	at := func(t time.Time) time.Duration {
		_, seconds := t.In(paris).Zone()
		return time.Duration(seconds) * time.Second
	}
	offset := at(parisBegin)
	for day := parisBegin; day.Before(parisEnd); day = day.Add(24 * time.Hour) {
		next := at(day.Add(24 * time.Hour))
		if next == offset {
			continue
		}
		second := sort.Search(24*60*60, func(s int) bool { return at(day.Add(time.Duration(s)*time.Second)) == next })
		list = append(list, period{end: day.Unix() + int64(second), offset: offset})
		offset = next
	}
	return append(list, period{end: parisEnd.Unix(), offset: offset})
}()

// parisOffset returns by how much Paris is ahead of UTC at an instant.
func parisOffset(t time.Time) time.Duration {
	unix := t.Unix()
	if unix >= parisBegin.Unix() && unix < parisEnd.Unix() {
		i := sort.Search(len(parisPeriods), func(i int) bool { return unix < parisPeriods[i].end })
		return parisPeriods[i].offset
	}
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
