package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// load calls the server as many clients do: reads, some of which need an adapter, shipments, and imports.
type load struct {
	t        *testing.T
	chaos    *chaosRun
	clients  []marketplacev1.MarketplaceServiceClient
	seed     uint64
	stock    *stock
	orders   map[string][]int // by adapter: indices of all orders
	previews map[string][]int // of those that nobody ships
	drawn    atomic.Uint64

	mu       sync.Mutex // guards the fields below
	answers  answers
	crossed  map[string]int             // by adapter: answered calls that crossed to its process
	crossing map[string]map[uint64]bool // by adapter: numbers of the calls that wait for it
}

// newLoad connects the clients. None of them repeats a call, nor does gRPC for them. Of the plan's orders so many are to be shipped; the
// shipments of the others are previewed.
func newLoad(t *testing.T, c *chaosRun, seed uint64, toShip int) *load {
	t.Helper()
	l := &load{
		t: t, chaos: c, seed: seed, stock: newStock(c.plan.Orders[:toShip]), orders: map[string][]int{}, previews: map[string][]int{},
		answers: answers{}, crossed: map[string]int{}, crossing: map[string]map[uint64]bool{},
	}
	for i, o := range c.plan.Orders {
		l.orders[o.API] = append(l.orders[o.API], i)
		if i >= toShip {
			l.previews[o.API] = append(l.previews[o.API], i)
		}
	}
	for _, api := range chaosAPIs() {
		l.crossing[api] = map[uint64]bool{}
	}
	for range swapClients {
		conn, err := grpc.NewClient("unix:"+c.s.dir+"/api.sock", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
			grpc.WithConnectParams(grpc.ConnectParams{
				// Quick to find a server that is back: by then calls fail at once.
				Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 200 * time.Millisecond},
				MinConnectTimeout: time.Second,
			}))
		if err != nil {
			t.Fatal(err)
		}
		c.s.conns = append(c.s.conns, conn)
		l.clients = append(l.clients, marketplacev1.NewMarketplaceServiceClient(conn))
	}
	return l
}

// call makes the next call of the mix.
func (l *load) call(ctx context.Context) (draw, error) {
	d := drawCall(l.seed, l.drawn.Add(1))
	if d.kind.crosses() {
		l.mu.Lock()
		l.crossing[d.api][d.number] = true
		l.mu.Unlock()
	}
	err := l.make(ctx, d)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.crossing[d.api], d.number)
	if err == nil {
		l.answers.add(d)
	}
	if err == nil && d.kind.crosses() {
		l.crossed[d.api]++
	}
	return d, err
}

// goodCalls is how many calls a process must have finished to be out of a crash loop, by the default, and some more.
const goodCalls = 25

// caughtUp begins to wait for an adapter: it returns whether every call has ended that waits for it now, and so many were answered since.
func (l *load) caughtUp(api string, answered int) func() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting, crossed := maps.Clone(l.crossing[api]), l.crossed[api]
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		maps.DeleteFunc(waiting, func(n uint64, _ bool) bool { return !l.crossing[api][n] })
		return len(waiting) == 0 && l.crossed[api] >= crossed+answered
	}
}

// missed is answers.missed of the whole run.
func (l *load) missed() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers.missed()
}

func (l *load) report() {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Printf("answered over %s\n", l.answers)
}

// capacity is how many calls a second all clients together get answered, each calling again at once.
func (l *load) capacity(d time.Duration) float64 {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), d)
	defer cancel()
	var answered atomic.Int64
	var clients sync.WaitGroup
	begin := time.Now()
	for range swapClients {
		clients.Go(func() {
			for ctx.Err() == nil {
				if called, err := l.call(l.t.Context()); err != nil {
					l.chaos.mustNot("a call failed while capacity was measured: %s over %s: %v", called.kind, called.api, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	clients.Wait()
	return float64(answered.Load()) / time.Since(begin).Seconds()
}

// failure is a call that failed.
type failure struct {
	call         draw
	began, ended time.Time
	err          error
}

// String tells of it.
func (f failure) String() string {
	return fmt.Sprintf("%s over %s failed at %s after %.0f ms: %v", f.call.kind, f.call.api, f.ended.Format(clockTime), milliseconds(f.ended.Sub(f.began)), f.err)
}

// measurement is what a time of load showed.
type measurement struct {
	began, ended time.Time
	latencies    []float64 // of answered calls, in milliseconds from when the call was due
	failures     []failure
	crossed      map[string][]time.Time // by adapter: when calls that cross to its process were answered, in any order
	late         time.Duration          // the longest that a call began after it was due
}

// during makes calls at a steady rate, whatever becomes of those before, while do runs, and waits for the last answer. Where this machine
// is too busy to begin a call in time, its time counts from when it was due all the same.
func (l *load) during(rate float64, do func()) measurement {
	l.t.Helper()
	var mu sync.Mutex // guards m
	m := measurement{began: time.Now(), crossed: map[string][]time.Time{}}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		var calls sync.WaitGroup
		defer calls.Wait()
		timer := time.NewTimer(0)
		defer timer.Stop()
		due := func(n int) time.Time { return m.began.Add(time.Duration(float64(n) / rate * float64(time.Second))) }
		for n := 0; ; n++ {
			select {
			case <-timer.C:
			case <-stop:
				return
			}
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				called, err := l.call(ctx)
				ended := time.Now()
				mu.Lock()
				defer mu.Unlock()
				m.late = max(m.late, began.Sub(due(n)))
				if err != nil {
					m.failures = append(m.failures, failure{call: called, began: began, ended: ended, err: err})
					return
				}
				m.latencies = append(m.latencies, milliseconds(ended.Sub(due(n))))
				if called.kind.crosses() {
					m.crossed[called.api] = append(m.crossed[called.api], ended)
				}
			})
			timer.Reset(time.Until(due(n + 1)))
		}
	}()
	do()
	ended := time.Now()
	close(stop)
	<-stopped
	m.ended = ended
	return m
}

func (m measurement) quantile(q float64) float64 { return quantile(m.latencies, q) }

// pause is the longest time, in milliseconds, in which an adapter answered no call that crosses to its process; of the adapters the worst.
func (m measurement) pause() float64 {
	longest := time.Duration(0)
	for _, api := range chaosAPIs() {
		last := m.began
		for _, at := range slices.SortedFunc(slices.Values(m.crossed[api]), time.Time.Compare) {
			longest, last = max(longest, at.Sub(last)), at
		}
		longest = max(longest, m.ended.Sub(last))
	}
	return round(milliseconds(longest))
}
