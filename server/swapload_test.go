package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// `make swap-load`: adapters are swapped, rolled back, killed and frozen under load, and the server is killed under it: no call fails,
// no shipment is lost and none is doubled. Real adapters in two builds each, a real server process, the sandbox, and 64 clients that
// never repeat a call.

var (
	swapCount  = flag.Int("swap.n", 0, "swaps of the swap-load run, a tenth as many rollbacks; 0 skips it")
	swapKills  = flag.Int("swap.kills", 100, "adapter processes that are killed")
	swapHangs  = flag.Int("swap.hangs", 100, "adapter processes that are frozen, a tenth of them until the watchdog replaces them")
	swapOrders = flag.Int("swap.orders", 100_000, "orders of the import that runs meanwhile")
	swapSeed   = flag.Uint64("swap.seed", 1, "what the calls of the load, the kills and the hangs are drawn from")
)

// swapConfig is what runs differ in.
type swapConfig struct {
	seed                uint64
	swaps, kills, hangs int
	// killServer lets the run kill the server too.
	killServer bool
	// orders of the import that runs under the swaps; zero means that there is none.
	orders int
	// shipments is how many orders there are to be shipped. Each phase has its part of them (see phase).
	shipments int
	// rate is the calls a second; zero means a third of what the server is measured to take.
	rate float64
	// baseline is how long there is load without swaps, to compare with; shorter when the large import would not last.
	baseline time.Duration
	// patience is how long the last shipments and imports may take to end.
	patience time.Duration
	// rig is what is wrong with the adapters (testdata/rig); empty means the real ones, in two builds.
	rig string
	// tell is how many orders that went wrong are explained in full.
	tell int
}

// swapResult is what a run came to. The keys are those of its RESULT line.
type swapResult struct {
	// Calls that found a server, and those of them that failed.
	Calls   int     `json:"calls"`
	Failed  int     `json:"failed"`
	Lost    int     `json:"lost"`
	Doubled int     `json:"doubled"`
	Swaps   int     `json:"swaps"` // rollbacks included
	SwapP50 float64 `json:"swap_ms_p50"`
	SwapP99 float64 `json:"swap_ms_p99"`
	// Pause is the longest time during the swaps in which no call was answered that crosses the boundary to an adapter's process and
	// waits for its answer (see crosses): for each adapter by itself, the worse of both. The calls come at random: without any swap
	// there are such gaps too, which the report tells.
	Pause float64 `json:"pause_ms_max"`
	// Kills of adapter processes, and how often one was frozen.
	Kills int `json:"kills"`
	Hangs int `json:"hangs"`
	// Restart is the p99, over the killed processes, of the time from the kill until another one serves.
	Restart float64 `json:"restart_ms_p99"`
	// Ratio is the p99 of calls during swaps over the p99 without. The large import is under way in both.
	Ratio float64 `json:"p99_ratio"`
	// Leaked counts processes, sockets, copies of releases and descriptors beyond those that belong there: after the swaps, the kills,
	// the hangs, the end of the server by kill, and its end by an operator.
	Leaked int `json:"leaked"`
	boundaryRatios

	// Wrong is what must not be, a sentence each. A run that has any fails.
	Wrong []string `json:"-"`
}

func TestSwapLoad(t *testing.T) {
	if *swapCount == 0 {
		t.Skip("takes minutes: run make swap-load")
	}
	boundary := measureBoundary(t)
	result := runSwapLoad(t, swapConfig{
		seed: *swapSeed, swaps: *swapCount, kills: *swapKills, hangs: *swapHangs, killServer: true, orders: *swapOrders,
		shipments: 2000, baseline: 10 * time.Second, patience: 2 * swapCallTimeout, tell: 3,
	})
	result.boundaryRatios = boundary
	const shown = 20
	for i, sentence := range result.Wrong {
		if i == shown {
			t.Errorf("… and %d more", len(result.Wrong)-shown)
			break
		}
		t.Error(sentence)
	}
	line, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nRESULT %s\n", line)
}

// runSwapLoad makes one run and judges it.
func runSwapLoad(t *testing.T, cfg swapConfig) swapResult {
	t.Helper()
	r := newSwapRun(t, cfg)
	defer r.stop()
	r.rate = cfg.rate
	if r.rate == 0 {
		capacity := r.load.capacity(3 * time.Second)
		r.rate = capacity / 3
		fmt.Printf("capacity %.0f calls a second with %d clients; the load is %.0f a second\n", capacity, swapClients, r.rate)
	}
	before := r.holdings()
	big := r.startImport()
	baseline := r.phase("without swaps", 5, func() { r.awaitBaseline(big) })
	swaps := r.phase("swaps", 35, func() { r.swapAll(cfg.swaps) })
	r.awaitImport(big)
	r.leaks("after the swaps", before)
	if cfg.kills > 0 {
		r.phase("kills", 25, func() { r.killAll(cfg.kills) })
		r.leaks("after the kills", before)
	}
	if cfg.hangs > 0 {
		r.phase("hangs", 25, func() { r.hangAll(cfg.hangs) })
		r.leaks("after the hangs", before)
	}
	if cfg.killServer {
		r.phase("the server killed", 5, r.killServer)
		r.leaks("after the server was killed", before)
	}
	r.settle()

	res := &r.result
	res.Pause, res.Ratio = swaps.pause(), math.Round(100*swaps.quantile(0.99)/baseline.quantile(0.99))/100
	r.report()
	r.chaos.wrong = append(r.chaos.wrong, r.load.missed()...)
	judged := r.judge()
	res.Lost, res.Doubled, res.Wrong = judged.Lost, judged.Doubled, judged.Wrong
	said := len(r.chaos.wrong)
	r.stop()
	r.leaksAfterStop()
	res.Wrong = append(res.Wrong, r.chaos.wrong[said:]...)
	return *res
}

// phase makes calls while do runs, and notes what came of them. It has orders of its own to ship, so many of a hundred.
func (r *swapRun) phase(name string, percent int, do func()) measurement {
	r.t.Helper()
	shipped := r.load.stock.restock(r.cfg.shipments * percent / 100)
	m := r.load.during(r.rate, do)
	unserved := r.outage.sort(&m)
	r.result.Calls += len(m.latencies) + len(m.failures)
	r.result.Failed += len(m.failures)
	for _, f := range m.failures {
		r.chaos.mustNot("%s: %s", name, f)
	}
	fmt.Printf("%-18s %6.1f s: %6d calls, %d failed, p50 %.1f ms, p99 %.1f ms, longest pause %.0f ms, %d orders shipped\n", name,
		m.ended.Sub(m.began).Seconds(), len(m.latencies)+len(m.failures), len(m.failures), m.quantile(0.5), m.quantile(0.99), m.pause(), shipped())
	if unserved > 0 {
		fmt.Printf("%-18s %d more calls found no server\n", "", unserved)
	}
	if m.late > 50*time.Millisecond {
		fmt.Printf("%-18s this machine began calls up to %.0f ms late, which counts as theirs\n", "", milliseconds(m.late))
	}
	if shipped() == 0 {
		r.chaos.mustNot("%s: no order was shipped", name)
	}
	return m
}

// report tells of the swaps, kills and hangs.
func (r *swapRun) report() {
	res := &r.result
	took := make([]float64, len(r.swaps))
	for i, s := range r.swaps {
		took[i] = s.took
	}
	res.Swaps, res.SwapP50, res.SwapP99 = len(took), quantile(took, 0.5), quantile(took, 0.99)
	res.Kills, res.Restart = len(r.restarts), quantile(r.restarts, 0.99)
	res.Hangs = r.resumed + len(r.replaced)
	fmt.Printf("%d swaps: the new release serves after %.0f ms (p50), %.0f ms (p99)\n", res.Swaps, res.SwapP50, res.SwapP99)
	if res.Kills > 0 {
		fmt.Printf("%d processes killed: another one serves after %.0f ms (p50), %.0f ms (p99)\n", res.Kills, quantile(r.restarts, 0.5), res.Restart)
	}
	if res.Hangs > 0 {
		fmt.Printf("%d processes frozen: %d went on, %d were replaced, after %.0f ms (p50), %.0f ms at most\n", res.Hangs, r.resumed, len(r.replaced),
			quantile(r.replaced, 0.5), quantile(r.replaced, 1))
	}
	r.load.report()
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
