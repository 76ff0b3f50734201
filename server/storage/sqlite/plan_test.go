package sqlite

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// openForTest is inside the package: plans and failures of the file are not to be seen from outside.
func openForTest(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "relais.db"))
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

// grown matches a step that goes through a whole table or index: its cost grows with what is stored.
var grown = regexp.MustCompile(`SCAN (b|c|d|m|o|p|q|s|` +
	`shipment_queues|decision_queues|orders|order_documents|shipments|stores|imports|decisions|products|bindings|turns|account_keys|migrations|credentials)\b`)

// chooses matches a step that finds the rows of a page. The queries give the tables whose rows they only fetch a short name.
var chooses = regexp.MustCompile(`SEARCH (orders|shipments) `)

// TestPlans shows that what is asked often is answered from the index made for it.
func TestPlans(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	position := &order.Position{ChangeTime: time.Unix(1, 0), Number: "n"}
	orders := func(q order.ListQuery) func() (string, []any) {
		q.StoreID, q.Limit = "shop", 50
		return func() (string, []any) { return listOrders(q) }
	}
	shipments := func(q shipment.ListQuery) func() (string, []any) {
		q.StoreID, q.Limit = "shop", 50
		return func() (string, []any) { return listShipments(q) }
	}
	plain := func(query string, args ...any) func() (string, []any) {
		return func() (string, []any) { return query, args }
	}
	for _, c := range []struct {
		name  string
		query func() (string, []any)
		want  string // the step that finds the rows
		sorts bool   // whether the rows of the page, or as many of each status, may be put in order once more
	}{
		{"orders", orders(order.ListQuery{}),
			"SEARCH orders USING COVERING INDEX orders_by_change (store_key=? AND (change_time,number)>(?,?))", true},
		{"orders after", orders(order.ListQuery{After: position}),
			"SEARCH orders USING COVERING INDEX orders_by_change (store_key=? AND (change_time,number)>(?,?))", true},
		{"orders of a status", orders(order.ListQuery{Statuses: []order.Status{order.Shipped}, After: position}),
			"SEARCH orders USING COVERING INDEX orders_by_status (store_key=? AND status=? AND (change_time,number)>(?,?))", true},
		{"orders of several statuses", orders(order.ListQuery{Statuses: []order.Status{order.Shipped, order.Refused}}),
			"SEARCH orders USING COVERING INDEX orders_by_status (store_key=? AND status=? AND (change_time,number)>(?,?))", true},
		{"shippable orders", orders(order.ListQuery{ShippableOnly: true, After: position}),
			"SEARCH orders USING COVERING INDEX orders_shippable (store_key=? AND (change_time,number)>(?,?))", true},
		{"unseen orders", func() (string, []any) { return unseenOpenOrders("shop", []string{"alpha"}, "i", "n", 50) },
			"SEARCH orders USING INDEX orders_open (store_key=? AND adapter=? AND number>?)", false},
		{"unseen orders of several adapters", func() (string, []any) {
			return unseenOpenOrders("shop", []string{"alpha", "beta"}, "i", "n", 50)
		}, "SEARCH orders USING INDEX orders_open (store_key=? AND adapter=? AND number>?)", true},
		{"shipments", shipments(shipment.ListQuery{BeforeID: "p"}),
			"SEARCH shipments USING COVERING INDEX sqlite_autoindex_shipments_1 (store_key=? AND id<?)", true},
		{"shipments of an order", shipments(shipment.ListQuery{OrderNumber: "n", States: []delivery.State{delivery.Queued, delivery.Sending}}),
			"SEARCH shipments USING INDEX shipments_by_order (store_key=? AND order_number=?)", true},
		{"shipments in states", shipments(shipment.ListQuery{BeforeID: "p", States: []delivery.State{delivery.Queued, delivery.Sending}}),
			"SEARCH shipments USING COVERING INDEX shipments_by_state (store_key=? AND state=? AND id<?)", true},
		{"queues of due shipments", plain(dueShipments, "alpha", 1, 8, "[]", 8),
			"SEARCH q USING COVERING INDEX shipment_queues_due (adapter=? AND next_turn>? AND next_turn<?)", true},
		{"due shipments of a queue", plain(dueShipments, "alpha", 1, 8, "[]", 8),
			"SEARCH d USING COVERING INDEX shipments_due (store_key=? AND adapter=? AND next_attempt>? AND next_attempt<?)", true},
		{"due shipments", plain(dueShipments, "alpha", 1, 8, "[]", 8), "SEARCH p USING INTEGER PRIMARY KEY (rowid=?)", true},
		{"next queue of shipments", plain(nextShipment, "alpha", 1), "SEARCH q USING COVERING INDEX shipment_queues_due (adapter=? AND next_turn>?)", false},
		{"next due shipment of a queue", plain(nextShipment, "alpha", 1),
			"SEARCH d USING COVERING INDEX shipments_due (store_key=? AND adapter=? AND next_attempt>?)", false},
		{"shipment of a request", plain(aboutShipment, "r", "n", "n", "shop"),
			"SEARCH p USING COVERING INDEX sqlite_autoindex_shipments_2 (store_key=? AND request_id=?)", false},
		{"open shipment of an order", plain(aboutShipment, "r", "n", "n", "shop"),
			"SEARCH p USING COVERING INDEX shipments_open (store_key=? AND order_number=?)", false},
		{"shipment to be changed", plain(shipmentForUpdate, "shop", "p"),
			"SEARCH p USING INDEX sqlite_autoindex_shipments_1 (store_key=? AND id=?)", false},
		{"last event of a shipment", plain(lastShipmentEvent, 1), "SEARCH shipment_events USING PRIMARY KEY (shipment_key=?)", false},
		{"queues of due decisions", plain(dueDecisions, "alpha", 1, 8, "[]", 8),
			"SEARCH q USING COVERING INDEX decision_queues_due (adapter=? AND next_turn>? AND next_turn<?)", true},
		{"due decisions of a queue", plain(dueDecisions, "alpha", 1, 8, "[]", 8),
			"SEARCH d USING COVERING INDEX decisions_due (store_key=? AND adapter=? AND next_attempt>? AND next_attempt<?)", true},
		{"due decisions", plain(dueDecisions, "alpha", 1, 8, "[]", 8), "SEARCH p USING PRIMARY KEY (store_key=? AND order_number=?)", true},
		{"next queue of decisions", plain(nextDecision, "alpha", 1), "SEARCH q USING COVERING INDEX decision_queues_due (adapter=? AND next_turn>?)", false},
		{"next due decision of a queue", plain(nextDecision, "alpha", 1),
			"SEARCH d USING COVERING INDEX decisions_due (store_key=? AND adapter=? AND next_attempt>?)", false},
		{"decisions about orders", plain(decisionsOf(2), "shop", "1", "2"), "SEARCH p USING PRIMARY KEY (store_key=? AND order_number=?)", false},
		{"open shipments of a store", plain(openDeliveries, "shop", "shop"),
			"SEARCH shipments USING COVERING INDEX shipments_due (store_key=?)", false},
		{"open decisions of a store", plain(openDeliveries, "shop", "shop"),
			"SEARCH decisions USING COVERING INDEX decisions_due (store_key=?)", false},
		{"order by number", plain(matchNumbers, "shop", `["1"]`),
			"SEARCH orders USING INDEX sqlite_autoindex_orders_1 (store_key=? AND number=?)", false},
		{"orders by reference", plain(matchReferences, "shop", `["1"]`),
			"SEARCH orders USING INDEX orders_by_reference (store_key=? AND reference=?)", false},
		{"orders by native id", plain(matchNativeIDs, "shop", `["1"]`, "alpha"),
			"SEARCH orders USING INDEX orders_by_native_id (store_key=? AND adapter=? AND native_id=?)", false},
		{"store by a name of its account", func() (string, []any) { return findStore("market", store.AccountKeys{"a", "b"}) },
			"SEARCH stores USING INTEGER PRIMARY KEY (rowid=?)", true},
		{"names of an account", func() (string, []any) { return findStore("market", store.AccountKeys{"a", "b"}) },
			"SEARCH account_keys USING PRIMARY KEY (marketplace=? AND name=?)", true},
		{"spoken adapters", plain(selectBindings, 1, "alpha"), "SEARCH b USING PRIMARY KEY (store_key=?)", true},
		{"adapters that were left", plain(selectFormer, 1), "SEARCH b USING PRIMARY KEY (store_key=?)", false},
		{"refused credentials of due shipments", plain(dueShipments, "alpha", 1, 8, "[]", 8), "SEARCH b USING PRIMARY KEY (store_key=? AND adapter=?)", true},
		{"refused credentials of due decisions", plain(dueDecisions, "alpha", 1, 8, "[]", 8), "SEARCH b USING PRIMARY KEY (store_key=? AND adapter=?)", true},
		{"adapters", plain(adapters), "SEARCH bindings USING COVERING INDEX bindings_by_adapter (adapter>?)", false},
		{"lanes", plain(lanes), "SEARCH stores USING COVERING INDEX stores_due (lane>?)", false},
		{"due imports", plain(dueImports, "alpha", 1, false, 50), "SEARCH s USING INDEX stores_due (lane=? AND next_import<?)", false},
		{"next import", plain(nextDueImport, "alpha", 1, false), "SEARCH s USING INDEX stores_due (lane=? AND next_import>?)", false},
		{"due probes", plain(dueProbes, "alpha", 1, 50), "SEARCH b USING COVERING INDEX bindings_probes (adapter=? AND next_probe>? AND next_probe<?)", false},
		{"imports planned too far ahead", plain(plannedImports.find(), 1), "SEARCH stores USING COVERING INDEX stores_due (lane=? AND next_import>?)", false},
		{"probes planned too far ahead", plain(plannedProbes.find(), 1), "SEARCH bindings USING COVERING INDEX bindings_probes (adapter=? AND next_probe>?)", false},
		{"shipments planned too far ahead", plain(plannedShipments.find(), 1), "SEARCH shipments USING COVERING INDEX shipments_due (store_key=? AND adapter=? AND next_attempt>?)", false},
		{"decisions planned too far ahead", plain(plannedDecisions.find(), 1), "SEARCH decisions USING COVERING INDEX decisions_due (store_key=? AND adapter=? AND next_attempt>?)", false},
		{"policies that will have changed", plain(changedPolicies.find(), 1), "SEARCH stores USING COVERING INDEX stores_unjudged (lane=? AND policy_change>?)", false},
		{"turns of shipments too far ahead", plain(shipmentTurns.find(), 1), "SEARCH shipment_queues USING COVERING INDEX shipment_queues_due (adapter=? AND next_turn>?)", false},
		{"turns of decisions too far ahead", plain(decisionTurns.find(), 1), "SEARCH decision_queues USING COVERING INDEX decision_queues_due (adapter=? AND next_turn>?)", false},
		{"held work past its deadline", plain(overdue, 1), "SEARCH s USING COVERING INDEX stores_paused (paused=?)", false},
		{"next probe", plain(nextProbe, "alpha", 1), "SEARCH b USING COVERING INDEX bindings_probes (adapter=? AND next_probe>?)", false},
		{"due reviews", plain(dueReviews, "alpha", 1, 50), "SEARCH s USING INDEX stores_unjudged (lane=? AND policy_change>? AND policy_change<?)", false},
		{"next review", plain(nextReview, "alpha", 1), "SEARCH s USING INDEX stores_unjudged (lane=? AND policy_change>?)", false},
		{"standing", plain(selectStanding, "shop", "alpha"), "SEARCH b USING PRIMARY KEY (store_key=? AND adapter=?)", false},
		{"turns", plain(selectTurns, 1), "SEARCH turns USING PRIMARY KEY (store_key=?)", false},
		{"last turn", plain(`SELECT `+lastTurn, 1), "SEARCH turns USING PRIMARY KEY (store_key=?)", false},
		{"last migration", plain(selectMigration+lastOfStore, 1), "SEARCH m USING INDEX migrations_by_store (store_key=?)", false},
		{"open orders of a migration", plain(selectMigration+lastOfStore, 1),
			"SEARCH orders USING COVERING INDEX orders_open (store_key=? AND adapter=?)", false},
		{"orders that are left", plain(left, 1, "alpha"), "SEARCH orders USING COVERING INDEX orders_open (store_key=? AND adapter=?)", false},
		{"shipments that are left", plain(left, 1, "alpha"),
			"SEARCH shipments USING COVERING INDEX shipments_due (store_key=? AND adapter=?)", false},
		{"decisions that are left", plain(left, 1, "alpha"),
			"SEARCH decisions USING COVERING INDEX decisions_due (store_key=? AND adapter=?)", false},
		{"products", plain(productsOf(2), "alpha", "1", "2"), "SEARCH products USING PRIMARY KEY (adapter=? AND ean=?)", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			query, args := c.query()
			steps := explainPlan(t, db, query, args...)
			if !slices.ContainsFunc(steps, func(s step) bool { return s.detail == c.want }) {
				t.Errorf("want step %q in plan:\n%v", c.want, steps)
			}
			for _, s := range steps {
				if grown.MatchString(s.detail) {
					t.Errorf("step %q goes through everything stored:\n%v", s.detail, steps)
				}
				if strings.Contains(s.detail, "TEMP B-TREE") && (!c.sorts || s.choosesRows(steps)) {
					t.Errorf("the plan sorts before it limits:\n%v", steps)
				}
			}
		})
	}
}

// step is one line of a query plan.
type step struct {
	id, parent int
	detail     string
}

func (s step) String() string { return fmt.Sprintf("%d under %d: %s\n", s.id, s.parent, s.detail) }

// choosesRows reports whether the step works on rows that come straight from a table, before a page was cut out of them.
func (s step) choosesRows(plan []step) bool {
	return slices.ContainsFunc(plan, func(other step) bool {
		return other.parent == s.parent && chooses.MatchString(other.detail)
	})
}

func explainPlan(t *testing.T, db *DB, query string, args ...any) []step {
	t.Helper()
	steps, err := collect(t.Context(), db.reader, func(row scanner) (s step, err error) {
		var unused int
		err = row.Scan(&s.id, &s.parent, &unused, &s.detail)
		return s, err
	}, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}
