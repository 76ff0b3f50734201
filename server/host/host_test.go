package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

func TestServesCalls(t *testing.T) {
	t.Parallel()
	h := running(t, nil, "one", "two")
	lease, err := h.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	if lease.Generation() != 1 || lease.Description().GetAdapter() != "one" {
		t.Errorf("lease on generation %d of %q, want 1 of one", lease.Generation(), lease.Description().GetAdapter())
	}
	stream, err := adapterv1.NewMarketplaceAdapterServiceClient(lease.Conn()).
		ListOrders(t.Context(), &adapterv1.ListOrdersRequest{Until: timestamppb.Now()})
	if err != nil {
		t.Fatal(err)
	}
	orders, complete := 0, false
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		orders, complete = orders+len(message.GetOrders()), message.GetCheckpoint().GetComplete()
	}
	if orders != 250 || !complete {
		t.Errorf("%d orders, complete %v; want 250, true", orders, complete)
	}
	if s, err := h.Adapter("one"); err != nil || s.Generation.Leases != 1 {
		t.Errorf("leases = %d, %v; want 1", s.Generation.Leases, err)
	}
	lease.Release()
	lease.Release()
	s, err := h.Adapter("one")
	if err != nil {
		t.Fatal(err)
	}
	g := s.Generation
	if g.Leases != 0 || s.State != host.Serving || s.Message != "" || s.DisplayName != "Fake one" || s.Marketplace != "fake-marketplace" ||
		g.Release.Version != "1.0.0" || len(g.Release.SHA256) != 64 || g.PID == 0 || g.Protocol != "relais.adapter.v1" || g.StartTime.IsZero() ||
		s.Restarts != 0 || s.Description.GetCapabilities() == nil || s.Desired.Release != g.Release || !s.Desired.Previous.IsZero() {
		t.Errorf("status = %+v", s)
	}
	if all := h.Adapters(); len(all) != 2 || all[0].Name != "one" || all[1].Name != "two" {
		t.Errorf("Adapters = %d entries, want one and two", len(all))
	}
}

func TestUnknownAdapter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		installed []string
		want      string
	}{
		{name: "others are installed", installed: []string{"one", "two"}, want: `"three" is not installed; installed: one, two`},
		{name: "none is installed", want: "no adapters at all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := running(t, nil, tt.installed...)
			_, leaseErr := h.Lease(t.Context(), "three", "")
			_, statusErr := h.Adapter("three")
			for _, err := range []error{leaseErr, statusErr} {
				if !problem.HasReason(err, problem.ReasonAdapterNotFound) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want ADAPTER_NOT_FOUND with %q", err, tt.want)
				}
			}
		})
	}
}

func TestOtherFilesAreIgnored(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	h := running(t, func(c *host.Config) {
		c.Logger = log.logger()
		for _, name := range []string{"README", "relais-sandbox", handshake.FilePrefix, handshake.FilePrefix + "Bad_Name", handshake.FilePrefix + "x.bak", handshake.FilePrefix + "one@"} {
			if err := os.WriteFile(filepath.Join(c.PluginDir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}, "one")
	if all := h.Adapters(); len(all) != 1 || all[0].Name != "one" {
		t.Errorf("Adapters = %d entries, want one", len(all))
	}
	if n := log.count("adapter file ignored: the name after the prefix may hold a-z, 0-9 and - only, and then @ with a label"); n != 4 {
		t.Errorf("%d warnings, want 4", n)
	}
}

func TestMissingPluginDirIsAWarning(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	running(t, func(c *host.Config) {
		c.PluginDir, c.Logger = filepath.Join(t.TempDir(), "missing"), log.logger()
	})
	if log.count("no adapters in the plugin directory") != 1 {
		t.Error("no warning")
	}
}

func TestLogsNameAdapterAndGeneration(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	h := running(t, func(c *host.Config) { c.Logger = log.logger() }, "one")
	if _, err := call(t.Context(), h, "one", "exit"); status.Code(err) != codes.Unavailable {
		t.Fatalf("call that ends the adapter = %v, want UNAVAILABLE", err)
	}
	if generation, err := callAfter(t, h, 1); err != nil || generation != 2 {
		t.Fatalf("next call on generation %d, %v", generation, err)
	}
	for want := range 2 {
		entry := log.nth("adapter serving", want)
		if entry["adapter"] != "one" || entry["generation"] != float64(want+1) {
			t.Errorf("entry %d = %v, want adapter one, generation %d", want, entry, want+1)
		}
	}
	if entry := log.nth("adapter restarts", 0); entry["adapter"] != "one" || !strings.Contains(fmt.Sprint(entry["reason"]), "exit status 7") {
		t.Errorf("entry = %v, want the reason", entry)
	}
}

func TestBrokenAdaptersSayWhy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		adapter string
		prepare func(t *testing.T, cfg *host.Config)
		want    string
		mend    func(t *testing.T, cfg host.Config) // nil: it cannot be mended under way
	}{
		{
			name: "another adapter inside", adapter: "misnamed", prepare: func(*testing.T, *host.Config) {},
			want: `named for adapter "misnamed" and holds adapter "something-else"`,
		},
		{
			name: "exits at its start", adapter: "one",
			prepare: func(t *testing.T, cfg *host.Config) {
				path := filepath.Join(cfg.PluginDir, "broken")
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				cfg.Env = []string{brokenFile + "=" + path}
			},
			want: "told to be broken",
			mend: func(t *testing.T, cfg host.Config) {
				if err := os.Remove(filepath.Join(cfg.PluginDir, "broken")); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "not executable", adapter: "text",
			prepare: func(t *testing.T, cfg *host.Config) {
				if err := os.WriteFile(filepath.Join(cfg.PluginDir, handshake.FilePrefix+"text"), []byte("text"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			want: "chmod +x",
			mend: func(t *testing.T, cfg host.Config) {
				self, err := os.Executable()
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(cfg.PluginDir, handshake.FilePrefix+"text")
				if err := errors.Join(os.Remove(path), os.Symlink(self, path)); err != nil {
					t.Fatal(err)
				}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var cfg host.Config
			h := running(t, func(c *host.Config) {
				tt.prepare(t, c)
				cfg = *c
			}, "misnamed", "one")
			var s host.Status
			eventually(t, "a failed start", func() bool {
				s, _ = h.Adapter(tt.adapter)
				return s.Restarts > 1
			})
			if s.State != host.Restarting || s.Generation.PID != 0 || !strings.Contains(s.Message, tt.want) {
				t.Errorf("state %v, pid %d, message %q; want RESTARTING, 0, %q", s.State, s.Generation.PID, s.Message, tt.want)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, err := h.Lease(ctx, tt.adapter, "")
			p := problem.As(err)
			if p == nil || p.Reason != problem.ReasonAdapterDown || p.Kind != problem.Unavailable || p.RetryAfter <= 0 {
				t.Fatalf("Lease = %v, want ADAPTER_DOWN with a delay", err)
			}
			if strings.Contains(p.Message, "/") {
				t.Errorf("message for callers %q names a file of the server", p.Message)
			}
			if tt.mend == nil {
				return
			}
			tt.mend(t, cfg)
			if _, err := call(t.Context(), h, tt.adapter, "nothing"); err != nil {
				t.Errorf("call after it was mended: %v", err)
			}
		})
	}
}

// TestLeaseDoesNotWaitInVain has a slot whose next start is further away than any caller waits.
func TestLeaseDoesNotWaitInVain(t *testing.T) {
	t.Parallel()
	h := running(t, func(c *host.Config) { c.BackoffMin, c.BackoffMax = time.Hour, time.Hour }, "misnamed")
	eventually(t, "a failed start", func() bool {
		s, _ := h.Adapter("misnamed")
		return s.Restarts > 0
	})
	begin := time.Now()
	_, err := h.Lease(t.Context(), "misnamed", "")
	if took := time.Since(begin); took > slow/2 {
		t.Errorf("Lease took %v", took)
	}
	if p := problem.As(err); p == nil || p.Reason != problem.ReasonAdapterDown || p.RetryAfter < 30*time.Minute {
		t.Errorf("Lease = %v, want ADAPTER_DOWN until the next start", err)
	}
}

func TestWaitingCallers(t *testing.T) {
	t.Parallel()
	h := running(t, func(c *host.Config) {
		c.GateTimeout = 300 * time.Millisecond
		c.BackoffMin, c.BackoffMax = time.Millisecond, time.Millisecond
	}, "misnamed")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	short, cancelShort := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancelShort()
	tests := []struct {
		name string
		ctx  context.Context
		is   error
		down bool
	}{
		{name: "caller left", ctx: cancelled, is: context.Canceled},
		{name: "caller's deadline", ctx: short, is: context.DeadlineExceeded, down: true},
		{name: "gate", ctx: t.Context(), down: true},
	}
	for _, tt := range tests {
		_, err := h.Lease(tt.ctx, "misnamed", "")
		if err == nil || (tt.is != nil && !errors.Is(err, tt.is)) || problem.HasReason(err, problem.ReasonAdapterDown) != tt.down {
			t.Errorf("%s: Lease = %v, want %v, ADAPTER_DOWN %v", tt.name, err, tt.is, tt.down)
		}
	}
}

func TestStartFailures(t *testing.T) {
	t.Parallel()
	h := running(t, nil)
	if err := h.Start(t.Context()); err == nil {
		t.Error("second Start succeeded")
	}
	work := t.TempDir()
	running(t, func(c *host.Config) { c.WorkDir = work })
	second := host.New(host.Config{PluginDir: t.TempDir(), WorkDir: work, Releases: &memory{}})
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "another relais server") {
		t.Errorf("Start on a directory in use = %v", err)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Errorf("Stop of a host that did not start: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := host.New(host.Config{PluginDir: t.TempDir(), WorkDir: file, Releases: &memory{}}).Start(t.Context()); err == nil {
		t.Error("Start with a file as work directory succeeded")
	}
	if err := host.New(host.Config{PluginDir: file, WorkDir: t.TempDir(), Releases: &memory{}}).Start(t.Context()); err == nil {
		t.Error("Start with a file as plugin directory succeeded")
	}
}
