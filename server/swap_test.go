package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// newSwappable is a system with a plugin directory of its own, in which the cdiscount adapter can be replaced.
func newSwappable(t *testing.T, orders int, settings ...string) (s *system, plugins string) {
	t.Helper()
	plugins = t.TempDir()
	for _, name := range []string{"relais-adapter-cdiscount", "relais-adapter-octopia"} {
		otherRelease(t, filepath.Join(binDir, "plugins", name), filepath.Join(plugins, name), "")
	}
	return newSystem(t, orders, append(settings, "RELAIS_PLUGIN_DIR="+plugins)...), plugins
}

// otherRelease copies an adapter binary. With more at its end it is another release: a program does not mind what lies behind it.
func otherRelease(t *testing.T, from, to, more string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to+".new", os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err == nil {
		_, err = io.WriteString(out, more)
	}
	if err := errors.Join(err, out.Close(), os.Rename(to+".new", to)); err != nil {
		t.Fatal(err)
	}
}

// completed receives the steps of a swap to its end and returns the adapter afterwards.
func completed(t *testing.T, stream grpc.ServerStreamingClient[marketplacev1.SwapStep], err error) *marketplacev1.Adapter {
	t.Helper()
	for {
		if err != nil {
			t.Fatalf("swap: %v", err)
		}
		var step *marketplacev1.SwapStep
		if step, err = stream.Recv(); step.GetKind() == marketplacev1.SwapStep_KIND_COMPLETE {
			return step.GetAdapter()
		}
	}
}

// health asks a listener whether an adapter serves.
func health(t *testing.T, conn *grpc.ClientConn, adapter string) string {
	t.Helper()
	answer, err := healthgrpc.NewHealthClient(conn).Check(t.Context(), &healthgrpc.HealthCheckRequest{Service: "relais.adapter." + adapter})
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetStatus().String()
}

// TestSwapUnderAnImport: an import goes on through a swap and a rollback, loses nothing, and its record tells.
func TestSwapUnderAnImport(t *testing.T) {
	t.Parallel()
	s, plugins := newSwappable(t, 60)
	s.connect()
	first := s.adapter().GetGeneration()
	// Each answer takes a moment: the import is under way for long enough.
	s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.Latency, Params: fault.Params{Milliseconds: 300}})
	run, err := s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"})
	if err != nil {
		t.Fatal(err)
	}
	progress := func() (finished bool) {
		got, err := s.api.GetImport(t.Context(), &marketplacev1.GetImportRequest{Name: run.GetName()})
		return err == nil && got.GetWindows()[0].GetFinishedUntilTime() != nil
	}
	waitFor(t, progress)
	otherRelease(t, filepath.Join(plugins, "relais-adapter-cdiscount"), filepath.Join(plugins, "relais-adapter-cdiscount@next"), "\n")
	swap, err := s.admin.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount", File: "relais-adapter-cdiscount@next"})
	second := completed(t, swap, err)
	if g := second.GetGeneration(); g.GetNumber() != 2 || g.GetSha256() == first.GetSha256() || alive(int(first.GetPid())) {
		t.Errorf("generation %v serves after %v", g, first)
	}
	rollback, err := s.admin.RollbackAdapter(t.Context(), &marketplacev1.RollbackAdapterRequest{Name: "adapters/cdiscount"})
	third := completed(t, rollback, err)
	if g := third.GetGeneration(); g.GetNumber() != 3 || g.GetSha256() != first.GetSha256() || third.GetRestartCount() != 0 {
		t.Errorf("generation %v serves after the rollback, %d restarts", g, third.GetRestartCount())
	}
	got := s.await(run.GetName())
	if got.GetState() != marketplacev1.Import_STATE_SUCCEEDED || got.GetWindows()[0].GetResumeCount() != 2 {
		t.Errorf("import %s, resumed %d times, %v; want it succeeded through two processes more", got.GetState(),
			got.GetWindows()[0].GetResumeCount(), got.GetFailure())
	}
	all := s.orders(nil)
	for _, number := range s.listedSince(run.GetWindows()[0].GetSinceTime().AsTime()) {
		if all[number] == nil {
			t.Errorf("order %s was lost", number)
		}
	}
}

// TestRestartServesTheRelease: what was swapped in serves again, whatever lies in the plugin directory, and whether there is one.
func TestRestartServesTheRelease(t *testing.T) {
	t.Parallel()
	s, plugins := newSwappable(t, 5)
	s.connect()
	file := filepath.Join(plugins, "relais-adapter-cdiscount")
	otherRelease(t, file, file, "\n")
	swap, err := s.admin.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"})
	served := completed(t, swap, err).GetGeneration().GetSha256()
	otherRelease(t, file, file, "\n")
	told := s.adapter().GetLastSwap()
	s.stop()
	if err := os.Rename(plugins, plugins+"-away"); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.imported()
	if err := os.Rename(plugins+"-away", plugins); err != nil {
		t.Fatal(err)
	}
	a := s.adapter()
	if a.GetGeneration().GetSha256() != served {
		t.Errorf("release %s serves after the restart, want %s", a.GetGeneration().GetSha256(), served)
	}
	if diff := cmp.Diff(told, a.GetLastSwap(), protocmp.Transform()); diff != "" || told == nil {
		t.Errorf("last swap (-before +after the restart)\n%s", diff)
	}
	available := 0
	for _, r := range a.GetReleases() {
		if len(r.GetFiles()) > 0 && r.GetSha256() != served {
			available++
		}
	}
	if available != 1 {
		t.Errorf("releases %v, want the file listed as available", a.GetReleases())
	}
}

// TestUnloadedAdapter: an adapter with stores stays; one without goes, and its health says so on both listeners.
func TestUnloadedAdapter(t *testing.T) {
	t.Parallel()
	s, _ := newSwappable(t, 5)
	s.connect()
	s.imported()
	s.wantInUse("cdiscount")
	listeners := s.conns // the public one and the operators'
	for _, conn := range listeners {
		waitFor(t, func() bool {
			return health(t, conn, "cdiscount") == "SERVING" && health(t, conn, "octopia") == "SERVING"
		})
	}
	if _, err := s.admin.UnloadAdapter(t.Context(), &marketplacev1.UnloadAdapterRequest{Name: "adapters/octopia"}); err != nil {
		t.Fatal(err)
	}
	for _, conn := range listeners {
		waitFor(t, func() bool { return health(t, conn, "octopia") == "NOT_SERVING" })
		if got := health(t, conn, "cdiscount"); got != "SERVING" {
			t.Errorf("cdiscount is %s", got)
		}
	}
}

// TestUnloadDuringAMove: a store that moves uses both adapters, until the move is complete.
func TestUnloadDuringAMove(t *testing.T) {
	t.Parallel()
	s, _ := newSwappable(t, 0, "RELAIS_MIGRATION_KEEP=1ms")
	left := s.readyOrder(world.Spec{})
	s.migrate()
	s.wantInUse("cdiscount") // which it leaves
	s.wantInUse("octopia")
	s.ship(left)
	s.imported()
	waitFor(t, func() bool { return s.migration().GetState() == complete })
	if _, err := s.admin.UnloadAdapter(t.Context(), &marketplacev1.UnloadAdapterRequest{Name: "adapters/cdiscount"}); err != nil {
		t.Errorf("unload of the adapter that was left: %v", err)
	}
	s.wantInUse("octopia")
}

// wantInUse checks that an adapter is not unloaded because of stores/demo.
func (s *system) wantInUse(adapter string) {
	s.t.Helper()
	_, err := s.admin.UnloadAdapter(s.t.Context(), &marketplacev1.UnloadAdapterRequest{Name: "adapters/" + adapter})
	info, _, _ := wantError(s.t, err, codes.FailedPrecondition, "ADAPTER_IN_USE")
	if diff := cmp.Diff(map[string]string{"adapter": adapter, "stores": "stores/demo"}, info.GetMetadata()); diff != "" {
		s.t.Errorf("metadata (-want +got)\n%s", diff)
	}
	if message := status.Convert(err).Message(); !strings.Contains(message, "used by 1 connected store: stores/demo; move") {
		s.t.Errorf("message %q", message)
	}
}

// TestPluginWatch: with --plugin-watch a new file serves without a command.
func TestPluginWatch(t *testing.T) {
	t.Parallel()
	s, plugins := newSwappable(t, 5, "RELAIS_PLUGIN_WATCH=true")
	s.connect()
	file := filepath.Join(plugins, "relais-adapter-cdiscount")
	otherRelease(t, file, file, "\n")
	waitFor(t, func() bool { return s.adapter().GetGeneration().GetNumber() == 2 })
	s.imported()
}
