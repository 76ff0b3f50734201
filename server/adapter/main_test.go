package adapter_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	"github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/adapter"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// The tests of this package drive the facade over real gRPC connections: to a fake adapter behind the same server that a plugin
// binary runs, or, to show what an adapter must not do, to a bare implementation of the protocol.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRef is the store of these tests.
var fakeRef = store.Ref{StoreID: "demo", Adapter: "fake"}

// password is the secret credential of the store of these tests.
const password = "correct-horse-battery"

// fixture is a facade over one adapter.
type fixture struct {
	*adapter.Facade
	vault *fakeVault
	log   *lockedLog
	// description is what the leases say of the adapter; it may be changed before the first call.
	description *adapterv1.DescribeResponse
	// limit gives the facade a configured rate; it is called before the first call.
	limit func(adapter.Rate)
	// retiring, suspect and share are what the leases say; they may be changed before a lease, suspect also between two calls.
	retiring chan struct{}
	suspect  bool
	share    float64
	// gone is the end of the process of the next lease; by default it is known at once when cut was called.
	gone func() <-chan struct{}
	// sameProcess makes every lease one on the same process; else each is on another.
	sameProcess bool
	// onLease is told of the store of each lease; it may be set before the first call.
	onLease func(storeID string)
	// conn is the connection that is leased.
	conn *grpc.ClientConn
	// cut breaks every connection to the adapter, as the end of its process does.
	cut func()
}

// quick is patience enough for a loaded machine, and an end for a test that hangs.
var quick = adapter.Timeouts{Call: 20 * time.Second, StreamIdle: 20 * time.Second}

// overSDK is a facade over an adapter written with the sdk.
func overSDK(t *testing.T, a sdk.Adapter, timeouts adapter.Timeouts) *fixture {
	t.Helper()
	return over(t, serve.NewServer(a), timeouts)
}

// overRaw is a facade over a bare implementation of the protocol.
func overRaw(t *testing.T, s adapterv1.MarketplaceAdapterServiceServer) *fixture {
	t.Helper()
	server := grpc.NewServer()
	adapterv1.RegisterMarketplaceAdapterServiceServer(server, s)
	return over(t, server, quick)
}

func over(t *testing.T, server *grpc.Server, timeouts adapter.Timeouts) *fixture {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &cuttable{Listener: inner}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(inner.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{vault: newVault(), log: &lockedLog{}, description: sdktest.Description("fake"), share: 1, conn: conn}
	ended := make(chan struct{})
	end := sync.OnceFunc(func() { close(ended) })
	f.gone = func() <-chan struct{} { return ended }
	f.cut = func() {
		listener.cut()
		end()
	}
	leases := &leaseCount{}
	lessor := func(_ context.Context, name, storeID string) (adapter.Lease, error) {
		if name != "fake" {
			return nil, problem.New(problem.NotFound, problem.ReasonAdapterNotFound, "adapter %q is not installed", name)
		}
		leases.add(1)
		generation := int64(1)
		if !f.sameProcess {
			generation = leases.number()
		}
		if f.onLease != nil {
			f.onLease(storeID)
		}
		return &lease{conn: f.conn, description: f.description, leases: leases, generation: generation, retiring: f.retiring, share: f.share, suspect: &f.suspect, gone: f.gone}, nil
	}
	f.limit = func(r adapter.Rate) {
		f.Facade = adapter.New(lessor, f.vault, timeouts, r, slog.New(slog.NewTextHandler(f.log, nil)))
	}
	f.limit(adapter.Rate{})
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-served
		if n := leases.add(0); n != 0 {
			t.Errorf("%d leases were not given back", n)
		}
	})
	return f
}

// cuttable is a listener whose connections can be broken.
type cuttable struct {
	net.Listener
	mu    sync.Mutex // guards conns
	conns []net.Conn
}

// Accept remembers the connection.
func (l *cuttable) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
	}
	return conn, err
}

func (l *cuttable) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}

// leaseCount is how many leases are out.
type leaseCount struct {
	mu    sync.Mutex // guards the fields below
	n     int
	given int64
}

func (c *leaseCount) add(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	return c.n
}

// number counts the leases that were ever given.
func (c *leaseCount) number() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given++
	return c.given
}

// lease is an adapter.Lease.
type lease struct {
	conn        *grpc.ClientConn
	description *adapterv1.DescribeResponse
	leases      *leaseCount
	retiring    chan struct{}
	generation  int64
	share       float64
	suspect     *bool
	gone        func() <-chan struct{}
}

func (l *lease) Conn() grpc.ClientConnInterface           { return l.conn }
func (l *lease) Description() *adapterv1.DescribeResponse { return l.description }
func (l *lease) Binary() string                           { return l.description.GetVersion() + "@feed" }
func (l *lease) Generation() int64                        { return l.generation }
func (l *lease) Retiring() <-chan struct{}                { return l.retiring }
func (l *lease) Gone() <-chan struct{}                    { return l.gone() }
func (l *lease) Share() float64                           { return l.share }
func (l *lease) Release()                                 { l.leases.add(-1) }

// Suspect is true also when the process ended, as that of the host is.
func (l *lease) Suspect() bool {
	select {
	case <-l.gone():
		return true
	default:
		return *l.suspect
	}
}

// fakeVault is an adapter.Vault with one store's secrets.
type fakeVault struct {
	access    store.Access
	accessErr error
	saveErr   error

	mu    sync.Mutex // guards the fields below
	keys  []store.EnvironmentKey
	saved []string // the states, in order
}

func newVault() *fakeVault {
	return &fakeVault{access: store.Access{
		Ref: fakeRef, AccountID: "account-7",
		Credentials: map[string]string{"login": "demo-api", "password": password},
		Environment: map[string]string{"service_url": "https://fake.example/"},
		State:       []byte("state-0"),
	}}
}

func (v *fakeVault) Access(_ context.Context, _ store.Ref, keys []store.EnvironmentKey) (store.Access, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys = keys
	a := v.access
	if len(v.saved) > 0 {
		a.State = []byte(v.saved[len(v.saved)-1])
	}
	return a, v.accessErr
}

func (v *fakeVault) SaveState(_ context.Context, ref store.Ref, state []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if ref == fakeRef {
		v.saved = append(v.saved, string(state))
	}
	return v.saveErr
}

// states is every state that was kept, in order.
func (v *fakeVault) states() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.saved)
}

// lockedLog is a log that a test reads while the facade writes it.
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

// wantProblem fails the test unless err is a problem of this kind and reason whose text holds every piece.
func wantProblem(t *testing.T, err error, kind problem.Kind, reason string, pieces ...string) *problem.Problem {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Kind != kind || p.Reason != reason {
		t.Fatalf("error %v, want kind %d, %s", err, kind, reason)
	}
	for _, piece := range pieces {
		if !strings.Contains(p.Message, piece) {
			t.Errorf("message %q lacks %q", p.Message, piece)
		}
	}
	return p
}

// storeContext is what the vault's store looks like on the wire.
func storeContext(state string) *adapterv1.StoreContext {
	return &adapterv1.StoreContext{
		StoreId: "demo", AccountId: "account-7",
		Credentials: map[string]string{"login": "demo-api", "password": password},
		Environment: map[string]string{"service_url": "https://fake.example/"},
		State:       []byte(state),
	}
}

// received is what a fake adapter was given in a call that has ended.
func received[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	default:
		t.Fatal("the adapter was not called")
		panic("unreachable")
	}
}
