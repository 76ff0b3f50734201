-- Shipments and decisions wait in a queue of their own for each store and adapter: a store with many of them, or a slow one, must not
-- hold up the others, and looking past it must not take longer the more of them wait.

-- +goose Up
-- When it is the turn of a queue: when the earliest of its open rows is due, but not before the last time that one of its rows was
-- worked on, so that whose turn it was goes behind those who wait. 0 while nothing is open. Triggers keep it.
CREATE TABLE shipment_queues (
    store_key INTEGER NOT NULL REFERENCES stores (key),
    adapter   TEXT    NOT NULL,
    next_turn INTEGER NOT NULL,
    PRIMARY KEY (store_key, adapter)
) STRICT, WITHOUT ROWID;
CREATE INDEX shipment_queues_due ON shipment_queues (next_turn);

CREATE TABLE decision_queues (
    store_key INTEGER NOT NULL REFERENCES stores (key),
    adapter   TEXT    NOT NULL,
    next_turn INTEGER NOT NULL,
    PRIMARY KEY (store_key, adapter)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_queues_due ON decision_queues (next_turn);

-- They also tell what is left on an adapter.
DROP INDEX shipments_due;
DROP INDEX shipments_left;
CREATE INDEX shipments_due ON shipments (store_key, adapter, next_attempt) WHERE open = 1;
DROP INDEX decisions_due;
DROP INDEX decisions_left;
CREATE INDEX decisions_due ON decisions (store_key, adapter, next_attempt) WHERE open = 1;

INSERT INTO shipment_queues (store_key, adapter, next_turn)
SELECT store_key, adapter, min(next_attempt) FROM shipments WHERE open = 1 AND next_attempt > 0 GROUP BY store_key, adapter;
INSERT INTO decision_queues (store_key, adapter, next_turn)
SELECT store_key, adapter, min(next_attempt) FROM decisions WHERE open = 1 AND next_attempt > 0 GROUP BY store_key, adapter;

-- +goose StatementBegin
CREATE TRIGGER shipment_queued AFTER INSERT ON shipments WHEN new.open = 1 AND new.next_attempt > 0
BEGIN
    INSERT INTO shipment_queues (store_key, adapter, next_turn) VALUES (new.store_key, new.adapter, new.next_attempt)
    ON CONFLICT DO UPDATE SET next_turn = excluded.next_turn WHERE next_turn = 0 OR next_turn > excluded.next_turn;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER shipment_requeued AFTER UPDATE OF adapter, open, next_attempt ON shipments
BEGIN
    INSERT INTO shipment_queues (store_key, adapter, next_turn) VALUES (new.store_key, new.adapter, 0) ON CONFLICT DO NOTHING;
    UPDATE shipment_queues AS q SET next_turn = coalesce(max(new.update_time,
            (SELECT min(p.next_attempt) FROM shipments p
                WHERE p.store_key = q.store_key AND p.adapter = q.adapter AND p.open = 1 AND p.next_attempt > 0)), 0)
    WHERE q.store_key = new.store_key AND q.adapter IN (old.adapter, new.adapter);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER decision_queued AFTER INSERT ON decisions WHEN new.open = 1 AND new.next_attempt > 0
BEGIN
    INSERT INTO decision_queues (store_key, adapter, next_turn) VALUES (new.store_key, new.adapter, new.next_attempt)
    ON CONFLICT DO UPDATE SET next_turn = excluded.next_turn WHERE next_turn = 0 OR next_turn > excluded.next_turn;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER decision_requeued AFTER UPDATE OF adapter, open, next_attempt ON decisions
BEGIN
    INSERT INTO decision_queues (store_key, adapter, next_turn) VALUES (new.store_key, new.adapter, 0) ON CONFLICT DO NOTHING;
    UPDATE decision_queues AS q SET next_turn = coalesce(max(new.update_time,
            (SELECT min(d.next_attempt) FROM decisions d
                WHERE d.store_key = q.store_key AND d.adapter = q.adapter AND d.open = 1 AND d.next_attempt > 0)), 0)
    WHERE q.store_key = new.store_key AND q.adapter IN (old.adapter, new.adapter);
END;
-- +goose StatementEnd
