package world

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// amountDigits is how many decimals an Amount can hold.
const amountDigits = 4

// Amount is an exact amount in the order's currency with up to four decimals. It remembers with how many decimals it was
// stored, because the marketplace writes "1", "0.18" and "85.00" as they lie in its database (cdiscount-soap.md 3.3).
type Amount struct {
	value int64 // in units of 10^-amountDigits
	scale uint8 // decimals to write at least
}

// Cents makes an amount of that many hundredths, written with as few decimals as possible.
func Cents(n int64) Amount { return Amount{value: n * 100} }

// ParseAmount reads a decimal such as "12.90". The number of decimals given is kept. It fails on anything but an optional
// sign, digits, and a dot with one to four digits.
func ParseAmount(s string) (Amount, error) {
	whole, fraction, dotted := strings.Cut(s, ".")
	if dotted && (fraction == "" || len(fraction) > amountDigits || strings.Trim(fraction, "0123456789") != "") {
		return Amount{}, fmt.Errorf("amount %q needs one to four digits after the dot", s)
	}
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return Amount{}, fmt.Errorf("amount %q is not a decimal number", s)
	}
	v, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", amountDigits-len(fraction)), 10, 64)
	if err != nil {
		return Amount{}, fmt.Errorf("amount %q: %w", s, errors.Unwrap(err))
	}
	return Amount{value: v, scale: uint8(len(fraction))}, nil
}

// WithScale returns the amount written with at least that many decimals, four at most.
func (a Amount) WithScale(decimals uint8) Amount {
	a.scale = min(decimals, amountDigits)
	return a
}

// Add returns the sum, written with as few decimals as possible.
func (a Amount) Add(b Amount) Amount { return Amount{value: a.value + b.value} }

// Times returns the amount n times, written with as few decimals as possible.
func (a Amount) Times(n int) Amount { return Amount{value: a.value * int64(n)} }

// Percent returns n hundredths of the amount, rounded down to cents.
func (a Amount) Percent(n int64) Amount { return Amount{value: a.value * n / 100 / 100 * 100} }

// Over returns the amount divided by n, rounded to cents, half away from zero. Division by less than one leaves the amount as
// it is.
func (a Amount) Over(n int) Amount {
	if n < 1 {
		n = 1
	}
	const cent = 100 // in units of 10^-amountDigits
	by := int64(n) * cent
	half := by / 2
	if a.value < 0 {
		half = -half
	}
	return Amount{value: (a.value + half) / by * cent}
}

// Rounded returns the amount rounded to cents, half away from zero, written with as few decimals as possible.
func (a Amount) Rounded() Amount { return a.Over(1) }

// String writes the amount with a dot, without grouping, with the decimals that it was stored with or more where needed.
func (a Amount) String() string { return string(a.Append(nil)) }

// Append appends what String returns.
func (a Amount) Append(b []byte) []byte {
	v := a.value
	if v < 0 {
		b = append(b, '-')
		v = -v
	}
	const one = 10_000
	b = strconv.AppendInt(b, v/one, 10)
	decimals := amountDigits
	rest := v % one
	for decimals > int(a.scale) && rest%10 == 0 {
		rest /= 10
		decimals--
	}
	if decimals == 0 {
		return b
	}
	b = append(b, '.')
	for d := decimals - 1; d > 0; d-- {
		limit := int64(1)
		for range d {
			limit *= 10
		}
		if rest >= limit {
			break
		}
		b = append(b, '0')
	}
	return strconv.AppendInt(b, rest, 10)
}

// MarshalText is String.
func (a Amount) MarshalText() ([]byte, error) { return a.Append(nil), nil }

// UnmarshalText is ParseAmount.
func (a *Amount) UnmarshalText(text []byte) error {
	parsed, err := ParseAmount(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// Equal reports whether both write the same text.
func (a Amount) Equal(b Amount) bool { return a.String() == b.String() }
