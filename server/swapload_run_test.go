package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/host/release"
)

const (
	swapClients  = 64
	swapPreviews = 20            // orders of each store whose shipment is only previewed
	otherBuild   = "other-build" // the version that the second build of each adapter says
	bigStore     = "big"         // the store whose orders are imported meanwhile

	// swapCallTimeout bounds a call of an adapter. A process that retires may take half a minute more, as long as a part of the large
	// import can last on a busy machine; and a shipment whose answer was lost is settled after that time.
	swapCallTimeout = time.Minute
	// swapWatchInterval lets a watchdog that waits 2 s three times find a frozen process after 6 s or little more.
	swapWatchInterval = 250 * time.Millisecond
)

// swapRun is one run under way.
type swapRun struct {
	t       *testing.T
	cfg     swapConfig
	chaos   *chaosRun // server, sandbox, stores, and the judge of shipments
	load    *load
	builds  map[string]map[string]string // by adapter: hash of each release to the name of its file
	rate    float64                      // calls a second
	result  swapResult
	outage  outage
	stopped bool

	mu       sync.Mutex // guards the fields below
	swaps    []swapped
	restarts []float64 // milliseconds from a kill until another process serves
	replaced []float64 // the same of processes that were frozen until the watchdog found them
	resumed  int       // frozen processes that went on
}

// newSwapRun starts everything. The stores of the load are one over each adapter, as in a chaos run.
func newSwapRun(t *testing.T, cfg swapConfig) *swapRun {
	t.Helper()
	r := &swapRun{t: t, cfg: cfg}
	var plugins string
	plugins, r.builds = twoBuilds(t, cfg.rig)
	plan := chaosPlan{}
	toShip := cfg.shipments + cfg.shipments%2
	for i := range toShip + 2*swapPreviews {
		plan.Orders = append(plan.Orders, chaosOrder{
			API: chaosAPIs()[i%2], Variety: world.HomeTracked, Story: plain, Carrier: "Colissimo", Tracking: fmt.Sprintf("6A%011d", i),
		})
	}
	r.chaos = prepareChaos(t, chaosConfig{name: "swap-load", plan: plan, plugins: plugins, tell: cfg.tell, settings: []string{
		"RELAIS_ADAPTERS_REQUESTS_PER_SECOND=1000", "RELAIS_ADAPTERS_BURST=1000",
		"RELAIS_ADAPTERS_CALL_TIMEOUT=" + swapCallTimeout.String(), "RELAIS_ADAPTERS_WATCH_INTERVAL=" + swapWatchInterval.String(),
	}})
	r.chaos.startServer()
	r.chaos.await(t.Context())
	r.load = newLoad(t, r.chaos, cfg.seed, toShip)
	r.load.stock.restock(cfg.shipments * 5 / 100)             // for the measurement of the capacity
	r.eachAdapter(func(_ int, api string) { r.adapter(api) }) // connects, before anybody counts connections
	return r
}

// stop stops the server as an operator does, once.
func (r *swapRun) stop() {
	if !r.stopped {
		r.stopped = true
		r.chaos.end()
	}
}

// twoBuilds makes a plugin directory with the adapters and, beside each, another build of it, and tells which file is which release.
// Rigged ones differ in their last byte only: what is wrong with them is what matters.
func twoBuilds(t *testing.T, rig string) (dir string, builds map[string]map[string]string) {
	t.Helper()
	from := filepath.Join(binDir, "plugins")
	if rig != "" {
		from = riggedAdapters(t, rig)
	}
	dir, builds = t.TempDir(), map[string]map[string]string{}
	for _, api := range chaosAPIs() {
		file := "relais-adapter-" + api
		otherRelease(t, filepath.Join(from, file), filepath.Join(dir, file), "")
		if rig != "" {
			otherRelease(t, filepath.Join(from, file), filepath.Join(dir, file+"@other"), "\n")
		} else {
			buildOther(t, api, filepath.Join(dir, file+"@other"))
		}
		builds[api] = map[string]string{}
		for _, name := range []string{file, file + "@other"} {
			sum, err := release.Hash(t.Context(), filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			builds[api][sum] = name
		}
		if len(builds[api]) != 2 {
			t.Fatalf("the two builds of %s are the same", api)
		}
	}
	return dir, builds
}

func buildOther(t *testing.T, api, out string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-ldflags", "-X github.com/relaishq/relais/adapters/"+api+".version="+otherBuild, "-o", out, "./plugins/"+api)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build another release: %v\n%s", err, text)
	}
}

// until waits until something is so, and notes when it never is. Those who wait may be other goroutines than the test's.
func (r *swapRun) until(limit time.Duration, what string, so func() bool) bool {
	ctx, cancel := context.WithTimeout(r.t.Context(), limit)
	defer cancel()
	for !so() {
		if ctx.Err() != nil {
			r.chaos.mustNot("waited for %s in vain: %s", limit, what)
			return false
		}
		pause(ctx, 10*time.Millisecond)
	}
	return true
}

// adapter is what the server tells of an adapter; nil when it tells nothing.
func (r *swapRun) adapter(api string) *marketplacev1.Adapter {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	a, err := r.chaos.admin.GetAdapter(ctx, &marketplacev1.GetAdapterRequest{Name: "adapters/" + api})
	if err != nil {
		return nil
	}
	return a
}

// eachAdapter does something with both adapters at a time, and returns when both are done.
func (r *swapRun) eachAdapter(do func(i int, api string)) {
	var both sync.WaitGroup
	for i, api := range chaosAPIs() {
		both.Go(func() { do(i, api) })
	}
	both.Wait()
}

// settle waits until every shipment has ended. Sellers who got no answer, because the server was killed, ask again.
func (r *swapRun) settle() {
	for _, i := range r.load.unanswered() {
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
		if err := r.load.ship(ctx, r.chaos.api, i); err != nil {
			r.chaos.mustNot("a shipment cannot be notified again after its answer was lost: %v", err)
		}
		cancel()
	}
	r.until(r.cfg.patience, "the end of every shipment", func() bool { return !r.chaos.open(r.t.Context()) })
	r.judgeImports()
}

// judge judges the orders that were shipped.
func (r *swapRun) judge() chaosResult {
	r.t.Helper()
	c := r.chaos
	var orders []chaosOrder
	var numbers []string
	told := map[int][]told{}
	for _, i := range r.load.stock.shipped() {
		told[len(orders)] = c.told[i]
		orders, numbers = append(orders, c.plan.Orders[i]), append(numbers, c.numbers[i])
	}
	c.plan.Orders, c.numbers, c.told = orders, numbers, told
	judged := c.judge(r.t.Context())
	fmt.Printf("%d shipments: %d confirmed, %d ship requests beyond the first of their order\n", judged.Shipments, judged.Confirmed, judged.Repeats)
	return judged
}

// createBig makes the orders of the large import, spread over the days that a first import reads.
func (r *swapRun) createBig() (seller world.Seller, numbers []string) {
	r.t.Helper()
	w := r.chaos.s.sandbox.World()
	seller = w.Sellers()[2]
	const days = 28
	for day := range days {
		created := w.Clock().Now().Add(-time.Duration(day)*24*time.Hour - time.Hour)
		spec := world.Spec{Seller: seller.Account, Variety: world.HomeTracked, Count: (r.cfg.orders + day) / days, Created: &created}
		if spec.Count == 0 {
			continue
		}
		made, err := w.Create(spec)
		if err != nil {
			r.t.Fatal(err)
		}
		numbers = append(numbers, made...)
	}
	return seller, slices.Clip(numbers)
}

// ranAt reports whether an instant lies in the time that an import took.
func ranAt(run *marketplacev1.Import, at time.Time) bool {
	after := func(t *timestamppb.Timestamp) bool { return t != nil && at.After(t.AsTime()) }
	return after(run.GetStartTime()) && !after(run.GetFinishTime())
}
