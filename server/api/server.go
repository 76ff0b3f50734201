// Package api is the public gRPC surface: handlers that validate, translate and call the core, and the interceptors around
// them. It holds no SQL, no plugin and no rule of a marketplace.
package api

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
)

// Limits of the gRPC servers, set on purpose rather than inherited.
const (
	// maxRequestBytes is far above the largest request (a shipment with all its items) and far below harm.
	maxRequestBytes = 1 << 20
	// maxResponseBytes holds a page of 500 large orders.
	maxResponseBytes = 16 << 20
	// unaryDeadline ends a unary call whose caller set no deadline: longer than the slowest marketplace answer waited for.
	unaryDeadline = 3 * time.Minute
	// maxConcurrentStreams bounds the calls on one connection.
	maxConcurrentStreams = 1000
)

// Services is what a server serves. A nil service is left out.
type Services struct {
	Marketplace marketplacev1.MarketplaceServiceServer
	Adapters    marketplacev1.AdapterServiceServer
}

// NewServer returns a gRPC server with the services, reflection and health. The health server reports every service as
// serving; Shutdown on it says otherwise before the server stops.
func NewServer(s Services, log *slog.Logger) (*grpc.Server, *health.Server) {
	logged := []logging.Option{
		logging.WithLogOnEvents(logging.FinishCall),
		logging.WithLevels(levelOf),
		// Method, code, duration and peer: never a payload, which holds personal data and credentials.
		logging.WithDisableLoggingFields("grpc.error"),
	}
	recovered := recovery.WithRecoveryHandlerContext(func(ctx context.Context, p any) error {
		log.ErrorContext(ctx, "handler panicked", "panic", p, "stack", string(debug.Stack()))
		return problem.New(problem.Internal, problem.ReasonInternal, "an internal error stopped the call; the server's log tells more")
	})
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxRequestBytes),
		grpc.MaxSendMsgSize(maxResponseBytes),
		grpc.MaxConcurrentStreams(maxConcurrentStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(
			logging.UnaryServerInterceptor(slogAdapter(log), logged...),
			unaryErrors(log),
			recovery.UnaryServerInterceptor(recovered),
			deadline(unaryDeadline),
		),
		grpc.ChainStreamInterceptor(
			logging.StreamServerInterceptor(slogAdapter(log), logged...),
			streamErrors(log),
			recovery.StreamServerInterceptor(recovered),
		),
	)
	hs := health.NewServer()
	healthgrpc.RegisterHealthServer(server, hs)
	if s.Marketplace != nil {
		marketplacev1.RegisterMarketplaceServiceServer(server, s.Marketplace)
		hs.SetServingStatus(marketplacev1.MarketplaceService_ServiceDesc.ServiceName, healthgrpc.HealthCheckResponse_SERVING)
	}
	if s.Adapters != nil {
		marketplacev1.RegisterAdapterServiceServer(server, s.Adapters)
		hs.SetServingStatus(marketplacev1.AdapterService_ServiceDesc.ServiceName, healthgrpc.HealthCheckResponse_SERVING)
	}
	reflection.Register(server)
	return server, hs
}

// deadline gives a unary call without a deadline one, so that nothing runs for ever.
func deadline(d time.Duration) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if _, set := ctx.Deadline(); !set {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, d)
			defer cancel()
		}
		return handler(ctx, req)
	}
}

// slogAdapter lets the logging interceptor write to slog.
func slogAdapter(log *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, level logging.Level, msg string, fields ...any) {
		log.Log(ctx, slog.Level(level), msg, fields...) //nolint:sloglint // the interceptor's messages are constants
	})
}

// levelOf logs what a caller did wrong at INFO and what relais did wrong at ERROR.
func levelOf(c codes.Code) logging.Level {
	switch c {
	case codes.OK:
		return logging.LevelDebug
	case codes.Internal, codes.Unknown, codes.DataLoss, codes.Unimplemented:
		return logging.LevelError
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded:
		return logging.LevelWarn
	}
	return logging.LevelInfo
}
