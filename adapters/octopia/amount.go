package octopia

import (
	"strconv"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// cdiscountFrance is the sales channel that this adapter is made for; its orders are in EUR (octopia-rest.md 5.1).
const cdiscountFrance = "CDISFR"

// maxExponent bounds the exponent of a JSON number: Money holds 19 digits and 9 decimals.
const maxExponent = 30

// parseAmount reads a JSON number exactly.
func parseAmount(currency, number string) (*adapterv1.Money, error) {
	return sdk.ParseMoney(currency, plainNumber(number))
}

// plainNumber writes a JSON number without its exponent, as some libraries write large and small ones; a number that has
// none, or one out of bounds, stays as it is.
func plainNumber(number string) string {
	mantissa, exponent, found := strings.Cut(strings.ToLower(number), "e")
	shift, err := strconv.Atoi(exponent)
	if !found || err != nil || shift > maxExponent || shift < -maxExponent || len(mantissa) > maxExponent {
		return number
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	switch {
	case whole == "", strings.Trim(whole+fraction, "0123456789") != "": // not a number: ParseMoney says so
		return number
	case shift >= len(fraction):
		return sign + whole + fraction + strings.Repeat("0", shift-len(fraction))
	case shift >= 0:
		return sign + whole + fraction[:shift] + "." + fraction[shift:]
	case -shift >= len(whole):
		return sign + "0." + strings.Repeat("0", -shift-len(whole)) + whole + fraction
	}
	return sign + whole[:len(whole)+shift] + "." + whole[len(whole)+shift:] + fraction
}

// same reports whether two amounts are equal.
func same(a, b *adapterv1.Money) bool {
	return a != nil && b != nil && a.GetUnits() == b.GetUnits() && a.GetNanos() == b.GetNanos() &&
		a.GetCurrencyCode() == b.GetCurrencyCode()
}

// halfCent is by how much one price of a piece can be off when it was rounded to two decimals, in nanos.
const halfCent = 5_000_000

// roundedTotal reports whether total can be the exact price of a line whose price of a piece was rounded to cents: pieces ×
// unit is at most half a cent a piece away from it.
func roundedTotal(total, goods *adapterv1.Money, quantity int32) bool {
	negative, err := sdk.MultiplyMoney(goods, -1)
	if err != nil || total == nil || total.GetCurrencyCode() != goods.GetCurrencyCode() {
		return false
	}
	difference, err := sdk.AddMoney(total, negative)
	if err != nil || difference.GetUnits() > 1_000_000 || difference.GetUnits() < -1_000_000 {
		return false
	}
	nanos := difference.GetUnits()*1_000_000_000 + int64(difference.GetNanos())
	return max(nanos, -nanos) <= halfCent*int64(quantity)
}
