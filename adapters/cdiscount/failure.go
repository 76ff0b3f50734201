package cdiscount

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
)

// The ways in which one exchange with the service can fail. Reads turn them into errors of the SDK (readFailure), writes
// into outcomes (outcomeOf in shipments.go).

// lostError is a connection that could not be made, broke, or took too long.
type lostError struct {
	cause error
	// sent is false only when not a byte of the request can have left.
	sent bool
}

// Error tells what broke.
func (e *lostError) Error() string { return "connection lost: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *lostError) Unwrap() error { return e.cause }

// httpError is an HTTP status without a SOAP answer.
type httpError struct {
	status     int
	retryAfter time.Duration // zero when the answer did not say
}

// Error tells the status.
func (e *httpError) Error() string { return fmt.Sprintf("HTTP %d without a SOAP answer", e.status) }

// malformedError is an answer that is not what the contract says.
type malformedError struct {
	reason string
	// foreign is true when it was no SOAP at all: HTML, text, nothing.
	foreign bool
}

// Error tells what is wrong; it never quotes the answer.
func (e *malformedError) Error() string { return e.reason }

// consumerError is the error of whoever took the pieces of an answer: nothing is wrong with the answer.
type consumerError struct{ cause error }

// Error returns the cause's text.
func (e *consumerError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *consumerError) Unwrap() error { return e.cause }

// fault is a SOAP fault (cdiscount-soap.md 4.3).
type fault struct {
	Code string
	Text string
}

// Error tells the code only: a text may quote the token (cdiscount-soap.md 2, fourth row).
func (e *fault) Error() string { return "SOAP fault " + e.Code }

// trim drops the white space and the namespace prefix of the code, which differs from fault to fault.
func (e *fault) trim() {
	e.Code = strings.TrimSpace(e.Code)
	e.Code = e.Code[strings.LastIndexByte(e.Code, ':')+1:]
	e.Text = strings.TrimSpace(e.Text)
}

// Fault codes without their prefix (cdiscount-soap.md 4.3).
const (
	faultDeserialization = "DeserializationFailed"
	faultToken           = "RequestTokenValidationError"
)

// notAuthorizedText is what the service says when the token is right and the right to the operation is missing.
const notAuthorizedText = "user is not authorized to access"

// aboutToken reports whether a new token cures the fault. The code says so: it always comes with it (cdiscount-soap.md 2), and
// the full text of an expired token was never seen (12.2); a missing right shares it. Only the code proves that nothing was
// done: the service checks the token before anything else (14.2).
func (e *fault) aboutToken() bool { return e.Code == faultToken && !e.notAuthorized() }

// notAuthorized reports whether the seller lacks the right to the operation.
func (e *fault) notAuthorized() bool {
	return e.Code == faultToken && strings.Contains(strings.ToLower(e.Text), notAuthorizedText)
}

// refusal is OperationSuccess=false of a call (cdiscount-soap.md 4.1).
type refusal struct {
	types   []string // ErrorTypes, in the order of the answer; often none
	message string
}

// Error tells what the service said, fit for people.
func (e *refusal) Error() string {
	switch {
	case len(e.types) > 0 && e.message != "":
		return e.types[0] + ": " + e.message
	case len(e.types) > 0:
		return e.types[0]
	case e.message != "":
		return e.message
	}
	return "no reason given"
}

// newRefusal collects what an answer says of its failure.
func newRefusal(head *answer) *refusal {
	r := &refusal{message: quote(head.message)}
	for _, e := range head.errors {
		if t := strings.TrimSpace(e.Type); t != "" {
			r.types = append(r.types, t)
		}
		if r.message == "" {
			r.message = quote(e.Message)
		}
	}
	return r
}

// Error types and texts with a meaning of their own (cdiscount-soap.md 4.1, 4.2).
const (
	errorTypeQuota         = "Quota"
	inactiveSellerText     = "Vendeur désactivé"
	errorTypeInactive      = "InactiveSellerError"
	errorTypeNotAuthorized = "NotAuthorizedException"
	errorTypeSellerRights  = "SellerNotAuthorized"
	errorTypeSellerKind    = "SellerNotFound" // "Vendeur de type CDiscount non autorisé !"
)

// quota reports whether the marketplace asks to wait.
func (e *refusal) quota() bool { return slices.Contains(e.types, errorTypeQuota) }

// inactive reports whether the seller account is switched off. One of the two ways of saying so is a text only.
func (e *refusal) inactive() bool {
	return slices.Contains(e.types, errorTypeInactive) || strings.Contains(e.message, inactiveSellerText)
}

// notAuthorized reports whether the seller lacks the right to the operation.
func (e *refusal) notAuthorized() bool {
	return slices.ContainsFunc(e.types, func(t string) bool {
		return t == errorTypeNotAuthorized || t == errorTypeSellerRights || t == errorTypeSellerKind
	})
}

// certain reports whether the refusal says that the request was refused. Without a type it says nothing, and a failure inside
// the marketplace can come after it has done its work.
func (e *refusal) certain() bool {
	return len(e.types) > 0 && !slices.ContainsFunc(e.types, internalFailure)
}

// internalFailure reports whether an ErrorType speaks of the marketplace's own trouble and not of the request.
func internalFailure(errorType string) bool {
	switch clean(errorType) {
	case "UnexpectedException", "OperationManagerServiceException", "FulfillmentApiException":
		return true
	}
	return false
}

// aboutSeller returns the SDK's error when the exchange failed because of the account as a whole, whatever was asked:
// nothing was done then, and nothing else will work either. Nil for every other failure.
func aboutSeller(op operation, err error) error {
	var f *fault
	var r *refusal
	switch {
	case errors.As(err, &f) && f.notAuthorized():
		return sdk.SellerNotAuthorized("Cdiscount does not let this account call %s", op)
	case errors.As(err, &r) && r.inactive():
		return sdk.SellerInactive("Cdiscount says that the seller account is deactivated")
	case errors.As(err, &r) && r.notAuthorized():
		return sdk.SellerNotAuthorized("Cdiscount does not let this account call %s: %s", op, r)
	}
	return nil
}

// readFailure turns the failure of a read into an error of the SDK.
func readFailure(ctx context.Context, op operation, err error) error {
	if err == nil {
		return nil
	}
	var consumer *consumerError
	if errors.As(err, &consumer) {
		return consumer.cause
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if seller := aboutSeller(op, err); seller != nil {
		return seller
	}
	var (
		lost      *lostError
		status    *httpError
		malformed *malformedError
		f         *fault
		r         *refusal
		slow      *pace.TooSlowError
	)
	switch {
	case errors.As(err, &lost):
		return sdk.MarketplaceDown(0, "%s: %s", op, describeLoss(lost))
	case errors.As(err, &status) && status.status == http.StatusTooManyRequests:
		return sdk.Throttled(status.retryAfter, "%s: %s", op, status)
	case errors.As(err, &status) && (status.status >= 500 || status.status == http.StatusRequestTimeout):
		return sdk.MarketplaceDown(status.retryAfter, "%s: %s", op, status)
	case errors.As(err, &status):
		return sdk.MalformedAnswer("%s: %s", op, status)
	case errors.As(err, &malformed):
		return sdk.MalformedAnswer("%s: %s", op, malformed)
	case errors.As(err, &f) && f.Code == faultDeserialization:
		return sdk.MarketplaceRefused("%s: Cdiscount could not read the request (%s)", op, f)
	case errors.As(err, &f) && f.aboutToken():
		// The second one in a row: the token service and the service disagree, which passes.
		return sdk.MarketplaceDown(0, "%s: Cdiscount does not accept the token that it has just issued", op)
	case errors.As(err, &f):
		return sdk.MarketplaceDown(0, "%s: %s", op, f)
	case errors.As(err, &r) && r.quota():
		return sdk.Throttled(0, "%s: %s", op, r)
	case errors.As(err, &r):
		return sdk.MarketplaceRefused("%s: %s", op, r)
	case errors.As(err, &slow):
		return sdk.Throttled(slow.Wait, "%s: %s", op, slow)
	}
	return err
}

// timedOut reports whether the answer to a request that did reach the marketplace took too long: for this exchange, or for
// whatever stands before the marketplace. Asking for less may help then.
func timedOut(err error) bool {
	var lost *lostError
	var status *httpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &lost):
		return lost.sent && errors.As(lost.cause, &timeout) && timeout.Timeout()
	case errors.As(err, &status):
		return status.status == http.StatusGatewayTimeout || status.status == http.StatusRequestTimeout
	}
	return false
}

// describeLoss names the cause of a lost connection without addresses that help nobody.
func describeLoss(e *lostError) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(e.cause, context.DeadlineExceeded), errors.As(e.cause, &timeout) && timeout.Timeout():
		return "no complete answer in time"
	case !e.sent:
		return "no connection: " + e.cause.Error()
	}
	return e.Error()
}
