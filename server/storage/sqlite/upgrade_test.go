package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// schema4 is a database as the relais before moves left it: two connected stores of one marketplace, one of them with an id
// that is the other's account and has credentials that were refused, and one that is disconnected; runs, an order with shipment
// and decision.
const schema4 = `
INSERT INTO stores (key, id, adapter, environment, marketplace, account_id, shop_name, settings, paused, health_state, health_reason,
	health_message, health_since, create_time, update_time, disconnect_time, last_import_start, last_import_finish, last_event_seq, last_change_time)
VALUES (1, 'shop', 'alpha', 'production', 'market', 'login-1', 'Shop', '{}', 0, 'HEALTHY', '', '', 100, 100, 200, 0, 5000, 6000, 1, 7000),
	(2, 'login-1', 'alpha', 'production', 'market', 'shop', 'Other',
		'{"display_name":"Other","acceptance_policy":{"mode":"ALL","skus":["A"],"max_total":{"c":"EUR","u":50}}}', 1, 'AUTH_REQUIRED', 'MARKETPLACE_CREDENTIALS_REJECTED', '', 101, 101, 201, 0, 0, 0, 0, 0),
	(3, 'gone', 'alpha', 'production', 'market', 'login-3', 'Gone', '{"acceptance_policy":{"mode":"LISTED","skus":["A"]}}', 0, 'HEALTHY', '', '', 102, 102, 202, 900, 0, 0, 0, 0);
INSERT INTO credentials (store_key, adapter, key_id, ciphertext) VALUES (1, 'alpha', 'k', x'01'), (2, 'alpha', 'k', x'02');
INSERT INTO adapter_states (store_key, adapter, key_id, ciphertext) VALUES (1, 'alpha', 'k', x'03');
INSERT INTO imports (store_key, id, state, start_time, finish_time, windows, read_count)
VALUES (1, 'i1', 'FAILED', 3000, 4000, '[{"axis":"CREATED","since":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00Z"}]', 7),
	(1, 'i2', 'SUCCEEDED', 5000, 6000, '[]', 1), (2, 'i3', 'RUNNING', 8000, 0, '[]', 0);
INSERT INTO orders (key, store_key, number, native_id, reference, adapter, status, shippable, final, marketplace_update_time, ship_by,
	create_time, change_time, document_version, digest, seen_import, read_time)
VALUES (1, 1, '1', '', 'ref', 'alpha', 'READY_TO_SHIP', 1, 0, 0, 0, 7000, 7000, 1, x'00', 2, 6500);
INSERT INTO order_documents (order_key, document) VALUES (1, CAST('{"number":"1","reference":"ref","status":"READY_TO_SHIP","purchase_time":"2026-01-02T00:00:00Z","lines":null}' AS BLOB));
INSERT INTO order_events (store_key, seq, time, kind, order_number, old_status, new_status) VALUES (1, 1, 7000, 'CREATED', '1', '', 'READY_TO_SHIP');
INSERT INTO shipments (key, store_key, id, order_number, adapter, request, request_id, request_digest, state, open, marketplace_carrier,
	not_sent_fields, evidence, reason, message, send_count, sent_time, last_outcome, uncertain, settled_time, still_ready, failure_count,
	next_attempt, deadline, create_time, update_time, revision)
VALUES (1, 1, 'p1', '1', 'alpha', '{"order_number":"1"}', 'r1', x'00', 'QUEUED', 1, 'Colissimo', 'null', '', '', '', 0, 0, '', 0, 0, 0, 0, 9000, 0, 7500, 7500, 1);
INSERT INTO shipment_events (shipment_key, seq, time, state, message) VALUES (1, 1, 7500, 'QUEUED', 'queued'), (1, 2, 7600, 'QUEUED', 'waiting');
INSERT INTO decisions (store_key, order_number, adapter, kind, state, open, reason, message, send_count, sent_time, last_outcome, uncertain,
	settled_time, still_ready, failure_count, next_attempt, deadline, create_time, update_time, revision)
VALUES (1, '1', 'alpha', 'ACCEPT', 'CONFIRMED', 0, '', '', 1, 0, '', 0, 0, 0, 0, 0, 0, 7500, 7500, 3);
`

// upgraded opens a database that was written at schema 4.
func upgraded(t *testing.T) *DB {
	t.Helper()
	return upgradedFrom(t, 4, schema4)
}

// upgradedFrom opens a database with this content that was written at an earlier schema.
func upgradedFrom(t *testing.T, version int64, content string) *DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "relais.db")
	old, err := sql.Open("sqlite", dsn(path, writerCache, url.Values{}))
	if err != nil {
		t.Fatal(err)
	}
	old.SetMaxOpenConns(1)
	if err := migrateRiver(t.Context(), old); err != nil { // first, as a server does
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, old, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	if _, err := old.ExecContext(t.Context(), content); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestUpgradeToBindings: a store of one adapter is bound to it, goes on where it was, and can move.
func TestUpgradeToBindings(t *testing.T) {
	t.Parallel()
	db := upgraded(t)
	ctx := t.Context()
	same := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(n int64) time.Time { return time.Unix(0, n).UTC() }

	for id, account := range map[string]string{"shop": "login-1", "login-1": "shop", "gone": "login-3"} {
		s, err := db.GetStore(ctx, id)
		ok(err)
		same("account of "+id, s.AccountID, account)
		found, err := db.FindStore(ctx, "market", store.AccountKeys{"adapter/alpha:" + account})
		ok(err)
		same("store found by the account of "+id, found, s)
		again := store.Store{ID: "new", Adapter: "alpha", Marketplace: "market", AccountID: account}
		if err := db.CreateStore(ctx, again, store.AccountKeys{"adapter/alpha:" + account}, store.Sealed{}); !errors.Is(err, store.ErrAccountTaken) {
			t.Errorf("the account of %s is connected twice: %v", id, err)
		}
	}
	b, err := db.Bindings(ctx, "shop")
	ok(err)
	same("bindings", b, store.Bindings{
		Current: "alpha", Origin: "alpha", Turns: []store.Turn{},
		Adapters: []store.Binding{{Adapter: "alpha", ImportStart: at(5000), FirstAttempt: at(3000)}},
	})
	b, err = db.Bindings(ctx, "login-1")
	ok(err)
	same("adapters of a store that was refused", b.Adapters, []store.Binding{{
		Adapter: "alpha", FirstAttempt: at(8000), Standing: store.Standing{Refusals: 3, Since: at(101), Refused: true, NextProbe: at(1)},
	}})
	// One refusal was enough then: it is tried as soon as the store is resumed.
	for _, paused := range []bool{false, true} {
		_, err := db.UpdateStore(ctx, "login-1", func(s *store.Store) error { s.Paused = paused; return nil })
		ok(err)
		probes, err := db.DueProbes(ctx, "alpha", at(2), 10)
		ok(err)
		same("its credentials are tried", len(probes) == 1 && probes[0] == store.Ref{StoreID: "login-1", Adapter: "alpha"}, !paused)
	}
	b, err = db.Bindings(ctx, "gone")
	ok(err)
	same("bindings of a disconnected store", b, store.Bindings{Current: "alpha", Origin: "alpha", Former: []string{"alpha"}, Turns: []store.Turn{}})

	// No name of its accounts is known yet but the one that relais makes.
	keys, err := db.AccountKeys(ctx, store.Ref{StoreID: "shop", Adapter: "alpha"})
	ok(err)
	same("names", keys, store.AccountKeys{"adapter/alpha:login-1"})
	unnamed, err := db.UnnamedAccounts(ctx, "market")
	ok(err)
	same("accounts without names", unnamed, []store.Ref{{StoreID: "login-1", Adapter: "alpha"}, {StoreID: "shop", Adapter: "alpha"}})

	// What was kept is read as before.
	run, err := db.GetImport(ctx, "shop", "i1")
	ok(err)
	same("windows of a run", len(run.Windows), 1)
	same("counts of a run", run.Counts, order.Counts{Read: 7})
	o, err := db.GetOrder(ctx, "shop", "1")
	ok(err)
	same("order", o.Adapter+" "+o.Reference, "alpha ref")
	p, err := db.GetShipment(ctx, "shop", "p1")
	ok(err)
	same("shipment", p.State, delivery.Queued)
	d, err := db.Decisions(ctx, "shop", []string{"1"})
	ok(err)
	same("decision", d["1"].Kind, decision.Accept)
	n, err := db.InterruptImports(ctx, at(9000), order.Failure{})
	ok(err)
	same("runs that were under way", n, 1)

	// It can move, and the order is found by its reference.
	moved := store.Store{ID: "shop", AccountID: "7"}
	m := store.Migration{StoreID: "shop", Source: "alpha", Target: "beta", Cutover: at(10_000)}
	ok(db.StartMigration(ctx, m, moved, store.AccountKeys{"adapter/beta:7"}, store.Sealed{}))
	matches, err := db.MatchOrders(ctx, store.Ref{StoreID: "shop", Adapter: "beta"}, []order.Identity{{Number: "b1", Reference: "ref"}})
	ok(err)
	same("match", matches, []*order.Match{{Number: "1", Adapter: "alpha"}})
	done, err := db.CompleteMigration(ctx, "shop", "alpha", at(11_000), false)
	ok(err)
	same("complete with an open order", done, false)
	done, err = db.CompleteMigration(ctx, "shop", "alpha", at(12_000), true)
	ok(err)
	same("complete when the adapter is given up", done, true)
	p, err = db.GetShipment(ctx, "shop", "p1")
	ok(err)
	same("shipment", p.State, delivery.NeedsAttention)
}

// TestUpgradeToEvidence: a shipment of before goes on, and says nothing of what was not kept then.
func TestUpgradeToEvidence(t *testing.T) {
	t.Parallel()
	db := upgraded(t)
	at := func(n int64) time.Time { return time.Unix(0, n).UTC() }
	s, err := db.GetShipment(t.Context(), "shop", "p1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shipment.ChosenCarrier{Name: "Colissimo"}, s.Chosen); diff != "" {
		t.Errorf("carrier (-want +got):\n%s", diff)
	}
	if s.Options != (shipment.Options{}) || s.Replaces+s.ReplacedTracking+s.ReplacedBy != "" {
		t.Errorf("options %+v, replaces %q with tracking %q, replaced by %q", s.Options, s.Replaces, s.ReplacedTracking, s.ReplacedBy)
	}
	read := shipment.Event{Time: at(8000), State: delivery.Queued, Kind: shipment.KindRead, Message: "waiting"}
	for range 2 {
		if s, err = db.UpdateShipment(t.Context(), s, read); err != nil {
			t.Fatal(err)
		}
		read.Time = at(8100)
	}
	events, err := db.ShipmentEvents(t.Context(), "shop", "p1")
	if err != nil {
		t.Fatal(err)
	}
	want := []shipment.Event{
		{Time: at(7500), State: delivery.Queued, Message: "queued", Count: 1, LastTime: at(7500)},
		{Time: at(7600), State: delivery.Queued, Message: "waiting", Count: 1, LastTime: at(7600)},
		{Time: at(8000), State: delivery.Queued, Kind: shipment.KindRead, Message: "waiting", Count: 2, LastTime: at(8100)},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestUpgradeToSettings: limits that did not count are gone, those that count stay, and nobody claims to know when a pause began.
func TestUpgradeToSettings(t *testing.T) {
	t.Parallel()
	db := upgraded(t)
	for id, want := range map[string]store.Settings{
		"shop":    {},
		"login-1": {DisplayName: "Other", AcceptancePolicy: store.AcceptancePolicy{Mode: store.AcceptAll}},
		"gone":    {AcceptancePolicy: store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: []string{"A"}}},
	} {
		s, err := db.GetStore(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.Settings); diff != "" {
			t.Errorf("settings of %s (-want +got):\n%s", id, diff)
		}
		if !s.PauseTime.IsZero() || !s.PolicyChange.IsZero() {
			t.Errorf("%s is paused since %s, its policy changed at %s", id, s.PauseTime, s.PolicyChange)
		}
	}
}

// TestUpgradeToQueues: what waited before has its turn.
func TestUpgradeToQueues(t *testing.T) {
	t.Parallel()
	db := upgraded(t)
	at := func(n int64) time.Time { return time.Unix(0, n).UTC() }
	next, err := db.NextDue(t.Context(), "alpha", at(8999))
	if err != nil || !next.Equal(at(9000)) {
		t.Errorf("next due at %v, %v, want %v", next, err, at(9000))
	}
	waiting, err := db.DueShipments(t.Context(), due.Look[store.Ref]{Lane: "alpha", Now: at(9000), Limit: 5, PerGroup: 5})
	if err != nil || len(waiting) != 1 || waiting[0].ID != "p1" {
		t.Errorf("due: %v, %v, want p1", waiting, err)
	}
}

// TestUpgradeToLanes: connected stores are in the lane of their adapter, due as they were.
func TestUpgradeToLanes(t *testing.T) {
	t.Parallel()
	db := upgraded(t)
	for name, list := range map[string]func(context.Context) ([]string, error){"adapters": db.Adapters, "lanes": db.Lanes} {
		if got, err := list(t.Context()); err != nil || !cmp.Equal(got, []string{store.Lane("alpha")}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	waiting, err := db.DueImports(t.Context(), store.Lane("alpha"), time.Unix(0, 9000), 5, false)
	if err != nil || len(waiting) != 1 || waiting[0].StoreID != "shop" {
		t.Errorf("due: %v, %v, want shop", waiting, err)
	}
}

// TestUpgradeToLastSwaps: an adapter that was served before is served, nobody claims to know of its last swap, and the next one is kept.
func TestUpgradeToLastSwaps(t *testing.T) {
	t.Parallel()
	db := upgradedFrom(t, 14, `
		INSERT INTO adapter_slots (adapter, sha256, version, previous_sha256, previous_version, unloaded, change_time)
		VALUES ('alpha', 'aa', '2', 'bb', '1', 0, 5000)`)
	desired, err := db.DesiredReleases(t.Context())
	want := []release.Desired{{
		Adapter: "alpha", Release: release.Release{SHA256: "aa", Version: "2"}, Previous: release.Release{SHA256: "bb", Version: "1"},
		ChangeTime: time.Unix(0, 5000).UTC(),
	}}
	if diff := cmp.Diff(want, desired); diff != "" || err != nil {
		t.Errorf("desired %v (-want +got):\n%s", err, diff)
	}
	if swaps, err := db.LastSwaps(t.Context()); len(swaps) > 0 || err != nil {
		t.Errorf("last swaps %v, %v", swaps, err)
	}
	swap := release.Swap{Adapter: "alpha", StartTime: time.Unix(0, 6000).UTC(), Failure: release.Failure{Message: "no"}}
	if err := db.SaveLastSwap(t.Context(), swap); err != nil {
		t.Fatal(err)
	}
	swaps, err := db.LastSwaps(t.Context())
	if diff := cmp.Diff([]release.Swap{swap}, swaps); diff != "" || err != nil {
		t.Errorf("last swaps %v (-want +got):\n%s", err, diff)
	}
}
