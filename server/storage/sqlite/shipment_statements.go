package sqlite

import (
	"database/sql"

	"github.com/relaishq/relais/server/shipment"
)

const (
	// insertOnly is the columns that are written when a shipment is stored and never again; changingColumns those that every write
	// writes, as changing gives them.
	insertOnly      = `store_key, id, order_number, request, request_id, request_digest, create_time`
	changingColumns = `adapter, over_cancel, over_network, allow_other, state, open, marketplace_carrier, carrier_rule, carrier_list_age, carrier_tracking_url,
		not_sent_fields, evidence, replaced_tracking, replaced_by, reason, message, send_count, sent_time, last_outcome, uncertain,
		settled_time, still_ready, failure_count, next_attempt, deadline, update_time`
	insertOnlyCount, changingCount = 7, 26
)

// changing returns the values of changingColumns.
func changing(s shipment.Shipment) ([]any, error) {
	notSent, err := toJSON(s.NotSentFields)
	if err != nil {
		return nil, err
	}
	return []any{
		s.Adapter, s.OverCancel, s.OverNetwork, s.AllowOther, s.State, s.State.Open(), s.Chosen.Name, s.Chosen.Rule, int64(s.Chosen.ListAge), s.Chosen.TrackingURL,
		notSent, s.Evidence, s.ReplacedTracking, s.ReplacedBy, s.Reason, s.Message, s.SendCount, nanos(s.SentTime), s.LastOutcome, s.Uncertain,
		nanos(s.SettledTime), s.StillReady, s.FailureCount, nanos(s.NextAttempt), nanos(s.Deadline), nanos(s.UpdateTime),
	}, nil
}

// aboutShipment finds what decides on a new shipment, in one step: each search is for one row.
const aboutShipment = `SELECT s.key, s.disconnect_time <> 0, o.adapter,
		(SELECT p.key FROM shipments p WHERE p.store_key = s.key AND p.request_id = ?),
		(SELECT p.key FROM shipments p WHERE p.store_key = s.key AND p.order_number = ? AND p.open = 1)
	FROM stores s LEFT JOIN orders o ON o.store_key = s.key AND o.number = ? WHERE s.id = ?`

// shipmentForUpdate finds a shipment with what decides on a change of it.
const shipmentForUpdate = `SELECT p.key, s.paused <> 0 OR s.disconnect_time <> 0, ` + shipmentColumns + fromShipments +
	`WHERE p.store_key = ` + storeKeyOf + ` AND p.id = ?`

// lastShipmentEvent finds what a shipment's last event says.
const lastShipmentEvent = `SELECT seq, state, kind, message, adapter, release, proof FROM shipment_events
	WHERE shipment_key = ? ORDER BY seq DESC LIMIT 1`

// shipmentStatements are the statements that write shipments, prepared once on the writer connection: every notification runs
// them, and preparing takes longer than they do.
type shipmentStatements struct {
	about, byKey, forUpdate, insert, update *sql.Stmt
	lastEvent, insertEvent, countEvent      *sql.Stmt
}

func (s *shipmentStatements) all() []statement {
	return []statement{
		{&s.about, aboutShipment},
		{&s.byKey, selectShipment + `WHERE p.key = ?`},
		{&s.forUpdate, shipmentForUpdate},
		{&s.insert, `INSERT INTO shipments (` + insertOnly + `, ` + changingColumns + `, revision)
			VALUES (` + list("?", insertOnlyCount+changingCount) + `, 1)`},
		{&s.update, `UPDATE shipments SET (` + changingColumns + `) = (` + list("?", changingCount) + `), revision = revision + 1 WHERE key = ?`},
		{&s.lastEvent, lastShipmentEvent},
		{&s.insertEvent, `INSERT INTO shipment_events (shipment_key, seq, time, state, kind, message, adapter, release, proof)
			VALUES (` + list("?", 9) + `)`},
		{&s.countEvent, `UPDATE shipment_events SET count = count + 1, last_time = ? WHERE shipment_key = ? AND seq = ?`},
	}
}
