package cdiscount

import (
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// lookBack is how far back orders are found without a begin date: "about one month" (cdiscount-soap.md 6.1, inferred).
const lookBack = 30 * 24 * time.Hour

// filter is OrderFilter (cdiscount-soap.md 6.1). Dates are clock readings in Paris; zero means not given.
type filter struct {
	beginCreation, endCreation         time.Time
	beginModification, endModification time.Time
	corporation, country, orderType    string
	fetchLines, fetchParcels           bool
	pairsRequired                      bool // a date without its other end is not applied
	datedOnly                          bool // a modification date that is applied finds no order without one
	numbers                            []string
	partnerRefs                        []string
	states                             []string
}

func countries() []string {
	return []string{"All", "Belgium", "France", "Germany", "Spain", "Italy", "Luxembourg"}
}

// isoCountry maps CountryEnum to the code in addresses; empty means all.
func isoCountry(word string) string {
	switch word {
	case "Belgium":
		return "BE"
	case "France":
		return "FR"
	case "Germany":
		return "DE"
	case "Spain":
		return "ES"
	case "Italy":
		return "IT"
	case "Luxembourg":
		return "LU"
	default:
		return ""
	}
}

// readFilter reads the orderFilter element. Booleans default to false, as in .NET.
func readFilter(e *element) (filter, error) {
	r := &reader{members: members(e, nsData, "BeginCreationDate", "BeginModificationDate", "CorporationCode", "Country",
		"EndCreationDate", "EndModificationDate", "FetchOrderLines", "FetchParcels", "IncludeExternalFbcSiteId", "OrderReferenceList",
		"OrderType", "PartnerOrderRef", "States")}
	f := filter{
		beginCreation: r.date("BeginCreationDate"), beginModification: r.date("BeginModificationDate"),
		corporation: r.text("CorporationCode"), country: isoCountry(r.enum("Country", "CountryEnum", countries(), false)),
		endCreation: r.date("EndCreationDate"), endModification: r.date("EndModificationDate"),
		fetchLines: r.boolean("FetchOrderLines"), fetchParcels: r.boolean("FetchParcels"),
		orderType: r.enum("OrderType", "OrderTypeEnum", []string{"None", "IsFulfillment", "MKPFBC", "EXTFBC"}, true),
	}
	r.boolean("IncludeExternalFbcSiteId")
	for _, e := range items(r.members["OrderReferenceList"], nsArrays, "string") {
		if !e.null {
			f.numbers = append(f.numbers, e.text)
		}
	}
	for ref := range strings.SplitSeq(r.text("PartnerOrderRef"), ";") {
		if ref != "" {
			f.partnerRefs = append(f.partnerRefs, ref)
		}
	}
	for _, e := range items(r.members["States"], nsData, "OrderStateEnum") {
		f.states = append(f.states, r.oneOf(e.text, "OrderStateEnum", orderStates()))
	}
	return f, r.err
}

// effective is the filter with the dates that count.
func (f filter) effective() filter {
	if f.pairsRequired {
		f.beginCreation, f.endCreation = pair(f.beginCreation, f.endCreation)
		f.beginModification, f.endModification = pair(f.beginModification, f.endModification)
	}
	modification := !f.beginModification.IsZero() || !f.endModification.IsZero()
	f.datedOnly = f.datedOnly && modification
	return f
}

// matcher returns which orders the filter finds at that instant.
//
//   - Numbers override everything else.
//   - Without states the dates are not applied: all orders of the last month are found.
//   - Bounds are inclusive, and an order without a modification date counts with its creation date unless a setting hides
//     it from modification dates (assumptions: the contract does not say).
func (f filter) matcher(now time.Time) func(*world.Head) bool {
	if len(f.numbers) > 0 {
		wanted := make(map[string]bool, len(f.numbers))
		for _, n := range f.numbers {
			wanted[n] = true
		}
		return func(h *world.Head) bool { return wanted[h.Number] }
	}
	oldest := now.Add(-lookBack)
	return func(h *world.Head) bool {
		if !f.matchesKind(h) {
			return false
		}
		if len(f.states) == 0 {
			return !h.Created.Before(oldest)
		}
		if !h.StateKnown(now) || !slices.Contains(f.states, string(h.State)) {
			return false
		}
		if f.beginCreation.IsZero() && f.beginModification.IsZero() && h.Created.Before(oldest) {
			return false
		}
		if f.datedOnly && h.Modified.IsZero() {
			return false
		}
		return within(h.Created, f.beginCreation, f.endCreation) && within(h.LastChange(), f.beginModification, f.endModification)
	}
}

// matchesKind applies the filters that are neither states nor dates.
func (f filter) matchesKind(h *world.Head) bool {
	switch {
	case f.corporation != "" && f.corporation != h.Channel,
		f.country != "" && f.country != h.Country,
		f.orderType == "EXTFBC", // the world has no external orders
		(f.orderType == "IsFulfillment" || f.orderType == "MKPFBC") && h.Fulfilment != world.ByMarketplace,
		len(f.partnerRefs) > 0 && !slices.Contains(f.partnerRefs, h.PartnerRef):
		return false
	default:
		return true
	}
}

// pair drops both ends when one is missing.
func pair(begin, end time.Time) (time.Time, time.Time) {
	if begin.IsZero() || end.IsZero() {
		return time.Time{}, time.Time{}
	}
	return begin, end
}

// within compares clock readings; a zero bound is none.
func within(t, begin, end time.Time) bool {
	if begin.IsZero() && end.IsZero() {
		return true
	}
	t = clockReading(t)
	return !t.Before(begin) && (end.IsZero() || !t.After(end))
}

// orderStates lists OrderStateEnum in wire order (cdiscount-soap.md 7.1).
func orderStates() []string {
	return []string{
		"CancelledByCustomer", "WaitingForSellerAcceptation", "AcceptedBySeller", "PaymentInProgress", "WaitingForShipmentAcceptation",
		"Shipped", "RefusedBySeller", "AutomaticCancellation", "PaymentRefused", "ShipmentRefusedBySeller", "None", "ValidatedFianet",
		"RefusedNoShipment", "AvailableOnStore", "NonPickedUpByCustomer", "PickedUp", "ServiceCanceled",
		"PendingShipmentForAssociatedProduct", "BlockedWaitingForTreatment", "BlockedWaitingForProof",
		"BlockedRepeatedLitigationSuspicion", "BlockedFraudSuspicion", "BlockedConfirmed", "FinishedGenerixUpdate",
		"BlockedRepeatedLitigationSuspicionConfirmation", "BlockedFraudSuspicionConfirmation", "CegidDown", "BlockedAutomaticCds",
		"BeingCancelled", "BeingModified", "RequestGoingToGnx", "PartialInGnx", "BeingValidatedFianet", "BlockedMarketplaceService",
	}
}

// lineStates lists AcceptationStateEnum (cdiscount-soap.md 7.2).
func lineStates() []string {
	return []string{
		"None", "AcceptedBySeller", "RefusedBySeller", "ShippedBySeller", "RefundedAfterShipping", "ShipmentRefusedBySeller",
		"RefundedAfterShipmentRefused", "CancelledBeforeNotificationByCustomer", "CancelledBeforePaymentByCustomer",
		"CancellationRequestPending", "CancelledAfterPaymentByCustomer", "RefundedAfterCustomerCancellation", "PaymentRefused",
	}
}

// conditions lists ProductConditionEnum.
func conditions() []string {
	return []string{"None", "LikeNew", "VeryGoodState", "GoodState", "AverageState", "Refurbished", "New"}
}
