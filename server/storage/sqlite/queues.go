package sqlite

import (
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/store"
)

// Shipments and decisions wait in one queue for each store and adapter. Looking for what is due goes through the queues of an adapter by
// their turn, and takes the first rows of each: what it costs does not grow with what waits, there or for other adapters.

// fromQueues goes through the queues (q) of a table of deliveries that may be worked on. Their adapter is the first argument.
func fromQueues(queues string) string {
	return ` FROM ` + queues + ` q INDEXED BY ` + queues + `_due CROSS JOIN stores s ON q.adapter = ?1 AND s.key = q.store_key AND ` + workable("q") + ` `
}

// inQueue picks the open rows of table d that wait in queue q.
const inQueue = ` d.store_key = q.store_key AND d.adapter = q.adapter AND d.open = 1 `

// dueRows picks the queues whose turn it is, and of the rows of each the first ones. key is a column that tells the rows of a queue
// apart; among finds those (p) whose key is one of several. The arguments are those of dueArgs.
func dueRows(queues, table, key, among string) string {
	return fromQueues(queues) + `CROSS JOIN ` + table + ` p ON ` + among + ` (
			SELECT d.` + key + ` FROM ` + table + ` d INDEXED BY ` + table + `_due
			WHERE` + inQueue + `AND d.next_attempt > 0 AND d.next_attempt <= ?2 ORDER BY d.next_attempt, d.` + key + ` LIMIT ?3)
	WHERE q.next_turn > 0 AND q.next_turn <= ?2 AND (s.id, q.adapter) NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?4))
	ORDER BY q.next_turn, q.store_key, p.next_attempt, p.` + key + ` LIMIT ?5`
}

// dueArgs are the arguments of dueRows.
func dueArgs(l due.Look[store.Ref]) ([]any, error) {
	without := make([][2]string, len(l.Without))
	for i, ref := range l.Without {
		without[i] = [2]string{ref.StoreID, ref.Adapter}
	}
	text, err := toJSON(without)
	if err != nil {
		return nil, err
	}
	return []any{l.Lane, nanos(l.Now), l.PerGroup, text, l.Limit}, nil
}

// nextRow finds when the next row of an adapter is due after an instant: the earliest of the queues whose turn comes later, or of the
// later rows in queues whose turn it is.
func nextRow(queues, table string) string {
	return `SELECT coalesce(min(time), 0) FROM (
		SELECT * FROM (SELECT q.next_turn AS time` + fromQueues(queues) + `WHERE q.next_turn > ?2 ORDER BY q.next_turn LIMIT 1)
		UNION ALL
		SELECT (SELECT min(d.next_attempt) FROM ` + table + ` d INDEXED BY ` + table + `_due WHERE` + inQueue + `AND d.next_attempt > ?2)` +
		fromQueues(queues) + `WHERE q.next_turn > 0 AND q.next_turn <= ?2)`
}
