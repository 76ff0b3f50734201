package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

var (
	manyStores       = flag.Int("stores.n", 0, "stores that import at the same time; 0 skips the test")
	manyStoresOrders = flag.Int("stores.orders", 500, "orders of each of them")
)

// manyStoresInterval is the time between two scheduled imports of a store in this test: the least that relais takes.
const manyStoresInterval = time.Minute

// TestManyStores: many stores are imported on a schedule, half of them over each adapter. At first all are due at once; then each
// comes again in its turn. All orders come in, no store waits out of proportion, and none comes more often than the others.
func TestManyStores(t *testing.T) {
	if *manyStores == 0 {
		t.Skip("takes minutes: run make test-slow")
	}
	f := newFleet(t, *manyStores, *manyStoresOrders)
	begin := f.startSchedule()
	f.round(1)
	took := time.Since(begin)
	for _, st := range f.stores {
		f.checkOrders(st)
	}
	first := f.delays(0, func(string) time.Time { return begin })

	planned := f.planned()
	f.round(2)
	steady := f.delays(1, func(id string) time.Time { return planned[id] })
	for _, complaint := range (turns{starts: f.starts(), planned: planned, round: took}).unfair() {
		t.Error(complaint)
	}
	least, most := f.runs()
	if most > least+1 {
		t.Errorf("one store was imported %d times, another one %d times", most, least)
	}
	orders := len(f.stores) * *manyStoresOrders
	fmt.Printf("%d stores, %d orders in %.1f s (%.0f a second) when all are due at once: an import began %.0f ms (median), %.0f ms (p99) later\n",
		len(f.stores), orders, took.Seconds(), float64(orders)/took.Seconds(), first.quantile(0.5), first.quantile(0.99))
	fmt.Printf("then, every %s: an import began %.0f ms (median), %.0f ms (p99) after it was due\n",
		manyStoresInterval, steady.quantile(0.5), steady.quantile(0.99))
	line, err := json.Marshal(map[string]float64{
		"stores": float64(len(f.stores)), "orders": float64(orders), "all_due_delay_ms_p50": first.quantile(0.5), "all_due_delay_ms_p99": first.quantile(0.99),
		"delay_ms_p50": steady.quantile(0.5), "delay_ms_p99": steady.quantile(0.99), "first_round_s": took.Seconds(),
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("RESULT %s\n", line)
}

// fleet is many stores of one server.
type fleet struct {
	s      *system
	stores []fleetStore
}

// fleetStore is one of them.
type fleetStore struct{ id, account string }

// newFleet connects n stores, each to a seller of its own who has that many orders.
func newFleet(t *testing.T, n, orders int) *fleet {
	t.Helper()
	// No order is so new that its marketplace does not list it yet.
	settled := []world.Variety{world.HomeTracked, world.HomeStandard, world.MondialRelay, world.Colissimo, world.MultiLine, world.ShippedOrder}
	sandbox, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{
		World: world.Config{Sellers: n, Orders: orders, Seed: 1, Varieties: settled},
	})
	if err != nil {
		t.Fatalf("start sandbox: %v", err)
	}
	t.Cleanup(func() { _ = sandbox.Close() })
	f := &fleet{s: newSystemAt(t, sandbox, "RELAIS_ADAPTERS_REQUESTS_PER_SECOND=200", "RELAIS_ADAPTERS_BURST=100", "RELAIS_ADAPTERS_CALL_TIMEOUT=60s")}
	for i, seller := range sandbox.World().Sellers() {
		id := fmt.Sprintf("shop-%03d", i)
		req := connectRequest(id)
		req.Store.Settings = &marketplacev1.StoreSettings{LookBack: &marketplacev1.LookBack{FirstImportDays: 60}}
		req.Credentials = &marketplacev1.Credentials{Values: map[string]string{"login": seller.Login, "password": seller.Password}}
		if i%2 == 1 {
			req.Store.Adapter, req.Credentials = "adapters/octopia", f.s.octopiaCredentials(seller.Account)
		}
		if _, err := f.s.api.ConnectStore(t.Context(), req); err != nil {
			t.Fatalf("ConnectStore: %v", err)
		}
		f.stores = append(f.stores, fleetStore{id: id, account: seller.Account})
	}
	return f
}

// startSchedule starts the server anew, with a schedule: every store is due at once. It returns when that was.
func (f *fleet) startSchedule() time.Time {
	f.s.t.Helper()
	f.s.stop()
	f.s.environ = append(f.s.environ, "RELAIS_IMPORT_INTERVAL="+manyStoresInterval.String())
	begin := time.Now()
	f.s.start()
	return begin
}

// round waits until every store was imported n times.
func (f *fleet) round(n int) {
	f.s.t.Helper()
	for _, st := range f.stores {
		waitLong(f.s.t, 5*time.Minute, func() bool { return len(f.imports(st.id)) >= n })
	}
}

// imports lists the scheduled imports of a store that have ended, the oldest first. A failed one fails the test.
func (f *fleet) imports(id string) []*marketplacev1.Import {
	f.s.t.Helper()
	list, err := f.s.api.ListImports(f.s.t.Context(), &marketplacev1.ListImportsRequest{Parent: "stores/" + id, PageSize: 500})
	if err != nil {
		f.s.t.Fatalf("ListImports: %v", err)
	}
	var ended []*marketplacev1.Import
	for _, run := range slices.Backward(list.GetImports()) {
		switch run.GetState() {
		case marketplacev1.Import_STATE_RUNNING:
		case marketplacev1.Import_STATE_SUCCEEDED:
			ended = append(ended, run)
		default:
			f.s.t.Fatalf("an import of %s ended %s: %s", id, run.GetState(), run.GetFailure().GetMessage())
		}
		if !run.GetScheduled() {
			f.s.t.Errorf("import %s was not started by the schedule", run.GetName())
		}
	}
	return ended
}

// planned returns when each store is to be imported for the second time. That may be under way, or over.
func (f *fleet) planned() map[string]time.Time {
	f.s.t.Helper()
	at := map[string]time.Time{}
	for _, st := range f.stores {
		got, err := f.s.api.GetStore(f.s.t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/" + st.id})
		if err != nil {
			f.s.t.Fatalf("GetStore: %v", err)
		}
		if len(f.imports(st.id)) == 1 {
			at[st.id] = got.GetNextImportTime().AsTime()
		}
	}
	if len(at) < len(f.stores)/2 {
		f.s.t.Fatalf("the second round began before the first one was over: the delays of %d stores are left", len(at))
	}
	return at
}

// delays is how much later than they were due imports began, the shortest first.
type delays []time.Duration

// delays returns those of the i-th imports, of the stores that have been planned.
func (f *fleet) delays(i int, due func(id string) time.Time) delays {
	f.s.t.Helper()
	var all delays
	for _, st := range f.stores {
		if at := due(st.id); !at.IsZero() {
			all = append(all, f.imports(st.id)[i].GetStartTime().AsTime().Sub(at))
		}
	}
	slices.Sort(all)
	return all
}

// starts returns when the imports of each store began, the oldest first.
func (f *fleet) starts() map[string][]time.Time {
	f.s.t.Helper()
	all := map[string][]time.Time{}
	for _, st := range f.stores {
		for _, run := range f.imports(st.id) {
			all[st.id] = append(all[st.id], run.GetStartTime().AsTime())
		}
	}
	return all
}

// quantile returns one in milliseconds.
func (d delays) quantile(q float64) float64 {
	return float64(d[int(q*float64(len(d)-1))].Microseconds()) / 1000
}

// runs returns how often the stores were imported, the least and the most.
func (f *fleet) runs() (least, most int) {
	f.s.t.Helper()
	var all []int
	for _, st := range f.stores {
		all = append(all, len(f.imports(st.id)))
	}
	return slices.Min(all), slices.Max(all)
}

// checkOrders expects that a store knows exactly the orders that its seller has.
func (f *fleet) checkOrders(st fleetStore) {
	f.s.t.Helper()
	missing := map[string]bool{}
	for _, number := range f.s.sandbox.World().Find(st.account, func(world.Head) bool { return true }) {
		missing[number] = true
	}
	req := &marketplacev1.ListOrdersRequest{Parent: "stores/" + st.id, PageSize: 500}
	for {
		page, err := f.s.api.ListOrders(f.s.t.Context(), req)
		if err != nil {
			f.s.t.Fatalf("ListOrders: %v", err)
		}
		for _, o := range page.GetOrders() {
			if !missing[o.GetOrderNumber()] {
				f.s.t.Errorf("%s has order %s twice, or it is not its own", st.id, o.GetOrderNumber())
			}
			delete(missing, o.GetOrderNumber())
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if len(missing) > 0 {
		f.s.t.Errorf("%s lacks %d orders", st.id, len(missing))
	}
}
