package cli

import (
	"strings"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func (a *app) printShipment(s *marketplacev1.Shipment) error {
	return a.print(s, func(p *page) {
		carrier := s.GetCarrier()
		if sent := s.GetMarketplaceCarrier(); sent != "" && sent != carrier {
			carrier += ", sent as " + sent
		}
		p.facts(
			fact{"Shipment", s.GetName()},
			fact{"Order", s.GetOrder()},
			fact{"State", word(s.GetState())},
			fact{"Reason", joined(": ", s.GetReason(), s.GetMessage())},
			fact{"Evidence", evidence(s.GetEvidence())},
			fact{"Carrier", carrier},
			fact{"Tracking number", s.GetTrackingNumber()},
			fact{"Tracking page", s.GetTrackingUrl()},
			fact{"Service", s.GetService()},
			fact{"Carrier fee", amount(s.GetCarrierFee())},
			fact{"Left", a.at(s.GetShipTime())},
			fact{"Not sent", strings.Join(s.GetNotSentFields(), ", ")},
			fact{"Times sent", count(s.GetSendCount())},
			fact{"Next attempt", a.at(s.GetNextAttemptTime())},
			fact{"Created", a.at(s.GetCreateTime())},
			fact{"Updated", a.at(s.GetUpdateTime())},
			fact{"Request", s.GetRequestId()},
		)
		var items, events [][]string
		for _, item := range s.GetItems() {
			pieces := "all"
			if item.GetQuantity() != 0 {
				pieces = count(item.GetQuantity())
			}
			items = append(items, []string{item.GetLineId(), pieces})
		}
		for _, e := range s.GetEvents() {
			events = append(events, []string{a.at(e.GetTime()), word(e.GetState()), e.GetMessage()})
		}
		p.table("Items", []string{"LINE", "PIECES"}, items)
		p.table("Events", []string{"TIME", "STATE", "WHAT HAPPENED"}, events)
	})
}

// evidence tells what the marketplace's own data shows.
func evidence(e marketplacev1.Shipment_Evidence) string {
	switch e {
	case marketplacev1.Shipment_EVIDENCE_STATE:
		return "STATE: the order reads as shipped, no parcel is visible"
	case marketplacev1.Shipment_EVIDENCE_TRACKING:
		return "TRACKING: the order reads as shipped with our tracking number"
	}
	return word(e)
}
