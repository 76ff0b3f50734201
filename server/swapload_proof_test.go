package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestSwapLoadCanFail: with adapters that send everything twice, or whose processes end under the calls, a small run fails, so
// TestSwapLoad does not succeed for want of looking.
func TestSwapLoadCanFail(t *testing.T) {
	if *swapCount == 0 {
		t.Skip("takes a minute: run make test-slow")
	}
	for _, c := range []struct {
		rig   string // what is wrong with the adapters
		found func(r swapResult) bool
	}{
		{"twice", func(r swapResult) bool { return r.Doubled > 0 }},
		{"dies", func(r swapResult) bool { return r.Failed > 0 && r.Lost > 0 }},
	} {
		t.Run(c.rig, func(t *testing.T) {
			r := runSwapLoad(t, swapConfig{
				seed: 1, rig: c.rig, swaps: 2, shipments: 200, rate: 60, baseline: 4 * time.Second, patience: 10 * time.Second,
			})
			if !c.found(r) || len(r.Wrong) == 0 {
				t.Errorf("what is wrong with the adapters (%s) went unnoticed: %+v", c.rig, r)
			}
		})
	}
}

// TestSwapLoadMix: every kind of call reaches every adapter, whatever the seed, and a run in which one does not tells so.
func TestSwapLoadMix(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		a := answers{}
		for n := range uint64(5000) {
			a.add(drawCall(seed, n))
		}
		if missed := a.missed(); len(missed) > 0 {
			t.Errorf("seed %d: %q", seed, missed)
		}
	}
	lopsided := answers{}
	for n := range uint64(5000) {
		if d := drawCall(1, n); d.kind != checkStore || d.api != "octopia" {
			lopsided.add(d)
		}
	}
	if missed := lopsided.missed(); len(missed) != 1 {
		t.Errorf("a mix without CheckStore over octopia: %q", missed)
	}
	total := 0
	for _, s := range mix() {
		total += s.percent
	}
	if total != 100 {
		t.Errorf("the shares add up to %d percent", total)
	}
}

// TestSwapLoadPause: the pause is one adapter's, however busily the other answers, and counts from the beginning to the end.
func TestSwapLoadPause(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(seconds ...int) (all []time.Time) {
		for _, s := range seconds {
			all = append(all, began.Add(time.Duration(s)*time.Second))
		}
		return all
	}
	busy := at(1, 2, 3, 4, 5, 6, 7, 8, 9)
	for _, c := range []struct {
		name    string
		crossed map[string][]time.Time
		want    float64
	}{
		{"both answer all the time", map[string][]time.Time{"cdiscount": busy, "octopia": busy}, 1000},
		{"in any order", map[string][]time.Time{"cdiscount": busy, "octopia": at(9, 7, 2, 4)}, 3000},
		{"one adapter stands still", map[string][]time.Time{"cdiscount": busy, "octopia": at(1, 2, 8, 9)}, 6000},
		{"one answers late", map[string][]time.Time{"cdiscount": at(5, 6, 7, 8, 9), "octopia": busy}, 5000},
		{"one answers no more", map[string][]time.Time{"cdiscount": at(1, 2, 3), "octopia": busy}, 7000},
		{"one never answers", map[string][]time.Time{"cdiscount": busy}, 10_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := measurement{began: began, ended: began.Add(10 * time.Second), crossed: c.crossed}
			if got := m.pause(); got != c.want {
				t.Errorf("pause %v ms, want %v", got, c.want)
			}
		})
	}
}

// TestSwapLoadOutage: only calls that met no server while there was none are not counted as failed.
func TestSwapLoadOutage(t *testing.T) {
	t.Parallel()
	killed := time.Now()
	o := outage{from: killed, to: killed.Add(2 * time.Second)}
	refused := status.Error(codes.Unavailable, "connection refused")
	told, err := status.New(codes.Unavailable, "adapter octopia is not running").WithDetails(&errdetails.ErrorInfo{Reason: "ADAPTER_DOWN", Domain: "relais"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		began, ended time.Duration // after the kill
		err          error
		unserved     int
	}{
		{"cut by the kill", -time.Second, time.Millisecond, refused, 1},
		{"while there is no server", time.Second, time.Second, refused, 1},
		{"before the client is connected again", 2500 * time.Millisecond, 2500 * time.Millisecond, refused, 1},
		{"before the kill", -2 * time.Second, -time.Second, refused, 0},
		{"long after the restart", 4 * time.Second, 4 * time.Second, refused, 0},
		{"told by relais", time.Second, time.Second, told.Err(), 0},
		{"another error", time.Second, time.Second, errors.New("context deadline exceeded"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := measurement{failures: []failure{{began: killed.Add(c.began), ended: killed.Add(c.ended), err: c.err}}}
			if got := o.sort(&m); got != c.unserved || len(m.failures) != 1-c.unserved {
				t.Errorf("%d calls without a server, %d failed; want %d without", got, len(m.failures), c.unserved)
			}
			m.failures = []failure{{began: killed, ended: killed, err: c.err}}
			if got := (outage{}).sort(&m); got != 0 {
				t.Error("a call found no server although none was killed")
			}
		})
	}
}

// TestSwapLoadImports: every import must succeed, but for the one that the killed server was making.
func TestSwapLoadImports(t *testing.T) {
	t.Parallel()
	const (
		succeeded = marketplacev1.Import_STATE_SUCCEEDED
		cut       = marketplacev1.Import_STATE_INTERRUPTED
	)
	killed := time.Now()
	run := func(state marketplacev1.Import_State, from, to time.Duration) *marketplacev1.Import {
		return &marketplacev1.Import{State: state, StartTime: timestamppb.New(killed.Add(from)), FinishTime: timestamppb.New(killed.Add(to))}
	}
	for _, c := range []struct {
		name               string
		runs               []*marketplacev1.Import
		interrupted, wrong int
	}{
		{"all succeeded", []*marketplacev1.Import{run(succeeded, -3*time.Second, -time.Second), run(succeeded, time.Second, 2*time.Second)}, 0, 0},
		{"one under way at the kill", []*marketplacev1.Import{run(cut, -time.Second, time.Second)}, 1, 0},
		{"two at once", []*marketplacev1.Import{run(cut, -time.Second, time.Second), run(cut, -time.Second, time.Second)}, 1, 1},
		{"interrupted before the kill", []*marketplacev1.Import{run(cut, -3*time.Second, -time.Second)}, 0, 1},
		{"interrupted after the kill", []*marketplacev1.Import{run(cut, time.Second, 2*time.Second)}, 0, 1},
		{"failed", []*marketplacev1.Import{run(marketplacev1.Import_STATE_FAILED, -time.Second, time.Second)}, 0, 1},
		{"never ended", []*marketplacev1.Import{{State: marketplacev1.Import_STATE_RUNNING, StartTime: timestamppb.New(killed)}}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			interrupted, wrong := judgedImports(c.runs, killed)
			if interrupted != c.interrupted || len(wrong) != c.wrong {
				t.Errorf("%d interrupted, %q; want %d and %d sentences", interrupted, wrong, c.interrupted, c.wrong)
			}
		})
	}
}

// TestSwapLoadLeaks: whatever is held beyond what was held before is found, one thing as well as two hundred.
func TestSwapLoadLeaks(t *testing.T) {
	t.Parallel()
	before := holdings{"processes": 2, "socket directories": 2, "descriptors of a socket": 70}
	for _, c := range []struct {
		name string
		now  holdings
		want int
		what []string
	}{
		{"the same", holdings{"processes": 2, "socket directories": 2, "descriptors of a socket": 70}, 0, nil},
		{"less", holdings{"processes": 1, "descriptors of a socket": 60}, 0, nil},
		{"one process", holdings{"processes": 3}, 1, []string{"3 processes, 2 before"}},
		{"a new kind", holdings{"descriptors of a pipe": 200, "processes": 3}, 201, []string{"200 descriptors of a pipe, 0 before", "3 processes, 2 before"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, what := c.now.beyond(before)
			if diff := cmp.Diff(c.want, n) + cmp.Diff(c.what, what); diff != "" {
				t.Errorf("beyond (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSwapLoadStock: orders are shipped once, a part of them in each phase; then the same statements are made again.
func TestSwapLoadStock(t *testing.T) {
	t.Parallel()
	var orders []chaosOrder
	for i := range 40 {
		orders = append(orders, chaosOrder{API: chaosAPIs()[i%2]})
	}
	s := newStock(orders)
	taken := map[int]int{}
	for phase := range 2 {
		shipped := s.restock(10)
		for n := range uint64(200) {
			d := drawCall(uint64(phase), n)
			i := s.take(d)
			if orders[i].API != d.api {
				t.Fatalf("order %d is of %s, drawn was %s", i, orders[i].API, d.api)
			}
			taken[i]++
		}
		if shipped() != 10 {
			t.Errorf("phase %d: %d orders were shipped, want 10", phase, shipped())
		}
	}
	all := s.shipped()
	for i := range taken {
		if !slices.Contains(all, i) {
			t.Errorf("order %d was taken and does not count as shipped", i)
		}
	}
	if len(all) != 20 || len(taken) != 20 {
		t.Errorf("%d orders were shipped, %d taken, want 20", len(all), len(taken))
	}
}
