package serve

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// errorDomain is the domain of every ErrorInfo that an adapter sends.
const errorDomain = "relais.adapter"

// maxMessageLength is how much of an error's text travels, in bytes.
const maxMessageLength = 1024

// notOffered is the error of a method that the adapter does not implement. To the host it must look like an adapter of an
// earlier protocol minor, which gRPC itself answers for: UNIMPLEMENTED, since nothing was tried and nothing failed.
type notOffered string

// Error names the method.
func (m notOffered) Error() string { return "this adapter does not offer " + string(m) }

// toStatus turns the error of one call into what travels: a status with ErrorInfo, and RetryInfo or BadRequest where they apply.
func toStatus(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if missing := notOffered(""); errors.As(err, &missing) {
		return status.Error(codes.Unimplemented, missing.Error())
	}
	// The caller gave up. Whatever the adapter made out of that (often "marketplace down") says nothing about the marketplace.
	if ended := ctx.Err(); ended != nil && (errors.Is(err, ended) || sdk.AsError(err) == nil) {
		return status.FromContextError(ended).Err()
	}
	e := sdk.AsError(err)
	if e == nil {
		e = sdk.Internal("%w", err)
	}
	message := strings.ToValidUTF8(e.Message, "\uFFFD")
	if len(message) > maxMessageLength {
		message = strings.ToValidUTF8(message[:maxMessageLength], "") + "…"
	}
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: sdk.ReasonName(e.Reason), Domain: errorDomain}}
	if e.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	if e.Field != "" {
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: strings.ToValidUTF8(e.Field, "\uFFFD"), Description: message},
		}})
	}
	st, detailErr := status.New(code(e.Reason), message).WithDetails(details...)
	if detailErr != nil {
		return status.Error(code(e.Reason), message)
	}
	return st.Err()
}

// code is the gRPC code of a reason, as ErrorReason documents it.
func code(reason adapterv1.ErrorReason) codes.Code {
	switch reason {
	case adapterv1.ErrorReason_ERROR_REASON_CREDENTIALS_REJECTED,
		adapterv1.ErrorReason_ERROR_REASON_SELLER_NOT_AUTHORIZED,
		adapterv1.ErrorReason_ERROR_REASON_SELLER_INACTIVE,
		adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_REFUSED:
		return codes.FailedPrecondition
	case adapterv1.ErrorReason_ERROR_REASON_THROTTLED:
		return codes.ResourceExhausted
	case adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_DOWN:
		return codes.Unavailable
	case adapterv1.ErrorReason_ERROR_REASON_INVALID_REQUEST:
		return codes.InvalidArgument
	default:
		return codes.Internal
	}
}
