package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/config"
)

// The tests of this package drive the whole of relais through its gRPC surface: a real server, a real database, a real
// adapter process, and the sandbox over real sockets.

// binDir holds the built binaries: what `make test` built, or what TestMain builds.
var binDir string

func TestMain(m *testing.M) {
	if path := os.Getenv(benchOrdersFile); path != "" {
		serveBenchAdapter(path) // does not return: the host ends the process
		return
	}
	if os.Getenv(readdressedAdapter) != "" {
		serveReaddressedAdapter()
		return
	}
	if os.Getenv(muteAdapter) != "" {
		serveMuteAdapter()
		return
	}
	os.Exit(func() int {
		binDir = os.Getenv("RELAIS_TEST_BIN")
		if binDir == "" {
			dir, err := os.MkdirTemp("", "relais-test-bin")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			binDir = dir
			for out, pkg := range map[string]string{
				"relais": "./server", "relais-sandbox": "./adapters/sandbox", "plugins/relais-adapter-cdiscount": "./plugins/cdiscount",
				"plugins/relais-adapter-octopia": "./plugins/octopia",
			} {
				cmd := exec.Command("go", "build", "-o", filepath.Join(dir, out), pkg)
				cmd.Dir = ".."
				if text, err := cmd.CombinedOutput(); err != nil {
					fmt.Fprintf(os.Stderr, "build %s: %v\n%s", pkg, err, text)
					return 1
				}
			}
		}
		code := m.Run()
		if err := goleak.Find(goleak.IgnoreTopFunction("github.com/relaishq/relais/adapters/launch.serveForkThread")); code == 0 && err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// testClock is the server's clock: the real one, moved.
type testClock struct {
	mu     sync.Mutex // guards offset
	offset time.Duration
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// syncBuffer is a log that a test reads while the server writes it.
type syncBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// system is one relais with its sandbox.
type system struct {
	t       *testing.T
	dir     string
	environ []string
	sandbox *emulator.Server
	clock   *testClock
	log     *syncBuffer

	server *relais
	api    marketplacev1.MarketplaceServiceClient
	admin  marketplacev1.AdapterServiceClient
	moves  marketplacev1.MigrationServiceClient
	conns  []*grpc.ClientConn
}

// newSystem starts a sandbox with orders invented orders and a server; more settings are RELAIS_* variables.
func newSystem(t *testing.T, orders int, settings ...string) *system {
	t.Helper()
	sandbox, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{World: world.Config{Orders: orders, Sellers: 2, Seed: 1}})
	if err != nil {
		t.Fatalf("start sandbox: %v", err)
	}
	t.Cleanup(func() { _ = sandbox.Close() })
	return newSystemAt(t, sandbox, settings...)
}

// newSystemAt starts a server beside a sandbox.
func newSystemAt(t *testing.T, sandbox *emulator.Server, settings ...string) *system {
	t.Helper()
	// Not t.TempDir: its path holds the test's name and can be too long for a unix socket.
	dir, err := os.MkdirTemp("", "relais")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &system{
		t: t, dir: dir, sandbox: sandbox, clock: &testClock{}, log: &syncBuffer{},
		environ: append([]string{
			"RELAIS_LISTEN=127.0.0.1:0",
			"RELAIS_DATA_DIR=" + dir,
			"RELAIS_PLUGIN_DIR=" + filepath.Join(binDir, "plugins"),
			"RELAIS_SANDBOX_URL=" + sandbox.URL(),
			"RELAIS_SHUTDOWN_TIMEOUT=20s",
			"RELAIS_IMPORT_INTERVAL=0", // tests import when they say so
			"RELAIS_ADAPTERS_CALL_TIMEOUT=5s",
			"RELAIS_SHIPMENT_SETTLE_DELAY=150ms",
			"RELAIS_SHIPMENT_RETRY_MIN=50ms",
			"RELAIS_SHIPMENT_RETRY_MAX=200ms",
		}, settings...),
	}
	s.start()
	t.Cleanup(s.stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
	})
	return s
}

// config loads the configuration as the server does.
func (s *system) config() config.Config {
	s.t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.AddFlags(flags)
	cfg, err := config.Load(flags, s.environ)
	if err != nil {
		s.t.Fatalf("load configuration: %v", err)
	}
	return cfg
}

// start starts the server over the data directory, for the first time or again.
func (s *system) start() {
	s.t.Helper()
	cfg := s.config()
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server, err := start(s.t.Context(), cfg, log, s.clock.now)
	if err != nil {
		s.t.Fatalf("start server: %v", err)
	}
	s.server = server
	s.api = marketplacev1.NewMarketplaceServiceClient(s.dial(server.address()))
	operators := s.dial("unix:" + cfg.AdminSocket)
	s.admin, s.moves = marketplacev1.NewAdapterServiceClient(operators), marketplacev1.NewMigrationServiceClient(operators)
}

func (s *system) dial(target string) *grpc.ClientConn {
	s.t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	s.conns = append(s.conns, conn)
	return conn
}

// stop stops the server, if it runs, and expects that everything ends well.
func (s *system) stop() {
	s.t.Helper()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
	if s.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.server.stop(ctx); err != nil {
		s.t.Errorf("stop server: %v", err)
	}
	s.server = nil
}

// advance moves the server's and the marketplace's clock.
func (s *system) advance(d time.Duration) {
	s.t.Helper()
	s.clock.mu.Lock()
	s.clock.offset += d
	s.clock.mu.Unlock()
	if err := s.sandbox.World().Clock().Advance(d); err != nil {
		s.t.Fatal(err)
	}
}

// wantError checks code and reason of an error and returns its details by kind.
func wantError(t *testing.T, err error, code codes.Code, reason string) (*errdetails.ErrorInfo, *errdetails.BadRequest, *errdetails.RetryInfo) {
	t.Helper()
	st := status.Convert(err)
	var (
		info  *errdetails.ErrorInfo
		bad   *errdetails.BadRequest
		retry *errdetails.RetryInfo
	)
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.BadRequest:
			bad = d
		case *errdetails.RetryInfo:
			retry = d
		}
	}
	if st.Code() != code || info.GetReason() != reason || info.GetDomain() != "relais" {
		t.Fatalf("error %s %s/%s %q, want %s relais/%s", st.Code(), info.GetDomain(), info.GetReason(), st.Message(), code, reason)
	}
	if strings.TrimSpace(st.Message()) == "" {
		t.Error("the error has no message")
	}
	return info, bad, retry
}
