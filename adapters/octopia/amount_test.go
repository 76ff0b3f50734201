package octopia_test

import (
	"encoding/json"
	"testing"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestMapAmounts: exact, or unset and kept raw.
func TestMapAmounts(t *testing.T) {
	t.Parallel()
	number := func(s string) json.Number { return json.Number(s) }
	for _, tt := range []struct {
		name                    string
		quantity                int
		unit, shipping, total   any
		wantUnit, want, wantOne string // unit, line total, shipping
		mark                    string
	}{
		{"two pieces", 2, number("19.90"), number("4.0"), number("39.8"), "19.9", "39.8", "4", ""},
		{"shipping in the total", 2, number("19.90"), number("4.0"), number("43.8"), "19.9", "39.8", "4", ""},
		{"rounded price of a piece", 3, number("3.33"), number("0"), number("10.00"), "3.33", "10", "0", ""},
		{"rounded, with shipping in the total", 3, number("3.33"), number("1.5"), number("11.50"), "3.33", "10", "1.5", ""},
		{"shipping no larger than the rounding", 2, number("10.00"), number("0.01"), number("20.01"), "10", "20", "0.01", ""},
		{"another total", 2, number("19.90"), number("4.0"), number("30"), "19.9", "39.8", "4", "lines[0].totalPrice.sellingPrice"},
		{"no price of a piece", 2, nil, number("4.0"), number("30"), "-", "30", "4", ""},
		{"no shipping", 1, number("1"), nil, nil, "1", "1", "-", ""},
		{"unreadable price", 2, "12,50", number("4"), number("30"), "-", "30", "4", "lines[0].sellingPrice.unitSalesPrice"},
		{"too fine", 1, number("0.0000000001"), number("0"), nil, "-", "-", "0", "lines[0].sellingPrice.unitSalesPrice"},
		{"large", 2, number("4611686018427387903.5"), number("0"), nil, "4611686018427387903.5", "9223372036854775807", "0", ""},
		{"too large to multiply", 3, number("9223372036854775807"), number("0"), nil, "9223372036854775807", "-", "0", "lines[0].sellingPrice.unitSalesPrice"},
		{"an exponent of a hostile kind", 1, number("1e999999999"), number("0"), nil, "-", "-", "0", "lines[0].sellingPrice.unitSalesPrice"},
		{"negative", 1, number("-1.5"), number("0"), nil, "-1.5", "-1.5", "0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := mapped(t, homeOrder("N1").with("lines.0.quantity", tt.quantity, "lines.0.sellingPrice.unitSalesPrice", tt.unit,
				"lines.0.sellingPrice.shippingCost", tt.shipping, "lines.0.totalPrice.sellingPrice", tt.total))
			text := func(m *adapterv1.Money) string {
				if m == nil {
					return "-"
				}
				return sdk.FormatMoney(m)
			}
			l := o.GetLines()[0]
			if got := []string{text(l.GetUnitPrice()), text(l.GetTotalPrice()), text(l.GetShippingPrice())}; got[0] != tt.wantUnit || got[1] != tt.want || got[2] != tt.wantOne {
				t.Errorf("unit, total, shipping: %v", got)
			}
			if _, marked := marks(o)[tt.mark]; marked != (tt.mark != "") || len(o.GetUnrecognized()) > 1 {
				t.Errorf("marks %v", marks(o))
			}
		})
	}
}

// TestMapTotals: the order's total, shipping and commission.
func TestMapTotals(t *testing.T) {
	t.Parallel()
	text := func(m *adapterv1.Money) string {
		if m == nil {
			return "-"
		}
		return sdk.FormatMoney(m)
	}
	two := homeOrder("N1").with("lines", []any{goodsLine("1"), goodsLine("2").with("status", "Refused")})
	for _, tt := range []struct {
		name  string
		order object
		want  string // total, shipping, commission
	}{
		{"fees are in it", homeOrder("N1"), "205.99 5 36"},
		{"fees are not in it", homeOrder("N1").with("totalPrice.sellingPrice", 205), "205.99 5 36"},
		{"neither", homeOrder("N1").with("totalPrice.sellingPrice", 200), "200 5 36"},
		{"no fees", homeOrder("N1").with("serviceFees", nil, "totalPrice.sellingPrice", 205), "205 5 36"},
		{"no total", homeOrder("N1").with("totalPrice", nil), "- 5 36"},
		{"unreadable total", homeOrder("N1").with("totalPrice.sellingPrice", "205,99"), "- 5 36"},
		{"a refused line, counted", two.with("totalPrice.sellingPrice", 410), "410.99 5 36"},
		{"a refused line, not counted", two.with("totalPrice.sellingPrice", 205), "205.99 5 36"},
		{"all refused", two.with("lines.0.status", "Refused", "totalPrice.sellingPrice", 410.99), "410.99 10 72"},
		{"a cancelled line", two.with("lines.1.status", "Cancelled", "totalPrice.sellingPrice", 410.99), "410.99 10 72"},
		{"commission without VAT only", homeOrder("N1").with("lines.0.offerPrice.commission.amountWithVat", nil), "205.99 5 30"},
		{"no commission", homeOrder("N1").with("lines.0.offerPrice", nil), "205.99 5 -"},
		{"another currency", homeOrder("N1").with("currencyCode", "PLN"), "205.99 5 36"},
		{"no currency", homeOrder("N1").with("currencyCode", "?"), "- - -"},
		{"no currency elsewhere", homeOrder("N1").with("currencyCode", nil, "salesChannel.id", "SCID01"), "- - -"},
	} {
		o := mapped(t, tt.order)
		if got := text(o.GetTotal()) + " " + text(o.GetShipping()) + " " + text(o.GetCommission()); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if _, marked := marks(o)["lines[0].offerPrice.commission.amountWithoutVat"]; marked != (tt.name == "commission without VAT only") {
			t.Errorf("%s: marks %v", tt.name, marks(o))
		}
		if _, marked := marks(o)["currencyCode"]; marked != (tt.want == "- - -") {
			t.Errorf("%s: marks %v", tt.name, marks(o))
		}
	}
	if got := mapped(t, homeOrder("N1").with("currencyCode", "PLN")).GetTotal().GetCurrencyCode(); got != "PLN" {
		t.Errorf("currency %s", got)
	}
}
