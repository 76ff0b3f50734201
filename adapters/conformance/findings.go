package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// maxFindings bounds how many findings of one check are told: more of them help nobody.
const maxFindings = 10

// findings collects what a check saw that should not be. The zero value is ready to use.
type findings struct{ lines []string }

// addf adds a finding.
func (f *findings) addf(format string, args ...any) {
	f.lines = append(f.lines, fmt.Sprintf(format, args...))
}

// add adds an error as a finding; nil adds nothing.
func (f *findings) add(err error) {
	if err != nil {
		f.lines = append(f.lines, err.Error())
	}
}

// err returns all findings as one error, one a line; nil when there are none.
func (f *findings) err() error {
	lines := f.lines
	if len(lines) == 0 {
		return nil
	}
	if more := len(lines) - maxFindings; more > 0 {
		lines = append(slices.Clone(lines[:maxFindings]), fmt.Sprintf("… and %d more", more))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// errorDomain is the domain of every ErrorInfo of the protocol.
const errorDomain = "relais.adapter"

// Short names of the reasons that checks ask for.
const (
	credentialsRejected = adapterv1.ErrorReason_ERROR_REASON_CREDENTIALS_REJECTED
	sellerNotAuthorized = adapterv1.ErrorReason_ERROR_REASON_SELLER_NOT_AUTHORIZED
	sellerInactive      = adapterv1.ErrorReason_ERROR_REASON_SELLER_INACTIVE
	throttled           = adapterv1.ErrorReason_ERROR_REASON_THROTTLED
	marketplaceDown     = adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_DOWN
	malformedAnswer     = adapterv1.ErrorReason_ERROR_REASON_MALFORMED_ANSWER
	invalidRequest      = adapterv1.ErrorReason_ERROR_REASON_INVALID_REQUEST
)

// codeOf is the gRPC code of each reason, as the protocol's ErrorReason documents it.
func codeOf(reason adapterv1.ErrorReason) codes.Code {
	switch reason {
	case credentialsRejected, sellerNotAuthorized, sellerInactive, adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_REFUSED:
		return codes.FailedPrecondition
	case throttled:
		return codes.ResourceExhausted
	case marketplaceDown:
		return codes.Unavailable
	case invalidRequest:
		return codes.InvalidArgument
	case malformedAnswer, adapterv1.ErrorReason_ERROR_REASON_INTERNAL:
		return codes.Internal
	default:
		return codes.OK
	}
}

// told is what an error of the protocol says.
type told struct {
	reason     adapterv1.ErrorReason
	retryAfter time.Duration // zero without RetryInfo
	fields     []string      // of BadRequest
}

// readError reads an error of the protocol. It fails when the error breaks the protocol's rules for errors: a status with an
// ErrorInfo of the protocol's domain, a reason of the closed list, and the gRPC code that belongs to the reason.
func readError(err error) (told, error) {
	st := status.Convert(err)
	var t told
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			value, known := adapterv1.ErrorReason_value["ERROR_REASON_"+d.GetReason()]
			if d.GetDomain() != errorDomain || !known || value == 0 {
				return told{}, fmt.Errorf("the error has the reason %q of domain %q, which the protocol does not know", d.GetReason(), d.GetDomain())
			}
			t.reason = adapterv1.ErrorReason(value)
		case *errdetails.RetryInfo:
			t.retryAfter = d.GetRetryDelay().AsDuration()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				t.fields = append(t.fields, v.GetField())
			}
		}
	}
	switch {
	case t.reason == adapterv1.ErrorReason_ERROR_REASON_UNSPECIFIED:
		return told{}, fmt.Errorf("the error %s has no ErrorInfo: %s", st.Code(), st.Message())
	case st.Code() != codeOf(t.reason):
		return told{}, fmt.Errorf("the error %s has the code %s instead of %s", reasonName(t.reason), st.Code(), codeOf(t.reason))
	case t.reason == invalidRequest && len(t.fields) == 0:
		return told{}, fmt.Errorf("the error INVALID_REQUEST names no field: %s", st.Message())
	}
	return t, nil
}

// reasonName is a reason as it travels.
func reasonName(reason adapterv1.ErrorReason) string {
	return strings.TrimPrefix(reason.String(), "ERROR_REASON_")
}

// expectReason says what is wrong when err is not an error of the protocol with one of the reasons.
func expectReason(what string, err error, reasons ...adapterv1.ErrorReason) (told, error) {
	names := make([]string, len(reasons))
	for i, r := range reasons {
		names[i] = reasonName(r)
	}
	want := strings.Join(names, " or ")
	if err == nil {
		return told{}, fmt.Errorf("%s: succeeded instead of %s", what, want)
	}
	t, broken := readError(err)
	if broken != nil {
		return told{}, fmt.Errorf("%s: want %s: %w", what, want, broken)
	}
	if !slices.Contains(reasons, t.reason) {
		return told{}, fmt.Errorf("%s: %s instead of %s: %s", what, reasonName(t.reason), want, status.Convert(err).Message())
	}
	return t, nil
}

// failed says that something that should work did not.
func failed(what string, err error) error {
	if st, ok := status.FromError(err); ok {
		name := st.Code().String()
		if t, broken := readError(err); broken == nil {
			name = reasonName(t.reason)
		}
		return fmt.Errorf("%s: %s: %s", what, name, st.Message())
	}
	return fmt.Errorf("%s: %w", what, err)
}
