package launch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	"github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestMain makes this binary three programs: the tests, the adapters that they start, and hosts that die. Which one is told by the
// name under which it is started, since an adapter gets no environment.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	switch {
	case strings.HasPrefix(name, handshake.FilePrefix):
		beAdapter(strings.TrimPrefix(name, handshake.FilePrefix))
		os.Exit(0)
	case name == hostProgram:
		beHost()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/relaishq/relais/adapters/launch.serveForkThread"))
}

// beAdapter is the adapter process; its name says how it behaves on the way up.
func beAdapter(name string) {
	switch name {
	case "exits":
		fmt.Fprintln(os.Stderr, "configuration is missing")
		os.Exit(3)
	case "exits-in-silence":
		os.Exit(0)
	case "crashes":
		panic("the adapter's init is broken")
	case "prints":
		fmt.Println("Hello, I am a friendly program")
	case "prints-without-end":
		for {
			fmt.Print("x")
		}
	case "hangs":
		select {}
	case "hangs-after-handshake":
		fmt.Printf("%d|%d|unix|%s|grpc|\n", 1, 1, filepath.Join(os.TempDir(), "nobody-listens"))
		select {}
	case "version-9":
		fmt.Println("1|9|unix|/nowhere|grpc|")
		select {}
	case "netrpc":
		fmt.Println("1|1|unix|/nowhere")
		select {}
	}
	serve.Main(&sdktest.Adapter{Description: sdktest.Description(name), OnGetOrders: obey})
}

// obey does what the first order number says.
func obey(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	switch command := req.GetOrderNumbers()[0]; command {
	case "panic":
		panic("told to panic")
	case "exit":
		os.Exit(7)
	case "log":
		slog.WarnContext(ctx, "throttled by the marketplace", slog.String("store", "s1"), slog.Int("calls", 3))
		slog.DebugContext(ctx, "a detail")
	case "print":
		fmt.Println("printed with fmt")
	case "bad-log":
		_, _ = syscall.Write(2, []byte(`{"@message":42,"@level":"info"}`+"\n"))
	case "flood":
		line := append(bytes.Repeat([]byte("f"), 1000), '\n')
		for range 8_000 {
			_, _ = syscall.Write(2, line)
		}
	case "environment":
		response := &adapterv1.GetOrdersResponse{}
		for _, variable := range os.Environ() {
			response.Orders = append(response.Orders, &adapterv1.Order{OrderNumber: variable})
		}
		return response, nil
	case "sigterm":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	case "freeze":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "big":
		return &adapterv1.GetOrdersResponse{Orders: []*adapterv1.Order{{OrderNumber: strings.Repeat("x", 6<<20)}}}, nil
	case "state":
		wd, _ := os.Getwd()
		return nil, sdk.MarketplaceRefused("%s", wd)
	}
	return &adapterv1.GetOrdersResponse{}, nil
}

// program gives this test binary another name, so that it becomes that program when it is started.
func program(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// started starts a well-behaved adapter and stops it with the test.
func started(t *testing.T, change func(*launch.Config)) (*launch.Process, adapterv1.MarketplaceAdapterServiceClient) {
	t.Helper()
	cfg := launch.Config{Path: program(t, handshake.FilePrefix+"good"), StartTimeout: startTimeout}
	if change != nil {
		change(&cfg)
	}
	p, err := launch.Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return p, adapterv1.NewMarketplaceAdapterServiceClient(p.Conn())
}

// startTimeout is generous: these tests share the machine with others.
const startTimeout = 60 * time.Second

func tell(t *testing.T, client adapterv1.MarketplaceAdapterServiceClient, command string) (*adapterv1.GetOrdersResponse, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return client.GetOrders(ctx, &adapterv1.GetOrdersRequest{OrderNumbers: []string{command}})
}

func TestStartServesCalls(t *testing.T) {
	t.Parallel()
	p, client := started(t, nil)
	description, err := client.Describe(t.Context(), &adapterv1.DescribeRequest{})
	if err != nil || description.GetAdapter() != "good" {
		t.Errorf("Describe = %q, %v; want good", description.GetAdapter(), err)
	}
	if p.PID() == 0 || p.PID() == os.Getpid() {
		t.Errorf("PID = %d, want another process", p.PID())
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("process group = %d, %v; want its own, %d", group, err, p.PID())
	}
	if err := p.Err(); err != nil {
		t.Errorf("Err = %v while it runs, want nil", err)
	}
}

func TestPanicFailsOneCallOnly(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	_, client := started(t, func(c *launch.Config) { c.Logger = log.logger() })
	stream := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		waiting, stop := context.WithCancel(ctx)
		time.AfterFunc(time.Second, stop)
		_, err := client.GetOrders(waiting, &adapterv1.GetOrdersRequest{OrderNumbers: []string{"wait"}})
		stream <- err
	}()
	if _, err := tell(t, client, "panic"); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "told to") {
		t.Errorf("panicking call = %v, want INTERNAL without the panic's text", err)
	}
	if _, err := tell(t, client, "nothing"); err != nil {
		t.Errorf("next call = %v, want success", err)
	}
	if err := <-stream; status.Code(err) != codes.Canceled {
		t.Errorf("call beside the panic = %v, want its own end, CANCELLED", err)
	}
	entry := log.await(t, "adapter panicked")
	if entry["level"] != "ERROR" || !strings.Contains(fmt.Sprint(entry["stack"]), "obey") {
		t.Errorf("log entry = %v, want level ERROR and the stack", entry)
	}
}

func TestLogsArriveWithLevelMessageAndAttributes(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	_, client := started(t, func(c *launch.Config) { c.Logger = log.logger().With("generation", 4) })
	for _, command := range []string{"log", "print", "bad-log"} {
		if _, err := tell(t, client, command); err != nil {
			t.Fatal(err)
		}
	}
	entry := log.await(t, "throttled by the marketplace")
	if entry["level"] != "WARN" || entry["store"] != "s1" || entry["calls"] != 3.0 || entry["generation"] != 4.0 {
		t.Errorf("entry = %v, want level WARN and the attributes store, calls, generation", entry)
	}
	if got := log.await(t, "adapter output", "printed with fmt"); got["stream"] != "stdout" {
		t.Errorf("printed line = %v, want stream stdout", got)
	}
	if got := log.await(t, "adapter output", `{"@message":42`); got["stream"] != "stderr" {
		t.Errorf("line that only looks like a log entry = %v, want it as output of stderr", got)
	}
	if log.has("a detail") {
		t.Error("a DEBUG entry arrived at level INFO")
	}
}

func TestFloodOfLogsDoesNotBlockCalls(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	log := &logBuffer{gate: gate}
	_, client := started(t, func(c *launch.Config) { c.Logger = log.logger() })
	_, err := tell(t, client, "flood")
	close(gate)
	if err != nil {
		t.Fatalf("call that logs 8 MB while the host's log is stuck: %v", err)
	}
	if entry := log.await(t, "adapter log lines dropped"); entry["lines"].(float64) <= 0 {
		t.Errorf("entry = %v, want the number of dropped lines", entry)
	}
}

func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	t.Setenv("DATABASE_PASSWORD", "secret")
	_, client := started(t, func(c *launch.Config) { c.Env = []string{"EXTRA=1"} })
	response, err := tell(t, client, "environment")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, o := range response.GetOrders() {
		name, _, _ := strings.Cut(o.GetOrderNumber(), "=")
		got[name] = true
	}
	for name, want := range map[string]bool{
		"HTTPS_PROXY": true, "EXTRA": true, "DATABASE_PASSWORD": false, "HOME": false, "PATH": false,
	} {
		if got[name] != want {
			t.Errorf("adapter has %s: %v, want %v", name, got[name], want)
		}
	}
}

func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	_, client := started(t, nil)
	if _, err := tell(t, client, "big"); err != nil {
		t.Errorf("answer of 6 MiB: %v", err)
	}
}

func TestServiceManagersSignalIsTheHostsBusiness(t *testing.T) {
	t.Parallel()
	_, client := started(t, nil)
	if _, err := tell(t, client, "sigterm"); err != nil {
		t.Fatalf("call that gets SIGTERM: %v", err)
	}
	if _, err := tell(t, client, "nothing"); err != nil {
		t.Errorf("call after SIGTERM: %v", err)
	}
}

func TestProcessEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		end     func(t *testing.T, p *launch.Process, client adapterv1.MarketplaceAdapterServiceClient)
		wantErr error
		inText  string
	}{
		{
			name: "it exits",
			end: func(t *testing.T, _ *launch.Process, c adapterv1.MarketplaceAdapterServiceClient) {
				_, _ = tell(t, c, "exit")
			},
			wantErr: launch.ErrProcessEnded, inText: "exit status 7",
		},
		{
			name: "it is killed",
			end: func(_ *testing.T, p *launch.Process, _ adapterv1.MarketplaceAdapterServiceClient) {
				_ = syscall.Kill(p.PID(), syscall.SIGKILL)
			},
			wantErr: launch.ErrProcessEnded, inText: "killed",
		},
		{
			name: "it is stopped by its host",
			end: func(t *testing.T, p *launch.Process, _ adapterv1.MarketplaceAdapterServiceClient) {
				if err := p.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			},
			wantErr: launch.ErrStopped,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sockets := shortDir(t)
			p, client := started(t, func(c *launch.Config) { c.SocketDir = sockets })
			tt.end(t, p, client)
			select {
			case <-p.Done():
			case <-time.After(20 * time.Second):
				t.Fatal("Done not closed")
			}
			if err := p.Err(); !errors.Is(err, tt.wantErr) || !strings.Contains(err.Error(), tt.inText) {
				t.Errorf("Err = %v, want %v with %q", err, tt.wantErr, tt.inText)
			}
			if err := p.Stop(t.Context()); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if !gone(p.PID()) {
				t.Errorf("process %d is still there", p.PID())
			}
			if left, _ := os.ReadDir(sockets); len(left) != 0 {
				t.Errorf("left in the socket directory: %v", left)
			}
			if _, err := tell(t, client, "nothing"); status.Code(err) != codes.Canceled && status.Code(err) != codes.Unavailable {
				t.Errorf("call afterwards = %v, want an error at once", err)
			}
		})
	}
}

func TestStopOfAFrozenProcessIsBounded(t *testing.T) {
	t.Parallel()
	p, client := started(t, func(c *launch.Config) { c.KillTimeout = 200 * time.Millisecond })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := client.GetOrders(ctx, &adapterv1.GetOrdersRequest{OrderNumbers: []string{"freeze"}}); status.Code(err) != codes.DeadlineExceeded {
		t.Fatalf("call that freezes the adapter = %v, want DEADLINE_EXCEEDED", err)
	}
	start := time.Now()
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("Stop took %v", took)
	}
	if !gone(p.PID()) {
		t.Error("the frozen process is still there")
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	file := func(mode os.FileMode, content string) func(t *testing.T) string {
		return func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), handshake.FilePrefix+"file")
			if err := os.WriteFile(path, []byte(content), mode); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	adapter := func(name string) func(t *testing.T) string {
		return func(t *testing.T) string { return program(t, handshake.FilePrefix+name) }
	}
	tests := []struct {
		name    string
		path    func(t *testing.T) string
		timeout time.Duration
		hash    string
		want    error
		inText  string
	}{
		{name: "missing", path: func(t *testing.T) string { return filepath.Join(t.TempDir(), "no") }, want: launch.ErrNotFound, inText: "build it"},
		{name: "directory", path: (*testing.T).TempDir, want: launch.ErrNotExecutable, inText: "regular file"},
		{name: "no execute permission", path: file(0o600, "x"), want: launch.ErrNotExecutable, inText: "chmod +x"},
		{name: "not a program", path: file(0o700, "just text"), want: launch.ErrNotExecutable, inText: "for this machine"},
		{name: "interpreter missing", path: file(0o700, "#!/no/such/interpreter\n"), want: launch.ErrNotExecutable, inText: "no such file"},
		{name: "changed", path: adapter("good"), hash: strings.Repeat("0", 64), want: launch.ErrWrongHash, inText: "expected 0000"},
		{name: "exits", path: adapter("exits"), want: launch.ErrExited, inText: `exit status 3 before the handshake; it said "configuration is missing"`},
		{name: "exits in silence", path: adapter("exits-in-silence"), want: launch.ErrExited, inText: "exit status 0 before the handshake"},
		{name: "crashes", path: adapter("crashes"), want: launch.ErrExited, inText: "the adapter's init is broken"},
		{name: "wants another cookie", path: file(0o700, "#!/bin/sh\necho 'This binary is a plugin.' >&2\nexit 1\n"), want: launch.ErrExited, inText: "This binary is a plugin"},
		{name: "prints something else", path: adapter("prints"), want: launch.ErrNotAdapter, inText: `"Hello, I am a friendly program"`},
		{name: "prints without end", path: adapter("prints-without-end"), want: launch.ErrNotAdapter, inText: `"xxxx`},
		{name: "hangs", path: adapter("hangs"), timeout: time.Second, want: launch.ErrStartTimeout, inText: "no handshake within 1s"},
		{name: "another protocol version", path: adapter("version-9"), want: launch.ErrIncompatible, inText: "offers relais.adapter.v9"},
		{name: "another transport", path: adapter("netrpc"), want: launch.ErrIncompatible, inText: "netrpc"},
		{name: "no socket behind the handshake", path: adapter("hangs-after-handshake"), want: launch.ErrNotAdapter, inText: "socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sockets := shortDir(t)
			timeout := startTimeout
			if tt.timeout != 0 {
				timeout = tt.timeout
			}
			p, err := launch.Start(t.Context(), launch.Config{
				Path: tt.path(t), SHA256: tt.hash, SocketDir: sockets, StartTimeout: timeout,
			})
			if err == nil {
				_ = p.Stop(t.Context())
				t.Fatal("Start succeeded")
			}
			var startError *launch.StartError
			if !errors.As(err, &startError) || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.inText) {
				t.Errorf("Start = %v, want %v with %q", err, tt.want, tt.inText)
			}
			if left, _ := os.ReadDir(sockets); len(left) != 0 {
				t.Errorf("left in the socket directory: %v", left)
			}
		})
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := launch.Start(ctx, launch.Config{Path: program(t, handshake.FilePrefix+"hangs"), StartTimeout: startTimeout})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Start = %v, want the context's error", err)
	}
}

func TestLongSocketDirFallsBack(t *testing.T) {
	t.Parallel()
	long := filepath.Join(shortDir(t), strings.Repeat("d", 80))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	_, client := started(t, func(c *launch.Config) { c.SocketDir = long })
	if _, err := client.Describe(t.Context(), &adapterv1.DescribeRequest{}); err != nil {
		t.Error(err)
	}
}

// hostProgram is the name under which this binary is a host that starts an adapter, says its process id, and waits for its input to
// end. Its arguments are the adapter's path, a directory for its socket, and what to do then.
const hostProgram = "relais-test-host"

func beHost() {
	p, err := launch.Start(context.Background(), launch.Config{
		Path: os.Args[1], SocketDir: os.Args[2], StartTimeout: startTimeout,
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Args[3] == "freeze-adapter" {
		_ = syscall.Kill(p.PID(), syscall.SIGSTOP)
	}
	fmt.Println(p.PID())
	_, _ = os.Stdin.Read(make([]byte, 1))
	// A host that ends like this has cleaned up nothing.
	os.Exit(0)
}

// gone reports whether a process has ended; a zombie that nobody reaps has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

// shortDir is a temporary directory whose path leaves room for a socket's name, which t.TempDir does not promise.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// logBuffer collects JSON log entries. While gate is open, writing blocks.
type logBuffer struct {
	gate chan struct{}

	mu      sync.Mutex // guards entries
	entries []map[string]any
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

func (b *logBuffer) Write(line []byte) (int, error) {
	if b.gate != nil {
		<-b.gate
	}
	var entry map[string]any
	if err := json.Unmarshal(line, &entry); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, entry)
	return len(line), nil
}

func (b *logBuffer) find(message, inLine string) map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, entry := range b.entries {
		text, _ := entry["line"].(string)
		if entry["msg"] == message && strings.Contains(text, inLine) {
			return entry
		}
	}
	return nil
}

func (b *logBuffer) has(message string) bool { return b.find(message, "") != nil }

// await polls for an entry, which comes through a pipe in its own time.
func (b *logBuffer) await(t *testing.T, message string, inLine ...string) map[string]any {
	t.Helper()
	var found map[string]any
	eventually(t, "log entry "+message, func() bool {
		found = b.find(message, strings.Join(inLine, ""))
		return found != nil
	})
	return found
}

// eventually polls a condition of another process, for which there is no channel.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		}
	}
}
