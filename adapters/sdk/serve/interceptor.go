package serve

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// maxConcurrentCalls is how many calls one adapter process works on at once; more wait their turn within their deadline. It
// bounds memory: a call holds at most a page of a marketplace's answer and one message of orders.
const maxConcurrentCalls = 128

// interceptors surround every call of the adapter's service, and leave go-plugin's own services on the same server alone:
// their streams live as long as the process and must not take a place.
type interceptors struct {
	places chan struct{} // one entry for each call at work
}

func newInterceptors(limit int) *interceptors {
	return &interceptors{places: make(chan struct{}, limit)}
}

func (i *interceptors) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (response any, err error) {
	if !ours(info.FullMethod) {
		return handler(ctx, req)
	}
	err = i.guard(ctx, info.FullMethod, func() (err error) {
		response, err = handler(ctx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return response, nil
}

func (i *interceptors) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if !ours(info.FullMethod) {
		return handler(srv, stream)
	}
	return i.guard(stream.Context(), info.FullMethod, func() error { return handler(srv, stream) })
}

// guard runs one call: it waits for a place, turns a panic into an error of this call alone, and the error into a status.
func (i *interceptors) guard(ctx context.Context, method string, call func() error) (err error) {
	defer func() { err = toStatus(ctx, err) }()
	// Describe is the host's question whether this process is alive: it must not wait behind slow marketplace calls.
	if method != adapterv1.MarketplaceAdapterService_Describe_FullMethodName {
		select {
		case i.places <- struct{}{}:
			defer func() { <-i.places }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(ctx, "adapter panicked", slog.String("method", method), slog.Any("panic", p),
				slog.String("stack", string(debug.Stack())))
			err = sdk.Internal("the adapter panicked; its log has the stack")
		}
	}()
	return call()
}

// ours reports whether a method belongs to the adapter's service.
func ours(fullMethod string) bool {
	return strings.HasPrefix(fullMethod, "/"+adapterv1.MarketplaceAdapterService_ServiceDesc.ServiceName+"/")
}
