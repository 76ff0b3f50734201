-- Each adapter's work has workers of its own: a marketplace that hangs holds up its own stores only. What is due is looked for by lane,
-- so that looking past the work of one that hangs costs nothing.

-- +goose Up
-- The adapters that the store holds credentials for, as store.Lane writes them; empty once it is disconnected. Triggers keep it.
ALTER TABLE stores ADD COLUMN lane TEXT NOT NULL DEFAULT '';
UPDATE stores SET lane = coalesce((SELECT group_concat(c.adapter, '+' ORDER BY c.adapter) FROM credentials c WHERE c.store_key = stores.key), '');

-- +goose StatementBegin
CREATE TRIGGER lane_joined AFTER INSERT ON credentials
BEGIN
    UPDATE stores SET lane = coalesce((SELECT group_concat(c.adapter, '+' ORDER BY c.adapter) FROM credentials c WHERE c.store_key = stores.key), '')
    WHERE key = new.store_key;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER lane_left AFTER DELETE ON credentials
BEGIN
    UPDATE stores SET lane = coalesce((SELECT group_concat(c.adapter, '+' ORDER BY c.adapter) FROM credentials c WHERE c.store_key = stores.key), '')
    WHERE key = old.store_key;
END;
-- +goose StatementEnd

DROP INDEX stores_due;
CREATE INDEX stores_due ON stores (lane, next_import) WHERE disconnect_time = 0;
DROP INDEX stores_unjudged;
CREATE INDEX stores_unjudged ON stores (lane, policy_change) WHERE policy_change > 0;

CREATE INDEX bindings_by_adapter ON bindings (adapter);
DROP INDEX bindings_probes;
CREATE INDEX bindings_probes ON bindings (adapter, next_probe) WHERE next_probe > 0;
DROP INDEX shipment_queues_due;
CREATE INDEX shipment_queues_due ON shipment_queues (adapter, next_turn);
DROP INDEX decision_queues_due;
CREATE INDEX decision_queues_due ON decision_queues (adapter, next_turn);
