// Package problem is the error that the core speaks: what failed, why, and what to do about it, without any transport.
// The api package turns it into a gRPC status; the adapter facade makes it out of an adapter's answer.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the class of a problem: what the caller can do about it.
type Kind int

// The kinds, one for each gRPC code that relais returns.
const (
	Internal     Kind = iota // a defect, or an answer nobody can read
	Invalid                  // a field of the request is wrong
	NotFound                 // the named thing does not exist
	Precondition             // the system is not in the state that the request needs
	Exists                   // the thing is there already
	Exhausted                // asked too often; wait
	Unavailable              // a passing failure; retry
)

// Reasons of problems: the closed list behind ErrorInfo.reason, domain "relais". design: public API, error table.
const (
	ReasonInternal              = "INTERNAL"
	ReasonInvalidField          = "INVALID_FIELD"
	ReasonStoreNotFound         = "STORE_NOT_FOUND"
	ReasonOrderNotFound         = "ORDER_NOT_FOUND"
	ReasonImportNotFound        = "IMPORT_NOT_FOUND"
	ReasonShipmentNotFound      = "SHIPMENT_NOT_FOUND"
	ReasonAdapterNotFound       = "ADAPTER_NOT_FOUND"
	ReasonEnvironmentNotFound   = "ENVIRONMENT_NOT_FOUND"
	ReasonCarrierUnknown        = "CARRIER_UNKNOWN"
	ReasonCredentialsRejected   = "MARKETPLACE_CREDENTIALS_REJECTED"
	ReasonSellerNotAuthorized   = "SELLER_NOT_AUTHORIZED"
	ReasonSellerInactive        = "SELLER_INACTIVE"
	ReasonMarketplaceRefused    = "MARKETPLACE_REFUSED"
	ReasonAccountConnected      = "ACCOUNT_ALREADY_CONNECTED"
	ReasonAccountMismatch       = "ACCOUNT_MISMATCH"
	ReasonStoreIDTaken          = "STORE_ID_TAKEN"
	ReasonStorePaused           = "STORE_PAUSED"
	ReasonStoreDisconnected     = "STORE_DISCONNECTED"
	ReasonShipmentsOpen         = "SHIPMENTS_OPEN"
	ReasonPartialUnsupported    = "PARTIAL_SHIPMENT_UNSUPPORTED"
	ReasonOrderNotShippable     = "ORDER_NOT_SHIPPABLE"
	ReasonCancelRequested       = "CANCEL_REQUESTED"
	ReasonRequestIDReused       = "REQUEST_ID_REUSED"
	ReasonShipmentAlreadyOpen   = "SHIPMENT_ALREADY_OPEN"
	ReasonShipmentsBusy         = "SHIPMENTS_BUSY"
	ReasonShipmentCancelled     = "SHIPMENT_CANCELLED"
	ReasonShipmentSuperseded    = "SHIPMENT_SUPERSEDED"
	ReasonShipmentDiffers       = "SHIPMENT_DIFFERS"
	ReasonNotReplaceable        = "SHIPMENT_NOT_REPLACEABLE"
	ReasonNotRetryable          = "SHIPMENT_NOT_RETRYABLE"
	ReasonNotCancellable        = "SHIPMENT_NOT_CANCELLABLE"
	ReasonCorrectionUnsupported = "CORRECTION_UNSUPPORTED"
	ReasonCarrierNotForPickup   = "CARRIER_NOT_FOR_PICKUP_POINT"
	ReasonAcceptanceUnsupported = "ACCEPTANCE_UNSUPPORTED"
	ReasonOrderNotPending       = "ORDER_NOT_PENDING"
	ReasonDecisionAlreadyOpen   = "DECISION_ALREADY_OPEN"
	ReasonRuleNotMet            = "ACCEPTANCE_RULE_NOT_MET"
	ReasonThrottled             = "THROTTLED"
	ReasonMarketplaceDown       = "MARKETPLACE_DOWN"
	ReasonAdapterDown           = "ADAPTER_DOWN"
	ReasonAdapterInUse          = "ADAPTER_IN_USE"
	ReasonReleaseNotFound       = "RELEASE_NOT_FOUND"
	ReasonReleaseRefused        = "RELEASE_REFUSED"
	ReasonNoPreviousRelease     = "NO_PREVIOUS_RELEASE"
	ReasonCommandFailed         = "COMMAND_FAILED"
	ReasonSwapUnderWay          = "SWAP_UNDER_WAY"
	ReasonTooManyRetiring       = "TOO_MANY_RETIRING"
	ReasonPinNotFound           = "PIN_NOT_FOUND"
	ReasonTooManyPins           = "TOO_MANY_PINS"
	ReasonMalformedAnswer       = "MALFORMED_ANSWER"
	ReasonTrackingMismatch      = "TRACKING_MISMATCH"
	ReasonShippedElsewhere      = "SHIPPED_ELSEWHERE"
	ReasonNotConfirmed          = "NOT_CONFIRMED"
	ReasonCredentialsUnreadable = "CREDENTIALS_UNREADABLE"
	ReasonAdapterNotConnected   = "ADAPTER_NOT_CONNECTED"
	ReasonAdapterUnchanged      = "ADAPTER_UNCHANGED"
	ReasonStoreMoved            = "STORE_MOVED"
	ReasonMarketplaceMismatch   = "MARKETPLACE_MISMATCH"
	ReasonMigrationNotFound     = "MIGRATION_NOT_FOUND"
	ReasonMigrationUnderWay     = "MIGRATION_UNDER_WAY"
	ReasonMigrationComplete     = "MIGRATION_COMPLETE"
	ReasonLeavingAdapterFails   = "LEAVING_ADAPTER_FAILS"
	ReasonServerStopping        = "SERVER_STOPPING"
	ReasonMarketplaceOrderGone  = "ORDER_UNKNOWN_TO_MARKETPLACE"
	ReasonMarketplaceWriteError = "REJECTED_BY_MARKETPLACE"
)

// LongestRetryAfter is the longest wait that is asked of anybody: what a marketplace or an adapter asks for beyond it is a mistake, or
// longer than what was asked for is of use.
const LongestRetryAfter = 24 * time.Hour

// Field is one field of a request that is wrong.
type Field struct {
	// Path of the field in the request message, for example "shipment.tracking_number".
	Path string
	// Message says what is wrong and what is allowed.
	Message string
}

// Problem is an error with everything a caller needs. It never holds secrets or personal data.
type Problem struct {
	Kind       Kind
	Reason     string            // one of the Reason constants
	Message    string            // what failed, why, what to do
	Fields     []Field           // with Invalid
	Metadata   map[string]string // machine-readable details
	RetryAfter time.Duration     // with Exhausted and Unavailable, at most LongestRetryAfter; zero when not known
	Cause      error             // for the log only, never shown to a caller
}

// Error returns the message with the reason in front.
func (p *Problem) Error() string {
	if p.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", p.Reason, p.Message, p.Cause)
	}
	return p.Reason + ": " + p.Message
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// New returns a problem of a kind.
func New(kind Kind, reason, format string, args ...any) *Problem {
	return &Problem{Kind: kind, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// InvalidField returns the problem of one wrong field.
func InvalidField(path, format string, args ...any) *Problem {
	message := fmt.Sprintf(format, args...)
	return &Problem{
		Kind: Invalid, Reason: ReasonInvalidField, Message: path + ": " + message,
		Fields: []Field{{Path: path, Message: message}},
	}
}

// With returns a copy with one more metadata entry.
func (p *Problem) With(key, value string) *Problem {
	c := *p
	c.Metadata = make(map[string]string, len(p.Metadata)+1)
	for k, v := range p.Metadata {
		c.Metadata[k] = v
	}
	c.Metadata[key] = value
	return &c
}

// As returns the problem in err's chain, or nil.
func As(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

// HasReason reports whether err is a problem with this reason.
func HasReason(err error, reason string) bool {
	p := As(err)
	return p != nil && p.Reason == reason
}
