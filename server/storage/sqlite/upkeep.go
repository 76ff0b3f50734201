package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// plans is rows of a table that say when they are due, and how those beyond a horizon are reclaimed. Each where finds them in the index
// of what is due.
type plans struct{ table, where, set string }

var (
	plannedImports   = plans{"stores", `lane IN (` + lanes + `) AND disconnect_time = 0 AND next_import > ?1`, `next_import = ?2`}
	changedPolicies  = plans{"stores", `lane IN (` + lanes + `) AND policy_change > 0 AND policy_change > ?1`, `policy_change = ?2`}
	plannedProbes    = plans{"bindings", `adapter IN (` + adapters + `) AND next_probe > 0 AND next_probe > ?1`, `next_probe = ?2, refused_since = min(refused_since, ?2)`}
	plannedShipments = plannedAttempts("shipments", "shipment_queues")
	plannedDecisions = plannedAttempts("decisions", "decision_queues")
	shipmentTurns    = turns("shipment_queues", "shipments")
	decisionTurns    = turns("decision_queues", "decisions")
)

// plannedAttempts looks at the last row of each queue in which something waits.
func plannedAttempts(table, queues string) plans {
	return plans{
		table: table,
		where: `(store_key, adapter) IN (SELECT store_key, adapter FROM ` + queues + ` WHERE adapter IN (` + adapters + `) AND next_turn > 0) AND open = 1 AND next_attempt > ?1`,
		set:   `next_attempt = ?2, settled_time = min(settled_time, ?3), update_time = min(update_time, ?2), revision = revision + 1`,
	}
}

// turns is the queues whose turn comes after the horizon, and after that of their rows: one of these was worked on by a clock that was
// ahead, and the queue remembers when.
func turns(queues, table string) plans {
	earliest := `(SELECT min(d.next_attempt) FROM ` + table + ` d INDEXED BY ` + table + `_due
		WHERE d.store_key = ` + queues + `.store_key AND d.adapter = ` + queues + `.adapter AND d.open = 1 AND d.next_attempt > 0)`
	return plans{queues, `adapter IN (` + adapters + `) AND next_turn > ?1 AND ` + earliest + ` < next_turn`, `next_turn = max(?2, ` + earliest + `)`}
}

// aheadOfClock is how far ahead a time may lie that says when something was done: clocks are set back by a little at any time.
const aheadOfClock = time.Minute

func (p plans) find() string {
	return `SELECT EXISTS (SELECT 1 FROM ` + p.table + ` WHERE ` + p.where + `)`
}

func (p plans) reclaim() string { return `UPDATE ` + p.table + ` SET ` + p.set + ` WHERE ` + p.where }

// Reclaim implements store.UpkeepRepository.
func (db *DB) Reclaim(ctx context.Context, now time.Time, h store.Horizons) (int, error) {
	settle := nanos(now.Add(h.Settle))
	total := 0
	for _, x := range []struct {
		plans
		horizon time.Duration
		more    []any // arguments of set beside now
	}{
		{plannedImports, h.Import, nil},
		{plannedProbes, h.Probe, nil},
		{changedPolicies, aheadOfClock, nil},
		{plannedShipments, h.Attempt, []any{settle}},
		{plannedDecisions, h.Attempt, []any{settle}},
		{shipmentTurns, aheadOfClock, nil},
		{decisionTurns, aheadOfClock, nil},
	} {
		far := nanos(now.Add(x.horizon))
		var found bool
		if err := db.reader.QueryRowContext(ctx, x.find(), far).Scan(&found); err != nil {
			return total, fmt.Errorf("find plans too far ahead: %w", explain(err))
		}
		if !found {
			continue
		}
		err := db.write(ctx, "reclaim plans", func(tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, x.reclaim(), append([]any{far, nanos(now)}, x.more...)...)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			total += int(n)
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// overdue picks the stores and adapters that are held and of which an open shipment or decision passed its deadline.
var overdue = `SELECT h.store_key, h.adapter, h.paused, h.refused FROM (
		SELECT b.store_key, b.adapter, 1 AS paused, 0 AS refused FROM stores s INDEXED BY stores_paused CROSS JOIN bindings b ON b.store_key = s.key
			WHERE s.paused = 1 AND s.disconnect_time = 0
		UNION ALL SELECT b.store_key, b.adapter, 0, b.refusals > 0 FROM bindings b INDEXED BY bindings_probes CROSS JOIN stores s ON s.key = b.store_key
			WHERE b.adapter IN (` + adapters + `) AND b.next_probe > 0 AND s.paused = 0 AND s.disconnect_time = 0) h
	WHERE EXISTS (SELECT 1 FROM shipments x INDEXED BY shipments_due
			WHERE x.store_key = h.store_key AND x.adapter = h.adapter AND x.open = 1 AND x.deadline < ?1)
		OR EXISTS (SELECT 1 FROM decisions x INDEXED BY decisions_due
			WHERE x.store_key = h.store_key AND x.adapter = h.adapter AND x.open = 1 AND x.deadline < ?1)`

// heldWork is one row of overdue.
type heldWork struct {
	storeKey        int64
	adapter         string
	paused, refused bool
}

func (h heldWork) farewell() farewell {
	const look = ", and the deadline passed; check the order on the marketplace, "
	switch {
	case h.paused:
		return farewell{problem.ReasonStorePaused, "the store was paused" + look + "then resume the store and retry this"}
	case h.refused:
		return farewell{problem.ReasonCredentialsRejected, "the store's credentials did not work" + look + "then put them right and retry this"}
	}
	return farewell{problem.ReasonMalformedAnswer,
		"nobody could read what the marketplace answered, perhaps because of the credentials" + look + "then retry this"}
}

// AbandonHeld implements store.UpkeepRepository.
func (db *DB) AbandonHeld(ctx context.Context, before, now time.Time) (int, error) {
	find := func(q queryer) ([]heldWork, error) {
		return collect(ctx, q, func(row scanner) (h heldWork, err error) {
			err = row.Scan(&h.storeKey, &h.adapter, &h.paused, &h.refused)
			return h, err
		}, overdue, nanos(before))
	}
	found, err := find(db.reader)
	if err != nil {
		return 0, fmt.Errorf("find held work: %w", explain(err))
	}
	if len(found) == 0 {
		return 0, nil
	}
	n := 0
	err = db.write(ctx, "abandon held work", func(tx *sql.Tx) error {
		held, err := find(tx) // a store may have been resumed meanwhile
		if err != nil {
			return err
		}
		for _, h := range held {
			ended, err := abandon(ctx, tx, h.farewell(), `store_key = ? AND adapter = ? AND deadline < ?`, now, h.storeKey, h.adapter, nanos(before))
			if err != nil {
				return err
			}
			n += ended
		}
		return nil
	})
	return n, err
}
