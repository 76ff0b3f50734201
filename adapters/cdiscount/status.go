package cdiscount

import (
	"slices"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Short names of the normalised statuses, for the tables.
const (
	pending      = adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE
	processing   = adapterv1.OrderStatus_ORDER_STATUS_PROCESSING
	ready        = adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP
	shipped      = adapterv1.OrderStatus_ORDER_STATUS_SHIPPED
	delivered    = adapterv1.OrderStatus_ORDER_STATUS_DELIVERED
	cancelled    = adapterv1.OrderStatus_ORDER_STATUS_CANCELLED
	refused      = adapterv1.OrderStatus_ORDER_STATUS_REFUSED
	unrecognized = adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED
)

// orderState is a value of OrderStateEnum and what it means here.
type orderState struct {
	name   string
	status adapterv1.OrderStatus
}

// orderStates are all 34 values of OrderStateEnum in wire order (cdiscount-soap.md 7.1). Values that are not in the enum
// make the whole request fail, and two are often taken for one: Filled, and ShippedBySeller, which is a line's state.
//
// Not obvious: AvailableOnStore has left the seller's hands and waits in the shop; RefusedNoShipment is an end that nobody
// chose; the Blocked, Being… and back-office states are controls that run.
var orderStates = [...]orderState{
	{"CancelledByCustomer", cancelled},
	{"WaitingForSellerAcceptation", pending},
	{"AcceptedBySeller", processing},
	{"PaymentInProgress", processing},
	{"WaitingForShipmentAcceptation", ready},
	{"Shipped", shipped},
	{"RefusedBySeller", refused},
	{"AutomaticCancellation", cancelled},
	{"PaymentRefused", cancelled},
	{"ShipmentRefusedBySeller", refused},
	{"None", processing},
	{"ValidatedFianet", processing},
	{"RefusedNoShipment", cancelled},
	{"AvailableOnStore", shipped},
	{"NonPickedUpByCustomer", cancelled},
	{"PickedUp", delivered},
	{"ServiceCanceled", cancelled},
	{"PendingShipmentForAssociatedProduct", processing},
	{"BlockedWaitingForTreatment", processing},
	{"BlockedWaitingForProof", processing},
	{"BlockedRepeatedLitigationSuspicion", processing},
	{"BlockedFraudSuspicion", processing},
	{"BlockedConfirmed", processing},
	{"FinishedGenerixUpdate", processing},
	{"BlockedRepeatedLitigationSuspicionConfirmation", processing},
	{"BlockedFraudSuspicionConfirmation", processing},
	{"CegidDown", processing},
	{"BlockedAutomaticCds", processing},
	{"BeingCancelled", processing},
	{"BeingModified", processing},
	{"RequestGoingToGnx", processing},
	{"PartialInGnx", processing},
	{"BeingValidatedFianet", processing},
	{"BlockedMarketplaceService", processing},
}

// stateStatus returns the status of an OrderState; unrecognized for one that is not in the enum, and for none at all.
func stateStatus(state string) adapterv1.OrderStatus {
	for _, s := range orderStates {
		if s.name == state {
			return s.status
		}
	}
	return unrecognized
}

// open reports whether an order in this status can still change at the seller's side.
func open(s adapterv1.OrderStatus) bool { return s == pending || s == processing || s == ready }

// statesFor returns the order states to ask for so that no order of these statuses is missed, in wire order. An order's
// status comes from its lines too (orderStatus): lines can end or ship an order whose own state is still open, and an
// unknown line makes any order unrecognized. So those statuses ask for more states.
func statesFor(statuses []adapterv1.OrderStatus) []string {
	all := slices.Contains(statuses, unrecognized)
	openToo := slices.Contains(statuses, shipped) || slices.Contains(statuses, cancelled) || slices.Contains(statuses, refused)
	var names []string
	for _, s := range orderStates {
		if all || slices.Contains(statuses, s.status) || (openToo && open(s.status)) {
			names = append(names, s.name)
		}
	}
	return names
}

// lineStatus returns the status of a line from its AcceptationState and its order's status (cdiscount-soap.md 7.2). None and
// nil say nothing, also on shipped orders (12.7), and AcceptedBySeller is the state of a line until it leaves: all three
// follow the order.
func lineStatus(state string, order adapterv1.OrderStatus) (status adapterv1.OrderStatus, cancelRequested bool) {
	switch state {
	case "", "None", "AcceptedBySeller":
		return order, false
	case "CancellationRequestPending":
		return order, true
	case "ShippedBySeller", "RefundedAfterShipping":
		if order == delivered {
			return delivered, false
		}
		return shipped, false
	case "RefusedBySeller", "ShipmentRefusedBySeller", "RefundedAfterShipmentRefused":
		return refused, false
	case "CancelledBeforeNotificationByCustomer", "CancelledBeforePaymentByCustomer", "CancelledAfterPaymentByCustomer",
		"RefundedAfterCustomerCancellation", "PaymentRefused":
		return cancelled, false
	}
	return unrecognized, false
}

// orderStatus returns an order's status from its own and its goods lines'. Fees have no say.
func orderStatus(own adapterv1.OrderStatus, lines []*adapterv1.OrderLine) adapterv1.OrderStatus {
	var counts [unrecognized + 1]int // by status, of which unrecognized is the last
	for _, l := range lines {
		counts[l.GetStatus()]++
	}
	ended := counts[cancelled] + counts[refused]
	switch {
	case own == unrecognized || counts[unrecognized] > 0:
		return unrecognized
	case len(lines) == 0 || !open(own):
		return own
	case counts[refused] == len(lines):
		return refused
	case ended == len(lines):
		return cancelled
	case counts[shipped] > 0 && counts[shipped]+ended == len(lines):
		return shipped
	}
	return own
}
