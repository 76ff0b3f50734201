package serve

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// How many calls one adapter process works on at once; more wait their turn within their deadline. That bounds memory: a call
// holds at most a page of a marketplace's answer and one message of orders. Streams and unary calls have places of their own:
// an import keeps its stream open for minutes, and however many of them there are, a shipment must not wait behind one.
const (
	maxConcurrentUnary   = 128
	maxConcurrentStreams = 64
)

// interceptors surround every call of the adapter's service, and leave go-plugin's own services on the same server alone:
// their streams live as long as the process and must not take a place.
type interceptors struct {
	unaryPlaces  places
	streamPlaces places
}

// places has one entry for each call at work.
type places chan struct{}

func newInterceptors() *interceptors {
	return &interceptors{unaryPlaces: make(places, maxConcurrentUnary), streamPlaces: make(places, maxConcurrentStreams)}
}

func (i *interceptors) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (response any, err error) {
	if !ours(info.FullMethod) {
		return handler(ctx, req)
	}
	err = guard(ctx, i.unaryPlaces, info.FullMethod, func() (err error) {
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
	return guard(stream.Context(), i.streamPlaces, info.FullMethod, func() error { return handler(srv, stream) })
}

// guard runs one call: it waits for a place, turns a panic into an error of this call alone, and the error into a status.
func guard(ctx context.Context, p places, method string, call func() error) (err error) {
	defer func() { err = toStatus(ctx, err) }()
	// Describe is the host's question whether this process is alive: it must not wait behind slow marketplace calls.
	if method != adapterv1.MarketplaceAdapterService_Describe_FullMethodName {
		select {
		case p <- struct{}{}:
			defer func() { <-p }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() {
		if value := recover(); value != nil {
			slog.ErrorContext(ctx, "adapter panicked", slog.String("method", method), slog.String("panic", tellPanic(value)),
				slog.String("stack", string(debug.Stack())))
			err = sdk.Internal("the adapter panicked; its log has the stack")
		}
	}()
	return call()
}

// tellPanic says what a panic was without what an author put into it, which may be an order or a token. The texts of the
// runtime's own errors hold types and indices only.
func tellPanic(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", value)
}

// ours reports whether a method belongs to the adapter's service.
func ours(fullMethod string) bool {
	return strings.HasPrefix(fullMethod, "/"+adapterv1.MarketplaceAdapterService_ServiceDesc.ServiceName+"/")
}
