package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// load calls the server as many clients do: mostly reads, some of which need an adapter, shipments, and imports.
type load struct {
	t       *testing.T
	chaos   *chaosRun
	clients []marketplacev1.MarketplaceServiceClient
	calls   atomic.Int64
	next    atomic.Int64 // the next order to ship
}

// newLoad connects the clients. None of them repeats a call, nor does gRPC for them.
func newLoad(t *testing.T, c *chaosRun) *load {
	t.Helper()
	l := &load{t: t, chaos: c}
	for range swapClients {
		conn, err := grpc.NewClient("unix:"+c.s.dir+"/api.sock", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
		if err != nil {
			t.Fatal(err)
		}
		c.s.conns = append(c.s.conns, conn)
		l.clients = append(l.clients, marketplacev1.NewMarketplaceServiceClient(conn))
	}
	return l
}

// shipped is how many orders were shipped, from the first of the plan on.
func (l *load) shipped() int { return min(int(l.next.Load()), len(l.chaos.plan.Orders)) }

// call makes the next call of the mix. needsAdapter tells whether it can be answered without one.
func (l *load) call(ctx context.Context) (what string, needsAdapter bool, err error) {
	n := l.calls.Add(1)
	api := l.clients[n%swapClients]
	store := "stores/" + chaosAPIs()[n%2]
	switch {
	case n%20 == 0:
		_, err = api.ImportOrders(ctx, &marketplacev1.ImportOrdersRequest{Parent: store})
		return "ImportOrders", false, err
	case n%10 == 5:
		if i := int(l.next.Add(1)) - 1; i < len(l.chaos.plan.Orders) {
			o := l.chaos.plan.Orders[i]
			_, err = api.NotifyShipment(ctx, &marketplacev1.NotifyShipmentRequest{
				Parent:   "stores/" + o.API,
				Shipment: &marketplacev1.Shipment{Order: l.chaos.orderName(i), Carrier: o.Carrier, TrackingNumber: o.Tracking},
			})
			return "NotifyShipment", true, err
		}
		fallthrough
	case n%4 == 0:
		_, err = api.CheckStore(ctx, &marketplacev1.CheckStoreRequest{Name: store})
		return "CheckStore", true, err
	case n%4 == 1:
		_, err = api.ListOrders(ctx, &marketplacev1.ListOrdersRequest{Parent: store, PageSize: 20})
		return "ListOrders", false, err
	default:
		i := int(n) % len(l.chaos.plan.Orders)
		_, err = api.GetOrder(ctx, &marketplacev1.GetOrderRequest{Name: l.chaos.orderName(i)})
		return "GetOrder", false, err
	}
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
				what, _, err := l.call(l.t.Context())
				if err != nil {
					l.chaos.mustNot("a call failed while capacity was measured: %s: %v", what, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	clients.Wait()
	return float64(answered.Load()) / time.Since(begin).Seconds()
}

// measurement is what a time of load showed.
type measurement struct {
	latencies []float64 // milliseconds from when the call was due to its answer
	failures  []string
	answered  []time.Time // calls that needed an adapter, in order
}

// during makes calls at a steady rate, whatever becomes of those before, while do runs, and waits for the last answer.
func (l *load) during(rate float64, do func()) measurement {
	l.t.Helper()
	var mu sync.Mutex // guards m
	var m measurement
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		var calls sync.WaitGroup
		defer calls.Wait()
		begin := time.Now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for n := 1; ; n++ {
			select {
			case <-timer.C:
			case <-stop:
				return
			}
			due := begin.Add(time.Duration(float64(n-1) / rate * float64(time.Second)))
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
				defer cancel()
				what, needsAdapter, err := l.call(ctx)
				now := time.Now()
				mu.Lock()
				defer mu.Unlock()
				m.latencies = append(m.latencies, milliseconds(now.Sub(due)))
				switch {
				case err != nil:
					m.failures = append(m.failures, fmt.Sprintf("%s: %v", what, err))
				case needsAdapter:
					m.answered = append(m.answered, now)
				}
			})
			timer.Reset(time.Until(begin.Add(time.Duration(float64(n) / rate * float64(time.Second)))))
		}
	}()
	do()
	close(stop)
	<-stopped
	return m
}

func (m measurement) quantile(q float64) float64 { return quantile(m.latencies, q) }

// pause is the longest time, in milliseconds, between two answers of calls that need an adapter.
func (m measurement) pause() float64 {
	longest := time.Duration(0)
	for i := 1; i < len(m.answered); i++ {
		longest = max(longest, m.answered[i].Sub(m.answered[i-1]))
	}
	return milliseconds(longest)
}
