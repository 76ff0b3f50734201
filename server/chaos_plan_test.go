package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// What a chaos run does is drawn beforehand from its seed: the same seed gives the same orders, faults and kills in the same
// order. The instants at which they meet the server are the machine's.

// How the server is told to settle, and how late the marketplace may be. A request whose answer was lost is sent again after
// chaosReads reads that still show the order to ship, chaosSettle apart. Whatever takes longer than that to be applied and
// to show cannot be told from what was never applied, so the marketplace of a chaos run is never that late: an operator
// chooses the settle delay for the marketplace in the same way.
const (
	chaosSettle = 500 * time.Millisecond
	chaosReads  = 3
	// chaosLate bounds how much later than the request a shipment is applied.
	chaosLate = 600 * time.Millisecond
	// chaosHidden bounds how long an applied shipment does not show.
	chaosHidden = 250 * time.Millisecond
	// chaosMargin is what a busy machine may add.
	chaosMargin = 500 * time.Millisecond
)

// act is a kind of step.
type act string

// What steps do.
const (
	shipOrder   act = "ship"         // a seller's system notifies a shipment
	injectFault act = "fault"        // the marketplace begins to fail
	killServer  act = "kill server"  // kill -9, and a new one at once
	killAdapter act = "kill adapter" // kill -9
	importStore act = "import"       // somebody asks for an import
)

// chaosStep is one step of a plan.
type chaosStep struct {
	Pause time.Duration // before it
	Act   act
	Order int        // of shipOrder: index of chaosPlan.Orders
	API   string     // of killAdapter and importStore: the adapter, and the store of the same name
	Fault fault.Rule // of injectFault
	Hasty bool       // of killServer: go on before the new server answers
}

// chaosOrder is an order of a plan, and how it is to be shipped.
type chaosOrder struct {
	API      string // the adapter, and the store of the same name
	Variety  world.Variety
	Carrier  string
	Tracking string
	// Cancelled orders are cancelled by the buyer on the marketplace just before the shipment is notified.
	Cancelled bool
	// Repeated notifications are made a second time, as by a caller who lost the answer.
	Repeated bool
	// Faults meet the ship requests of this order alone, whenever they come.
	Faults []fault.Rule
}

// chaosPlan is everything that a run does.
type chaosPlan struct {
	// ShipVisibleAfter and ParcelVisibleAfter are habits of the marketplace: see world.Settings.
	ShipVisibleAfter, ParcelVisibleAfter time.Duration
	Orders                               []chaosOrder
	Steps                                []chaosStep
}

// chaosAPIs are the adapters of a run; each has one store of the same name.
func chaosAPIs() []string { return []string{"cdiscount", "octopia"} }

// drawPlan draws the plan of n shipments, half of them over each adapter. stream tells apart the plans of one seed.
func drawPlan(seed, stream uint64, n int) chaosPlan {
	d := dice{rand.New(rand.NewPCG(seed, stream))}
	hidden := d.upTo(chaosHidden)
	p := chaosPlan{ShipVisibleAfter: hidden, ParcelVisibleAfter: hidden + d.upTo(chaosHidden)}
	for i := range n {
		o := chaosOrder{
			API:       chaosAPIs()[i%2],
			Variety:   oneOf(d, []world.Variety{world.HomeTracked, world.HomeStandard, world.HomeRegistered, world.MultiLine}),
			Carrier:   oneOf(d, []string{"Colissimo", "Chronopost", "DPD"}),
			Tracking:  fmt.Sprintf("6A%05d%06d", d.IntN(100_000), i),
			Cancelled: d.oneIn(20),
			Repeated:  d.oneIn(4),
		}
		for range d.IntN(3) {
			o.Faults = append(o.Faults, d.among(fault.Ship, o.API, d.shipFaults()))
		}
		p.Orders = append(p.Orders, o)
		p.Steps = append(p.Steps, chaosStep{Act: shipOrder, Order: i})
	}
	for range n {
		p.Steps = append(p.Steps, chaosStep{Act: injectFault, Fault: d.fault()})
	}
	for range 3 + n/15 {
		p.Steps = append(p.Steps,
			chaosStep{Act: killServer, Hasty: d.oneIn(4)},
			chaosStep{Act: killAdapter, API: oneOf(d, chaosAPIs())},
			chaosStep{Act: importStore, API: oneOf(d, chaosAPIs())})
	}
	d.Shuffle(len(p.Steps), func(i, j int) { p.Steps[i], p.Steps[j] = p.Steps[j], p.Steps[i] })
	for i := range p.Steps {
		p.Steps[i].Pause = d.upTo(120 * time.Millisecond)
	}
	return p
}

// dice draws everything that is random.
type dice struct{ *rand.Rand }

func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

// upTo draws a time from 1 ms to limit, in whole milliseconds as faults are told.
func (d dice) upTo(limit time.Duration) time.Duration {
	return time.Duration(1+d.Int64N(limit.Milliseconds())) * time.Millisecond
}

func oneOf[T any](d dice, list []T) T { return list[d.IntN(len(list))] }

// fault draws what fails for whichever order comes first, on which marketplace API, how, and how often in a row.
func (d dice) fault() fault.Rule {
	api := oneOf(d, chaosAPIs())
	switch x := d.IntN(10); {
	case x < 3:
		return d.among(fault.Ship, api, d.shipFaults())
	case x < 7:
		return d.among(fault.Get, api, d.readFaults())
	case x < 9:
		return d.among(fault.List, api, d.readFaults())
	default:
		return d.among(fault.Token, api, d.tokenFaults())
	}
}

// among draws one of the kinds for calls of that purpose.
func (d dice) among(on fault.Action, api string, kinds []fault.Rule) fault.Rule {
	r := oneOf(d, kinds)
	r.On, r.API, r.Times = on, api, 1+d.IntN(3)
	if r.Kind == fault.Latency || r.Kind == fault.ApplyLate { // delays of several rules add up
		r.Times = 1
	}
	return r
}

// shipFaults are the ways in which a ship request may end.
func (d dice) shipFaults() []fault.Rule {
	applied := func(k fault.Kind) fault.Rule { return fault.Rule{Kind: k, Params: fault.Params{Apply: true}} }
	return append(d.everywhere(),
		applied(fault.HTTP500), applied(fault.HTTP503), applied(fault.HTML), applied(fault.Malformed),
		fault.Rule{Kind: fault.CutAfter}, fault.Rule{Kind: fault.CutAfter}, fault.Rule{Kind: fault.CutMid}, fault.Rule{Kind: fault.Truncated},
		fault.Rule{Kind: fault.ApplyLate, Params: fault.Params{Milliseconds: int(d.upTo(chaosLate).Milliseconds())}},
		fault.Rule{Kind: fault.ApplyLate, Params: fault.Params{Milliseconds: int(d.upTo(chaosLate).Milliseconds())}},
		fault.Rule{Kind: fault.TokenExpired}, fault.Rule{Kind: fault.TokenLapsed}, d.quota(),
	)
}

// readFaults are the ways in which a read may end.
func (d dice) readFaults() []fault.Rule {
	return append(d.everywhere(),
		fault.Rule{Kind: fault.Malformed}, fault.Rule{Kind: fault.CutMid}, fault.Rule{Kind: fault.Truncated},
		fault.Rule{Kind: fault.TokenExpired}, fault.Rule{Kind: fault.TokenLapsed}, d.quota(),
	)
}

// tokenFaults are the ways in which a token may not be had. A page or nonsense in place of a token is also what some marketplaces
// answer to wrong credentials: once is not enough to give a store up.
func (d dice) tokenFaults() []fault.Rule {
	return append(d.everywhere(), fault.Rule{Kind: fault.Malformed})
}

// everywhere are the faults that every call may meet. Waits before a call is carried out are short: what is still waiting when
// its caller dies is applied that much later.
func (d dice) everywhere() []fault.Rule {
	return []fault.Rule{
		{Kind: fault.CutBefore}, {Kind: fault.CutBefore}, {Kind: fault.HTTP500}, {Kind: fault.HTTP503}, {Kind: fault.HTML},
		{Kind: fault.Throttle}, {Kind: fault.Throttle, Params: fault.Params{Seconds: 1}},
		{Kind: fault.Latency, Params: fault.Params{Milliseconds: int(d.upTo(100 * time.Millisecond).Milliseconds())}},
		{Kind: fault.Latency, Params: fault.Params{Milliseconds: int(d.upTo(chaosLate).Milliseconds()), Apply: true}},
	}
}

func (d dice) quota() fault.Rule {
	return fault.Rule{Kind: fault.Quota, Params: fault.Params{Seconds: 1 + d.IntN(2)}}
}

// TestChaosPlan: a plan is its seed's, holds everything that a run is about, and never lets the marketplace be later than the
// server waits.
func TestChaosPlan(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(drawPlan(7, 1, 50), drawPlan(7, 1, 50)); diff != "" {
		t.Errorf("the same seed gives another plan:\n%s", diff)
	}
	if cmp.Equal(drawPlan(7, 1, 50), drawPlan(8, 1, 50)) || cmp.Equal(drawPlan(7, 1, 50), drawPlan(7, 2, 50)) {
		t.Error("another seed or stream gives the same plan")
	}
	for seed := range uint64(20) {
		const n = 100
		p := drawPlan(seed, 0, n)
		perAct, perAPI, numbers := map[act]int{}, map[string]int{}, map[string]bool{}
		var faults []fault.Rule
		for _, o := range p.Orders {
			perAPI[o.API]++
			numbers[o.Tracking] = true
			faults = append(faults, o.Faults...)
		}
		for _, s := range p.Steps {
			perAct[s.Act]++
			if s.Act == injectFault {
				faults = append(faults, s.Fault)
			}
		}
		for _, f := range faults {
			late := f.Params.Pause()
			if f.Kind == fault.Latency && f.Params.Apply {
				late = 0 // applied before the wait
			}
			if late+p.ShipVisibleAfter+chaosMargin > chaosReads*chaosSettle {
				t.Errorf("seed %d: %s after %s and hidden for %s is later than the server waits", seed, f.Kind, late, p.ShipVisibleAfter)
			}
		}
		if len(numbers) != n || perAPI["cdiscount"] != n/2 || perAPI["octopia"] != n/2 {
			t.Errorf("seed %d: %d tracking numbers, orders %v", seed, len(numbers), perAPI)
		}
		for a, least := range map[act]int{shipOrder: n, injectFault: n, killServer: 5, killAdapter: 5, importStore: 5} {
			if perAct[a] < least {
				t.Errorf("seed %d: %d steps %q, want %d", seed, perAct[a], a, least)
			}
		}
		if !slices.ContainsFunc(p.Orders, func(o chaosOrder) bool { return o.Cancelled }) {
			t.Errorf("seed %d: no order is cancelled", seed)
		}
	}
}
