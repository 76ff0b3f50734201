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

// TestChaosCanFail: with adapters that send everything twice the same run fails, so TestChaos does not succeed for want of looking.
func TestChaosCanFail(t *testing.T) {
	if *chaosShipments == 0 {
		t.Skip("takes a minute: run make test-slow")
	}
	const n = 12
	r := runChaos(t, chaosConfig{name: "rigged", plan: drawPlan(1, 0, n), plugins: resendingAdapters(t), patience: chaosPatience(n)})
	if r.Doubled == 0 || len(r.Wrong) == 0 {
		t.Errorf("adapters that send twice went unnoticed: %+v", r)
	}
}

// resendingAdapters builds adapters that send every shipment twice and returns their directory.
func resendingAdapters(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, api := range chaosAPIs() {
		cmd := exec.Command("go", "build", "-ldflags", "-X main.marketplace="+api, "-o", filepath.Join(dir, "relais-adapter-"+api), "./testdata/resend")
		cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build an adapter that sends twice: %v\n%s", err, text)
		}
	}
	return dir
}
