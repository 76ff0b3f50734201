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
	case "without-lifeline":
		_ = os.Unsetenv(handshake.LifelineFDEnv)
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
		<-ctx.Done() // the signal may take a moment
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
