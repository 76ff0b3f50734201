package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// kind is a kind of call.
type kind string

// The kinds.
const (
	getOrder     kind = "GetOrder"
	listOrders   kind = "ListOrders"
	checkStore   kind = "CheckStore"
	preview      kind = "preview" // NotifyShipment with validate_only
	carriers     kind = "ListCarriers"
	notifyOrder  kind = "NotifyShipment"
	importOrders kind = "ImportOrders"
)

// crosses reports whether a call is answered only after the adapter's process has answered, so that a gap between such answers is a gap in
// what the process serves. A shipment and an import are begun without it, and a list of carriers may be the one that was read before.
func (k kind) crosses() bool { return k == checkStore || k == preview }

// share is how many of a hundred calls are of a kind.
type share struct {
	kind    kind
	percent int
}

// mix is what the load consists of.
func mix() []share {
	return []share{{getOrder, 39}, {listOrders, 16}, {checkStore, 18}, {preview, 18}, {carriers, 2}, {notifyOrder, 3}, {importOrders, 4}}
}

// draw is a call as it was drawn: kind and adapter independently of each other, and of everything but the seed and the number.
type draw struct {
	number uint64
	kind   kind
	api    string // the adapter, and the store of the same name
	dice   *rand.Rand
}

func drawCall(seed, number uint64) draw {
	d := draw{number: number, dice: rand.New(rand.NewPCG(seed, number))}
	d.api = chaosAPIs()[d.dice.IntN(len(chaosAPIs()))]
	n := d.dice.IntN(100)
	for _, s := range mix() {
		d.kind = s.kind
		if n -= s.percent; n < 0 {
			break
		}
	}
	return d
}

// answers counts the answered calls by adapter and kind.
type answers map[string]map[kind]int

func (a answers) add(d draw) {
	if a[d.api] == nil {
		a[d.api] = map[kind]int{}
	}
	a[d.api][d.kind]++
}

// missed tells which kinds of calls reached an adapter less often than half of their share, so that the run proves little about them.
func (a answers) missed() (sentences []string) {
	total := 0
	for _, kinds := range a {
		for _, n := range kinds {
			total += n
		}
	}
	for _, api := range chaosAPIs() {
		for _, s := range mix() {
			if want := total * s.percent / 100 / len(chaosAPIs()) / 2; a[api][s.kind] < max(want, 1) {
				sentences = append(sentences, fmt.Sprintf("%d of %d answered calls were %s over %s: too few", a[api][s.kind], total, s.kind, api))
			}
		}
	}
	return sentences
}

// String lists the counts.
func (a answers) String() string {
	var parts []string
	for _, api := range slices.Sorted(maps.Keys(a)) {
		part := api + ":"
		for _, s := range mix() {
			part += fmt.Sprintf(" %s %d", s.kind, a[api][s.kind])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// stock hands out the orders of a plan that are to be shipped.
type stock struct {
	mu    sync.Mutex       // guards the fields below
	left  map[string][]int // by adapter: indices of orders that nobody shipped
	quota map[string]int   // how many of them may be shipped before the next restock
	gone  map[string][]int
}

func newStock(orders []chaosOrder) *stock {
	s := &stock{left: map[string][]int{}, quota: map[string]int{}, gone: map[string][]int{}}
	for i, o := range orders {
		s.left[o.API] = append(s.left[o.API], i)
	}
	return s
}

// restock lets about n orders more be shipped, and returns how many were since.
func (s *stock) restock(n int) (shipped func() int) {
	before := len(s.shipped())
	s.mu.Lock()
	defer s.mu.Unlock()
	for api := range s.left {
		s.quota[api] = max(1, n/len(s.left))
	}
	return func() int { return len(s.shipped()) - before }
}

// take returns an order to ship. When those that may be shipped now are used up it is one that was shipped before: the caller asks
// again for the same, which changes nothing.
func (s *stock) take(d draw) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := s.left[d.api]; s.quota[d.api] > 0 && len(left) > 0 {
		s.quota[d.api]--
		s.left[d.api] = left[1:]
		s.gone[d.api] = append(s.gone[d.api], left[0])
		return left[0]
	}
	gone := s.gone[d.api]
	return gone[d.dice.IntN(len(gone))]
}

// shipped are all orders that were taken, in the plan's order.
func (s *stock) shipped() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []int
	for _, gone := range s.gone {
		all = append(all, gone...)
	}
	slices.Sort(all)
	return all
}

// make makes a call.
func (l *load) make(ctx context.Context, d draw) (err error) {
	client := l.clients[d.number%swapClients]
	store := "stores/" + d.api
	switch d.kind {
	case getOrder:
		_, err = client.GetOrder(ctx, &marketplacev1.GetOrderRequest{Name: l.chaos.orderName(oneOf(dice{d.dice}, l.orders[d.api]))})
	case listOrders:
		_, err = client.ListOrders(ctx, &marketplacev1.ListOrdersRequest{Parent: store, PageSize: 20})
	case checkStore:
		_, err = client.CheckStore(ctx, &marketplacev1.CheckStoreRequest{Name: store})
	case preview:
		req := l.notification(oneOf(dice{d.dice}, l.previews[d.api]))
		req.ValidateOnly = true
		var shown *marketplacev1.Shipment
		if shown, err = client.NotifyShipment(ctx, req); err == nil && len(shown.GetPreview()) == 0 {
			l.chaos.mustNot("a preview over %s shows no request: nobody asked the adapter", d.api)
		}
	case carriers:
		_, err = client.ListCarriers(ctx, &marketplacev1.ListCarriersRequest{Parent: store})
	case notifyOrder:
		err = l.ship(ctx, client, l.stock.take(d))
	case importOrders:
		_, err = client.ImportOrders(ctx, &marketplacev1.ImportOrdersRequest{Parent: store})
	}
	return err
}

// notification ships an order of the plan.
func (l *load) notification(i int) *marketplacev1.NotifyShipmentRequest {
	o := l.chaos.plan.Orders[i]
	return &marketplacev1.NotifyShipmentRequest{
		Parent:   "stores/" + o.API,
		Shipment: &marketplacev1.Shipment{Order: l.chaos.orderName(i), Carrier: o.Carrier, TrackingNumber: o.Tracking},
	}
}

// ship notifies a shipment, and notes what the seller was told: the same each time.
func (l *load) ship(ctx context.Context, client marketplacev1.MarketplaceServiceClient, i int) error {
	sh, err := client.NotifyShipment(ctx, l.notification(i))
	if err != nil {
		return err
	}
	c := l.chaos
	c.mu.Lock()
	before := c.told[i]
	if len(before) == 0 {
		c.told[i] = []told{{Tracking: c.plan.Orders[i].Tracking, Shipment: sh.GetName()}}
	}
	c.mu.Unlock()
	if len(before) > 0 && before[0].Shipment != sh.GetName() {
		c.mustNot("the same statement made two shipments, %s and %s", before[0].Shipment, sh.GetName())
	}
	return nil
}

// unanswered are the orders whose sellers were not told anything.
func (l *load) unanswered() []int {
	l.chaos.mu.Lock()
	defer l.chaos.mu.Unlock()
	return slices.DeleteFunc(l.stock.shipped(), func(i int) bool { return len(l.chaos.told[i]) > 0 })
}
