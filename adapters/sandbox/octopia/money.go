package octopia

import "github.com/relaishq/relais/adapters/sandbox/world"

// number is an amount as a JSON number of at most two decimals (octopia-rest.md 5).
type number world.Amount

// MarshalJSON writes the amount.
func (n number) MarshalJSON() ([]byte, error) { return world.Amount(n).Rounded().Append(nil), nil }

// commissionPercent is the invented share of the marketplace, VAT included.
const commissionPercent = 15

// commissionsOf divides the commission of an order among its lines: they add up to the share of all goods.
func commissionsOf(o *world.Order) []commission {
	out := make([]commission, len(o.Lines))
	var goods world.Amount
	for i, l := range o.Lines {
		before := goods.Percent(commissionPercent)
		goods = goods.Add(l.Total)
		with := goods.Percent(commissionPercent).Add(before.Times(-1))
		out[i] = commission{AmountWithVat: number(with), AmountWithoutVat: number(with.Times(5).Over(6)), Rate: commissionPercent}
	}
	return out
}

// totals adds up an order: goods, shipping and, where the settings have it so, fees (octopia-rest.md 13.13).
func (w writer) totals(o *world.Order) totalPrice {
	var offer, fees world.Amount
	for _, l := range o.Lines {
		offer = offer.Add(l.Total).Add(l.Shipping())
	}
	if w.settings.TotalWithFees {
		for _, fee := range o.Fees {
			fees = fees.Add(fee.Amount)
		}
	}
	return totalPrice{OfferPrice: number(offer), SellingPrice: number(offer.Add(fees))}
}
