package api_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/api"
)

// The tests of this package drive a server over real gRPC connections. Where the core is not what is tested, a fake service
// stands in for it.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeService is a MarketplaceService whose methods do what its fields say.
type fakeService struct {
	marketplacev1.UnimplementedMarketplaceServiceServer
	getStore     func(context.Context, *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error)
	connectStore func(context.Context, *marketplacev1.ConnectStoreRequest) (*marketplacev1.Store, error)
	watchImport  func(*marketplacev1.WatchImportRequest, grpc.ServerStreamingServer[marketplacev1.Import]) error
}

func (f *fakeService) GetStore(ctx context.Context, req *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error) {
	return f.getStore(ctx, req)
}

func (f *fakeService) ConnectStore(ctx context.Context, req *marketplacev1.ConnectStoreRequest) (*marketplacev1.Store, error) {
	return f.connectStore(ctx, req)
}

func (f *fakeService) WatchImport(req *marketplacev1.WatchImportRequest, stream grpc.ServerStreamingServer[marketplacev1.Import]) error {
	return f.watchImport(req, stream)
}

// running is a server on a local socket, and a client of it.
type running struct {
	*api.Server
	client marketplacev1.MarketplaceServiceClient
	health healthgrpc.HealthClient
	log    *lockedLog
	stop   func() // drains and stops the server, once
	once   sync.Once
}

// Drain drains the server, once however often it is called.
func (r *running) Drain() { r.once.Do(r.Server.Drain) }

// serve serves a service, with a log of everything.
func serve(t *testing.T, service marketplacev1.MarketplaceServiceServer) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedLog{}
	server := api.NewServer(api.Services{Marketplace: service}, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Server: server, client: marketplacev1.NewMarketplaceServiceClient(conn), health: healthgrpc.NewHealthClient(conn), log: log}
	r.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		r.Drain()
		server.Stop(ctx)
	})
	t.Cleanup(func() {
		_ = conn.Close()
		r.stop()
		<-served
	})
	return r
}

// lockedLog is a log that a test reads while the server writes it.
type lockedLog struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// details are the google.rpc details of an error.
type details struct {
	info  *errdetails.ErrorInfo
	bad   *errdetails.BadRequest
	retry *errdetails.RetryInfo
}

func detailsOf(err error) details {
	var d details
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			d.info = detail
		case *errdetails.BadRequest:
			d.bad = detail
		case *errdetails.RetryInfo:
			d.retry = detail
		}
	}
	return d
}
