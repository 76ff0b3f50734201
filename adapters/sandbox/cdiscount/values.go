package cdiscount

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// badValue is a value that .NET cannot read; the service answers it with the fault DeserializationFailed.
type badValue struct{ text string }

func (b *badValue) Error() string { return b.text }

// reader reads typed values out of members and keeps the first error.
type reader struct {
	members map[string]*element
	err     error
}

// value returns the member's text; ok is false when it is absent or null. Null is an error unless the member is nullable.
func (r *reader) value(name string, nullable bool) (text string, ok bool) {
	e := r.members[name]
	switch {
	case e == nil:
		return "", false
	case e.null:
		if !nullable {
			r.fail("ValueType '%s' cannot be null.", name)
		}
		return "", false
	default:
		return e.text, true
	}
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &badValue{text: fmt.Sprintf(format, args...)}
	}
}

// text returns a string member; empty when it is absent or null.
func (r *reader) text(name string) string {
	s, _ := r.value(name, true)
	return s
}

// boolean returns a boolean member; false when it is absent.
func (r *reader) boolean(name string) bool {
	s, ok := r.value(name, false)
	if !ok {
		return false
	}
	switch strings.TrimSpace(s) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	default:
		r.fail("There was an error deserializing the object. The value '%s' cannot be parsed as the type 'Boolean'.", s)
		return false
	}
}

// integer checks an int member.
func (r *reader) integer(name string, nullable bool) {
	if s, ok := r.value(name, nullable); ok {
		if _, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32); err != nil {
			r.fail("There was an error deserializing the object. The value '%s' cannot be parsed as the type 'Int32'.", s)
		}
	}
}

// enum returns a member that must be one of values; the first of values when it is absent, as .NET defaults.
func (r *reader) enum(name, typeName string, values []string, nullable bool) string {
	s, ok := r.value(name, nullable)
	if !ok {
		return values[0]
	}
	return r.oneOf(s, typeName, values)
}

func (r *reader) oneOf(s, typeName string, values []string) string {
	if !slices.Contains(values, s) {
		r.fail("Invalid enum value '%s' cannot be deserialized into type '%s'. Ensure that the necessary enum values are present "+
			"and are marked with EnumMemberAttribute attribute if the type has DataContractAttribute attribute.", s, typeName)
	}
	return s
}

// date returns a nullable date as a reading of Paris wall clocks: the zero time when it is absent.
func (r *reader) date(name string) time.Time {
	s, ok := r.value(name, true)
	if !ok {
		return time.Time{}
	}
	t, ok := parseLocal(strings.TrimSpace(s))
	if !ok {
		r.fail("There was an error deserializing the object. The string '%s' is not a valid AllXsd value.", s)
	}
	return t
}

// parseLocal reads a date and time of a request. What it returns is a wall clock reading in Paris, carried in UTC so that
// two of them compare as clocks do, as .NET compares DateTime values (README, assumption 6):
//   - without an offset, it is a reading in Paris;
//   - with an offset, it is converted;
//   - with Z, .NET keeps the UTC reading and compares it as it stands, so the filter is off by Paris's offset.
func parseLocal(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, false
	}
	if strings.HasSuffix(s, "Z") {
		return t.UTC(), true
	}
	return clockReading(t), true
}
