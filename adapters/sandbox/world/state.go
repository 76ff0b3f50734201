package world

// State is where an order stands, in the words of Cdiscount's older and finer vocabulary (cdiscount-soap.md 7.1). The SOAP
// face writes it as it is; a face with coarser words derives them. A word outside of this list is allowed, so that a test
// can make the marketplace say something new.
type State string

// The states that the world itself acts on.
const (
	WaitingForSellerAcceptation   State = "WaitingForSellerAcceptation"
	AcceptedBySeller              State = "AcceptedBySeller"
	PaymentInProgress             State = "PaymentInProgress"
	WaitingForShipmentAcceptation State = "WaitingForShipmentAcceptation"
	Shipped                       State = "Shipped"
	CancelledByCustomer           State = "CancelledByCustomer"
	RefusedBySeller               State = "RefusedBySeller"
	AutomaticCancellation         State = "AutomaticCancellation"
	PaymentRefused                State = "PaymentRefused"
	ShipmentRefusedBySeller       State = "ShipmentRefusedBySeller"
)

// Accepted reports whether the seller's acceptance lies behind an order in this state.
func (s State) Accepted() bool {
	switch s {
	case WaitingForSellerAcceptation, CancelledByCustomer, RefusedBySeller, AutomaticCancellation, "None", "":
		return false
	default:
		return true
	}
}

// BeforePayment reports whether an order in this state was never paid. The marketplace withholds the buyer's name and street
// of such an order (cdiscount-soap.md 6.4).
func (s State) BeforePayment() bool {
	switch s {
	case WaitingForSellerAcceptation, AcceptedBySeller, PaymentInProgress, CancelledByCustomer, RefusedBySeller,
		AutomaticCancellation, PaymentRefused, "None", "":
		return true
	default:
		return false
	}
}

// LineState is where a line stands, in the words of cdiscount-soap.md 7.2. Other words are allowed as in State.
type LineState string

// The line states that the world itself acts on.
const (
	LineNone                   LineState = "None"
	LineAccepted               LineState = "AcceptedBySeller"
	LineRefused                LineState = "RefusedBySeller"
	LineShipped                LineState = "ShippedBySeller"
	LineShipmentRefused        LineState = "ShipmentRefusedBySeller"
	LineRefundedAfterRefusal   LineState = "RefundedAfterShipmentRefused"
	LineCancelledBeforePayment LineState = "CancelledBeforePaymentByCustomer"
	LineCancelledAfterPayment  LineState = "CancelledAfterPaymentByCustomer"
	LineCancelRequested        LineState = "CancellationRequestPending"
	LineCancelledBeforeNotice  LineState = "CancelledBeforeNotificationByCustomer"
	LinePaymentRefused         LineState = "PaymentRefused"
)

// Open reports whether the seller may still decide on a line in this state.
func (s LineState) Open() bool {
	switch s {
	case LineNone, LineAccepted, LineCancelRequested, "":
		return true
	default:
		return false
	}
}

// LineStateFor is what the lines of an order in that state usually say.
func LineStateFor(s State) LineState {
	switch s {
	case AcceptedBySeller, PaymentInProgress, WaitingForShipmentAcceptation:
		return LineAccepted
	case Shipped:
		return LineShipped
	case RefusedBySeller:
		return LineRefused
	case ShipmentRefusedBySeller:
		return LineShipmentRefused
	case CancelledByCustomer:
		return LineCancelledBeforePayment
	case AutomaticCancellation:
		return LineCancelledBeforeNotice
	case PaymentRefused:
		return LinePaymentRefused
	default:
		return LineNone
	}
}
