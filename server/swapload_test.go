package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// `make swap-load`: adapters are swapped, rolled back, killed and frozen under load, and no call fails, no shipment is lost and none
// is doubled. Real adapters in two builds each, a real server process, the sandbox, 64 clients that never repeat a call.

var (
	swapCount  = flag.Int("swap.n", 0, "swaps of the swap-load run, a tenth as many rollbacks; 0 skips it")
	swapKills  = flag.Int("swap.kills", 100, "adapter processes that are killed; a tenth of them is frozen instead")
	swapOrders = flag.Int("swap.orders", 100_000, "orders of the import that runs meanwhile")
)

const (
	swapClients   = 64
	swapBaseline  = 10 * time.Second // of load without swaps, to compare with
	swapShipments = 8000             // orders that there are to be shipped
	otherBuild    = "other-build"    // the version that the second build of each adapter says
	bigStore      = "big"            // the store whose orders are imported meanwhile
)

// swapResult is what a run came to. The keys are those of its RESULT line.
type swapResult struct {
	Calls   int     `json:"calls"`
	Failed  int     `json:"failed"`
	Lost    int     `json:"lost"`
	Doubled int     `json:"doubled"`
	Swaps   int     `json:"swaps"` // rollbacks included
	SwapP50 float64 `json:"swap_ms_p50"`
	SwapP99 float64 `json:"swap_ms_p99"`
	// Pause is the longest time in which no call that needs an adapter was answered, while swaps went on.
	Pause   float64 `json:"pause_ms_max"`
	Kills   int     `json:"kills"` // frozen processes included
	Restart float64 `json:"restart_ms_p99"`
	// Ratio is the p99 of calls during swaps over the p99 without.
	Ratio float64 `json:"p99_ratio"`
	// Leaked counts processes, socket directories, copies of releases and descriptors beyond those that belong there.
	Leaked int `json:"leaked"`
	boundaryRatios
}

func TestSwapLoad(t *testing.T) {
	if *swapCount == 0 {
		t.Skip("takes minutes: run make swap-load")
	}
	boundary := measureBoundary(t)
	r := newSwapRun(t)
	r.result.boundaryRatios = boundary
	defer r.chaos.end()
	capacity := r.load.capacity(3 * time.Second)
	rate := capacity / 3
	fmt.Printf("capacity %.0f calls a second with %d clients; the load is %.0f a second\n", capacity, swapClients, rate)

	baseline := r.load.during(rate, func() { pause(t.Context(), swapBaseline) })
	fmt.Printf("without swaps: %d calls, p50 %.1f ms, p99 %.1f ms\n", len(baseline.latencies), baseline.quantile(0.5), baseline.quantile(0.99))

	before := r.holdings()
	big := r.startImport()
	swaps := r.load.during(rate, func() { r.swapAll(*swapCount) })
	fmt.Printf("%d swaps: %d calls, p50 %.1f ms, p99 %.1f ms, longest pause %.0f ms\n", len(r.swaps), len(swaps.latencies),
		swaps.quantile(0.5), swaps.quantile(0.99), swaps.pause())
	r.awaitImport(big)
	r.result.Leaked = r.leaked(before)

	kills := r.load.during(rate, func() { r.killAll(*swapKills) })
	fmt.Printf("%d processes killed or frozen: %d calls, p50 %.1f ms, p99 %.1f ms\n", r.result.Kills, len(kills.latencies),
		kills.quantile(0.5), kills.quantile(0.99))

	r.killServer()
	r.settle()

	res := &r.result
	for _, m := range []measurement{baseline, swaps, kills} {
		res.Calls += len(m.latencies)
		res.Failed += len(m.failures)
		for _, f := range m.failures {
			r.chaos.mustNot("a call failed: %s", f)
		}
	}
	res.Swaps, res.SwapP50, res.SwapP99 = len(r.swaps), quantile(r.swaps, 0.5), quantile(r.swaps, 0.99)
	res.Pause, res.Restart = round(swaps.pause()), quantile(r.restarts, 0.99)
	res.Ratio = math.Round(100*swaps.quantile(0.99)/baseline.quantile(0.99)) / 100
	judged := r.chaos.judge(t.Context())
	res.Lost, res.Doubled = judged.Lost, judged.Doubled
	fmt.Printf("%d shipments: %d confirmed, %d requests repeated after a lost answer\n", judged.Shipments, judged.Confirmed, judged.Repeats)
	for i, sentence := range judged.Wrong {
		if i == 20 {
			t.Errorf("… and %d more", len(judged.Wrong)-i)
			break
		}
		t.Error(sentence)
	}
	if res.Leaked > 0 {
		t.Errorf("%d things leaked", res.Leaked)
	}
	line, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nRESULT %s\n", line)
}

// swapRun is one run under way.
type swapRun struct {
	t        *testing.T
	chaos    *chaosRun // server, sandbox, stores, and the judge of shipments
	load     *load
	plugins  string
	result   swapResult
	swaps    []float64 // milliseconds from the call to the release that serves
	restarts []float64 // milliseconds from the end of a process to the next one that serves
}

// newSwapRun starts everything. The stores of the load are one over each adapter, as in a chaos run.
func newSwapRun(t *testing.T) *swapRun {
	t.Helper()
	r := &swapRun{t: t, plugins: twoBuilds(t)}
	plan := chaosPlan{}
	for i := range swapShipments {
		plan.Orders = append(plan.Orders, chaosOrder{
			API: chaosAPIs()[i%2], Variety: world.HomeTracked, Carrier: "Colissimo", Tracking: fmt.Sprintf("6A%011d", i),
		})
	}
	r.chaos = prepareChaos(t, chaosConfig{name: "swap-load", plan: plan, plugins: r.plugins, tell: 3, settings: []string{
		"RELAIS_ADAPTERS_REQUESTS_PER_SECOND=1000", "RELAIS_ADAPTERS_BURST=1000", "RELAIS_ADAPTERS_CALL_TIMEOUT=60s",
		"RELAIS_ADAPTERS_WATCH_INTERVAL=1s",
	}})
	seller := r.chaos.s.sandbox.World().Sellers()[2]
	now := r.chaos.s.sandbox.World().Clock().Now()
	const days = 28
	for day := range days {
		created := now.Add(-time.Duration(day)*24*time.Hour - time.Hour)
		spec := world.Spec{Seller: seller.Account, Variety: world.HomeTracked, Count: (*swapOrders + day) / days, Created: &created}
		if spec.Count == 0 {
			continue
		}
		if _, err := r.chaos.s.sandbox.World().Create(spec); err != nil {
			t.Fatal(err)
		}
	}
	r.chaos.startServer()
	r.chaos.await(t.Context())
	req := connectRequest(bigStore)
	req.Credentials = &marketplacev1.Credentials{Values: map[string]string{"login": seller.Login, "password": seller.Password}}
	if _, err := r.chaos.api.ConnectStore(t.Context(), req); err != nil {
		t.Fatalf("ConnectStore: %v", err)
	}
	r.load = newLoad(t, r.chaos)
	return r
}

// twoBuilds makes a plugin directory with the built adapters and, beside each, another build of it.
func twoBuilds(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, api := range chaosAPIs() {
		file := "relais-adapter-" + api
		otherRelease(t, filepath.Join(binDir, "plugins", file), filepath.Join(dir, file), "")
		cmd := exec.Command("go", "build", "-ldflags", "-X github.com/relaishq/relais/adapters/"+api+".version="+otherBuild,
			"-o", filepath.Join(dir, file+"@other"), "./plugins/"+api)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build another release: %v\n%s", err, text)
		}
	}
	return dir
}

// startImport begins the import that is to survive everything.
func (r *swapRun) startImport() string {
	r.t.Helper()
	run, err := r.chaos.api.ImportOrders(r.t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/" + bigStore})
	if err != nil {
		r.t.Fatalf("ImportOrders: %v", err)
	}
	return run.GetName()
}

// awaitImport waits for the end of the big import, which must have read everything.
func (r *swapRun) awaitImport(name string) {
	r.t.Helper()
	var run *marketplacev1.Import
	waitLong(r.t, 10*time.Minute, func() bool {
		got, err := r.chaos.api.GetImport(r.t.Context(), &marketplacev1.GetImportRequest{Name: name})
		run = got
		return err == nil && got.GetState() != marketplacev1.Import_STATE_RUNNING
	})
	resumed := int32(0)
	for _, w := range run.GetWindows() {
		resumed += w.GetResumeCount()
	}
	fmt.Printf("the import of %d orders ended %s after %.1f s, %d processes went on with it\n", run.GetProgress().GetOrdersCreated(),
		run.GetState(), run.GetFinishTime().AsTime().Sub(run.GetStartTime().AsTime()).Seconds(), resumed)
	if run.GetState() != marketplacev1.Import_STATE_SUCCEEDED || run.GetProgress().GetOrdersCreated() != int64(*swapOrders) {
		r.chaos.mustNot("the import of %d orders ended %s with %d: %s", *swapOrders, run.GetState(), run.GetProgress().GetOrdersCreated(),
			run.GetFailure().GetMessage())
	}
}

// swapAll swaps both adapters back and forth, and rolls back after each tenth swap.
func (r *swapRun) swapAll(n int) {
	for i := range n {
		api := chaosAPIs()[i%2]
		file := "relais-adapter-" + api
		if r.adapter(api).GetGeneration().GetVersion() != otherBuild {
			file += "@other"
		}
		r.swap(i, func() (swapStream, error) {
			return r.chaos.admin.SwapAdapter(r.t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/" + api, File: file})
		})
		if i%10 == 9 {
			r.swap(i, func() (swapStream, error) {
				return r.chaos.admin.RollbackAdapter(r.t.Context(), &marketplacev1.RollbackAdapterRequest{Name: "adapters/" + api})
			})
		}
	}
}

// swapStream is the steps of a swap.
type swapStream interface {
	Recv() (*marketplacev1.SwapStep, error)
}

func (r *swapRun) swap(i int, begin func() (swapStream, error)) {
	start := time.Now()
	stream, err := begin()
	for err == nil {
		var step *marketplacev1.SwapStep
		switch step, err = stream.Recv(); {
		case err != nil:
		case step.GetKind() == marketplacev1.SwapStep_KIND_PUBLISH && step.GetDone():
			r.swaps = append(r.swaps, milliseconds(time.Since(start)))
		case step.GetUnchanged():
			r.chaos.mustNot("swap %d changed nothing", i)
		case step.GetCutCalls() > 0:
			r.chaos.mustNot("swap %d cut %d calls short", i, step.GetCutCalls())
		case step.GetKind() == marketplacev1.SwapStep_KIND_COMPLETE:
			return
		}
	}
	r.chaos.mustNot("swap %d failed: %v", i, err)
}

// killAll kills processes of the adapters in turn; each tenth is frozen instead, until the watchdog finds it.
func (r *swapRun) killAll(n int) {
	for i := range n {
		api := chaosAPIs()[i%2]
		old := r.adapter(api).GetGeneration()
		signal := syscall.SIGKILL
		if i%10 == 9 {
			signal = syscall.SIGSTOP
		}
		if err := syscall.Kill(int(old.GetPid()), signal); err != nil {
			r.chaos.mustNot("kill adapter process %d: %v", old.GetPid(), err)
			continue
		}
		r.result.Kills++
		start := time.Now()
		waitLong(r.t, time.Minute, func() bool {
			a := r.adapter(api)
			return a.GetGeneration().GetNumber() > old.GetNumber() && a.GetState() == marketplacev1.Adapter_STATE_SERVING
		})
		if signal == syscall.SIGKILL {
			r.restarts = append(r.restarts, milliseconds(time.Since(start)))
		}
		pause(r.t.Context(), 500*time.Millisecond) // let it serve
	}
}

func (r *swapRun) adapter(api string) *marketplacev1.Adapter {
	r.t.Helper()
	a, err := r.chaos.admin.GetAdapter(r.t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/" + api})
	if err != nil {
		r.t.Fatalf("GetAdapter: %v", err)
	}
	return a
}

// holdings counts what the server holds on to: its descriptors, and below its data directory sockets and copies.
func (r *swapRun) holdings() map[string]int {
	r.t.Helper()
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			r.t.Fatal(err)
		}
		return len(entries)
	}
	held := map[string]int{
		"sockets":     count(filepath.Join(r.chaos.s.dir, "adapters", "sockets")),
		"descriptors": count(fmt.Sprintf("/proc/%d/fd", r.chaos.process.cmd.Process.Pid)),
		"processes":   len(r.processes()),
	}
	for _, api := range chaosAPIs() {
		held["copies of "+api] = count(filepath.Join(r.chaos.s.dir, "adapters", "releases", api))
	}
	return held
}

// processes lists those that run a copy of an adapter of this server.
func (r *swapRun) processes() (pids []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, r.chaos.s.dir) {
			pids = append(pids, link)
		}
	}
	return pids
}

// leaked counts what is held beyond what was held before, once it had time to go away. Each slot may keep one release more, to roll
// back to; descriptors come and go with the clients' connections.
func (r *swapRun) leaked(before map[string]int) int {
	r.t.Helper()
	const connections = 16
	over := func() (n int) {
		for what, now := range r.holdings() {
			allowed := before[what]
			switch {
			case what == "descriptors":
				allowed += connections
			case strings.HasPrefix(what, "copies"):
				allowed = 2
			}
			n += max(0, now-allowed)
		}
		return n
	}
	deadline := time.Now().Add(10 * time.Second)
	total := over()
	for ; total > 0 && time.Now().Before(deadline); total = over() {
		pause(r.t.Context(), 100*time.Millisecond)
	}
	if total > 0 {
		fmt.Printf("held before the swaps: %v; after: %v\n", before, r.holdings())
	}
	return total
}

// killServer kills the server: no adapter process survives it for long, and the next one serves what this one served.
func (r *swapRun) killServer() {
	r.t.Helper()
	served := map[string]string{}
	for _, api := range chaosAPIs() {
		served[api] = r.adapter(api).GetGeneration().GetSha256()
	}
	r.chaos.s.kill(r.chaos.process)
	waitLong(r.t, 5*time.Second, func() bool { return len(r.processes()) == 0 })
	r.chaos.startServer()
	r.chaos.await(r.t.Context())
	for api, sum := range served {
		waitFor(r.t, func() bool { return r.adapter(api).GetState() == marketplacev1.Adapter_STATE_SERVING })
		if got := r.adapter(api).GetGeneration().GetSha256(); got != sum {
			r.chaos.mustNot("the next server serves release %s of %s, and %s served before", got, api, sum)
		}
	}
}

// settle waits until every shipment has ended, and leaves the judge with the orders that were shipped.
func (r *swapRun) settle() {
	waitLong(r.t, 5*time.Minute, func() bool { return !r.chaos.open(r.t.Context()) })
	n := r.load.shipped()
	r.chaos.plan.Orders, r.chaos.numbers = r.chaos.plan.Orders[:n], r.chaos.numbers[:n]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func round(ms float64) float64 { return math.Round(ms*10) / 10 }

// quantile of numbers in any order; zero of none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return round(sorted[int(q*float64(len(sorted)-1))])
}
