package conformance

import (
	"strings"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Words of the sandbox's control API: the states of its world of orders, and the varieties that checks ask for.
const (
	statePending   = "WaitingForSellerAcceptation"
	stateReady     = "WaitingForShipmentAcceptation"
	stateShipped   = "Shipped"
	stateCancelled = "CancelledByCustomer"

	varietyPlain = "home-tracked"
)

// stateMeaning is what a state of the sandbox's world means in the protocol's words. States about whose meaning marketplaces may
// differ are not in it.
type stateMeaning struct {
	state  string
	status adapterv1.OrderStatus
}

func stateMeanings() []stateMeaning {
	return []stateMeaning{
		{statePending, adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE},
		{"AcceptedBySeller", adapterv1.OrderStatus_ORDER_STATUS_PROCESSING},
		{"PaymentInProgress", adapterv1.OrderStatus_ORDER_STATUS_PROCESSING},
		{stateReady, adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP},
		{stateShipped, adapterv1.OrderStatus_ORDER_STATUS_SHIPPED},
		{"PickedUp", adapterv1.OrderStatus_ORDER_STATUS_DELIVERED},
		{stateCancelled, adapterv1.OrderStatus_ORDER_STATUS_CANCELLED},
		{"AutomaticCancellation", adapterv1.OrderStatus_ORDER_STATUS_CANCELLED},
		{"RefusedBySeller", adapterv1.OrderStatus_ORDER_STATUS_REFUSED},
	}
}

// statusName is a status as people write it.
func statusName(status adapterv1.OrderStatus) string {
	return strings.TrimPrefix(status.String(), "ORDER_STATUS_")
}
