package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// serverProcess is `relais serve` as a process of its own, which can be killed.
type serverProcess struct {
	cmd    *exec.Cmd
	exited chan error
}

// startProcess starts the server binary over the system's data directory, which no other server may use, and points the
// system's clients at it.
func (s *system) startProcess() *serverProcess {
	s.t.Helper()
	socket := filepath.Join(s.dir, "api.sock")
	cmd := exec.Command(filepath.Join(binDir, "relais"), "serve", "--listen", "unix:"+socket)
	cmd.Env = append(os.Environ(), s.environ...)
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	p := &serverProcess{cmd: cmd, exited: make(chan error, 1)}
	go func() { p.exited <- cmd.Wait() }()
	s.t.Cleanup(func() { _ = cmd.Process.Kill() })

	s.api = marketplacev1.NewMarketplaceServiceClient(s.dial("unix:" + socket))
	s.admin = marketplacev1.NewAdapterServiceClient(s.dial("unix:" + filepath.Join(s.dir, "admin.sock")))
	s.moves = marketplacev1.NewMigrationServiceClient(s.dial("unix:" + filepath.Join(s.dir, "admin.sock")))
	waitFor(s.t, func() bool {
		a, err := s.admin.GetAdapter(s.t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/cdiscount"})
		return err == nil && a.GetState() == marketplacev1.Adapter_STATE_SERVING
	})
	return p
}

// kill kills the server as kill -9 does.
func (s *system) kill(p *serverProcess) {
	s.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	<-p.exited
}

// adapter is what the server tells of the adapter of the stores of most tests.
func (s *system) adapter() *marketplacev1.Adapter {
	s.t.Helper()
	a, err := s.admin.GetAdapter(s.t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/cdiscount"})
	if err != nil {
		s.t.Fatalf("GetAdapter: %v", err)
	}
	return a
}

// adapterPID is the process of that adapter.
func (s *system) adapterPID() int {
	s.t.Helper()
	return int(s.adapter().GetGeneration().GetPid())
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// TestServerKilledDuringImport: kill -9 takes the adapter along, leaves the run INTERRUPTED, and the next import loses nothing.
func TestServerKilledDuringImport(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 60)
	s.stop()
	p := s.startProcess()
	s.connect()
	s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.Latency, After: 3, Params: fault.Params{Milliseconds: 60_000}})
	run, err := s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		got, err := s.api.GetImport(t.Context(), &marketplacev1.GetImportRequest{Name: run.GetName()})
		return err == nil && got.GetProgress().GetOrdersRead() > 0
	})
	pid := s.adapterPID()
	s.kill(p)
	waitFor(t, func() bool { return !alive(pid) })

	s.sandbox.Faults().Clear()
	s.startProcess()
	got, err := s.api.GetImport(t.Context(), &marketplacev1.GetImportRequest{Name: run.GetName()})
	if err != nil || got.GetState() != marketplacev1.Import_STATE_INTERRUPTED || got.GetFailure().GetReason() != "SERVER_STOPPING" || got.GetFinishTime() == nil {
		t.Fatalf("the run is %s, %v, %v", got.GetState(), got.GetFailure(), err)
	}
	s.imported()
	all := s.orders(nil)
	for _, number := range s.listedSince(run.GetWindows()[0].GetSinceTime().AsTime()) {
		if all[number] == nil {
			t.Errorf("order %s was lost", number)
		}
	}
}

const (
	// settleTime is after how long the servers of these tests take a request without an answer for one that did not arrive, if reads
	// say so: adapters.call_timeout and shipment.settle_delay (newSystemAt).
	settleTime = 5*time.Second + 150*time.Millisecond
	// restartPatience is how long work may take to go on after a restart, the settle time apart.
	restartPatience = 10 * time.Second
)

// firstSending is when a shipment's first request was about to leave.
func firstSending(t *testing.T, sh *marketplacev1.Shipment) time.Time {
	t.Helper()
	for _, e := range sh.GetEvents() {
		if e.GetKind() == marketplacev1.ShipmentEvent_KIND_SENDING {
			return e.GetTime().AsTime()
		}
	}
	t.Fatalf("nothing was sent: %v", sh.GetEvents())
	return time.Time{}
}

// TestServerKilledWhileSending: kill -9 between the commit of SENDING and the answer. Within seconds of its start the next server
// reads, and sends again only what did not arrive.
func TestServerKilledWhileSending(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{true, false} {
		name := map[bool]string{true: "applied before the answer was lost", false: "never arrived"}[applied]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0)
			s.stop()
			p := s.startProcess()
			number := s.readyOrder(world.Spec{})
			// The marketplace hangs: after applying, or before it looks at the request.
			s.inject(fault.Rule{Operation: "ValidateOrderList", Kind: fault.Latency, Times: 1, Params: fault.Params{Milliseconds: 60_000, Apply: applied}})
			sh := s.notify(number)
			s.settled(sh.GetName(), sending)
			if applied {
				waitFor(t, func() bool { return len(s.shipWrites(number)) == 1 })
			}
			s.kill(p)
			s.sandbox.Faults().Clear()
			from := time.Now()
			s.startProcess()
			sh = s.settled(sh.GetName(), confirmed)
			took, end := time.Since(from), time.Now()
			noneDoubled(t, s.shipWrites(number))
			// What may have been applied is waited for until its request must have ended and become visible.
			if settled := firstSending(t, sh).Add(settleTime); !applied && settled.After(from) {
				from = settled
			}
			t.Logf("CONFIRMED %s after the restart", took.Round(time.Millisecond))
			if late := end.Sub(from); late > restartPatience {
				t.Errorf("CONFIRMED %s after the restart and the settle time, longer than %s", late, restartPatience)
			}
		})
	}
}

// TestAdapterKilled: kill -9 of the adapter between calls costs nobody anything.
func TestAdapterKilled(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 10)
	s.connect()
	for range 3 {
		pid := s.adapterPID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return s.adapterPID() != pid })
		s.imported()
	}
	if a := s.adapter(); a.GetRestartCount() < 3 || a.GetGeneration().GetNumber() < 4 {
		t.Errorf("adapter %v", a)
	}
}

// TestServerStopsGracefully: SIGTERM ends the server with exit code 0 and takes the adapter along.
func TestServerStopsGracefully(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.stop()
	p := s.startProcess()
	s.connect()
	pid := s.adapterPID()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.exited; err != nil {
		t.Errorf("exit: %v", err)
	}
	if alive(pid) {
		t.Error("the adapter outlives the server")
	}
	for _, left := range []string{"api.sock", "admin.sock"} {
		if _, err := os.Stat(filepath.Join(s.dir, left)); err == nil {
			t.Errorf("%s is left behind", left)
		}
	}
}

// TestServeRefuses: what must not run says so in a sentence.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"an address that others can reach", []string{"--listen", "0.0.0.0:7443"}, "authentication"},
		{"another interface's address", []string{"--listen", "192.0.2.1:7443"}, "authentication"},
		{"every interface", []string{"--listen", ":7443"}, "authentication"},
		{"PostgreSQL", []string{"--database", "postgres://localhost/relais"}, "PostgreSQL"},
		{"the admin socket of another server", nil, "another server listens there"},
		{"a database that another server uses", []string{"--admin-socket", s.dir + "/other.sock"}, "in use"},
		{"a data directory that another server uses", []string{"--admin-socket", s.dir + "/third.sock", "--database", "sqlite:" + s.dir + "/third.db"}, "another relais server uses"},
		{"a plugin directory that does not exist", []string{"--plugin-dir", "/nosuch/plugins", "--admin-socket", s.dir + "/fourth.sock", "--database", "sqlite:" + s.dir + "/other.db"}, "/nosuch/plugins"},
		{"an argument", []string{"extra"}, "relais serve expects no arguments, got 1 argument(s)\n  see relais serve --help"},
		{"an unknown flag", []string{"--nosuch"}, "nosuch"},
		{"a missing configuration file", []string{"--config", "/nosuch/relais.yaml"}, "/nosuch/relais.yaml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(binDir, "relais"), append([]string{"serve"}, tt.args...)...)
			cmd.Env = append(os.Environ(), s.environ...)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("exit %v: %s", err, out)
			}
		})
	}
	// The one that runs is not disturbed.
	conn, err := grpc.NewClient(s.server.address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := marketplacev1.NewMarketplaceServiceClient(conn).ListStores(t.Context(), &marketplacev1.ListStoresRequest{}); err != nil {
		t.Error(err)
	}
}
