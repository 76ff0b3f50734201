package storagetest_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/sqlite"
	"github.com/relaishq/relais/server/storage/sqlite/sqlitetest"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// fault is a database that breaks one sentence of the contract, and the case that must notice.
type fault struct {
	noticedBy string
	apply     func(r *storagetest.Repositories)
}

// faults is every fault by name: those of one adapter, and those of a store that has two.
func faults() map[string]fault {
	all := maps.Clone(moveFaults)
	for _, more := range []map[string]fault{
		nameFaults, healthFaults, standingFaults, completionFaults, shipmentFaults, scheduleFaults, upkeepFaults, reviewFaults, queueFaults, laneFaults,
		releaseFaults, lastSwapFaults, pinFaults, firstFaults,
	} {
		maps.Copy(all, more)
	}
	return all
}

var firstFaults = map[string]fault{
	"account taken is not noticed": {"Stores/create_refuses_a_taken_account", func(r *storagetest.Repositories) {
		r.Stores = forgetsAccounts{r.Stores}
	}},
	"update lets the identity change": {"Stores/update_writes_the_change_and_keeps_what_is_not_its_own", func(r *storagetest.Repositories) {
		r.Stores = returnsTheChange{r.Stores}
	}},
	"update is not one transaction": {"Stores/concurrent_updates_lose_nothing", func(r *storagetest.Repositories) {
		r.Stores = updatesInTwoSteps{r.Stores}
	}},
	"disconnect ignores open shipments": {"Stores/disconnect_is_refused_with_open_shipments_and_changes_nothing", func(r *storagetest.Repositories) {
		r.Stores = alwaysForces{r.Stores}
	}},
	"disconnect ignores open decisions": {"Stores/disconnect_is_refused_with_open_decisions", func(r *storagetest.Repositories) {
		r.Stores = alwaysForces{r.Stores}
	}},
	"disconnect leaves decisions open": {"Stores/forced_disconnect_ends_open_decisions", func(r *storagetest.Repositories) {
		r.Stores = reopensDecisions{r.Stores, r.Decisions}
	}},
	"state outlives the credentials": {"Credentials/replacing_credentials_erases_the_state", func(r *storagetest.Repositories) {
		r.Stores = keepsState{r.Stores}
	}},
	"every order counts as changed": {"Orders/an_order_that_did_not_change_is_not_written", func(r *storagetest.Repositories) {
		r.Orders = alwaysWrites{r.Orders}
	}},
	"a stale read wins": {"FreshReads/a_read_that_began_before_the_one_that_was_stored", func(r *storagetest.Repositories) {
		r.Orders = dropsReadTime{r.Orders}
	}},
	"a read of next week is the freshest": {"FreshReads/a_read_that_began_by_a_clock", func(r *storagetest.Repositories) {
		r.Orders = takesOver{r.Orders, func(b *order.Batch) { b.Time = b.Time.AddDate(0, 0, 7) }}
	}},
	"the marketplace's clock decides": {"FreshReads/what_the_marketplace_says_of_the_change", func(r *storagetest.Repositories) {
		r.Orders = believesUpdateTime{r.Orders}
	}},
	"a read without change leaves no trace": {"FreshReads/a_single_read_that_showed_no_change", func(r *storagetest.Repositories) {
		r.Orders = forgetsUnchanged{r.Orders}
	}},
	"a stale order ends its batch": {"FreshReads/a_stale_order_does_not_stop", func(r *storagetest.Repositories) {
		r.Orders = skipsStaleBatches{r.Orders}
	}},
	"the first of a number wins": {"Orders/of_one_number_twice_in_a_batch_the_last_wins", func(r *storagetest.Repositories) {
		r.Orders = reversesBatches{r.Orders}
	}},
	"a batch is several transactions": {"Orders/a_batch_that_cannot_be_finished_stores_nothing", func(r *storagetest.Repositories) {
		r.Orders = splitsBatches{r.Orders}
	}},
	"pages include their position": {"OrderPages/pages_are_in_order_of_change", func(r *storagetest.Repositories) {
		r.Orders = repeatsPosition{r.Orders}
	}},
	"pages lose what changed at once": {"OrderPages/a_reader_of_pages_misses_no_change_made_meanwhile", func(r *storagetest.Repositories) {
		r.Orders = skipsAnInstant{r.Orders}
	}},
	"runs are not joined": {"Imports/start_joins_the_running_import_of_the_store", func(r *storagetest.Repositories) {
		r.Orders = neverJoins{r.Orders}
	}},
	"nobody learns why a run was interrupted": {"Imports/interrupt_ends_every_running_import", func(r *storagetest.Repositories) {
		r.Orders = interruptsSilently{r.Orders}
	}},
	"the newest start is taken for the first": {"Imports/the_first_start_is_that_of_the_oldest_run", func(r *storagetest.Repositories) {
		r.Orders = startsAnew{r.Orders}
	}},
	"every end moves the cursor": {"Imports/only_success_moves_the_cursor", func(r *storagetest.Repositories) {
		r.Orders = alwaysSucceeds{r.Orders}
	}},
	"an order may have two open shipments": {"Shipments/of_several_creates_for_one_order_one_wins", func(r *storagetest.Repositories) {
		r.Shipments = changesCreated{r.Shipments, claimsCreation}
	}},
	"revisions are not compared": {"Shipments/update_of_an_older_revision_changes_nothing", func(r *storagetest.Repositories) {
		r.Shipments = overwrites{r.Shipments}
	}},
	"a disconnected store takes shipments": {"Holds/a_disconnected_store_takes_no_shipment", func(r *storagetest.Repositories) {
		r.Shipments = changesCreated{r.Shipments, hides(store.ErrNoCredentials)}
	}},
	"a paused store ships": {"Holds/of_a_paused_store_only_the_request_of_a_shipment", func(r *storagetest.Repositories) {
		r.Shipments = ignoresPause{r.Shipments, r.Stores}
	}},
	"a disconnected store ships": {"Holds/of_a_disconnected_store_only_the_request_of_a_shipment", func(r *storagetest.Repositories) {
		r.Shipments = hidesHolds{r.Shipments}
	}},
	"a paused store takes no answer": {"Holds/of_a_paused_store_only_the_request_of_a_shipment", func(r *storagetest.Repositories) {
		r.Shipments = holdsEverything{r.Shipments, r.Stores}
	}},
	"a disconnected store takes decisions": {"Holds/a_disconnected_store_takes_no_decision", func(r *storagetest.Repositories) {
		r.Decisions = decidesAnything{r.Decisions}
	}},
	"a paused store decides": {"Holds/of_a_paused_store_only_the_request_of_a_decision", func(r *storagetest.Repositories) {
		r.Decisions = hidesHeldDecisions{r.Decisions}
	}},
	"a disconnected store decides": {"Holds/of_a_disconnected_store_only_the_request_of_a_decision", func(r *storagetest.Repositories) {
		r.Decisions = hidesHeldDecisions{r.Decisions}
	}},
	"a decision that nobody saw is replaced": {"Decisions/put_changes_nothing_when_the_order_has_another", func(r *storagetest.Repositories) {
		r.Decisions = replacesDecisions{r.Decisions}
	}},
	"an ended decision stays": {"Decisions/put_replaces_the_decision_that_was_seen", func(r *storagetest.Repositories) {
		r.Decisions = keepsDecisions{r.Decisions}
	}},
	"a decision forgets what may have been sent before": {"Decisions/put_replaces_the_decision_that_was_seen", func(r *storagetest.Repositories) {
		r.Decisions = forgetsDoubt{r.Decisions}
	}},
	"every put claims to win": {"Decisions/of_several_puts_for_one_order_one_wins", func(r *storagetest.Repositories) {
		r.Decisions = claimsStored{r.Decisions}
	}},
	"revisions of decisions are not compared": {"Decisions/update_of_an_older_revision_changes_nothing", func(r *storagetest.Repositories) {
		r.Decisions = overwritesDecisions{r.Decisions}
	}},
	"a replaced decision is written by its old worker": {"Decisions/put_replaces_the_decision_that_was_seen", func(r *storagetest.Repositories) {
		r.Decisions = overwritesDecisions{r.Decisions}
	}},
	"decisions are due in order of number": {"DueDecisions/due_are_open_decisions_of_working_stores", func(r *storagetest.Repositories) {
		r.Decisions = dueByNumber{r.Decisions}
	}},
	"unknown products are not remembered": {"Products/saved_products_are_found_by_EAN", func(r *storagetest.Repositories) {
		r.Products = remembersFound{r.Products}
	}},
	"adapters share products": {"Products/products_belong_to_an_adapter", func(r *storagetest.Repositories) {
		r.Products = oneCatalogue{r.Products}
	}},
	"the first product stays": {"Products/products_replace_earlier_ones", func(r *storagetest.Repositories) {
		r.Products = keepsProducts{r.Products}
	}},
	"due is in order of creation": {"ShipmentPages/due_are_open_shipments_of_working_stores", func(r *storagetest.Repositories) {
		r.Shipments = dueByID{r.Shipments}
	}},
	"a restart forgets": {"Restart/everything_survives", func(r *storagetest.Repositories) {
		r.Reopen = open
	}},
}

// faultVariable tells the copy of this test that TestSuiteNotices starts which fault to have.
const faultVariable = "STORAGETEST_FAULT"

// TestFaulty is the suite over a faulty database. It is run, and has to fail, in a process of its own.
func TestFaulty(t *testing.T) {
	name, ok := os.LookupEnv(faultVariable)
	if !ok {
		t.Skip("run by TestSuiteNotices")
	}
	storagetest.Run(t, func(t *testing.T) storagetest.Repositories {
		r := open(t)
		faults()[name].apply(&r)
		return r
	})
}

func TestSuiteNotices(t *testing.T) {
	t.Parallel()
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := "^TestFaulty$/^" + strings.ReplaceAll(fault.noticedBy, "/", "$/^")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.timeout=60s")
			cmd.Env = append(os.Environ(), faultVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("the suite passed:\n%s", out)
			}
			if !strings.Contains(string(out), "--- FAIL: TestFaulty/"+fault.noticedBy) {
				t.Fatalf("the suite failed elsewhere:\n%s", out)
			}
		})
	}
}

func open(t *testing.T) storagetest.Repositories {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlitetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return storagetest.Repositories{
		Stores: db, Orders: db, Shipments: db, Decisions: db, Products: db, Schedule: db, Upkeep: db, Releases: db, InUse: db,
	}
}
