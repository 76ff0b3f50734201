package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// judge collects what the marketplace wrote down, what the API says and what the sellers were told, and judges every order.
func (c *chaosRun) judge(ctx context.Context) chaosResult {
	c.s.t.Helper()
	hits := c.s.sandbox.Faults().Hits()
	r := chaosResult{
		Kills: c.kills, AdapterKills: c.adapterKills, Faults: len(hits), Wrong: slices.Clone(c.wrong),
		Planned: map[string]bool{}, Met: map[string]bool{},
	}
	for _, f := range c.plan.faults() {
		r.Planned[string(f.Kind)], r.Planned["on "+string(f.On)] = true, true
	}
	for _, h := range hits {
		r.Met[string(h.Kind)], r.Met["on "+string(h.Action)] = true, true
	}
	if kills, adapterKills := c.plan.count(killServer), c.plan.count(killAdapter); r.Kills != kills || r.AdapterKills != adapterKills {
		r.Wrong = append(r.Wrong, fmt.Sprintf("the server was killed %d times and adapters %d times, planned was %d and %d", r.Kills, r.AdapterKills, kills, adapterKills))
	}
	shipments := map[string][]*marketplacev1.Shipment{}
	for _, api := range chaosAPIs() {
		list, err := c.shipments(ctx, api)
		if err != nil {
			r.Wrong = append(r.Wrong, fmt.Sprintf("the shipments of %s cannot be listed: %v", api, err))
		}
		for _, sh := range list {
			shipments[sh.GetOrder()] = append(shipments[sh.GetOrder()], sh)
		}
		imports, err := c.api.ListImports(ctx, &marketplacev1.ListImportsRequest{Parent: "stores/" + api, PageSize: 500})
		if err != nil {
			r.Wrong = append(r.Wrong, fmt.Sprintf("the imports of %s cannot be listed: %v", api, err))
		}
		for _, run := range imports.GetImports() {
			if run.GetScheduled() {
				r.Scheduled++
			}
		}
	}
	writes := map[string][]world.Write{}
	for _, w := range c.s.sandbox.World().Writes() {
		writes[w.Order] = append(writes[w.Order], w)
	}
	explained := 0
	for i, o := range c.plan.Orders {
		sold, _ := c.s.sandbox.World().Truth(c.numbers[i])
		one := chaosCase{
			chaosOrder: o, Number: c.numbers[i], Told: c.told[i], Shipments: shipments[c.orderName(i)], Writes: writes[c.numbers[i]],
			Parcels: sold.Parcels,
		}
		if o.Story == decided {
			known, err := c.api.GetOrder(ctx, &marketplacev1.GetOrderRequest{Name: c.orderName(i)})
			if err != nil {
				r.Wrong = append(r.Wrong, fmt.Sprintf("order %s cannot be read: %v", c.numbers[i], err))
			}
			one.Decision = known.GetDecision()
		}
		before := len(r.Wrong)
		r.judge(one)
		if len(r.Wrong) > before && explained < c.tell {
			explained++
			c.explain(ctx, one)
		}
	}
	if len(r.Wrong) > 0 {
		c.explainStores(ctx)
	}
	return r
}

// shipments lists all shipments of a store.
func (c *chaosRun) shipments(ctx context.Context, store string) ([]*marketplacev1.Shipment, error) {
	var all []*marketplacev1.Shipment
	req := &marketplacev1.ListShipmentsRequest{Parent: "stores/" + store, PageSize: 500}
	for {
		page, err := c.api.ListShipments(ctx, req)
		if err != nil {
			return all, err
		}
		all = append(all, page.GetShipments()...)
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all, nil
		}
	}
}

// explain prints everything that is known of an order which went wrong: both sides' story of it, and the server's log.
func (c *chaosRun) explain(ctx context.Context, o chaosCase) {
	fmt.Printf("\norder %s of %s (%s), tracking number %s, cancelled by the buyer: %t\n", o.Number, o.API, o.Story, o.Tracking, o.Cancelled)
	for _, t := range o.Told {
		fmt.Printf("  seller       notified %s: %s %s, withdrawn %t\n", t.Tracking, t.Shipment, t.Refusal, t.Withdrawn)
	}
	for _, w := range o.Writes {
		fmt.Printf("  marketplace  %s  request %d: %s %s  fault %q  applied %t (due %s, decided %s)  earlier shipment %s  %s %s\n",
			w.WallTime.Format(clockTime), w.Sequence, w.Action, w.TrackingNumber, w.Fault, w.Applied, w.Due.Format(clockTime), w.Decided.Format(clockTime),
			w.EarlierShip, w.ErrorType, w.Message)
	}
	for _, p := range o.Parcels {
		fmt.Printf("  marketplace  parcel %s, shown from %s\n", p.TrackingNumber, p.VisibleFrom.Format(clockTime))
	}
	if d := o.Decision; d != nil {
		fmt.Printf("  relais       acceptance %s, sent %d times: %s %s\n", d.GetState(), d.GetSendCount(), d.GetReason(), d.GetMessage())
		c.printLog("decision step\" store=" + o.API + " order=" + o.Number)
	}
	for _, listed := range o.Shipments {
		sh, err := c.api.GetShipment(ctx, &marketplacev1.GetShipmentRequest{Name: listed.GetName()})
		if err != nil {
			sh = listed
		}
		fmt.Printf("  relais       %s is %s, sent %d times: %s %s\n", sh.GetName(), sh.GetState(), sh.GetSendCount(), sh.GetReason(), sh.GetMessage())
		for _, e := range sh.GetEvents() {
			fmt.Printf("  relais       %s  %s  %s\n", e.GetTime().AsTime().Format(clockTime), e.GetState(), e.GetMessage())
		}
		c.printLog(sh.GetName()[strings.LastIndexByte(sh.GetName(), '/')+1:])
	}
}

// explainStores prints the stores that are not well.
func (c *chaosRun) explainStores(ctx context.Context) {
	for _, api := range chaosAPIs() {
		st, err := c.api.GetStore(ctx, &marketplacev1.GetStoreRequest{Name: "stores/" + api})
		if err != nil {
			fmt.Printf("\nstore %s cannot be read: %v\n", api, err)
			continue
		}
		if h := st.GetHealth(); h.GetState() != marketplacev1.StoreHealth_STATE_HEALTHY {
			fmt.Printf("\nstore %s is %s: %s %s\n", api, h.GetState(), h.GetReason(), h.GetMessage())
		}
	}
}

// clockTime is how instants are printed: runs last minutes.
const clockTime = "15:04:05.000"

// printLog prints the lines of the servers' log that hold a word.
func (c *chaosRun) printLog(word string) {
	f, err := os.Open(c.log.Name())
	if err != nil {
		fmt.Println("  log         ", err)
		return
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.Contains(lines.Text(), word) {
			fmt.Println("  log         ", lines.Text())
		}
	}
}

// end stops the last server as an operator does.
func (c *chaosRun) end() {
	c.s.t.Helper()
	if err := c.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.s.t.Errorf("stop server: %v", err)
	}
	if err := <-c.process.exited; err != nil {
		c.s.t.Errorf("the server ended with %v", err)
	}
	c.s.stop() // closes the clients' connections
	_ = c.log.Close()
}

// report prints a run for people.
func (c *chaosRun) report(name string, r chaosResult) {
	perKind := map[fault.Kind]int{}
	for _, h := range c.s.sandbox.Faults().Hits() {
		perKind[h.Kind]++
	}
	kinds := make([]string, 0, len(perKind))
	for k, n := range perKind {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(kinds)
	fmt.Printf("\n%s marketplace: %d shipments in %.1f s\n", name, r.Shipments, r.Seconds)
	fmt.Printf("  confirmed %d, rejected %d, needing a person %d, lost %d, doubled %d\n", r.Confirmed, r.Rejected, r.NeedsAttention, r.Lost, r.Doubled)
	fmt.Printf("  %d corrected, %d corrections too late, %d withdrawn, %d accepted first; %d imports by the schedule\n",
		r.Corrected, r.Uncorrected, r.Withdrawn, r.Accepted, r.Scheduled)
	fmt.Printf("  killed: the server %d times, adapters %d times\n", r.Kills, r.AdapterKills)
	fmt.Printf("  %d ship requests were repeated, %d of them while the first was applied and did not show\n", r.Repeats, r.Resent)
	fmt.Printf("  %d calls failed: %s\n", r.Faults, strings.Join(kinds, ", "))
}
