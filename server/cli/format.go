package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// at prints an instant in the user's zone, in the form that time flags accept; empty when unset.
func (a *app) at(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().In(a.Location).Format(time.RFC3339)
}

// period prints two ends of a stretch of time, of which either may be unset.
func (a *app) period(from, to *timestamppb.Timestamp) string {
	switch {
	case from == nil && to == nil:
		return ""
	case from == nil:
		return "until " + a.at(to)
	case to == nil:
		return "from " + a.at(from)
	}
	return a.at(from) + " to " + a.at(to)
}

// ago prints how long ago an instant was, for example "5h12m ago"; empty when unset.
func (a *app) ago(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return span(max(0, a.Now().Sub(t.AsTime()))) + " ago"
}

// until prints how far off an instant is, for example "in 12m", or "now" when it is not; empty when unset.
func (a *app) until(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	if left := t.AsTime().Sub(a.Now()); left > 0 {
		return "in " + span(left)
	}
	return "now"
}

// span prints a stretch of time in its two largest units of seconds to days, rounded down.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return parts(d, day, "d", time.Hour, "h")
	case d >= time.Hour:
		return parts(d, time.Hour, "h", time.Minute, "m")
	case d >= time.Minute:
		return parts(d, time.Minute, "m", time.Second, "s")
	}
	return count(d/time.Second) + "s"
}

// parts prints a stretch of time in two units, without the smaller one where that is zero.
func parts(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := count(d/large) + largeName
	if rest := d % large / small; rest > 0 {
		text += count(rest) + smallName
	}
	return text
}

// amount prints money exactly: at least two decimals, never a rounded one. Empty when unset.
func amount(m *marketplacev1.Money) string {
	if m == nil {
		return ""
	}
	units, nanos, sign := uint64(m.GetUnits()), uint32(m.GetNanos()), ""
	if m.GetUnits() < 0 || m.GetNanos() < 0 {
		sign = "-"
	}
	if m.GetUnits() < 0 {
		units = -units // in uint64, where the smallest int64 has an absolute value
	}
	if m.GetNanos() < 0 {
		nanos = -nanos
	}
	decimals := fmt.Sprintf("%09d", nanos)
	for len(decimals) > 2 && decimals[len(decimals)-1] == '0' {
		decimals = decimals[:len(decimals)-1]
	}
	return strings.TrimSpace(fmt.Sprintf("%s%d.%s %s", sign, units, decimals, m.GetCurrencyCode()))
}

// enum is a generated enum type.
type enum interface {
	~int32
	protoreflect.Enum
}

// word is the name of an enum value without its prefix, for example "READY_TO_SHIP". Empty for the zero value; the number
// for a value that a newer server knows.
func word[E enum](e E) string {
	if e == 0 {
		return ""
	}
	values := e.Descriptor().Values()
	if v := values.ByNumber(e.Number()); v != nil {
		return strings.TrimPrefix(string(v.Name()), enumPrefix(values))
	}
	return "unknown (" + strconv.Itoa(int(e)) + ")"
}

// words are the words of all values but the zero value, in the order of the schema.
func words[E enum]() []string {
	var zero E
	values := zero.Descriptor().Values()
	all := make([]string, 0, values.Len())
	for i := range values.Len() {
		if v := values.Get(i); v.Number() != 0 {
			all = append(all, strings.TrimPrefix(string(v.Name()), enumPrefix(values)))
		}
	}
	return all
}

// parseWords reads enum values from flags: any case, "-" or "_", with or without the prefix of the schema.
func parseWords[E enum](flag string, given []string) ([]E, error) {
	var zero E
	values := zero.Descriptor().Values()
	parsed := make([]E, 0, len(given))
	for _, g := range given {
		name := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(g), "-", "_"))
		name = strings.TrimPrefix(name, enumPrefix(values))
		v := values.ByName(protoreflect.Name(enumPrefix(values) + name))
		if v == nil || v.Number() == 0 {
			return nil, usagef("--%s %q is unknown: write one of %s", flag, g, strings.Join(words[E](), ", "))
		}
		parsed = append(parsed, E(v.Number()))
	}
	return parsed, nil
}

// enumPrefix is what all values of an enum begin with: the zero value is named <prefix>UNSPECIFIED throughout the schema.
func enumPrefix(values protoreflect.EnumValueDescriptors) string {
	return strings.TrimSuffix(string(values.ByNumber(0).Name()), "UNSPECIFIED")
}

// yes prints a flag; false is left out of descriptions and printed as "-" in tables.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// moreThanNone prints a number; empty when it is zero.
func moreThanNone[N ~int | ~int32 | ~int64](n N) string {
	if n == 0 {
		return ""
	}
	return count(n)
}

// orElse replaces an empty text.
func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// joined joins the texts that are not empty.
func joined(separator string, parts ...string) string {
	kept := make([]string, 0, len(parts))
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}

// prefixed puts a prefix before a text that is not empty.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// count prints a number.
func count[N ~int | ~int32 | ~int64](n N) string { return strconv.FormatInt(int64(n), 10) }
