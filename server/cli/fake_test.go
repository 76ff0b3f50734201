package cli_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == pretendedSandbox {
		pretendSandbox()
		return
	}
	goleak.VerifyTestMain(m)
}

// fake is the server that the commands talk to, through real gRPC. Each call is recorded and answered by answer.
type fake struct {
	marketplacev1.UnimplementedMarketplaceServiceServer
	marketplacev1.UnimplementedAdapterServiceServer
	marketplacev1.UnimplementedMigrationServiceServer

	// answer answers a unary call. Nil answers from world.
	answer func(context.Context, proto.Message) (proto.Message, error)
	// watch serves WatchImport.
	watch func(ctx context.Context, send func(*marketplacev1.Import) error) error
	// swap serves SwapAdapter and RollbackAdapter, watchAdapters WatchAdapters.
	swap          swapScript
	watchAdapters func(send func(*marketplacev1.WatchAdaptersResponse) error) error

	server string // address of the public API
	admin  string // path of the admin socket

	mu       sync.Mutex
	requests []proto.Message // guarded by mu
}

// swapScript is how the fake serves a swap.
type swapScript = func(ctx context.Context, send func(*marketplacev1.SwapStep) error) error

// newFake serves f until the test ends.
func newFake(t *testing.T, f *fake) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "relais-cli") // not t.TempDir: a socket's path must stay under 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f.server, f.admin = listener.Addr().String(), filepath.Join(dir, "admin.sock")
	adminListener, err := net.Listen("unix", f.admin)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	marketplacev1.RegisterMarketplaceServiceServer(server, f)
	operators := grpc.NewServer()
	marketplacev1.RegisterMarketplaceServiceServer(operators, f)
	marketplacev1.RegisterAdapterServiceServer(operators, f)
	marketplacev1.RegisterMigrationServiceServer(operators, f)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	serving.Go(func() { _ = operators.Serve(adminListener) })
	t.Cleanup(func() { server.Stop(); operators.Stop(); serving.Wait() })
	return f
}

func call[T proto.Message](ctx context.Context, f *fake, request proto.Message) (T, error) {
	f.mu.Lock()
	f.requests = append(f.requests, proto.Clone(request))
	f.mu.Unlock()
	answer := f.answer
	if answer == nil {
		answer = world
	}
	var none T
	m, err := answer(ctx, request)
	if err != nil {
		return none, err
	}
	typed, ok := m.(T)
	if !ok {
		return none, status.Errorf(codes.Internal, "the fake has no answer of type %s", reflect.TypeFor[T]())
	}
	return typed, nil
}

// received returns the calls so far.
func (f *fake) received() []proto.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[:len(f.requests):len(f.requests)]
}

func (f *fake) ConnectStore(ctx context.Context, r *marketplacev1.ConnectStoreRequest) (*marketplacev1.Store, error) {
	return call[*marketplacev1.Store](ctx, f, r)
}

func (f *fake) GetStore(ctx context.Context, r *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error) {
	return call[*marketplacev1.Store](ctx, f, r)
}

func (f *fake) ListStores(ctx context.Context, r *marketplacev1.ListStoresRequest) (*marketplacev1.ListStoresResponse, error) {
	return call[*marketplacev1.ListStoresResponse](ctx, f, r)
}

func (f *fake) UpdateStore(ctx context.Context, r *marketplacev1.UpdateStoreRequest) (*marketplacev1.Store, error) {
	return call[*marketplacev1.Store](ctx, f, r)
}

func (f *fake) RotateCredentials(ctx context.Context, r *marketplacev1.RotateCredentialsRequest) (*marketplacev1.Store, error) {
	return call[*marketplacev1.Store](ctx, f, r)
}

func (f *fake) CheckStore(ctx context.Context, r *marketplacev1.CheckStoreRequest) (*marketplacev1.Store, error) {
	return call[*marketplacev1.Store](ctx, f, r)
}

func (f *fake) PauseStore(ctx context.Context, r *marketplacev1.PauseStoreRequest) (*marketplacev1.Store, error) {
	return call[*marketplacev1.Store](ctx, f, r)
}

func (f *fake) ResumeStore(ctx context.Context, r *marketplacev1.ResumeStoreRequest) (*marketplacev1.Store, error) {
	return call[*marketplacev1.Store](ctx, f, r)
}

func (f *fake) DisconnectStore(ctx context.Context, r *marketplacev1.DisconnectStoreRequest) (*marketplacev1.Store, error) {
	return call[*marketplacev1.Store](ctx, f, r)
}

func (f *fake) ImportOrders(ctx context.Context, r *marketplacev1.ImportOrdersRequest) (*marketplacev1.Import, error) {
	return call[*marketplacev1.Import](ctx, f, r)
}

func (f *fake) GetImport(ctx context.Context, r *marketplacev1.GetImportRequest) (*marketplacev1.Import, error) {
	return call[*marketplacev1.Import](ctx, f, r)
}

func (f *fake) ListImports(ctx context.Context, r *marketplacev1.ListImportsRequest) (*marketplacev1.ListImportsResponse, error) {
	return call[*marketplacev1.ListImportsResponse](ctx, f, r)
}

func (f *fake) WatchImport(r *marketplacev1.WatchImportRequest, stream grpc.ServerStreamingServer[marketplacev1.Import]) error {
	f.mu.Lock()
	f.requests = append(f.requests, proto.Clone(r))
	f.mu.Unlock()
	return f.watch(stream.Context(), stream.Send)
}

func (f *fake) GetOrder(ctx context.Context, r *marketplacev1.GetOrderRequest) (*marketplacev1.Order, error) {
	return call[*marketplacev1.Order](ctx, f, r)
}

func (f *fake) AcceptOrder(ctx context.Context, r *marketplacev1.AcceptOrderRequest) (*marketplacev1.Order, error) {
	return call[*marketplacev1.Order](ctx, f, r)
}

func (f *fake) RefuseOrder(ctx context.Context, r *marketplacev1.RefuseOrderRequest) (*marketplacev1.Order, error) {
	return call[*marketplacev1.Order](ctx, f, r)
}

func (f *fake) ListOrders(ctx context.Context, r *marketplacev1.ListOrdersRequest) (*marketplacev1.ListOrdersResponse, error) {
	return call[*marketplacev1.ListOrdersResponse](ctx, f, r)
}

func (f *fake) ListCarriers(ctx context.Context, r *marketplacev1.ListCarriersRequest) (*marketplacev1.ListCarriersResponse, error) {
	return call[*marketplacev1.ListCarriersResponse](ctx, f, r)
}

func (f *fake) NotifyShipment(ctx context.Context, r *marketplacev1.NotifyShipmentRequest) (*marketplacev1.Shipment, error) {
	return call[*marketplacev1.Shipment](ctx, f, r)
}

func (f *fake) BatchNotifyShipments(ctx context.Context, r *marketplacev1.BatchNotifyShipmentsRequest) (*marketplacev1.BatchNotifyShipmentsResponse, error) {
	return call[*marketplacev1.BatchNotifyShipmentsResponse](ctx, f, r)
}

func (f *fake) RetryShipment(ctx context.Context, r *marketplacev1.RetryShipmentRequest) (*marketplacev1.Shipment, error) {
	return call[*marketplacev1.Shipment](ctx, f, r)
}

func (f *fake) CancelShipment(ctx context.Context, r *marketplacev1.CancelShipmentRequest) (*marketplacev1.Shipment, error) {
	return call[*marketplacev1.Shipment](ctx, f, r)
}

func (f *fake) GetShipment(ctx context.Context, r *marketplacev1.GetShipmentRequest) (*marketplacev1.Shipment, error) {
	return call[*marketplacev1.Shipment](ctx, f, r)
}

func (f *fake) ListShipments(ctx context.Context, r *marketplacev1.ListShipmentsRequest) (*marketplacev1.ListShipmentsResponse, error) {
	return call[*marketplacev1.ListShipmentsResponse](ctx, f, r)
}

func (f *fake) ListAdapters(ctx context.Context, r *marketplacev1.ListAdaptersRequest) (*marketplacev1.ListAdaptersResponse, error) {
	return call[*marketplacev1.ListAdaptersResponse](ctx, f, r)
}

func (f *fake) GetAdapter(ctx context.Context, r *marketplacev1.GetAdapterRequest) (*marketplacev1.Adapter, error) {
	return call[*marketplacev1.Adapter](ctx, f, r)
}

func (f *fake) PinStore(ctx context.Context, r *marketplacev1.PinStoreRequest) (*marketplacev1.Adapter, error) {
	return call[*marketplacev1.Adapter](ctx, f, r)
}

func (f *fake) UnpinStore(ctx context.Context, r *marketplacev1.UnpinStoreRequest) (*marketplacev1.Adapter, error) {
	return call[*marketplacev1.Adapter](ctx, f, r)
}

func (f *fake) UnloadAdapter(ctx context.Context, r *marketplacev1.UnloadAdapterRequest) (*marketplacev1.Adapter, error) {
	return call[*marketplacev1.Adapter](ctx, f, r)
}

func (f *fake) SwapAdapter(r *marketplacev1.SwapAdapterRequest, stream grpc.ServerStreamingServer[marketplacev1.SwapStep]) error {
	f.note(r)
	return f.swap(stream.Context(), stream.Send)
}

func (f *fake) RollbackAdapter(r *marketplacev1.RollbackAdapterRequest, stream grpc.ServerStreamingServer[marketplacev1.SwapStep]) error {
	f.note(r)
	return f.swap(stream.Context(), stream.Send)
}

func (f *fake) WatchAdapters(r *marketplacev1.WatchAdaptersRequest, stream grpc.ServerStreamingServer[marketplacev1.WatchAdaptersResponse]) error {
	f.note(r)
	return f.watchAdapters(stream.Send)
}

// note records a call.
func (f *fake) note(r proto.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, proto.Clone(r))
}

func (f *fake) MigrateStore(ctx context.Context, r *marketplacev1.MigrateStoreRequest) (*marketplacev1.Migration, error) {
	return call[*marketplacev1.Migration](ctx, f, r)
}

func (f *fake) GetMigration(ctx context.Context, r *marketplacev1.GetMigrationRequest) (*marketplacev1.Migration, error) {
	return call[*marketplacev1.Migration](ctx, f, r)
}

func (f *fake) UndoMigration(ctx context.Context, r *marketplacev1.UndoMigrationRequest) (*marketplacev1.Migration, error) {
	return call[*marketplacev1.Migration](ctx, f, r)
}

// now is the clock of every test.
var now = time.Date(2024, 3, 6, 12, 0, 0, 0, time.UTC)

// process is how a test starts the program.
type process struct {
	in       io.Reader
	env      map[string]string
	terminal bool // somebody can be asked
}

// result is what a run left.
type result struct {
	code     int
	out, err string
}

// run runs relais with the arguments against the fake, in a zone one hour east of UTC.
func (p process) run(ctx context.Context, f *fake, args ...string) result {
	var out, errs bytes.Buffer
	in := p.in
	if in == nil {
		in = strings.NewReader("")
	}
	root := cli.New(cli.Options{
		Version: "1.2.3", In: in, Out: &out, Err: &errs,
		Getenv: func(name string) string {
			switch value, ok := p.env[name]; {
			case ok:
				return value
			case name == "RELAIS_SERVER":
				return f.server
			case name == "RELAIS_ADMIN_SOCKET":
				return f.admin
			}
			return ""
		},
		Interactive:  func() bool { return p.terminal },
		Now:          func() time.Time { return now },
		Location:     time.FixedZone("", 60*60),
		PollInterval: time.Millisecond,
	})
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would take the arguments of the test
	code := cli.Execute(ctx, root)
	return result{code, out.String(), errs.String()}
}

func run(t *testing.T, f *fake, args ...string) result {
	t.Helper()
	return process{}.run(t.Context(), f, args...)
}

// golden compares with testdata/name.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("output differs from %s (-want +got):\n%s", path, diff)
	}
}
