package cdiscount

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// document builds XML as the service writes it: no declaration, null as i:nil="true", empty as <X/> (cdiscount-soap.md 3.3).
type document struct{ b []byte }

func (d *document) raw(s string)     { d.b = append(d.b, s...) }
func (d *document) open(name string) { d.b = append(append(append(d.b, '<'), name...), '>') }
func (d *document) close(name string) {
	d.b = append(append(append(d.b, "</"...), name...), '>')
}
func (d *document) empty(name string) {
	d.b = append(append(append(d.b, '<'), name...), "/>"...)
}
func (d *document) null(name string) {
	d.b = append(append(append(d.b, '<'), name...), ` i:nil="true"/>`...)
}

// text writes a string; the empty one as an empty element.
func (d *document) text(name, s string) {
	if s == "" {
		d.empty(name)
		return
	}
	d.open(name)
	d.b = appendEscaped(d.b, s)
	d.close(name)
}

// textOrNull writes a string; the empty one as null.
func (d *document) textOrNull(name, s string) {
	if s == "" {
		d.null(name)
		return
	}
	d.text(name, s)
}

func (d *document) boolean(name string, v bool) {
	d.open(name)
	d.b = strconv.AppendBool(d.b, v)
	d.close(name)
}

func (d *document) integer(name string, v int) {
	d.open(name)
	d.b = strconv.AppendInt(d.b, int64(v), 10)
	d.close(name)
}

func (d *document) amount(name string, a world.Amount) {
	d.open(name)
	d.b = a.Append(d.b)
	d.close(name)
}

// date writes Paris local time without an offset, trailing zeros of the fraction dropped. The zero time is .NET's unset
// date.
func (d *document) date(name string, t time.Time) {
	d.open(name)
	if t.IsZero() {
		d.raw("0001-01-01T00:00:00")
	} else {
		d.b = t.In(paris).AppendFormat(d.b, "2006-01-02T15:04:05.999")
	}
	d.close(name)
}

// dateOrNull writes a date; the zero time as null.
func (d *document) dateOrNull(name string, t time.Time) {
	if t.IsZero() {
		d.null(name)
		return
	}
	d.date(name, t)
}

// appendEscaped escapes what text must not hold. Quotes stay as they are, as in the recorded answers.
func appendEscaped(b []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '\r':
			b = append(b, "&#xD;"...)
		case r < 0x20 && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			b = append(b, "\uFFFD"...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
