package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/server/problem"
)

// Domain is the ErrorInfo domain of every error of relais.
const Domain = "relais"

// codeOf is the gRPC code of each kind of problem.
var codeOf = map[problem.Kind]codes.Code{
	problem.Internal:     codes.Internal,
	problem.Invalid:      codes.InvalidArgument,
	problem.NotFound:     codes.NotFound,
	problem.Precondition: codes.FailedPrecondition,
	problem.Exists:       codes.AlreadyExists,
	problem.Exhausted:    codes.ResourceExhausted,
	problem.Unavailable:  codes.Unavailable,
}

// toStatus turns an error into what a caller may see: a problem with its details; the caller's own cancellation; anything
// else as INTERNAL without its text, which goes to the log only.
func toStatus(ctx context.Context, log *slog.Logger, method string, err error) error {
	if err == nil {
		return nil
	}
	if p := problem.As(err); p != nil {
		if p.Kind == problem.Internal {
			log.ErrorContext(ctx, "call failed", "method", method, "reason", p.Reason, "error", err)
		}
		return statusOf(p)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the call was cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the call did not end within its deadline")
	}
	if _, ok := status.FromError(err); ok { // of gRPC itself, such as a failed Send
		return err
	}
	log.ErrorContext(ctx, "call failed", "method", method, "error", err)
	return statusOf(problem.New(problem.Internal, problem.ReasonInternal, "an internal error stopped the call; the server's log tells more"))
}

// defaultRetry is the delay that a caller is told when waiting helps and nobody said how long.
const defaultRetry = 30 * time.Second

// statusOf makes the status of a problem, with its google.rpc details.
func statusOf(p *problem.Problem) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: p.Reason, Domain: Domain, Metadata: maps.Clone(p.Metadata)}}
	if len(p.Fields) > 0 {
		bad := &errdetails.BadRequest{}
		for _, f := range p.Fields {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: f.Path, Description: f.Message, Reason: p.Reason,
			})
		}
		details = append(details, bad)
	}
	if p.Kind == problem.Exhausted || p.Kind == problem.Unavailable {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(cmp.Or(p.RetryAfter, defaultRetry))})
	}
	st := status.New(codeOf[p.Kind], strings.ToValidUTF8(p.Message, "?"))
	if with, err := st.WithDetails(details...); err == nil {
		st = with
	}
	return st.Err()
}

// unaryErrors and streamErrors apply toStatus to what handlers return.
func unaryErrors(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		resp, err := handler(ctx, req)
		return resp, toStatus(ctx, log, info.FullMethod, err)
	}
}

func streamErrors(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return toStatus(ss.Context(), log, info.FullMethod, handler(srv, ss))
	}
}
