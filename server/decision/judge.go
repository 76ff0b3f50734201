package decision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// ObjectionReason is why an acceptance policy leaves an order to a person.
type ObjectionReason string

// The reasons. The public API shows these words.
const (
	ObjectionStatus          ObjectionReason = "STATUS"           // the order does not wait for the seller, or nobody knows
	ObjectionCancelRequested ObjectionReason = "CANCEL_REQUESTED" // the buyer asks to cancel the order or a line
	ObjectionNoLines         ObjectionReason = "NO_LINES"
	ObjectionLineStatus      ObjectionReason = "LINE_STATUS"     // the marketplace says something of a line that relais does not know
	ObjectionLineNotListed   ObjectionReason = "LINE_NOT_LISTED" // a line's article is not in the list, or has no SKU
	ObjectionTotalUnknown    ObjectionReason = "TOTAL_UNKNOWN"   // no total, or none that can be read
	ObjectionCurrency        ObjectionReason = "CURRENCY"        // the total is in another currency than the limit
	ObjectionTotalAboveLimit ObjectionReason = "TOTAL_ABOVE_LIMIT"
)

// Objection is one reason why a policy leaves an order to a person.
type Objection struct {
	Reason  ObjectionReason
	LineID  string // the line that it is about; empty when it is about the whole order
	Message string // one sentence for a person, without a capital and a full stop
}

// Judge returns the rule, in words, by which a policy accepts an order, or everything that the policy has against it: never both.
// Under a policy that leaves every order to a person there is neither.
//
// What the marketplace did not say clearly is held against the order, whatever the policy: an acceptance cannot be taken back.
func Judge(p store.AcceptancePolicy, o order.Order) (rule string, against []Objection) {
	if !p.Accepts() {
		return "", nil
	}
	rule, against = "every order is accepted", unclear(o)
	if p.Mode == store.AcceptListed {
		rule = "every article is in the list"
		against = append(against, notListed(p.SKUs, o.Lines)...)
		if p.MaxTotal != nil {
			rule += " and the total is not above " + p.MaxTotal.String()
			against = append(against, tooDear(*p.MaxTotal, o.Total)...)
		}
	}
	if len(against) > 0 {
		return "", against
	}
	return rule, nil
}

// unclear tells why no rule may accept an order.
func unclear(o order.Order) []Objection {
	var against []Objection
	if o.Status != order.PendingAcceptance {
		against = append(against, Objection{Reason: ObjectionStatus, Message: "the status is " + string(o.Status) + ", only PENDING_ACCEPTANCE orders wait for the seller"})
	}
	if o.CancelRequested {
		against = append(against, Objection{Reason: ObjectionCancelRequested, Message: "the buyer asks to cancel"})
	}
	if len(o.Lines) == 0 {
		against = append(against, Objection{Reason: ObjectionNoLines, Message: "the marketplace shows no line"})
	}
	for _, l := range o.Lines {
		if l.CancelRequested && !o.CancelRequested {
			against = append(against, Objection{Reason: ObjectionCancelRequested, LineID: l.ID, Message: "the buyer asks to cancel line " + l.ID})
		}
		if l.Status == order.Unrecognized {
			against = append(against, Objection{Reason: ObjectionLineStatus, LineID: l.ID,
				Message: fmt.Sprintf("the marketplace's word for the status of line %s, %q, is not known", l.ID, l.NativeStatus)})
		}
	}
	if o.Total != nil && !readable(*o.Total) {
		against = append(against, Objection{Reason: ObjectionTotalUnknown, Message: "the order's total is no amount of a known currency"})
	}
	return against
}

func notListed(skus []string, lines []order.Line) []Objection {
	var against []Objection
	for _, l := range lines {
		switch {
		case strings.TrimSpace(l.SKU) == "":
			against = append(against, Objection{Reason: ObjectionLineNotListed, LineID: l.ID, Message: fmt.Sprintf("line %s has no SKU", l.ID)})
		case !slices.Contains(skus, l.SKU):
			against = append(against, Objection{Reason: ObjectionLineNotListed, LineID: l.ID,
				Message: fmt.Sprintf("article %q of line %s is not in the list", l.SKU, l.ID)})
		}
	}
	return against
}

func tooDear(limit store.Amount, total *order.Money) []Objection {
	if total == nil {
		return []Objection{{Reason: ObjectionTotalUnknown, Message: "the marketplace does not tell the order's total"}}
	}
	if !readable(*total) {
		return nil // told by unclear
	}
	t := store.Amount{Currency: total.Currency, Units: total.Units, Nanos: total.Nanos}
	switch {
	case t.Currency != limit.Currency:
		return []Objection{{Reason: ObjectionCurrency, Message: fmt.Sprintf("the total of %s cannot be compared with the limit of %s", t, limit)}}
	case t.Above(limit):
		return []Objection{{Reason: ObjectionTotalAboveLimit, Message: fmt.Sprintf("the total of %s is above the limit of %s", t, limit)}}
	}
	return nil
}

// readable reports whether an amount is one exact, not negative number of a currency with an ISO 4217 code.
func readable(m order.Money) bool {
	return store.IsCurrency(m.Currency) && m.Units >= 0 && m.Nanos >= 0 && m.Nanos < 1_000_000_000
}
