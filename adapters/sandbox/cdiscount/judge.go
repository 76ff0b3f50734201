package cdiscount

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// verdict is what the marketplace decides about one request: a change, or errors.
type verdict struct {
	change     world.Change
	errors     []problem   // of the order; none means validated
	lineErrors [][]problem // of each requested line; empty when lines were not looked at
}

func (v verdict) validated() bool { return len(v.errors) == 0 }

// refusal is the verdict as the world records it; nil when validated.
func (v verdict) refusal() *world.Refusal {
	if v.validated() {
		return nil
	}
	return &world.Refusal{ErrorType: v.errors[0].errorType, Message: v.errors[0].message}
}

func refused(errorType, format string, args ...any) verdict {
	return verdict{errors: []problem{{errorType, fmt.Sprintf(format, args...)}}}
}

// transition is a row of the table in cdiscount-soap.md 8.2.
type transition struct {
	requested string // OrderState of the request
	from      world.State
	action    world.Action
	lines     []string // AcceptationStates that lines may ask for; at least one line must ask for the first
}

// transitions is the table. In permissive mode a shipped order can be shipped once more.
func transitions(permissive bool) []transition {
	table := []transition{
		{"AcceptedBySeller", world.WaitingForSellerAcceptation, world.Accept, []string{"AcceptedBySeller", "RefusedBySeller"}},
		{"RefusedBySeller", world.WaitingForSellerAcceptation, world.Refuse, []string{"RefusedBySeller"}},
		{"Shipped", world.WaitingForShipmentAcceptation, world.Ship, []string{"ShippedBySeller", "ShipmentRefusedBySeller"}},
		{"ShipmentRefusedBySeller", world.WaitingForShipmentAcceptation, world.RefuseShipment, []string{"ShipmentRefusedBySeller"}},
	}
	if permissive {
		table = append(table, transition{"Shipped", world.Shipped, world.Ship, []string{"ShippedBySeller"}})
	}
	return table
}

// open reports whether a line in that state can be decided about.
func (t transition) open(s world.LineState) bool {
	return s.Open() || t.from == world.Shipped && s == world.LineShipped
}

// leavesAlone reports whether a request that puts a line into asked says no more than that the line does not go along: it
// names the state that the line has, or a refusal. An ended line can be listed like this where every line has to be.
func (t transition) leavesAlone(s world.LineState, asked string) bool {
	refusal := asked == "RefusedBySeller" || asked == "ShipmentRefusedBySeller"
	return asked == string(s) || refusal && slices.Contains(t.lines, asked)
}

// judge decides about a request. The error types beside OrderStateIncoherent are inferred from their names (cdiscount-soap.md
// 12.4).
func judge(q request, o world.Order, found bool, habits world.Settings) verdict {
	if !found {
		return refused("OrderNotFound", "La commande %s n'a pas été trouvée !", q.number)
	}
	if o.Fulfilment == world.ByMarketplace {
		return refused("OrderUpdateNotAuthorized", "La commande %s est expédiée par Cdiscount.", q.number)
	}
	table := transitions(habits.SecondShipAccepted)
	at := slices.IndexFunc(table, func(t transition) bool { return t.requested == q.state && t.from == o.State })
	if at < 0 {
		return refused("OrderStateIncoherent", `Le passage à l'état %s est impossible à ce stade de la commande "%s".`, q.state, q.number)
	}
	t := table[at]
	if t.action == world.Ship {
		if text := trackingProblem(q); text != "" {
			return refused("OrderTrackingInformationError", "%s", text)
		}
	}
	return judgeLines(q, o, t, habits.EveryLineRequired)
}

// judgeLines checks that every line that is still open is decided about, and nothing else. Where every line is required, the
// ended ones have to be listed too, and stay as they are.
func judgeLines(q request, o world.Order, t transition, every bool) verdict {
	v := verdict{lineErrors: make([][]problem, len(q.lines))}
	v.change = world.Change{Action: t.action, LineStates: make([]world.LineState, len(o.Lines))}
	listed := make([]bool, len(o.Lines))
	for i, l := range o.Lines {
		v.change.LineStates[i] = l.State
	}
	main := false
	for i, l := range q.lines {
		at := slices.IndexFunc(o.Lines, func(candidate world.Line) bool { return candidate.SKU == l.sku })
		for at >= 0 && listed[at] { // several lines of one reference are decided one by one
			next := slices.IndexFunc(o.Lines[at+1:], func(candidate world.Line) bool { return candidate.SKU == l.sku })
			if next < 0 {
				at = -1
				break
			}
			at += 1 + next
		}
		switch {
		case at < 0:
			v.lineErrors[i] = []problem{{"OrderLineNotFound", fmt.Sprintf("La ligne %q n'a pas été trouvée dans la commande.", l.sku)}}
		case every && !t.open(o.Lines[at].State) && t.leavesAlone(o.Lines[at].State, l.state):
			listed[at] = true
		case !t.open(o.Lines[at].State), !slices.Contains(t.lines, l.state):
			v.lineErrors[i] = []problem{{"OrderLineIncoherentState", fmt.Sprintf("Le passage de la ligne %q à l'état %s est impossible.", l.sku, l.state)}}
		default:
			listed[at] = true
			v.change.LineStates[at] = world.LineState(l.state)
			main = main || l.state == t.lines[0]
		}
		v.errors = append(v.errors, v.lineErrors[i]...)
	}
	for i, l := range o.Lines {
		if (every || t.open(l.State)) && !listed[i] && len(v.errors) == 0 {
			v.errors = append(v.errors, problem{"OrderLineError", fmt.Sprintf("La ligne %q de la commande est absente de la demande.", l.SKU)})
		}
	}
	if len(v.errors) == 0 && !main {
		v.errors = []problem{{"OrderLineIncoherentState", "Aucune ligne n'est à l'état " + t.lines[0] + "."}}
	}
	if len(v.errors) == 0 && t.action == world.Ship {
		v.change.Parcel = parcel(q)
	}
	return v
}

// parcel is the one parcel of a shipment: a request has one carrier and one tracking number.
func parcel(q request) *world.Parcel {
	p := &world.Parcel{TrackingNumber: q.tracking, Carrier: q.carrier, TrackingURL: q.url}
	for _, l := range q.lines {
		if l.state == "ShippedBySeller" {
			p.SKUs = append(p.SKUs, l.sku)
		}
	}
	return p
}

// trackingProblem checks carrier and tracking after the notice of 2016 (cdiscount-soap.md 8.2); empty means fine. Quotes and
// commas, where the notice is ambiguous, are let through.
func trackingProblem(q request) string {
	switch {
	case strings.TrimSpace(q.carrier) == "":
		return "Le transporteur est obligatoire."
	case q.tracking == "":
		return "Le numéro de suivi est obligatoire."
	case utf8.RuneCountInString(q.tracking) > 50:
		return "Le numéro de suivi dépasse 50 caractères."
	case strings.ContainsAny(q.tracking, "&*$") || strings.ContainsFunc(q.tracking, unicode.IsSpace):
		return "Le numéro de suivi contient un caractère interdit."
	case q.url != "" && utf8.RuneCountInString(q.url) > 255:
		return "L'URL de suivi dépasse 255 caractères."
	case q.url != "" && !strings.HasPrefix(q.url, "http://") && !strings.HasPrefix(q.url, "https://"):
		return "L'URL de suivi doit commencer par http:// ou https://."
	default:
		return ""
	}
}
