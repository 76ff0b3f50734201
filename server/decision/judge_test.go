package decision_test

import (
	"testing"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// pendingOrder is an order of the articles A and B for 10.50 EUR that waits for the seller.
func pendingOrder(changes ...func(*order.Order)) order.Order {
	o := order.Order{
		Number: "1", Status: order.PendingAcceptance, Total: &order.Money{Currency: "EUR", Units: 10, Nanos: 500_000_000},
		Lines: []order.Line{{ID: "1", SKU: "A", Quantity: 1}, {ID: "2", SKU: "B", Quantity: 2}},
	}
	for _, change := range changes {
		change(&o)
	}
	return o
}

// costs sets the total.
func costs(currency string, units int64, nanos int32) func(*order.Order) {
	return func(o *order.Order) { o.Total = &order.Money{Currency: currency, Units: units, Nanos: nanos} }
}

// TestJudge: what each policy says of an order. "reason line" stands for an objection, without the line when it is about the order.
func TestJudge(t *testing.T) {
	t.Parallel()
	var (
		manual = store.AcceptancePolicy{Mode: store.AcceptManually}
		all    = store.AcceptancePolicy{Mode: store.AcceptAll}
		listed = store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: []string{"B", "A"}}
	)
	upTo := func(units int64, nanos int32) store.AcceptancePolicy {
		p := listed
		p.MaxTotal = &store.Amount{Currency: "EUR", Units: units, Nanos: nanos}
		return p
	}
	const (
		accepted = "every order is accepted"
		inList   = "every article is in the list"
	)
	status := func(s order.Status) func(*order.Order) { return func(o *order.Order) { o.Status = s } }
	line := func(i int, change func(*order.Line)) func(*order.Order) {
		return func(o *order.Order) { change(&o.Lines[i]) }
	}
	noLines := func(o *order.Order) { o.Lines = nil }
	noTotal := func(o *order.Order) { o.Total = nil }
	unrecognizedLine := line(1, func(l *order.Line) { l.Status, l.NativeStatus = order.Unrecognized, "Maybe" })

	for _, c := range []struct {
		name    string
		policy  store.AcceptancePolicy
		order   order.Order
		rule    string
		against []string
	}{
		{"no policy", store.AcceptancePolicy{}, pendingOrder(), "", nil},
		{"a person", manual, pendingOrder(), "", nil},
		{"a person says nothing against an order", manual, pendingOrder(noLines), "", nil},
		{"a mode of a newer relais", store.AcceptancePolicy{Mode: "BY_MOON", SKUs: []string{"A", "B"}}, pendingOrder(), "", nil},

		{"all", all, pendingOrder(), accepted, nil},
		{"all: the list and the limit do not count", store.AcceptancePolicy{Mode: store.AcceptAll, SKUs: []string{"C"},
			MaxTotal: &store.Amount{Currency: "PLN", Units: 1}}, pendingOrder(), accepted, nil},
		{"all: a line without SKU", all, pendingOrder(line(0, func(l *order.Line) { l.SKU = "" })), accepted, nil},
		{"all: the marketplace tells no total", all, pendingOrder(noTotal), accepted, nil},
		{"all: no lines", all, pendingOrder(noLines), "", []string{"NO_LINES"}},
		{"all: a status that nobody knows", all, pendingOrder(status(order.Unrecognized)), "", []string{"STATUS"}},
		{"all: a status that is not waiting", all, pendingOrder(status(order.Processing)), "", []string{"STATUS"}},
		{"all: no status", all, pendingOrder(status("")), "", []string{"STATUS"}},
		{"all: a line's status that nobody knows", all, pendingOrder(unrecognizedLine), "", []string{"LINE_STATUS 2"}},
		{"all: the buyer asks to cancel", all, pendingOrder(func(o *order.Order) { o.CancelRequested = true }), "", []string{"CANCEL_REQUESTED"}},
		{"all: the buyer asks to cancel a line", all, pendingOrder(line(0, func(l *order.Line) { l.CancelRequested = true })), "", []string{"CANCEL_REQUESTED 1"}},
		{"all: the buyer asks to cancel, told twice", all, pendingOrder(func(o *order.Order) {
			o.CancelRequested, o.Lines[0].CancelRequested = true, true
		}), "", []string{"CANCEL_REQUESTED"}},
		{"all: no currency", all, pendingOrder(costs("", 10, 0)), "", []string{"TOTAL_UNKNOWN"}},
		{"all: a word instead of a currency", all, pendingOrder(costs("euro", 10, 0)), "", []string{"TOTAL_UNKNOWN"}},
		{"all: a currency in small letters", all, pendingOrder(costs("eur", 10, 0)), "", []string{"TOTAL_UNKNOWN"}},
		{"all: a negative total", all, pendingOrder(costs("EUR", -10, 0)), "", []string{"TOTAL_UNKNOWN"}},
		{"all: a total a hair below nothing", all, pendingOrder(costs("EUR", 0, -1)), "", []string{"TOTAL_UNKNOWN"}},
		{"all: an amount whose fraction is a unit", all, pendingOrder(costs("EUR", 1, 1_000_000_000)), "", []string{"TOTAL_UNKNOWN"}},

		{"listed", listed, pendingOrder(), inList, nil},
		{"listed: no total is fine without a limit", listed, pendingOrder(noTotal), inList, nil},
		{"listed: one article is not", listed, pendingOrder(line(1, func(l *order.Line) { l.SKU = "C" })), "", []string{"LINE_NOT_LISTED 2"}},
		{"listed: none is", listed, pendingOrder(func(o *order.Order) { o.Lines[0].SKU, o.Lines[1].SKU = "C", "D" }), "",
			[]string{"LINE_NOT_LISTED 1", "LINE_NOT_LISTED 2"}},
		{"listed: other letters are another article", listed, pendingOrder(line(0, func(l *order.Line) { l.SKU = "a" })), "", []string{"LINE_NOT_LISTED 1"}},
		{"listed: a line without SKU, whatever the list", store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: []string{"", " ", "A", "B"}},
			pendingOrder(line(0, func(l *order.Line) { l.SKU = "" }), line(1, func(l *order.Line) { l.SKU = " " })), "",
			[]string{"LINE_NOT_LISTED 1", "LINE_NOT_LISTED 2"}},
		{"listed: an empty list", store.AcceptancePolicy{Mode: store.AcceptListed}, pendingOrder(), "", []string{"LINE_NOT_LISTED 1", "LINE_NOT_LISTED 2"}},
		{"listed: no lines", listed, pendingOrder(noLines), "", []string{"NO_LINES"}},
		{"listed: a status that nobody knows", listed, pendingOrder(status(order.Unrecognized)), "", []string{"STATUS"}},
		{"listed: no currency, though nothing is compared", listed, pendingOrder(costs("", 1, 0)), "", []string{"TOTAL_UNKNOWN"}},

		{"at the limit", upTo(10, 500_000_000), pendingOrder(), inList + " and the total is not above 10.50 EUR", nil},
		{"a hair above the limit", upTo(10, 499_999_999), pendingOrder(), "", []string{"TOTAL_ABOVE_LIMIT"}},
		{"a hair below the limit", upTo(10, 500_000_001), pendingOrder(), inList + " and the total is not above 10.500000001 EUR", nil},
		{"above the limit by a unit, below it by the fraction", upTo(9, 999_999_999), pendingOrder(), "", []string{"TOTAL_ABOVE_LIMIT"}},
		{"below the limit by a unit, above it by the fraction", upTo(11, 0), pendingOrder(), inList + " and the total is not above 11.00 EUR", nil},
		{"too large for a float", upTo(9_007_199_254_740_992, 0), pendingOrder(costs("EUR", 9_007_199_254_740_993, 0)), "", []string{"TOTAL_ABOVE_LIMIT"}},
		{"nothing to pay under a limit of nothing", upTo(0, 0), pendingOrder(costs("EUR", 0, 0)), inList + " and the total is not above 0.00 EUR", nil},
		{"another currency", upTo(100, 0), pendingOrder(costs("PLN", 1, 0)), "", []string{"CURRENCY"}},
		{"no currency", upTo(100, 0), pendingOrder(costs("", 1, 0)), "", []string{"TOTAL_UNKNOWN"}},
		{"no total", upTo(100, 0), pendingOrder(noTotal), "", []string{"TOTAL_UNKNOWN"}},
		{"everything at once", upTo(1, 0), pendingOrder(status(order.Unrecognized), unrecognizedLine, line(0, func(l *order.Line) { l.SKU = "C" })), "",
			[]string{"STATUS", "LINE_STATUS 2", "LINE_NOT_LISTED 1", "TOTAL_ABOVE_LIMIT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rule, against := decision.Judge(c.policy, c.order)
			same(t, "rule", rule, c.rule)
			var got []string
			for _, a := range against {
				what := string(a.Reason)
				if a.LineID != "" {
					what += " " + a.LineID
				}
				got = append(got, what)
				if a.Message == "" {
					t.Errorf("%s is not explained", what)
				}
			}
			same(t, "against it", got, c.against)
		})
	}
}

// TestObjections: a person reads which line or amount it is.
func TestObjections(t *testing.T) {
	t.Parallel()
	policy := store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: []string{"A"}, MaxTotal: &store.Amount{Currency: "EUR", Units: 10}}
	_, against := decision.Judge(policy, pendingOrder())
	same(t, "against it", against, []decision.Objection{
		{Reason: decision.ObjectionLineNotListed, LineID: "2", Message: `article "B" of line 2 is not in the list`},
		{Reason: decision.ObjectionTotalAboveLimit, Message: "the total of 10.50 EUR is above the limit of 10.00 EUR"},
	})
}
