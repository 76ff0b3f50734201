package cli

import (
	"slices"
	"strings"
	"time"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// detailLevel is how much is printed of what happened to a shipment.
type detailLevel int

const (
	timeline detailLevel = iota // what happened
	evidence                    // and the requests that were sent, and through which release
)

func (a *app) printShipment(s *marketplacev1.Shipment, level detailLevel) error {
	return a.print(s, func(p *page) { a.describeShipment(p, s, level) })
}

// printPreview prints what would become of a statement.
func (a *app) printPreview(s *marketplacev1.Shipment) error {
	err := a.print(s, func(p *page) {
		a.describeShipment(p, s, timeline)
		p.requests("Would be sent", s.GetPreview())
	})
	switch {
	case err != nil:
		return err
	case s.GetName() != "":
		a.note("this was stated before: it is the shipment above, and nothing more would be sent")
	case len(s.GetPreview()) == 0:
		a.note("valid; the adapter cannot show the request. Nothing was stored, nothing was sent")
	default:
		a.note("valid; nothing was stored, nothing was sent")
	}
	return nil
}

func (a *app) describeShipment(p *page, s *marketplacev1.Shipment, level detailLevel) {
	carrier := s.GetCarrier()
	if listed := s.GetMarketplaceCarrier(); listed != "" && listed != carrier {
		carrier += ", sent as " + listed
	}
	trackingPage := s.GetTrackingUrl()
	if s.GetTrackingUrlDerived() {
		trackingPage += " (the carrier's usual page)"
	}
	deadline := a.at(s.GetDeadlineTime())
	if shipmentEnded(s) {
		deadline = "" // nobody tries any more
	}
	sent := count(s.GetSendCount())
	if s.GetName() == "" {
		sent = "" // not stored
	}
	p.facts(
		fact{"Shipment", s.GetName()},
		fact{"Order", s.GetOrder()},
		fact{"State", word(s.GetState())},
		fact{"Reason", s.GetReason()},
		fact{"Message", s.GetMessage()},
		fact{"Evidence", evidenceWord(s.GetEvidence())},
		fact{"Carrier", carrier},
		fact{"Chosen by", carrierMatch(s.GetCarrierMatch())},
		fact{"Tracking number", s.GetTrackingNumber()},
		fact{"Tracking page", trackingPage},
		fact{"Service", s.GetService()},
		fact{"Carrier fee", amount(s.GetCarrierFee())},
		fact{"Left", a.at(s.GetShipTime())},
		fact{"Not sent", strings.Join(s.GetNotSentFields(), ", ")},
		fact{"Replaces", s.GetReplaces()},
		fact{"Replaced by", s.GetReplacedBy()},
		fact{"Times sent", sent},
		fact{"Next attempt", a.at(s.GetNextAttemptTime())},
		fact{"Tries until", deadline},
		fact{"Created", a.at(s.GetCreateTime())},
		fact{"Updated", a.at(s.GetUpdateTime())},
		fact{"Request", s.GetRequestId()},
	)
	var items [][]string
	for _, item := range s.GetItems() {
		pieces := "all"
		if item.GetQuantity() != 0 {
			pieces = count(item.GetQuantity())
		}
		items = append(items, []string{item.GetLineId(), pieces})
	}
	p.table("Items", []string{"LINE", "PIECES"}, items)
	a.describeEvents(p, s.GetEvents(), level)
}

// describeEvents prints what happened to a shipment, oldest first.
func (a *app) describeEvents(p *page, events []*marketplacev1.ShipmentEvent, level detailLevel) {
	header := []string{"TIME", "STEP", "STATE", "WHAT HAPPENED"}
	if level == evidence {
		header = slices.Insert(header, 3, "THROUGH")
	}
	rows := make([][]string, 0, len(events))
	for _, e := range events {
		row := []string{a.at(e.GetTime()), word(e.GetKind()), word(e.GetState()), a.happened(e)}
		if level == evidence {
			row = slices.Insert(row, 3, through(e))
		}
		rows = append(rows, row)
	}
	p.table("Events", header, rows)
	for _, e := range events {
		if level == evidence {
			p.requests(joined(" through ", a.at(e.GetTime()), through(e)), e.GetRequests())
		}
	}
}

// happened tells in a line what a step came to.
func (a *app) happened(e *marketplacev1.ShipmentEvent) string {
	said := joined(": ", joined(" ", e.GetOutcome(), inBrackets(e.GetNativeReason())), e.GetMessage())
	if e.GetObserved() != nil {
		said += "; seen: " + seen(e.GetObserved())
	}
	if e.GetCount() > 1 {
		said += "; " + count(e.GetCount()) + " times until " + a.at(e.GetLastTime())
	}
	return said
}

// seen tells what a read of the order showed.
func seen(o *marketplacev1.OrderObservation) string {
	if !o.GetFound() {
		return "no such order"
	}
	cancels := ""
	if o.GetCancelRequested() {
		cancels = "the buyer asks to cancel"
	}
	return joined(", ", o.GetNativeStatus(), prefixed("tracking ", strings.Join(o.GetTrackingNumbers(), " ")), cancels)
}

// noteHeld tells once why an open shipment does not go on where none of its events does: its store holds it back. noted is the reason
// that was told last; it returns the one that is now.
func (a *app) noteHeld(s *marketplacev1.Shipment, noted string) string {
	told := slices.ContainsFunc(s.GetEvents(), func(e *marketplacev1.ShipmentEvent) bool {
		return strings.HasSuffix(e.GetMessage(), s.GetMessage())
	})
	if shipmentEnded(s) || s.GetReason() == "" || told {
		return ""
	}
	if s.GetReason() != noted {
		a.note("%s", clean(joined("  ", word(s.GetState()), joined(": ", s.GetReason(), s.GetMessage()))))
	}
	return s.GetReason()
}

// shortSum is how much of a SHA-256 tells releases apart for a person.
const shortSum = 12

// through names the release of the adapter through which a step was made.
func through(e *marketplacev1.ShipmentEvent) string {
	release := e.GetAdapterRelease()
	if version, sum, ok := strings.Cut(release, "@"); ok {
		release = version + "@" + sum[:min(shortSum, len(sum))]
	}
	return joined(" ", shortName(e.GetAdapter()), release)
}

// carrierMatch tells how the marketplace's carrier was found.
func carrierMatch(m *marketplacev1.CarrierMatch) string {
	how := ""
	switch m.GetRule() {
	case marketplacev1.CarrierMatch_RULE_NAME:
		how = "its name is in the marketplace's list"
	case marketplacev1.CarrierMatch_RULE_CODE:
		how = "its code is in the marketplace's list"
	case marketplacev1.CarrierMatch_RULE_ALIAS:
		how = "an alias of the marketplace's carrier"
	case marketplacev1.CarrierMatch_RULE_OTHER:
		how = "the marketplace's row for any other carrier"
	}
	age := ""
	if m.GetListAge() != nil {
		age = "the list was " + m.GetListAge().AsDuration().Round(time.Second).String() + " old"
	}
	return joined(", ", joined(": ", word(m.GetRule()), how), age)
}

// evidenceWord tells what the marketplace's own data shows.
func evidenceWord(e marketplacev1.Shipment_Evidence) string {
	switch e {
	case marketplacev1.Shipment_EVIDENCE_STATE:
		return "STATE: the order reads as shipped, no parcel is visible"
	case marketplacev1.Shipment_EVIDENCE_TRACKING:
		return "TRACKING: the order reads as shipped with our tracking number"
	}
	return word(e)
}
