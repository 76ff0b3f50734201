package sdk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Error is an error that the host understands: it knows what to do from the Reason. Make one with the functions of this
// package, so that each reason carries what the protocol asks for.
type Error struct {
	// Reason is why the call failed, from the protocol's closed list.
	Reason adapterv1.ErrorReason
	// Message is for people: what failed and why, without credentials, tokens or personal data.
	Message string
	// RetryAfter is how long the marketplace asked to wait; zero when it did not say. Only with THROTTLED and
	// MARKETPLACE_DOWN.
	RetryAfter time.Duration
	// Field is the path of the request field at fault, for example "store.environment.service_url". Only with
	// INVALID_REQUEST.
	Field string

	cause error
}

// Error returns the reason's name and the message.
func (e *Error) Error() string { return ReasonName(e.Reason) + ": " + e.Message }

// Unwrap returns the error that was given to the constructor with %w, or nil.
func (e *Error) Unwrap() error { return e.cause }

// ReasonName returns the name of a reason as it travels in ErrorInfo.reason: the enum value without its prefix, for example
// "CREDENTIALS_REJECTED".
func ReasonName(reason adapterv1.ErrorReason) string {
	return strings.TrimPrefix(reason.String(), "ERROR_REASON_")
}

// AsError returns the first *Error in err's chain, or nil.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// CredentialsRejected says that the marketplace refused login, password, client id or secret. The host asks the seller for
// new ones and does not repeat the call. The format takes %w; see fmt.Errorf.
func CredentialsRejected(format string, args ...any) *Error {
	return newError(adapterv1.ErrorReason_ERROR_REASON_CREDENTIALS_REJECTED, format, args)
}

// SellerNotAuthorized says that the credentials are right and the right to this operation or seller is missing.
func SellerNotAuthorized(format string, args ...any) *Error {
	return newError(adapterv1.ErrorReason_ERROR_REASON_SELLER_NOT_AUTHORIZED, format, args)
}

// SellerInactive says that the seller's account is deactivated or banned.
func SellerInactive(format string, args ...any) *Error {
	return newError(adapterv1.ErrorReason_ERROR_REASON_SELLER_INACTIVE, format, args)
}

// Throttled says that the marketplace asks to wait. retryAfter is the delay that it gave, zero when it gave none.
func Throttled(retryAfter time.Duration, format string, args ...any) *Error {
	e := newError(adapterv1.ErrorReason_ERROR_REASON_THROTTLED, format, args)
	e.RetryAfter = max(retryAfter, 0)
	return e
}

// MarketplaceDown says that there was no connection, an HTTP 5xx or a time-out. retryAfter is the delay that the marketplace
// gave, zero when it gave none.
func MarketplaceDown(retryAfter time.Duration, format string, args ...any) *Error {
	e := newError(adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_DOWN, format, args)
	e.RetryAfter = max(retryAfter, 0)
	return e
}

// MalformedAnswer says that the answer was not what the marketplace's contract promises: HTML, truncated, not parseable or
// contradicting itself.
func MalformedAnswer(format string, args ...any) *Error {
	return newError(adapterv1.ErrorReason_ERROR_REASON_MALFORMED_ANSWER, format, args)
}

// InvalidRequest says that a field of the host's request is wrong. field is its path in the request message.
func InvalidRequest(field, format string, args ...any) *Error {
	e := newError(adapterv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, format, args)
	e.Field = field
	return e
}

// MarketplaceRefused says that the marketplace refused the request for a reason of its own, told in the message.
func MarketplaceRefused(format string, args ...any) *Error {
	return newError(adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_REFUSED, format, args)
}

// Internal says that the adapter itself failed.
func Internal(format string, args ...any) *Error {
	return newError(adapterv1.ErrorReason_ERROR_REASON_INTERNAL, format, args)
}

// newError formats like fmt.Errorf and keeps what was wrapped with %w reachable for errors.Is and errors.As.
func newError(reason adapterv1.ErrorReason, format string, args []any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Reason: reason, Message: err.Error()}
	switch err.(type) { //nolint:errorlint // the question is what this very error wraps
	case interface{ Unwrap() error }, interface{ Unwrap() []error }:
		e.cause = err
	}
	return e
}
