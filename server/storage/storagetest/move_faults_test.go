package storagetest_test

import (
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// moveFaults are the faults of a database that keeps a store with two adapters.
var moveFaults = map[string]fault{
	"every store has moved": bindingsFault("Bindings/a_store_begins_with_one_adapter", func(b *store.Bindings) { b.Moved = true }),
	"an unknown store has bindings": {"Bindings/bindings_of_an_unknown_store", func(r *storagetest.Repositories) {
		r.Stores = inventsBindings{r.Stores}
	}},
	"adapters are in order of name": bindingsFault("Bindings/a_store_speaks_through_the_adapters", func(b *store.Bindings) {
		slices.SortFunc(b.Adapters, func(x, y store.Binding) int { return strings.Compare(x.Adapter, y.Adapter) })
	}),
	"the store lists its adapters in order of name": {"Bindings/a_store_speaks_through_the_adapters", func(r *storagetest.Repositories) {
		r.Stores = sortsAdapters{r.Stores}
	}},
	"an undone turn is forgotten": bindingsFault("Bindings/turns_tell_where_new_orders_went", func(b *store.Bindings) {
		b.Turns = slices.DeleteFunc(b.Turns, func(t store.Turn) bool { return t.Adapter == b.Origin })
	}),
	"turns are told newest first": bindingsFault("Bindings/turns_tell_where_new_orders_went", func(b *store.Bindings) { slices.Reverse(b.Turns) }),
	"the origin is where the store is now": bindingsFault("Bindings/connecting_again_through_another_adapter", func(b *store.Bindings) {
		b.Origin = b.Current
	}),
	"connecting again is no turn": bindingsFault("Bindings/connecting_again_through_another_adapter", func(b *store.Bindings) { b.Turns = nil }),

	"only the first name of an account counts": {"Accounts/a_store_is_found_by_any_of_its_account's_names", func(r *storagetest.Repositories) {
		r.Stores = takesFirstName{r.Stores}
	}},
	"a shared name is left out": {"Accounts/create_refuses_one_shared_name", func(r *storagetest.Repositories) {
		r.Stores = dropsTakenNames{r.Stores}
	}},
	"ids of two adapters are compared": {"Accounts/ids_that_two_adapters_give", func(r *storagetest.Repositories) {
		r.Stores = comparesIDs{r.Stores}
	}},
	"reconnect shares a name": {"Accounts/reconnect_refuses_a_name", func(r *storagetest.Repositories) {
		r.Stores = dropsTakenNames{r.Stores}
	}},
	"reconnect learns no name": {"Accounts/reconnect_adds_names", func(r *storagetest.Repositories) {
		r.Stores = reconnectsNameless{r.Stores}
	}},
	"names are added one by one": {"Accounts/a_name_that_another_store_has", func(r *storagetest.Repositories) {
		r.Stores = addsOneByOne{r.Stores}
	}},
	"an unknown store takes names": {"Accounts/names_are_added,_once", func(r *storagetest.Repositories) {
		r.Stores = hidesNameErrors{r.Stores, store.ErrNotFound}
	}},
	"every store gets the name": {"Accounts/of_several_stores_that_are_given_one_name", func(r *storagetest.Repositories) {
		r.Stores = hidesNameErrors{r.Stores, store.ErrAccountTaken}
	}},
	"adapters share an account id": {"Accounts/an_account_id_is_the_adapter's", func(r *storagetest.Repositories) {
		r.Stores = oneAccountID{r.Stores}
	}},

	"a start is the first attempt of every adapter": {"Cursors/a_start_is_the_first_attempt", func(r *storagetest.Repositories) {
		r.Orders = attemptsEverything{r.Orders}
	}},
	"a run that failed moves no cursor": {"Cursors/a_part_that_was_read_moves_its_cursor", func(r *storagetest.Repositories) {
		r.Orders = changesParts{r.Orders, func(run *order.Import) {
			if run.State != order.Succeeded {
				run.Parts = nil
			}
		}}
	}},
	"a run that succeeded forgets what failed": {"Cursors/a_part_that_was_read_moves_its_cursor", func(r *storagetest.Repositories) {
		r.Orders = changesParts{r.Orders, func(run *order.Import) {
			if run.State == order.Succeeded {
				for i := range run.Parts {
					run.Parts[i].Failure = order.Failure{}
				}
			}
		}}
	}},
	"an adapter fails since its last failure": {"Cursors/an_adapter_fails_since_the_first_run", func(r *storagetest.Repositories) {
		r.Orders = changesParts{r.Orders, func(run *order.Import) { // as if it had been read first
			for _, p := range run.Parts {
				run.Parts = append([]order.Part{{Adapter: p.Adapter}}, run.Parts...)
			}
		}}
	}},
	"an interrupted part has failed": {"Cursors/a_part_that_was_interrupted", func(r *storagetest.Repositories) {
		r.Orders = changesParts{r.Orders, func(run *order.Import) {
			if len(run.Parts) == 0 {
				run.Parts = []order.Part{{Adapter: "beta", Failure: run.Failure}}
			}
		}}
	}},
	"an interrupted part was read": {"Cursors/a_part_that_was_interrupted", func(r *storagetest.Repositories) {
		r.Orders = changesParts{r.Orders, func(run *order.Import) {
			if len(run.Parts) == 0 {
				run.Parts = []order.Part{{Adapter: "alpha"}}
			}
		}}
	}},
	"windows do not tell why": {"Cursors/the_unfinished_windows", func(r *storagetest.Repositories) {
		r.Orders = silentWindows{r.Orders}
	}},
	"a run that failed is the store's last": {"Cursors/the_store_tells_the_last_run", func(r *storagetest.Repositories) {
		r.Orders = alwaysSucceeds{r.Orders}
	}},

	"failures outlive their credentials": bindingsFault("Cursors/new_credentials_of_a_move", func(b *store.Bindings) {
		for i := range b.Adapters {
			b.Adapters[i].FailingSince = b.Adapters[i].FirstAttempt
		}
	}),

	"a move shares a name":  {"Migrations/a_move_refuses_a_name", func(r *storagetest.Repositories) { r.Stores = dropsTakenNames{r.Stores} }},
	"a move learns no name": {"Migrations/a_move_stores_the_migration", func(r *storagetest.Repositories) { r.Stores = movesNameless{r.Stores} }},
	"a move forgets what the check said": {"Migrations/a_move_stores_the_migration", func(r *storagetest.Repositories) {
		r.Stores = movesOnly{r.Stores}
	}},
	"a move keeps old state": {"Migrations/state_of_earlier_credentials", func(r *storagetest.Repositories) { r.Stores = movesState{r.Stores} }},
	"every account was verified": {"Migrations/how_the_account_was_recognised", func(r *storagetest.Repositories) {
		r.Stores = seesMigrations{r.Stores, func(m *store.Migration) { m.Match = store.MatchVerified }}
	}},
	"open orders are counted on the wrong side": {"Migrations/a_migration_counts_the_open_orders", func(r *storagetest.Repositories) {
		r.Stores = seesMigrations{r.Stores, func(m *store.Migration) { m.SourceOpen, m.TargetOpen = m.TargetOpen, m.SourceOpen }}
	}},
	"a store that never moved was undone": {"Migrations/a_store_that_does_not_exist", func(r *storagetest.Repositories) {
		r.Stores = hidesMoveErrors{r.Stores, store.ErrNoMigration}
	}},
	"a move may begin in a move":     {"Migrations/a_move_needs_a_store", func(r *storagetest.Repositories) { r.Stores = undoesFirst{r.Stores} }},
	"any move follows an undone one": {"Migrations/a_move_needs_a_store", func(r *storagetest.Repositories) { r.Stores = completesFirst{r.Stores} }},
	"an undone migration goes on": {"Migrations/a_move_of_an_undone_pair", func(r *storagetest.Repositories) {
		r.Stores = continuesUndone{r.Stores}
	}},
	"a move ends all moves":                {"Migrations/a_store_that_has_moved_may_move_on", func(r *storagetest.Repositories) { r.Stores = movesOnce{r.Stores} }},
	"undo erases the target's credentials": {"Migrations/undo_binds_new_orders", func(r *storagetest.Repositories) { r.Stores = undoesForGood{r.Stores} }},
	"undo counts twice": {"Migrations/of_several_undos", func(r *storagetest.Repositories) {
		r.Stores = hidesMoveErrors{r.Stores, store.ErrNotMoving}
	}},
	"undo works after the end": {"Migrations/a_migration_is_undone_once", func(r *storagetest.Repositories) {
		r.Stores = hidesMoveErrors{r.Stores, store.ErrNotMoving}
	}},
	"disconnect leaves the migration under way": {"Migrations/disconnect_erases_both", func(r *storagetest.Repositories) {
		r.Stores = seesMigrations{r.Stores, func(m *store.Migration) { m.Completed = time.Time{} }}
	}},
	"disconnect ends what has ended": {"Migrations/disconnect_leaves_a_migration", func(r *storagetest.Repositories) {
		r.Stores = endsAgain{r.Stores, new(time.Time)}
	}},
	"every move begins": {"Migrations/of_several_moves", func(r *storagetest.Repositories) { r.Stores = hidesStartErrors{r.Stores} }},

	"completion keeps the credentials": {"Completion/completion_erases_the_credentials", func(r *storagetest.Repositories) {
		r.Stores = keepsCredentials{r.Stores}
	}},
	"completion goes by the source": {"Completion/completion_of_an_undone_migration", func(r *storagetest.Repositories) {
		r.Stores = leavesTheSource{r.Stores}
	}},
	"any adapter can be left": {"Completion/a_migration_is_completed_once", func(r *storagetest.Repositories) { r.Stores = leavesAny{r.Stores} }},
	"completion forgets orders": {"Completion/an_open_order_that_is_left", func(r *storagetest.Repositories) {
		r.Stores = endsOrders{r.Stores, r.Orders}
	}},
	"completion forgets shipments": {"Completion/an_open_shipment_that_is_left", func(r *storagetest.Repositories) {
		r.Stores = endsShipments{r.Stores, r.Shipments}
	}},
	"completion forgets decisions": {"Completion/an_open_decision_that_is_left", func(r *storagetest.Repositories) {
		r.Stores = endsDecisions{r.Stores, r.Decisions}
	}},
	"completion minds other stores": {"Completion/what_is_open_elsewhere", func(r *storagetest.Repositories) {
		r.Stores = mindsEverything{r.Stores, r.Shipments}
	}},
	"every completion counts": {"Completion/of_several_completions", func(r *storagetest.Repositories) { r.Stores = alwaysCompletes{r.Stores} }},
	"undo and completion both count": {"Completion/of_an_undo_and_a_completion", func(r *storagetest.Repositories) {
		r.Stores = hidesMoveErrors{r.Stores, store.ErrNotMoving}
	}},
	"a disconnected store moves": {"Completion/of_a_move_and_a_disconnect", func(r *storagetest.Repositories) {
		r.Stores = seesMigrations{movesFirst{r.Stores}, func(m *store.Migration) { m.Completed = time.Time{} }}
	}},

	"any reader takes orders over": {"Moves/an_order_stays_with_an_adapter", func(r *storagetest.Repositories) {
		r.Orders = takesOver{r.Orders, func(b *order.Batch) { b.TakeOver = []string{"alpha", "beta"} }}
	}},
	"no order is taken over": {"Moves/an_order_whose_adapter_the_store_holds_no_credentials", func(r *storagetest.Repositories) {
		r.Orders = keepsBinding{r.Orders}
	}},
	"what looks the same is not taken over": {"Moves/an_order_that_looks_the_same", func(r *storagetest.Repositories) {
		r.Orders = skipsUnchanged{r.Orders}
	}},
	"nobody's orders are taken over": {"Moves/a_batch_takes_over_from", func(r *storagetest.Repositories) {
		r.Orders = takesOver{r.Orders, func(b *order.Batch) { b.TakeOver = nil }}
	}},
	"everybody's orders are taken over": {"Moves/a_batch_takes_over_from", func(r *storagetest.Repositories) {
		r.Orders = takesOver{r.Orders, func(b *order.Batch) {
			if b.TakeOver != nil {
				b.TakeOver = []string{"alpha"}
			}
		}}
	}},
	"what is taken over is due by the change time": {"Moves/it_is_due_by_the_clock", func(r *storagetest.Repositories) {
		r.Orders = takesOver{r.Orders, func(b *order.Batch) {
			if b.TakeOver != nil {
				b.Time = b.Time.AddDate(0, 0, 7)
			}
		}}
	}},
	"a shipment stays behind": {"Moves/what_is_open_of_shipment_and_decision", func(r *storagetest.Repositories) {
		r.Shipments = staysWithAlpha{r.Shipments}
	}},
	"a decision stays behind": {"Moves/what_is_open_of_shipment_and_decision", func(r *storagetest.Repositories) {
		r.Decisions = decidesThroughAlpha{r.Decisions}
	}},
	"a shipment is sent through the adapter that it had": {"Moves/what_is_open_of_shipment_and_decision", func(r *storagetest.Repositories) {
		r.Shipments = overwrites{r.Shipments}
	}},
	"a decision is sent through the adapter that it had": {"Moves/what_is_open_of_shipment_and_decision", func(r *storagetest.Repositories) {
		r.Decisions = overwritesDecisions{r.Decisions}
	}},
	"shipments go without their order": {"Moves/what_is_open_of_an_order_that_stays", func(r *storagetest.Repositories) {
		r.Orders = takesOver{r.Orders, func(b *order.Batch) { b.TakeOver = []string{"alpha"} }}
	}},
	"a stale read takes over": {"Moves/a_stale_read_takes_nothing_over", func(r *storagetest.Repositories) {
		r.Orders = takesOver{r.Orders, func(b *order.Batch) {
			if b.TakeOver != nil {
				b.ReadTime = b.ReadTime.AddDate(0, 0, 1)
			}
		}}
	}},
	"open orders are told of any adapter": {"Moves/an_order_that_was_taken_over_is", func(r *storagetest.Repositories) {
		r.Orders = tellsAllOpen{r.Orders}
	}},
	"a run outlives a turn": {"Moves/a_run_that_a_turn_overtakes", func(r *storagetest.Repositories) { r.Orders = ignoresTurns{r.Orders} }},

	"a reference goes before a number": {"Matches/the_number_goes_before_a_reference", func(r *storagetest.Repositories) {
		r.Orders = matches{r.Orders, func(o order.Identity) order.Identity { o.Number, o.Reference = o.Reference, o.Number; return o }}
	}},
	"references are not compared": {"Matches/by_a_reference_that_only_both_have", func(r *storagetest.Repositories) {
		r.Orders = matches{r.Orders, func(o order.Identity) order.Identity { o.Reference = ""; return o }}
	}},
	"a reference is no number": {"Matches/by_the_number_that_its_reference_is", func(r *storagetest.Repositories) {
		r.Orders = matches{r.Orders, func(o order.Identity) order.Identity { o.Reference = ""; return o }}
	}},
	"a number is no reference": {"Matches/by_the_reference_that_its_number_is", func(r *storagetest.Repositories) {
		r.Orders = matches{r.Orders, func(o order.Identity) order.Identity { o.Number = "no " + o.Number; return o }}
	}},
	"native ids are not compared": {"Matches/an_order_that_was_taken_over_keeps", func(r *storagetest.Repositories) {
		r.Orders = matches{r.Orders, func(o order.Identity) order.Identity { o.NativeID = "no " + o.NativeID; return o }}
	}},
	"orders are matched one by one": {"Matches/nor_one_that_two_of_the_orders_read_have", func(r *storagetest.Repositories) {
		r.Orders = matchesOneByOne{r.Orders}
	}},
	"a number may be two orders": {"Matches/an_order_that_was_read_by_its_number", func(r *storagetest.Repositories) {
		r.Orders = matchesOneByOne{r.Orders}
	}},
	"the adapter's own orders are told under two numbers": {"Matches/references_of_its_own_adapter's_orders", func(r *storagetest.Repositories) {
		r.Orders = matchesAs{r.Orders, "aaa"}
	}},
	"a reference of two tells one": {"Matches/nor_one_that_an_order_of_its_own", func(r *storagetest.Repositories) {
		r.Orders = guesses{r.Orders}
	}},
	"a shared reference tells one": {"Matches/a_reference_that_two_orders_share", func(r *storagetest.Repositories) { r.Orders = guesses{r.Orders} }},
	"the unknown are left out":     {"Matches/an_order_is_known_by_its_number", func(r *storagetest.Repositories) { r.Orders = compactsMatches{r.Orders} }},
	"stores share orders":          {"Matches/stores_do_not_see", func(r *storagetest.Repositories) { r.Orders = looksInOther{r.Orders} }},

	"a restart forgets moves": {"Restart/a_move_survives", func(r *storagetest.Repositories) { r.Reopen = open }},
}
