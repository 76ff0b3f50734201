package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// bigImport is the large import that goes on while adapters are swapped.
type bigImport struct {
	name    string
	numbers []string // of all orders that the marketplace has
}

// startImport connects the large store, which nothing else imports, and begins to import it.
func (r *swapRun) startImport() bigImport {
	r.t.Helper()
	if r.cfg.orders == 0 {
		return bigImport{}
	}
	seller, numbers := r.createBig()
	req := connectRequest(bigStore)
	req.Store.Settings = &marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{Disabled: true}}
	req.Credentials = &marketplacev1.Credentials{Values: map[string]string{"login": seller.Login, "password": seller.Password}}
	if _, err := r.chaos.api.ConnectStore(r.t.Context(), req); err != nil {
		r.t.Fatalf("ConnectStore: %v", err)
	}
	run, err := r.chaos.api.ImportOrders(r.t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/" + bigStore})
	if err != nil {
		r.t.Fatalf("ImportOrders: %v", err)
	}
	return bigImport{name: run.GetName(), numbers: numbers}
}

// awaitBaseline waits until there was enough load to compare with: while the large import is under way, but not for more than a quarter of
// it, so that swaps meet the rest.
func (r *swapRun) awaitBaseline(big bigImport) {
	ctx, cancel := context.WithTimeout(r.t.Context(), r.cfg.baseline)
	defer cancel()
	for ; ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		if big.name == "" {
			continue
		}
		run, err := r.chaos.api.GetImport(ctx, &marketplacev1.GetImportRequest{Name: big.name})
		if err == nil && run.GetProgress().GetOrdersRead() >= int64(len(big.numbers)/4) {
			return
		}
	}
}

// awaitImport waits for the end of the large import. It must have gone on in the processes that were swapped in, and every order that
// the marketplace has must be there.
func (r *swapRun) awaitImport(big bigImport) {
	r.t.Helper()
	if big.name == "" {
		return
	}
	run := r.awaitEnd(big.name, 10*time.Minute)
	resumed, swaps := int32(0), 0
	for _, w := range run.GetWindows() {
		resumed += w.GetResumeCount()
	}
	for _, s := range r.swaps {
		if s.api == chaosAPIs()[0] && ranAt(run, s.at) {
			swaps++
		}
	}
	fmt.Printf("the import of %d orders ended %s after %.1f s, under %d swaps of its adapter; %d times another process went on with it\n",
		run.GetProgress().GetOrdersCreated(), run.GetState(), run.GetFinishTime().AsTime().Sub(run.GetStartTime().AsTime()).Seconds(), swaps, resumed)
	if run.GetState() != marketplacev1.Import_STATE_SUCCEEDED || run.GetProgress().GetOrdersCreated() != int64(len(big.numbers)) {
		r.chaos.mustNot("the import of %d orders ended %s with %d: %s", len(big.numbers), run.GetState(), run.GetProgress().GetOrdersCreated(),
			run.GetFailure().GetMessage())
	}
	if swaps < 2 || resumed == 0 { // the first swap can come before the first page
		r.chaos.mustNot("the large import saw %d swaps of its adapter, and was continued %d times: too few to prove anything", swaps, resumed)
	}
	known := r.ordersOf(bigStore)
	missing := 0
	for _, number := range big.numbers {
		if !known[number] {
			missing++
		}
	}
	if missing > 0 || len(known) != len(big.numbers) {
		r.chaos.mustNot("of %d orders of the large import %d are missing, and %d are known", len(big.numbers), missing, len(known))
	}
}

// ordersOf are the numbers of all orders of a store.
func (r *swapRun) ordersOf(store string) map[string]bool {
	r.t.Helper()
	all := map[string]bool{}
	req := &marketplacev1.ListOrdersRequest{Parent: "stores/" + store, PageSize: 500}
	for {
		page, err := r.chaos.api.ListOrders(r.t.Context(), req)
		if err != nil {
			r.t.Fatalf("ListOrders: %v", err)
		}
		for _, o := range page.GetOrders() {
			all[o.GetOrderNumber()] = true
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}

// running names the import of an adapter's store that is under way; empty when there is none.
func (r *swapRun) running(api string) string {
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	page, err := r.chaos.api.ListImports(ctx, &marketplacev1.ListImportsRequest{Parent: "stores/" + api, PageSize: 1}) // the newest
	if err != nil {
		r.chaos.mustNot("the imports of %s cannot be listed: %v", api, err)
	}
	for _, run := range page.GetImports() {
		if run.GetState() == marketplacev1.Import_STATE_RUNNING {
			return run.GetName()
		}
	}
	return ""
}

// awaitEnd waits for the end of an import.
func (r *swapRun) awaitEnd(name string, limit time.Duration) (run *marketplacev1.Import) {
	r.until(limit, "the end of "+name, func() bool {
		got, err := r.chaos.api.GetImport(r.t.Context(), &marketplacev1.GetImportRequest{Name: name})
		run = got
		return err == nil && got.GetState() != marketplacev1.Import_STATE_RUNNING
	})
	return run
}

// judgeImports judges every import of the run, those that the load began and those of the schedule. What is under way is waited for.
func (r *swapRun) judgeImports() {
	r.t.Helper()
	total, interrupted := 0, 0
	for _, store := range append(chaosAPIs(), bigStore) {
		if store == bigStore && r.cfg.orders == 0 {
			continue
		}
		var runs []*marketplacev1.Import
		req := &marketplacev1.ListImportsRequest{Parent: "stores/" + store, PageSize: 500}
		for {
			page, err := r.chaos.api.ListImports(r.t.Context(), req)
			if err != nil {
				r.t.Fatalf("ListImports: %v", err)
			}
			runs = append(runs, page.GetImports()...)
			if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		for i, run := range runs {
			if run.GetState() == marketplacev1.Import_STATE_RUNNING {
				runs[i] = r.awaitEnd(run.GetName(), r.cfg.patience)
			}
		}
		cut, wrong := judgedImports(runs, r.outage.from)
		total, interrupted = total+len(runs), interrupted+cut
		for _, sentence := range wrong {
			r.chaos.mustNot("store %s: %s", store, sentence)
		}
	}
	fmt.Printf("%d imports, %d of them cut by the end of the server\n", total, interrupted)
}

// judgedImports judges the imports of one store: each succeeds, but for the one that was under way when the server was killed.
func judgedImports(runs []*marketplacev1.Import, killed time.Time) (interrupted int, wrong []string) {
	for _, run := range runs {
		cut := run.GetState() == marketplacev1.Import_STATE_INTERRUPTED && ranAt(run, killed)
		switch {
		case run.GetState() == marketplacev1.Import_STATE_SUCCEEDED:
		case cut && interrupted == 0:
			interrupted++
		default:
			wrong = append(wrong, fmt.Sprintf("import %s, from %s to %s, ended %s: %s %s", run.GetName(), clock(run.GetStartTime()), clock(run.GetFinishTime()),
				run.GetState(), run.GetFailure().GetReason(), run.GetFailure().GetMessage()))
		}
	}
	return interrupted, wrong
}

func clock(t *timestamppb.Timestamp) string { return t.AsTime().Format(clockTime) }
