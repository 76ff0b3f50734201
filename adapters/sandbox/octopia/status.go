package octopia

import (
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// Statuses of orders and lines (octopia-rest.md 5.4). CancelRequest is of lines only.
const (
	processing        = "Processing"
	waitingAcceptance = "WaitingAcceptance"
	refused           = "Refused"
	accepted          = "Accepted"
	inPreparation     = "InPreparation"
	shipped           = "Shipped"
	delivered         = "Delivered"
	cancelRequest     = "CancelRequest"
	cancelled         = "Cancelled"
	rejected          = "Rejected"
)

// orderStatuses are the statuses that an order can have.
func orderStatuses() []string {
	return []string{processing, waitingAcceptance, refused, accepted, inPreparation, shipped, delivered, cancelled, rejected}
}

// orderStatus derives an order's status (octopia-rest.md 12.3). A state that is not told yet is under control. A word that the
// contract does not know goes out as it is, so that the marketplace can say something new.
func orderStatus(h *world.Head, now time.Time) string {
	if !h.StateKnown(now) {
		return processing
	}
	switch h.State {
	case world.WaitingForSellerAcceptation:
		return waitingAcceptance
	case world.AcceptedBySeller:
		return accepted
	case world.WaitingForShipmentAcceptation:
		return inPreparation
	case world.Shipped, "AvailableOnStore":
		return shipped
	case "PickedUp":
		return delivered
	case world.RefusedBySeller:
		return refused
	case world.ShipmentRefusedBySeller, "RefusedNoShipment", world.CancelledByCustomer, world.AutomaticCancellation, "BeingCancelled",
		"NonPickedUpByCustomer", "ServiceCanceled":
		return cancelled
	case world.PaymentRefused:
		return rejected
	case world.PaymentInProgress, "ValidatedFianet", "BeingValidatedFianet", "BlockedWaitingForTreatment", "BlockedWaitingForProof",
		"BlockedRepeatedLitigationSuspicion", "BlockedFraudSuspicion", "BlockedConfirmed",
		"BlockedRepeatedLitigationSuspicionConfirmation", "BlockedFraudSuspicionConfirmation", "BlockedAutomaticCds",
		"BlockedMarketplaceService", "BeingModified", "RequestGoingToGnx", "PartialInGnx", "CegidDown", "FinishedGenerixUpdate",
		"PendingShipmentForAssociatedProduct", "None", "":
		return processing
	default:
		return string(h.State)
	}
}

// lineStatus derives a line's status from its state and its order's status (octopia-rest.md 12.3). shippable is the word for
// the lines of an order in preparation, which changed on 3 Nov 2025 (octopia-rest.md 5.4).
func lineStatus(s world.LineState, order, shippable string) string {
	switch s {
	case world.LineAccepted, world.LineNone, "":
		if order == inPreparation {
			return shippable
		}
		return order
	case world.LineRefused:
		return refused
	case world.LineShipped, "RefundedAfterShipping":
		return shipped
	case world.LineCancelRequested:
		return cancelRequest
	case world.LineShipmentRefused, world.LineRefundedAfterRefusal, world.LineCancelledBeforeNotice, world.LineCancelledBeforePayment,
		world.LineCancelledAfterPayment, "RefundedAfterCustomerCancellation":
		return cancelled
	case world.LinePaymentRefused:
		return rejected
	default:
		return string(s)
	}
}
