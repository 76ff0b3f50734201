package cdiscount

import (
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// currency of every amount: the API names none in an order, and the request header asks for Eur (cdiscount-soap.md 3.1).
const currency = "EUR"

// Package sdk computes with amounts of any size. What orders hold is small, and an order has a dozen of them, so the small
// ones are computed in 64 bits here; everything else is left to the SDK. Both must give the same result to the last digit.

// Money has nine decimals.
const (
	decimals     = 9
	nanosPerUnit = 1_000_000_000
)

// parseAmount is sdk.ParseMoney in the adapter's currency.
func parseAmount(text string) (*adapterv1.Money, error) {
	text = strings.TrimSpace(text)
	number, negative := text, false
	if number != "" && (number[0] == '-' || number[0] == '+') {
		number, negative = number[1:], number[0] == '-'
	}
	whole, fraction, _ := strings.Cut(number, ".")
	units, unitsOK := digits(whole, 18)
	nanos, nanosOK := digits(fraction, decimals)
	if !unitsOK || !nanosOK || len(whole)+len(fraction) == 0 {
		return sdk.ParseMoney(currency, text)
	}
	for range decimals - len(fraction) {
		nanos *= 10
	}
	if negative {
		units, nanos = -units, -nanos
	}
	return &adapterv1.Money{CurrencyCode: currency, Units: units, Nanos: int32(nanos)}, nil
}

// digits reads at most limit decimal digits; ok is false for anything else.
func digits(text string, limit int) (n int64, ok bool) {
	if len(text) > limit {
		return 0, false
	}
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// Amounts and quantities up to these can be multiplied in 64 bits with nanos.
const (
	smallAmount   = 1_000_000
	smallQuantity = 1_000
)

// small returns an amount in nanos, when it and the quantity are small enough to compute with.
func small(m *adapterv1.Money, quantity int32) (nanos int64, ok bool) {
	units := m.GetUnits()
	if units > smallAmount || units < -smallAmount || quantity > smallQuantity {
		return 0, false
	}
	return units*nanosPerUnit + int64(m.GetNanos()), true
}

// fromNanos returns an amount of the adapter's currency.
func fromNanos(nanos int64) *adapterv1.Money {
	return &adapterv1.Money{CurrencyCode: currency, Units: nanos / nanosPerUnit, Nanos: int32(nanos % nanosPerUnit)}
}

// pieceOf is sdk.DivideMoney: the price of one piece, rounded to nine decimals, a half away from zero.
func pieceOf(total *adapterv1.Money, quantity int32) (*adapterv1.Money, error) {
	nanos, ok := small(total, quantity)
	if !ok || quantity <= 0 {
		return sdk.DivideMoney(total, quantity)
	}
	q := int64(quantity)
	quotient, rest := nanos/q, nanos%q
	switch {
	case 2*rest >= q:
		quotient++
	case -2*rest >= q:
		quotient--
	}
	return fromNanos(quotient), nil
}

// shippingOf returns first + further × (quantity − 1), for a quantity of at least 1.
func shippingOf(first, further *adapterv1.Money, quantity int32) (*adapterv1.Money, error) {
	a, aOK := small(first, quantity)
	b, bOK := small(further, quantity)
	if aOK && bOK {
		return fromNanos(a + b*int64(quantity-1)), nil
	}
	rest, err := sdk.MultiplyMoney(further, int64(quantity-1))
	if err != nil {
		return nil, err
	}
	return sdk.AddMoney(first, rest)
}
