// Package api is the public gRPC surface: handlers that validate, translate and call the core, and the interceptors around
// them. It holds no SQL, no plugin and no rule of a marketplace.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
)

// Limits of the gRPC servers, set on purpose rather than inherited.
const (
	// maxRequestBytes is above a full batch of shipments with every text as long as it may be, which takes 11.1 MiB where each
	// character takes four bytes; the rest is 5 KiB of items for each of them. It is below harm.
	maxRequestBytes = 16 << 20
	// maxResponseBytes is above every page (maxPageBytes), one order of any size included, and above the answer to the largest batch,
	// which repeats it and has up to 8 KiB more to say of each shipment.
	maxResponseBytes = 24 << 20
	// unaryDeadline ends a unary call whose caller set no deadline: longer than the slowest marketplace answer waited for.
	unaryDeadline = 3 * time.Minute
	// maxConcurrentStreams bounds the calls on one connection.
	maxConcurrentStreams = 1000
)

// Services is what a server serves. A nil service is left out.
type Services struct {
	Marketplace marketplacev1.MarketplaceServiceServer
	Adapters    marketplacev1.AdapterServiceServer
	Migrations  marketplacev1.MigrationServiceServer
}

// Server is a gRPC server with the services, reflection and health. The health server reports every service as serving
// until Drain, and each adapter as SetAdapterHealth says.
type Server struct {
	grpc   *grpc.Server
	health *health.Server
	calls  callCount     // of relais's own services: those that a stop waits for
	done   chan struct{} // closed when GracefulStop has returned
}

// NewServer returns a server that does not serve yet.
func NewServer(s Services, log *slog.Logger) *Server {
	srv := &Server{done: make(chan struct{})}
	logged := []logging.Option{
		logging.WithLogOnEvents(logging.FinishCall),
		logging.WithLevels(levelOf),
		// Method, code, reason, duration and peer: never a payload, which holds personal data and credentials.
		logging.WithErrorFields(reasonOf),
	}
	recovered := recovery.WithRecoveryHandlerContext(func(ctx context.Context, p any) error {
		// The value may hold data; its type and the stack tell where to look.
		log.ErrorContext(ctx, "handler panicked", "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		return problem.New(problem.Internal, problem.ReasonInternal, "an internal error stopped the call; the server's log tells more")
	})
	srv.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxRequestBytes),
		grpc.MaxSendMsgSize(maxResponseBytes),
		grpc.MaxConcurrentStreams(maxConcurrentStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(
			srv.countUnary,
			logging.UnaryServerInterceptor(slogAdapter(log), logged...),
			unaryErrors(log),
			recovery.UnaryServerInterceptor(recovered),
			deadline(unaryDeadline),
		),
		grpc.ChainStreamInterceptor(
			srv.countStream,
			logging.StreamServerInterceptor(slogAdapter(log), logged...),
			streamErrors(log),
			recovery.StreamServerInterceptor(recovered),
		),
	)
	srv.health = health.NewServer()
	healthgrpc.RegisterHealthServer(srv.grpc, srv.health)
	if s.Marketplace != nil {
		marketplacev1.RegisterMarketplaceServiceServer(srv.grpc, s.Marketplace)
		srv.health.SetServingStatus(marketplacev1.MarketplaceService_ServiceDesc.ServiceName, healthgrpc.HealthCheckResponse_SERVING)
	}
	if s.Adapters != nil {
		marketplacev1.RegisterAdapterServiceServer(srv.grpc, s.Adapters)
		srv.health.SetServingStatus(marketplacev1.AdapterService_ServiceDesc.ServiceName, healthgrpc.HealthCheckResponse_SERVING)
	}
	if s.Migrations != nil {
		marketplacev1.RegisterMigrationServiceServer(srv.grpc, s.Migrations)
		srv.health.SetServingStatus(marketplacev1.MigrationService_ServiceDesc.ServiceName, healthgrpc.HealthCheckResponse_SERVING)
	}
	reflection.Register(srv.grpc)
	return srv
}

// AdapterHealth is the name under which grpc.health.v1 tells whether an adapter serves.
func AdapterHealth(adapter string) string { return "relais.adapter." + adapter }

// SetAdapterHealth tells whether an adapter serves. After Drain it has no effect.
func (s *Server) SetAdapterHealth(adapter string, serves bool) {
	state := healthgrpc.HealthCheckResponse_NOT_SERVING
	if serves {
		state = healthgrpc.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(AdapterHealth(adapter), state)
}

// Serve serves on a listener until Stop.
func (s *Server) Serve(l net.Listener) error { return s.grpc.Serve(l) }

// Drain takes no new calls and lets those under way go on. It is called once, before Stop.
func (s *Server) Drain() {
	s.health.Shutdown()
	go func() {
		s.grpc.GracefulStop()
		close(s.done)
	}()
}

// lastCalls is how long calls may still arrive that were on their way when Drain was called.
const lastCalls = 200 * time.Millisecond

// Stop waits until the calls of relais's own services have ended, or until ctx ends, and cuts what is left: health watches
// and reflection streams would go on for ever.
func (s *Server) Stop(ctx context.Context) {
	select {
	case <-s.done:
		return
	case <-s.calls.idle():
		timer := time.NewTimer(lastCalls)
		defer timer.Stop()
		select {
		case <-s.done:
		case <-timer.C:
			select { // those that arrived meanwhile
			case <-s.calls.idle():
			case <-ctx.Done():
			}
		}
	case <-ctx.Done():
	}
	s.grpc.Stop()
	<-s.done
}

func (s *Server) countUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if own(info.FullMethod) {
		s.calls.begin()
		defer s.calls.end()
	}
	return handler(ctx, req)
}

func (s *Server) countStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if own(info.FullMethod) {
		s.calls.begin()
		defer s.calls.end()
	}
	return handler(srv, ss)
}

// callCount counts calls under way.
type callCount struct {
	mu    sync.Mutex // guards the fields below
	calls int
	none  chan struct{} // closed when calls becomes 0; nil while nobody asked
}

func (c *callCount) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
}

func (c *callCount) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls--; c.calls == 0 && c.none != nil {
		close(c.none)
		c.none = nil
	}
}

// idle returns what is closed as soon as no call is under way.
func (c *callCount) idle() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	none := make(chan struct{})
	if c.calls == 0 {
		close(none)
	} else {
		c.none = none
	}
	return none
}

// own reports whether a method is of a service of relais.
func own(method string) bool { return strings.HasPrefix(method, "/relais.") }

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

// errorField is the field in which the logging interceptor puts the text of an error, and no option takes it out.
const errorField = "grpc.error"

// slogAdapter lets the logging interceptor write to slog, without the texts of errors: those quote what the caller sent.
func slogAdapter(log *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, level logging.Level, msg string, fields ...any) {
		if i := slices.Index(fields, any(errorField)); i >= 0 {
			fields = slices.Delete(slices.Clone(fields), i, i+2)
		}
		log.Log(ctx, slog.Level(level), msg, fields...) //nolint:sloglint // the interceptor's messages are constants
	})
}

// reasonOf is what the log tells of an error beside its code.
func reasonOf(err error) logging.Fields {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return logging.Fields{"reason", info.GetReason()}
		}
	}
	return nil
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
