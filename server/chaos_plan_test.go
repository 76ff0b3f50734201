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
	// chaosPayment is how long an accepted order waits for its payment, and how long that takes.
	chaosPayment = 100 * time.Millisecond
	// chaosMargin is what a busy machine may add.
	chaosMargin = 500 * time.Millisecond
)

// act is a kind of step.
type act string

// What steps do.
const (
	shipOrder    act = "ship"         // a seller's system notifies a shipment, and whatever belongs to the order's story
	shipBatch    act = "ship batch"   // a seller's system notifies several in one call
	injectFault  act = "fault"        // the marketplace begins to fail
	killServer   act = "kill server"  // kill -9, and a new one at once
	killAdapter  act = "kill adapter" // kill -9, as soon as there is another process than the one killed last
	importStore  act = "import"       // somebody asks for an import; the schedule imports too
	listCarriers act = "carriers"     // somebody asks for the carriers while that call fails
	pauseStore   act = "pause"        // an operator stops a store's deliveries
	resumeStore  act = "resume"       // and lets them go on
)

// chaosStep is one step of a plan.
type chaosStep struct {
	Pause  time.Duration // before it
	Act    act
	Orders []int      // of shipOrder and shipBatch: indices of chaosPlan.Orders
	API    string     // of the acts on an adapter or a store: the adapter, and the store of the same name
	Fault  fault.Rule // of injectFault and listCarriers
	Hasty  bool       // of killServer: go on before the new server answers
}

// story is what a seller does about an order.
type story string

// The stories.
const (
	plain     story = "plain"     // notifies its shipment
	corrected story = "corrected" // notifies a wrong number, and then the right one in its place
	withdrawn story = "withdrawn" // notifies a shipment that was none, cancels it, and then notifies the right one
	decided   story = "decided"   // accepts the order first
	retried   story = "retried"   // is refused by the marketplace, and tries again
)

// chaosOrder is an order of a plan, and how it is to be shipped.
type chaosOrder struct {
	API      string // the adapter, and the store of the same name
	Variety  world.Variety
	Story    story
	Carrier  string
	Tracking string // that the order is to be shipped with in the end
	// First is the number that a corrected or withdrawn shipment has, and Pause how long it is left alone.
	First string
	Pause time.Duration
	// Unnamed notifications carry no request_id.
	Unnamed bool
	// Cancelled orders are cancelled by the buyer on the marketplace just before the shipment is notified.
	Cancelled bool
	// Repeated notifications are made a second time, as by a caller who lost the answer.
	Repeated bool
	// Faults meet the requests about this order alone, whenever they come.
	Faults []fault.Rule
}

// chaosPlan is everything that a run does.
type chaosPlan struct {
	// ShipVisibleAfter and ParcelVisibleAfter are habits of the marketplace: see world.Settings.
	ShipVisibleAfter, ParcelVisibleAfter time.Duration
	Orders                               []chaosOrder
	Steps                                []chaosStep
}

// count is how many steps do something.
func (p chaosPlan) count(a act) int {
	n := 0
	for _, s := range p.Steps {
		if s.Act == a {
			n++
		}
	}
	return n
}

// faults are all that the plan injects.
func (p chaosPlan) faults() []fault.Rule {
	var all []fault.Rule
	for _, o := range p.Orders {
		all = append(all, o.Faults...)
	}
	for _, s := range p.Steps {
		if s.Act == injectFault || s.Act == listCarriers {
			all = append(all, s.Fault)
		}
	}
	return all
}

// chaosAPIs are the adapters of a run; each has one store of the same name.
func chaosAPIs() []string { return []string{"cdiscount", "octopia"} }

// drawPlan draws the plan of n shipments, half of them over each adapter. stream tells apart the plans of one seed.
func drawPlan(seed, stream uint64, n int) chaosPlan {
	d := dice{rand.New(rand.NewPCG(seed, stream))}
	hidden := d.upTo(chaosHidden)
	p := chaosPlan{ShipVisibleAfter: hidden, ParcelVisibleAfter: hidden + d.upTo(chaosHidden)}
	batches := map[string][]int{}
	for i := range n {
		o := d.order(chaosAPIs()[i%2], i)
		p.Orders = append(p.Orders, o)
		switch batch := batches[o.API]; {
		case o.Story != plain || !d.oneIn(3):
			p.Steps = append(p.Steps, chaosStep{Act: shipOrder, Orders: []int{i}})
		case len(batch) > 0 && d.oneIn(4): // the batch is full
			p.Steps = append(p.Steps, chaosStep{Act: shipBatch, API: o.API, Orders: append(batch, i)})
			delete(batches, o.API)
		default:
			batches[o.API] = append(batch, i)
		}
	}
	for _, api := range chaosAPIs() {
		if len(batches[api]) > 0 {
			p.Steps = append(p.Steps, chaosStep{Act: shipBatch, API: api, Orders: batches[api]})
		}
	}
	for range n {
		p.Steps = append(p.Steps, chaosStep{Act: injectFault, Fault: d.fault()})
	}
	for range 3 + n/15 {
		carriersOf := oneOf(d, chaosAPIs())
		p.Steps = append(p.Steps,
			chaosStep{Act: killServer, Hasty: d.oneIn(4)},
			chaosStep{Act: killAdapter, API: oneOf(d, chaosAPIs())},
			chaosStep{Act: importStore, API: oneOf(d, chaosAPIs())},
			chaosStep{Act: listCarriers, API: carriersOf, Fault: d.among(fault.Carriers, carriersOf, d.readFaults())})
	}
	d.Shuffle(len(p.Steps), func(i, j int) { p.Steps[i], p.Steps[j] = p.Steps[j], p.Steps[i] })
	for range 3 + n/30 {
		api, at := oneOf(d, chaosAPIs()), d.IntN(len(p.Steps))
		p.Steps = slices.Insert(p.Steps, at, chaosStep{Act: pauseStore, API: api})
		until := min(at+2+d.IntN(8), len(p.Steps))
		p.Steps = slices.Insert(p.Steps, until, chaosStep{Act: resumeStore, API: api})
	}
	for i := range p.Steps {
		p.Steps[i].Pause = d.upTo(120 * time.Millisecond)
	}
	return p
}

// order draws the i-th order.
func (d dice) order(api string, i int) chaosOrder {
	o := chaosOrder{
		API:      api,
		Variety:  oneOf(d, []world.Variety{world.HomeTracked, world.HomeStandard, world.HomeRegistered, world.MultiLine}),
		Carrier:  oneOf(d, []string{"Colissimo", "Chronopost", "DPD"}),
		Tracking: fmt.Sprintf("6A%05d%06d", d.IntN(100_000), i),
		Unnamed:  d.oneIn(3),
		Repeated: d.oneIn(4),
	}
	switch x := d.IntN(20); {
	case x < 3:
		o.Story, o.First, o.Pause = corrected, "6B"+o.Tracking[2:], d.upTo(1500*time.Millisecond)
	case x < 5:
		o.Story, o.First, o.Pause = withdrawn, "6C"+o.Tracking[2:], d.upTo(100*time.Millisecond)
	case x < 7:
		o.Story, o.Variety = decided, world.WaitingAcceptance
		for range d.IntN(3) {
			o.Faults = append(o.Faults, d.among(fault.Decide, api, d.shipFaults()))
		}
	case x < 9:
		o.Story = retried
		o.Faults = []fault.Rule{{On: fault.Ship, API: api, Kind: fault.Refusal, Times: 1, Params: fault.Params{Text: "not this time"}}}
	default:
		o.Story, o.Cancelled = plain, d.oneIn(8)
	}
	for range d.IntN(3) {
		o.Faults = append(o.Faults, d.among(fault.Ship, api, d.shipFaults()))
	}
	return o
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
		perStory, perAPI, numbers := map[story]int{}, map[string]int{}, map[string]bool{}
		notified, unnamed, cancelled := map[int]int{}, 0, 0
		for _, o := range p.Orders {
			perStory[o.Story]++
			perAPI[o.API]++
			numbers[o.Tracking], numbers[o.First] = true, true
			if o.Unnamed {
				unnamed++
			}
			if o.Cancelled {
				cancelled++
			}
		}
		delete(numbers, "")
		paused := map[string]int{}
		for _, s := range p.Steps {
			for _, i := range s.Orders {
				notified[i]++
			}
			switch s.Act {
			case pauseStore:
				paused[s.API]++
			case resumeStore:
				paused[s.API]--
			}
			if paused[s.API] < 0 {
				t.Errorf("seed %d: %s is resumed more often than paused", seed, s.API)
			}
		}
		for _, f := range p.faults() {
			late := f.Params.Pause()
			if f.Kind == fault.Latency && f.Params.Apply {
				late = 0 // applied before the wait
			}
			if late+p.ShipVisibleAfter+chaosMargin > chaosReads*chaosSettle {
				t.Errorf("seed %d: %s after %s and hidden for %s is later than the server waits", seed, f.Kind, late, p.ShipVisibleAfter)
			}
		}
		if len(numbers) != n+perStory[corrected]+perStory[withdrawn] || perAPI["cdiscount"] != n/2 || perAPI["octopia"] != n/2 {
			t.Errorf("seed %d: %d tracking numbers, orders %v", seed, len(numbers), perAPI)
		}
		for i := range n {
			if notified[i] != 1 {
				t.Errorf("seed %d: order %d is notified %d times", seed, i, notified[i])
			}
		}
		for a, least := range map[act]int{
			shipOrder: n / 2, shipBatch: 3, injectFault: n, killServer: 5, killAdapter: 5, importStore: 5, listCarriers: 5, pauseStore: 5, resumeStore: 5,
		} {
			if got := p.count(a); got < least {
				t.Errorf("seed %d: %d steps %q, want %d", seed, got, a, least)
			}
		}
		for st, least := range map[story]int{plain: n / 3, corrected: 5, withdrawn: 2, decided: 2, retried: 2} {
			if perStory[st] < least {
				t.Errorf("seed %d: %d orders are %s, want %d", seed, perStory[st], st, least)
			}
		}
		if unnamed < 10 || cancelled == 0 {
			t.Errorf("seed %d: %d orders without a request_id, %d cancelled by the buyer", seed, unnamed, cancelled)
		}
	}
}
