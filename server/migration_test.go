package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

const (
	moving    = marketplacev1.Migration_STATE_MOVING
	complete  = marketplacev1.Migration_STATE_COMPLETE
	returning = marketplacev1.Migration_STATE_RETURNING
	undone    = marketplacev1.Migration_STATE_UNDONE
)

// TestMigrateStore moves a store, ships on both sides, and ends the move: orders bought before it go through the old API,
// orders bought after it through the new one, and when nothing is left on the old one its credentials are gone.
func TestMigrateStore(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_MIGRATION_KEEP=1ms")
	before := s.readyOrder(world.Spec{})
	left := s.create(world.Spec{Variety: world.MondialRelay})
	s.imported()

	m := s.migrate()
	if m.GetState() != moving || m.GetSourceAdapter() != "adapters/cdiscount" || m.GetTargetAdapter() != "adapters/octopia" ||
		m.GetSourceOpenOrders() != 2 || m.GetAccountMatch() != marketplacev1.Migration_ACCOUNT_MATCH_VERIFIED || m.GetMessage() == "" {
		t.Errorf("the move began as %v", m)
	}
	if st := s.store(); st.GetAdapter() != "adapters/octopia" || !slices.Equal(st.GetAdapters(), []string{"adapters/octopia", "adapters/cdiscount"}) ||
		st.GetAccountId() == "demo" || st.GetHealth().GetState() != marketplacev1.StoreHealth_STATE_HEALTHY {
		t.Errorf("the moving store is %v", st)
	}
	s.advance(2 * time.Second)
	after := s.create(world.Spec{Variety: world.HomeTracked})
	run := s.imported()
	if n := len(run.GetWindows()); n != 3 { // created through the new one; created and modified through the old one
		t.Errorf("the import read %d windows", n)
	}
	orders := s.orders(nil)
	if len(orders) != 3 {
		t.Errorf("%d orders are known, want 3", len(orders))
	}
	for number, adapter := range map[string]string{before: "adapters/cdiscount", left: "adapters/cdiscount", after: "adapters/octopia"} {
		if got := orders[number].GetAdapter(); got != adapter {
			t.Errorf("order %s belongs to %s, want %s", number, got, adapter)
		}
	}
	s.ship(before)
	s.ship(after)
	for number, api := range map[string]string{before: "cdiscount", after: "octopia"} {
		if ships := s.appliedShips(number); len(ships) != 1 || ships[0].API != api {
			t.Errorf("order %s was shipped %v, want once through %s", number, ships, api)
		}
	}
	s.imported()
	if m := s.migration(); m.GetState() != moving || m.GetSourceOpenOrders() != 1 {
		t.Errorf("with an open order left the move is %v", m)
	}

	s.ship(left)
	s.imported()
	waitFor(t, func() bool { return s.migration().GetState() == complete })
	if st := s.store(); !slices.Equal(st.GetAdapters(), []string{"adapters/octopia"}) {
		t.Errorf("after the move the store speaks through %v", st.GetAdapters())
	}
	_, err := s.moves.UndoMigration(t.Context(), &marketplacev1.UndoMigrationRequest{Name: "stores/demo/migration"})
	wantError(t, err, codes.FailedPrecondition, "MIGRATION_COMPLETE")
	if run := s.imported(); len(run.GetWindows()) != 2 {
		t.Errorf("after the move an import reads %d windows, want 2", len(run.GetWindows()))
	}
	if again := s.migrate(); again.GetState() != complete {
		t.Errorf("the same call again gives %v", again)
	}
}

// TestMigrateUnderLoad: new orders come in all the time while the store is moved, moved back, and moved again, and imported and
// shipped without a pause. No order is lost or there twice, and each is shipped once through the API that it was sold under.
func TestMigrateUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 20, "RELAIS_MIGRATION_KEEP=1h")
	s.connect()
	s.imported()

	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	// Buyers come all the time, some for each round of work: a slow machine must not mean more work.
	const perRound = 15
	var wishes atomic.Int64
	working.Go(func() { // the buyers
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		varieties := []world.Variety{world.HomeTracked, world.MondialRelay, world.Colissimo, world.MultiLine}
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				if wishes.Load() == 0 {
					continue
				}
				wishes.Add(-1)
				if _, err := s.sandbox.World().Create(world.Spec{Seller: "demo", Variety: varieties[i%len(varieties)]}); err != nil {
					t.Errorf("create order: %v", err)
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
	defer working.Wait()
	defer cancel()
	work := func(rounds int) {
		for range rounds {
			wishes.Store(perRound)
			if run := s.runImport(); run.GetState() != marketplacev1.Import_STATE_SUCCEEDED && run.GetFailure().GetReason() != "STORE_MOVED" {
				t.Fatalf("import ended %s: %s", run.GetState(), run.GetFailure().GetMessage())
			}
			s.shipEverything()
		}
	}
	type turn struct {
		at  time.Time
		api string
	}
	turns := []turn{{api: "cdiscount"}}
	work(2)
	turns = append(turns, turn{s.migrate().GetCutoverTime().AsTime(), "octopia"})
	work(3)
	turns = append(turns, turn{s.undoMigration().GetUndoTime().AsTime(), "cdiscount"})
	work(3)
	turns = append(turns, turn{s.migrate().GetCutoverTime().AsTime(), "octopia"})
	work(3)
	cancel()
	working.Wait()
	work(2)

	known := s.orders(nil)
	confirmedOrders := map[string]bool{}
	for _, sh := range s.shipments() {
		s.settled(sh.GetName(), confirmed)
		confirmedOrders[sh.GetOrder()] = true
	}
	numbers := s.sandbox.World().Find("demo", func(world.Head) bool { return true })
	told := s.listedSince(time.Time{}) // the old API lists no order whose state it does not tell yet
	perAPI := map[string]int{}
	for _, number := range numbers {
		o, ok := known[number]
		if !ok && !slices.Contains(told, number) {
			continue
		}
		if !ok {
			t.Errorf("order %s is lost", number)
			continue
		}
		truth, _ := s.sandbox.World().Truth(number)
		ships := s.appliedShips(number)
		if !confirmedOrders[o.GetName()] {
			if len(ships) > 0 {
				t.Errorf("order %s was shipped by nobody's wish", number)
			}
			continue
		}
		if all := s.shipWrites(number); len(ships) != 1 || len(all) != 1 {
			t.Errorf("order %s: %d ship requests, %d applied, want one", number, len(all), len(ships))
			continue
		}
		// The two APIs tell time in seconds and in milliseconds: within a second of a turn either may be right.
		var want []string
		for i, turn := range turns {
			if i+1 < len(turns) && truth.Created.After(turns[i+1].at.Add(time.Second)) || truth.Created.Before(turn.at.Add(-time.Second)) {
				continue
			}
			want = append(want, turn.api)
		}
		if !slices.Contains(want, ships[0].API) || o.GetAdapter() != "adapters/"+ships[0].API {
			t.Errorf("order %s of %s was shipped through %s and belongs to %s, want %v", number, truth.Created, ships[0].API, o.GetAdapter(), want)
		}
		perAPI[ships[0].API]++
	}
	for number := range known {
		if !slices.Contains(numbers, number) {
			t.Errorf("order %s is none of the marketplace's", number)
		}
	}
	if perAPI["cdiscount"] < 10 || perAPI["octopia"] < 10 {
		t.Errorf("shipped through each API: %v; the test shows too little", perAPI)
	}
	t.Logf("%d orders, shipped through each API: %v", len(numbers), perAPI)
}

// TestOldAPIDies: the old API goes away in the middle of a move. New orders come in all the same; the import says what it could
// not read; and when it has been like this for long, the orders that were left there go to the new API and are shipped there.
func TestOldAPIDies(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_MIGRATION_KEEP=1ms", "RELAIS_MIGRATION_PATIENCE=6h")
	left := s.readyOrder(world.Spec{})
	s.migrate()
	s.advance(2 * time.Second)
	after := s.create(world.Spec{Variety: world.Colissimo})
	s.inject(fault.Rule{Operation: fault.Any, API: "cdiscount", Kind: fault.HTTP503})

	run := s.runImport()
	if run.GetState() != marketplacev1.Import_STATE_FAILED || run.GetFailure().GetReason() != "MARKETPLACE_DOWN" {
		t.Errorf("with the old API down the import ended %s: %v", run.GetState(), run.GetFailure())
	}
	for _, w := range run.GetWindows() {
		if failed := w.GetFailure() != nil; failed != (w.GetAdapter() == "adapters/cdiscount") {
			t.Errorf("window %v", w)
		}
	}
	if o := s.order(after); o.GetAdapter() != "adapters/octopia" {
		t.Errorf("the new order belongs to %s", o.GetAdapter())
	}
	if h := s.store().GetHealth(); h.GetState() != marketplacev1.StoreHealth_STATE_RETRYING || h.GetReason() != "LEAVING_ADAPTER_FAILS" {
		t.Errorf("health %v", h)
	}
	waiting := s.notify(left)
	s.ship(after)

	s.advance(7 * time.Hour)
	run = s.imported()
	if o := s.order(left); o.GetAdapter() != "adapters/octopia" {
		t.Errorf("the order that was left belongs to %s", o.GetAdapter())
	}
	if w := run.GetWindows(); w[len(w)-1].GetFailure().GetReason() != "MARKETPLACE_DOWN" {
		t.Errorf("the import does not tell of the old API: %v", w)
	}
	s.settled(waiting.GetName(), confirmed)
	if ships := s.shipWrites(left); len(ships) != 1 || ships[0].API != "octopia" {
		t.Errorf("the order that was left was shipped %v", ships)
	}
	s.imported()
	waitFor(t, func() bool { return s.migration().GetState() == complete })
	s.imported()
	if h := s.store().GetHealth(); h.GetState() != marketplacev1.StoreHealth_STATE_HEALTHY {
		t.Errorf("health after the move: %v", h)
	}
}

// TestUndoMigration: undone, a store ends where it was, and the credentials of the other side are gone.
func TestUndoMigration(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_MIGRATION_KEEP=1ms")
	first := s.readyOrder(world.Spec{})
	s.migrate()
	s.advance(2 * time.Second)
	second := s.create(world.Spec{Variety: world.HomeTracked})
	s.imported()
	if m := s.undoMigration(); m.GetState() != returning || m.GetTargetOpenOrders() != 1 || m.GetUndoTime() == nil {
		t.Errorf("undone, the move is %v", m)
	}
	if again := s.undoMigration(); again.GetState() != returning {
		t.Errorf("undone again, the move is %v", again)
	}
	if st := s.store(); st.GetAdapter() != "adapters/cdiscount" || st.GetAccountId() != "demo" {
		t.Errorf("the store is %v", st)
	}
	s.advance(2 * time.Second)
	third := s.create(world.Spec{Variety: world.HomeTracked})
	s.imported()
	for number, api := range map[string]string{first: "cdiscount", second: "octopia", third: "cdiscount"} {
		s.ship(number)
		if ships := s.shipWrites(number); len(ships) != 1 || ships[0].API != api {
			t.Errorf("order %s was shipped %v, want once through %s", number, ships, api)
		}
	}
	s.imported()
	waitFor(t, func() bool { return s.migration().GetState() == undone })
	if st := s.store(); !slices.Equal(st.GetAdapters(), []string{"adapters/cdiscount"}) {
		t.Errorf("the store speaks through %v", st.GetAdapters())
	}
	if m := s.migrate(); m.GetState() != moving {
		t.Errorf("moved again: %v", m)
	}
}

// TestMigrateStoreErrors: a move that fails says why and what to do, and changes nothing.
func TestMigrateStoreErrors(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	other := "other-shop"
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: other}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*marketplacev1.MigrateStoreRequest)
		code   codes.Code
		reason string
		field  string
	}{
		{name: "no store", change: func(r *marketplacev1.MigrateStoreRequest) { r.Name = "demo" }, code: codes.InvalidArgument, reason: "INVALID_FIELD", field: "name"},
		{name: "unknown store", change: func(r *marketplacev1.MigrateStoreRequest) { r.Name = "stores/none" }, code: codes.NotFound, reason: "STORE_NOT_FOUND"},
		{name: "no adapter", change: func(r *marketplacev1.MigrateStoreRequest) { r.TargetAdapter = "" }, code: codes.InvalidArgument, reason: "INVALID_FIELD", field: "target_adapter"},
		{name: "unknown adapter", change: func(r *marketplacev1.MigrateStoreRequest) { r.TargetAdapter = "adapters/none" }, code: codes.NotFound, reason: "ADAPTER_NOT_FOUND"},
		{name: "the adapter it is on", change: func(r *marketplacev1.MigrateStoreRequest) {
			r.TargetAdapter, r.Credentials = "adapters/cdiscount", demoCredentials()
		}, code: codes.FailedPrecondition, reason: "ADAPTER_UNCHANGED"},
		{name: "a credential is missing", change: func(r *marketplacev1.MigrateStoreRequest) { delete(r.Credentials.Values, "seller_id") },
			code: codes.InvalidArgument, reason: "INVALID_FIELD", field: "credentials.values[seller_id]"},
		{name: "wrong secret", change: func(r *marketplacev1.MigrateStoreRequest) { r.Credentials.Values["client_secret"] = "wrong" },
			code: codes.FailedPrecondition, reason: "MARKETPLACE_CREDENTIALS_REJECTED"},
		{name: "not delegated", change: func(r *marketplacev1.MigrateStoreRequest) {
			r.Credentials.Values["seller_id"] = s.octopiaCredentials(other).Values["seller_id"]
		}, code: codes.FailedPrecondition, reason: "SELLER_NOT_AUTHORIZED"},
		{name: "another account", change: func(r *marketplacev1.MigrateStoreRequest) { r.Credentials = s.octopiaCredentials(other) },
			code: codes.FailedPrecondition, reason: "ACCOUNT_MISMATCH"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := s.migrateRequest()
			c.change(req)
			_, err := s.moves.MigrateStore(t.Context(), req)
			_, bad, _ := wantError(t, err, c.code, c.reason)
			if c.field != "" && (len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != c.field) {
				t.Errorf("field violations %v, want one of %s", bad.GetFieldViolations(), c.field)
			}
			if strings.Contains(err.Error(), "wrong") {
				t.Errorf("the error tells the secret: %v", err)
			}
			if st := s.store(); !slices.Equal(st.GetAdapters(), []string{"adapters/cdiscount"}) || st.GetAdapter() != "adapters/cdiscount" {
				t.Errorf("the store changed: %v", st)
			}
			_, err = s.moves.GetMigration(t.Context(), &marketplacev1.GetMigrationRequest{Name: "stores/demo/migration"})
			wantError(t, err, codes.NotFound, "MIGRATION_NOT_FOUND")
			_, err = s.moves.UndoMigration(t.Context(), &marketplacev1.UndoMigrationRequest{Name: "stores/demo/migration"})
			wantError(t, err, codes.NotFound, "MIGRATION_NOT_FOUND")
		})
	}
}

// TestMigrationSurvivesRestart: a server that comes back goes on with the move.
func TestMigrationSurvivesRestart(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_MIGRATION_KEEP=1ms")
	left := s.readyOrder(world.Spec{})
	s.migrate()
	s.stop()
	s.start()
	if m := s.migration(); m.GetState() != moving {
		t.Errorf("after the restart the move is %v", m)
	}
	s.ship(left)
	s.imported()
	waitFor(t, func() bool { return s.migration().GetState() == complete })
}
