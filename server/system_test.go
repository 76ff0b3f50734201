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
	"github.com/relaishq/relais/adapters/sandbox/fault"
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
	s.admin = marketplacev1.NewAdapterServiceClient(s.dial("unix:" + cfg.AdminSocket))
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

// demoCredentials are those of the sandbox's first seller.
func demoCredentials() *marketplacev1.Credentials {
	return &marketplacev1.Credentials{Values: map[string]string{"login": "demo-api", "password": world.DefaultPassword}}
}

func connectRequest(id string) *marketplacev1.ConnectStoreRequest {
	return &marketplacev1.ConnectStoreRequest{
		StoreId:     id,
		Store:       &marketplacev1.Store{Adapter: "adapters/cdiscount", Environment: "sandbox"},
		Credentials: demoCredentials(),
	}
}

// connect connects the sandbox's first seller as stores/demo.
func (s *system) connect() *marketplacev1.Store {
	s.t.Helper()
	st, err := s.api.ConnectStore(s.t.Context(), connectRequest("demo"))
	if err != nil {
		s.t.Fatalf("ConnectStore: %v", err)
	}
	return st
}

// runImport imports stores/demo and returns the run at its end.
func (s *system) runImport() *marketplacev1.Import {
	s.t.Helper()
	run, err := s.api.ImportOrders(s.t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"})
	if err != nil {
		s.t.Fatalf("ImportOrders: %v", err)
	}
	return s.await(run.GetName())
}

// await watches an import to its end.
func (s *system) await(name string) *marketplacev1.Import {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	stream, err := s.api.WatchImport(ctx, &marketplacev1.WatchImportRequest{Name: name})
	if err != nil {
		s.t.Fatalf("WatchImport: %v", err)
	}
	for {
		run, err := stream.Recv()
		if err != nil {
			s.t.Fatalf("WatchImport ended early: %v", err)
		}
		if run.GetState() != marketplacev1.Import_STATE_RUNNING {
			return run
		}
	}
}

// imported runs an import that must succeed.
func (s *system) imported() *marketplacev1.Import {
	s.t.Helper()
	run := s.runImport()
	if run.GetState() != marketplacev1.Import_STATE_SUCCEEDED {
		s.t.Fatalf("import ended %s: %s", run.GetState(), run.GetFailure().GetMessage())
	}
	return run
}

// orders lists all orders of stores/demo by number.
func (s *system) orders(req *marketplacev1.ListOrdersRequest) map[string]*marketplacev1.Order {
	s.t.Helper()
	if req == nil {
		req = &marketplacev1.ListOrdersRequest{}
	}
	req.Parent = "stores/demo"
	all := make(map[string]*marketplacev1.Order)
	for {
		page, err := s.api.ListOrders(s.t.Context(), req)
		if err != nil {
			s.t.Fatalf("ListOrders: %v", err)
		}
		for _, o := range page.GetOrders() {
			all[o.GetOrderNumber()] = o
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}

// order reads one order of stores/demo.
func (s *system) order(number string) *marketplacev1.Order {
	s.t.Helper()
	o, err := s.api.GetOrder(s.t.Context(), &marketplacev1.GetOrderRequest{Name: "stores/demo/orders/" + number})
	if err != nil {
		s.t.Fatalf("GetOrder: %v", err)
	}
	return o
}

// listedSince returns the numbers of the first seller's orders that were created since and whose state the marketplace tells:
// one that is minutes old has none yet (cdiscount-soap.md 6.2), so no list by states shows it before a later import.
func (s *system) listedSince(since time.Time) []string {
	now := s.sandbox.World().Clock().Now()
	return s.sandbox.World().Find("demo", func(h world.Head) bool {
		return !h.Created.Before(since) && !h.StateKnownFrom.After(now)
	})
}

// create makes an order in the sandbox and returns its number.
func (s *system) create(spec world.Spec) string {
	s.t.Helper()
	numbers, err := s.sandbox.World().Create(spec)
	if err != nil {
		s.t.Fatalf("create order in the sandbox: %v", err)
	}
	return numbers[0]
}

// change changes an order in the sandbox.
func (s *system) change(number string, p world.Patch) {
	s.t.Helper()
	if err := s.sandbox.World().Update(number, p); err != nil {
		s.t.Fatalf("change order in the sandbox: %v", err)
	}
}

// inject adds a fault to the sandbox.
func (s *system) inject(r fault.Rule) {
	s.t.Helper()
	if _, err := s.sandbox.Faults().Add(r); err != nil {
		s.t.Fatalf("inject fault: %v", err)
	}
}

// notifyRequest is a shipment of an order of stores/demo.
func notifyRequest(number string) *marketplacev1.NotifyShipmentRequest {
	return &marketplacev1.NotifyShipmentRequest{
		Parent: "stores/demo",
		Shipment: &marketplacev1.Shipment{
			Order: "stores/demo/orders/" + number, Carrier: "Colissimo", TrackingNumber: "6A" + number,
		},
	}
}

// notify ships an order and returns the shipment as accepted.
func (s *system) notify(number string) *marketplacev1.Shipment {
	s.t.Helper()
	sh, err := s.api.NotifyShipment(s.t.Context(), notifyRequest(number))
	if err != nil {
		s.t.Fatalf("NotifyShipment: %v", err)
	}
	return sh
}

// settled polls a shipment until it is in one of the states.
func (s *system) settled(name string, states ...marketplacev1.Shipment_State) *marketplacev1.Shipment {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		sh, err := s.api.GetShipment(s.t.Context(), &marketplacev1.GetShipmentRequest{Name: name})
		if err != nil {
			s.t.Fatalf("GetShipment: %v", err)
		}
		for _, want := range states {
			if sh.GetState() == want {
				return sh
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("shipment stays %s (%s), want one of %v", sh.GetState(), sh.GetMessage(), states)
		}
	}
}

// shipWrites returns the ship requests that the sandbox received for an order.
func (s *system) shipWrites(number string) []world.Write {
	var writes []world.Write
	for _, w := range s.sandbox.World().Writes() {
		if w.Order == number && w.RequestedState == "Shipped" {
			writes = append(writes, w)
		}
	}
	return writes
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
