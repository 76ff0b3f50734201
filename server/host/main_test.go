package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
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

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	"github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host"
)

// TestMain makes this binary three programs, told apart by the name under which it is started: the tests, the adapters that they
// host, and hosts that die.
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
	dir, err := os.MkdirTemp("", "relais-host-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds.dir = dir
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/relaishq/relais/adapters/launch.serveForkThread"),
		goleak.Cleanup(func(code int) {
			_ = os.RemoveAll(dir)
			os.Exit(code)
		}))
}

// brokenFile names, in the adapter's environment, a file in whose presence it exits at its start.
const brokenFile = "RELAIS_TEST_BROKEN_FILE"

// beAdapter is the adapter process.
func beAdapter(name string) {
	if path := os.Getenv(brokenFile); path != "" {
		if _, err := os.Stat(path); err == nil {
			fmt.Fprintln(os.Stderr, "told to be broken")
			os.Exit(3)
		}
	}
	fake := &sdktest.Adapter{
		Description: sdktest.Description(name), OnListOrders: listOrders, OnGetOrders: obey,
		OnCheckConnection: func(_ context.Context, req *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
			if req.GetStore().GetEnvironment()["service_url"] == "" {
				return nil, sdk.InvalidRequest("store.environment.service_url", "is missing")
			}
			return &adapterv1.CheckConnectionResponse{AccountId: "account"}, nil
		},
	}
	if name == "misnamed" {
		fake.Description.Adapter = "something-else"
	}
	if change, ok := variants[variant()]; ok {
		change(fake)
	}
	serve.Main(fake)
	if variant() == "stubborn" { // it was asked to end
		<-make(chan struct{})
	}
}

// listOrders sends orders with a finished sub-window after each hundred.
func listOrders(_ context.Context, _ *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
	for i := range 250 {
		if err := out.Send(&adapterv1.Order{OrderNumber: fmt.Sprint(i)}); err != nil {
			return err
		}
	}
	return nil
}

// obey does what the order number says.
func obey(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	switch req.GetOrderNumbers()[0] {
	case "exit":
		os.Exit(7)
	case "exit-next":
		if variant() == "next" {
			os.Exit(7)
		}
	case "freeze":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-ctx.Done() // the signal may take a moment
	case "wait":
		<-ctx.Done()
	case "grow":
		eaten = make([]byte, 256<<20)
		for i := 0; i < len(eaten); i += 4096 {
			eaten[i] = 1
		}
	case "orphan":
		// A process that outlives the adapter, leaves its group, and keeps its standard error open.
		child := exec.Command("/bin/sleep", "60")
		child.Stderr, child.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return nil, err
		}
		return &adapterv1.GetOrdersResponse{Orders: []*adapterv1.Order{{OrderNumber: strconv.Itoa(child.Process.Pid)}}}, nil
	case "child":
		// A process that outlives the adapter, in its group.
		child := exec.Command("/bin/sleep", "60")
		if err := child.Start(); err != nil {
			return nil, err
		}
	case "flood":
		line := strings.Repeat("x", 200) + "\n"
		for range 100_000 {
			_, _ = os.Stderr.WriteString(line)
		}
	}
	return &adapterv1.GetOrdersResponse{}, nil
}

// eaten is memory that an adapter was told to use.
var eaten []byte

// slow is a time in which anything happens on a machine that is shared with others; tests end long before.
const slow = 60 * time.Second

// plugins makes a plugin directory with these adapters.
func plugins(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		install(t, dir, handshake.FilePrefix+name, "")
	}
	return dir
}

// running starts a host with these adapters and stops it with the test. Pauses are short, time-outs long.
func running(t *testing.T, change func(*host.Config), names ...string) *host.Host {
	t.Helper()
	cfg := host.Config{
		PluginDir: plugins(t, names...), WorkDir: t.TempDir(), Releases: &memory{}, Stores: &stores{},
		StartTimeout: slow, GateTimeout: slow, RetireTimeout: slow, BackoffMin: 10 * time.Millisecond, BackoffMax: 20 * time.Millisecond,
		BreakerFailures: 1000,
		// A process under the race detector waits a second before it ends, for reports that come late. The tests end hundreds.
		Env: []string{"GORACE=atexit_sleep_ms=0"},
	}
	if change != nil {
		change(&cfg)
	}
	h := host.New(cfg)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), slow)
		defer cancel()
		if err := h.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return h
}

// call leases a generation for one GetOrders with this command.
func call(ctx context.Context, h *host.Host, adapter, command string) (generation int64, err error) {
	return ask(ctx, h, adapter, "", command)
}

// callFor is the same for a store of adapter one.
func callFor(ctx context.Context, h *host.Host, store, command string) (generation int64, err error) {
	return ask(ctx, h, "one", store, command)
}

func ask(ctx context.Context, h *host.Host, adapter, store, command string) (generation int64, err error) {
	lease, err := h.Lease(ctx, adapter, store)
	if err != nil {
		return 0, err
	}
	defer lease.Release()
	_, err = adapterv1.NewMarketplaceAdapterServiceClient(lease.Conn()).
		GetOrders(ctx, &adapterv1.GetOrdersRequest{OrderNumbers: []string{command}})
	return lease.Generation(), err
}

// callAfter calls adapter one after a generation of it died. Calls that still go to that one were in flight when its end was seen.
func callAfter(t *testing.T, h *host.Host, dead int64) (generation int64, err error) {
	t.Helper()
	generation, err = call(t.Context(), h, "one", "nothing")
	for generation == dead && status.Code(err) == codes.Unavailable {
		generation, err = call(t.Context(), h, "one", "nothing")
	}
	return generation, err
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

// eventually polls what happens in another process or goroutine and has no channel.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(slow)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// logBuffer collects JSON log entries.
type logBuffer struct {
	mu      sync.Mutex // guards entries
	entries []map[string]any
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

func (b *logBuffer) Write(line []byte) (int, error) {
	var entry map[string]any
	if err := json.Unmarshal(line, &entry); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, entry)
	return len(line), nil
}

// nth returns the entry with this message that has n such before it, or nil.
func (b *logBuffer) nth(message string, n int) map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, entry := range b.entries {
		if entry["msg"] != message {
			continue
		}
		if n == 0 {
			return entry
		}
		n--
	}
	return nil
}

func (b *logBuffer) count(message string) int {
	n := 0
	for b.nth(message, n) != nil {
		n++
	}
	return n
}
