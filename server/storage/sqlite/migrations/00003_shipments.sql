-- Shipments, their events, and the carriers that marketplaces know.

-- +goose Up
CREATE TABLE shipments (
    key                 INTEGER PRIMARY KEY,
    store_key           INTEGER NOT NULL,
    id                  TEXT    NOT NULL, -- sorts by time
    order_number        TEXT    NOT NULL,
    adapter             TEXT    NOT NULL,
    request             TEXT    NOT NULL, -- JSON of shipment.Request, as the caller stated it
    request_id          TEXT    NOT NULL,
    request_digest      BLOB    NOT NULL,
    state               TEXT    NOT NULL,
    open                INTEGER NOT NULL, -- shipment.State.Open
    marketplace_carrier TEXT    NOT NULL,
    not_sent_fields     TEXT    NOT NULL, -- JSON array
    evidence            TEXT    NOT NULL,
    reason              TEXT    NOT NULL,
    message             TEXT    NOT NULL,
    send_count          INTEGER NOT NULL,
    sent_time           INTEGER NOT NULL,
    last_outcome        TEXT    NOT NULL, -- empty while not known
    uncertain           INTEGER NOT NULL,
    settled_time        INTEGER NOT NULL,
    still_ready         INTEGER NOT NULL,
    failure_count       INTEGER NOT NULL,
    next_attempt        INTEGER NOT NULL,
    deadline            INTEGER NOT NULL,
    create_time         INTEGER NOT NULL,
    update_time         INTEGER NOT NULL,
    revision            INTEGER NOT NULL, -- counts up with every write
    UNIQUE (store_key, id),
    UNIQUE (store_key, request_id),
    FOREIGN KEY (store_key, order_number) REFERENCES orders (store_key, number)
) STRICT;

-- An order has at most one open shipment.
CREATE UNIQUE INDEX shipments_open ON shipments (store_key, order_number) WHERE open = 1;
CREATE INDEX shipments_due ON shipments (next_attempt, key) WHERE open = 1 AND next_attempt > 0;
CREATE INDEX shipments_by_order ON shipments (store_key, order_number, id);
CREATE INDEX shipments_by_state ON shipments (store_key, state, id);

CREATE TABLE shipment_events (
    shipment_key INTEGER NOT NULL REFERENCES shipments (key),
    seq          INTEGER NOT NULL, -- from 1
    time         INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    PRIMARY KEY (shipment_key, seq)
) STRICT, WITHOUT ROWID;

-- A cache: the marketplace's list and when it was read.
CREATE TABLE carriers (
    store_key INTEGER NOT NULL REFERENCES stores (key),
    adapter   TEXT    NOT NULL,
    carriers  TEXT    NOT NULL, -- JSON of []shipment.Carrier
    read_time INTEGER NOT NULL,
    PRIMARY KEY (store_key, adapter)
) STRICT, WITHOUT ROWID;
