package sdk

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// nanosPerUnit is how many Money.nanos make one unit.
const nanosPerUnit = 1_000_000_000

// maxDecimals is how many decimals Money can hold.
const maxDecimals = 9

// ParseMoney reads a decimal number as marketplaces write amounts: an optional sign, digits, and a "." before the decimals, as
// in "39.8", "-0.5" or "1" (XML Schema's xs:decimal). No float is involved, so the amount is exact.
//
// It is an error when the currency is not three capital letters (ISO 4217), the text is not such a number, the units do not
// fit 64 bits, or there are digits other than 0 after the ninth decimal: an amount is never rounded in silence.
func ParseMoney(currency, text string) (*adapterv1.Money, error) {
	if err := checkCurrency(currency); err != nil {
		return nil, err
	}
	nanos, err := parseDecimal(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("amount %.40q: %w", text, err)
	}
	return toMoney(currency, nanos)
}

// FormatMoney writes an amount as the shortest exact decimal, without the currency: "39.8", "-0.5", "1". nil gives "0".
func FormatMoney(m *adapterv1.Money) string {
	nanos := toNanos(m)
	sign := ""
	if nanos.Sign() < 0 {
		sign = "-"
		nanos.Neg(nanos)
	}
	units, rest := new(big.Int).QuoRem(nanos, big.NewInt(nanosPerUnit), new(big.Int))
	text := sign + units.String()
	if rest.Sign() != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", rest.Int64()), "0")
	}
	return text
}

// AddMoney returns a + b. nil counts as nothing, so that optional amounts can be summed; two nils give nil. It is an error
// when the currencies differ or the sum does not fit.
func AddMoney(a, b *adapterv1.Money) (*adapterv1.Money, error) {
	switch {
	case a == nil && b == nil:
		return nil, nil
	case a == nil:
		return toMoney(b.GetCurrencyCode(), toNanos(b))
	case b == nil:
		return toMoney(a.GetCurrencyCode(), toNanos(a))
	case a.GetCurrencyCode() != b.GetCurrencyCode():
		return nil, fmt.Errorf("cannot add amounts in %q and %q", a.GetCurrencyCode(), b.GetCurrencyCode())
	}
	sum := toNanos(a)
	return toMoney(a.GetCurrencyCode(), sum.Add(sum, toNanos(b)))
}

// MultiplyMoney returns m × n. It is an error when the product does not fit.
func MultiplyMoney(m *adapterv1.Money, n int64) (*adapterv1.Money, error) {
	product := toNanos(m)
	return toMoney(m.GetCurrencyCode(), product.Mul(product, big.NewInt(n)))
}

// DivideMoney returns the price of one piece out of a line's total: total ÷ quantity, rounded to 9 decimals, a half away from
// zero. Marketplaces such as Cdiscount give the line total only (cdiscount-soap.md, amounts), so the quotient is for show: the
// total stays the exact figure. It is an error when the quantity is not positive.
func DivideMoney(total *adapterv1.Money, quantity int32) (*adapterv1.Money, error) {
	if quantity <= 0 {
		return nil, fmt.Errorf("cannot divide an amount by the quantity %d", quantity)
	}
	q := big.NewInt(int64(quantity))
	quotient, rest := new(big.Int).QuoRem(toNanos(total), q, new(big.Int))
	if rest.CmpAbs(new(big.Int).Sub(q, new(big.Int).Abs(rest))) >= 0 {
		quotient.Add(quotient, big.NewInt(int64(rest.Sign())))
	}
	return toMoney(total.GetCurrencyCode(), quotient)
}

// parseDecimal reads an xs:decimal as a whole number of nanos.
func parseDecimal(text string) (*big.Int, error) {
	number := text
	if number != "" && (number[0] == '-' || number[0] == '+') {
		number = number[1:]
	}
	whole, decimals, _ := strings.Cut(number, ".")
	if whole == "" && decimals == "" {
		return nil, errors.New("not a decimal number")
	}
	for _, c := range whole + decimals {
		if c < '0' || c > '9' {
			return nil, errors.New("not a decimal number")
		}
	}
	if len(decimals) > maxDecimals {
		if strings.Trim(decimals[maxDecimals:], "0") != "" {
			return nil, fmt.Errorf("more than %d decimals", maxDecimals)
		}
		decimals = decimals[:maxDecimals]
	}
	// Longer numbers cannot fit 64 bits; refusing them here keeps the work on hostile input small.
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > 19 {
		return nil, errOutOfRange
	}
	nanos, ok := new(big.Int).SetString(whole+decimals+strings.Repeat("0", maxDecimals-len(decimals)), 10)
	if !ok {
		return nil, errors.New("not a decimal number")
	}
	if text[0] == '-' {
		nanos.Neg(nanos)
	}
	return nanos, nil
}

// errOutOfRange says that an amount does not fit Money.
var errOutOfRange = errors.New("does not fit 64 bits of units")

// toNanos returns an amount as a whole number of nanos; nil is zero.
func toNanos(m *adapterv1.Money) *big.Int {
	n := big.NewInt(m.GetUnits())
	n.Mul(n, big.NewInt(nanosPerUnit))
	return n.Add(n, big.NewInt(int64(m.GetNanos())))
}

// toMoney splits nanos into units and nanos of the same sign.
func toMoney(currency string, nanos *big.Int) (*adapterv1.Money, error) {
	units, rest := new(big.Int).QuoRem(nanos, big.NewInt(nanosPerUnit), new(big.Int))
	if !units.IsInt64() {
		return nil, errOutOfRange
	}
	return &adapterv1.Money{CurrencyCode: currency, Units: units.Int64(), Nanos: int32(rest.Int64())}, nil
}

// checkCurrency refuses what cannot be an ISO 4217 code.
func checkCurrency(code string) error {
	valid := len(code) == 3
	for _, c := range code {
		valid = valid && c >= 'A' && c <= 'Z'
	}
	if !valid {
		return fmt.Errorf("currency %.10q is not an ISO 4217 code such as EUR", code)
	}
	return nil
}
