package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// `make chaos`: no shipment is lost and none is doubled, whatever fails. Orders of two stores, one over each adapter, are shipped
// while the marketplace loses answers, applies late, throttles, forgets tokens and talks nonsense, and while the server and its
// adapters are killed. Then the faults end, and everything must settle.

var (
	chaosShipments = flag.Int("chaos.n", 0, "shipments of the chaos run; 0 skips it")
	chaosSeed      = flag.Uint64("chaos.seed", 0, "what everything random is drawn from; 0 draws a seed and prints it")
)

func TestChaos(t *testing.T) {
	if *chaosShipments == 0 {
		t.Skip("takes minutes: run make chaos")
	}
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(rand.Uint32()) + 1
	}
	n := max(*chaosShipments, 4)
	fmt.Printf("chaos: SEED=%d N=%d: a half of the shipments to a marketplace that refuses a second ship request, a half to one that accepts it;\n"+
		"in each, half of them over %s and half over %s\n", seed, n, chaosAPIs()[0], chaosAPIs()[1])
	fmt.Printf("the server reads %d times, %s apart, before it sends again; the marketplace applies at most %s late and shows it at most %s later\n",
		chaosReads, chaosSettle, chaosLate, chaosHidden)
	var total chaosResult
	for stream, mode := range []struct {
		name       string
		permissive bool
	}{{"normal", false}, {"permissive", true}} {
		t.Run(mode.name, func(t *testing.T) {
			r := runChaos(t, chaosConfig{
				name: mode.name, plan: drawPlan(seed, uint64(stream), (n+stream)/2), permissive: mode.permissive,
				patience: chaosPatience(n), tell: 5,
			})
			for _, sentence := range r.Wrong {
				t.Error(sentence)
			}
			total.add(r)
		})
	}
	for _, sentence := range total.want(n) {
		t.Error(sentence)
	}
	total.Seconds = math.Round(total.Seconds*10) / 10
	line, err := json.Marshal(total)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nRESULT %s\n", line)
}

// chaosPatience is how long n shipments may take to settle: a minute and a half for the longest pauses of all (30 s before an
// adapter that was killed often is started again, 10 s after a crash while sending), and a third of a second for each shipment.
func chaosPatience(n int) time.Duration { return 90*time.Second + time.Duration(n)*time.Second/3 }

// want tells what a run of n shipments did not do, so that it proves nothing: without faults, kills and repetitions nothing is lost.
func (r chaosResult) want(n int) []string {
	var missing []string
	if r.Shipments != n {
		missing = append(missing, fmt.Sprintf("%d orders were judged, planned were %d", r.Shipments, n))
	}
	if n < 100 { // too few to meet everything
		return missing
	}
	for _, f := range r.notMet() {
		missing = append(missing, "no call met a fault "+f)
	}
	for what, times := range map[string]int{
		"ship request was repeated": r.Repeats, "correction was delivered": r.Corrected, "correction came too late": r.Uncorrected,
		"shipment was withdrawn": r.Withdrawn, "order was accepted": r.Accepted, "order was cancelled by its buyer": r.Rejected,
		"import was made by the schedule": r.Scheduled,
	} {
		if times == 0 {
			missing = append(missing, "no "+what)
		}
	}
	return missing
}

// TestChaosCanFail: with adapters that send everything twice, or nothing at all, the same run fails, so TestChaos does not succeed for
// want of looking.
func TestChaosCanFail(t *testing.T) {
	if *chaosShipments == 0 {
		t.Skip("takes a minute: run make test-slow")
	}
	const n = 12
	for _, c := range []struct {
		wrong    string // with the adapters
		patience time.Duration
		found    func(r chaosResult) int
	}{
		{"twice", chaosPatience(n), func(r chaosResult) int { return r.Doubled }},
		{"never", 20 * time.Second, func(r chaosResult) int { return r.Lost }}, // what is lost never ends
	} {
		t.Run(c.wrong, func(t *testing.T) {
			r := runChaos(t, chaosConfig{
				name: "rigged (" + c.wrong + ")", plan: drawPlan(1, 0, n), plugins: riggedAdapters(t, c.wrong), patience: c.patience,
			})
			if c.found(r) == 0 || len(r.Wrong) == 0 {
				t.Errorf("adapters that send %s went unnoticed: %+v", c.wrong, r)
			}
		})
	}
}

// riggedAdapters builds adapters with a fault and returns their directory.
func riggedAdapters(t *testing.T, wrong string) string {
	t.Helper()
	dir := t.TempDir()
	for _, api := range chaosAPIs() {
		flags := "-X main.marketplace=" + api + " -X main.wrong=" + wrong
		cmd := exec.Command("go", "build", "-ldflags", flags, "-o", filepath.Join(dir, "relais-adapter-"+api), "./testdata/rig")
		cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build an adapter that sends %s: %v\n%s", wrong, err, text)
		}
	}
	return dir
}
