package launch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

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
			if _, err := tell(t, client, "nothing"); status.Code(err) != codes.Unavailable {
				t.Errorf("call afterwards = %v, want UNAVAILABLE", err)
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
	part := func(of func(whole []byte) []byte) func(t *testing.T) string {
		return func(t *testing.T) string {
			whole, err := os.ReadFile(program(t, handshake.FilePrefix+"good"))
			if err != nil {
				t.Fatal(err)
			}
			return file(0o700, string(of(whole)))(t)
		}
	}
	half := part(func(whole []byte) []byte { return whole[:len(whole)/2] }) // as a full disk leaves it
	damaged := part(func(whole []byte) []byte {                             // as a disk leaves it that lost all but the first block
		clear(whole[4096:])
		return whole
	})
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
		{name: "not a program, said once", path: file(0o700, "just text"), want: launch.ErrNotExecutable, inText: "cannot be executed: exec format error; build it"},
		{name: "cut off", path: half, want: launch.ErrCutOff, inText: "bytes; copy it again"},
		{name: "damaged", path: damaged, want: launch.ErrExited, inText: "compare its hash or size with the build's"},
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

// TestStartErrorsNameTheFile: a copy's own path tells nobody anything, in none of the errors.
func TestStartErrorsNameTheFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
	}{
		{"missing", func(*testing.T, string) {}},
		{"no program", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("just text"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"exits", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "copy")
			tt.make(t, path)
			_, err := launch.Start(t.Context(), launch.Config{Path: path, Name: "file f (sha256 5)", StartTimeout: startTimeout})
			if err == nil || !strings.HasPrefix(err.Error(), "start adapter file f (sha256 5): ") || strings.Contains(err.Error(), path) {
				t.Errorf("Start = %v, want the name in the place of %s", err, path)
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
