-- Decisions about orders, and what marketplaces know of products.

-- +goose Up
-- An order has at most one decision, its last.
CREATE TABLE decisions (
    store_key     INTEGER NOT NULL,
    order_number  TEXT    NOT NULL,
    adapter       TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    open          INTEGER NOT NULL, -- delivery.State.Open
    reason        TEXT    NOT NULL,
    message       TEXT    NOT NULL,
    send_count    INTEGER NOT NULL,
    sent_time     INTEGER NOT NULL,
    last_outcome  TEXT    NOT NULL, -- empty while not known
    uncertain     INTEGER NOT NULL,
    settled_time  INTEGER NOT NULL,
    still_ready   INTEGER NOT NULL,
    failure_count INTEGER NOT NULL,
    next_attempt  INTEGER NOT NULL,
    deadline      INTEGER NOT NULL,
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    revision      INTEGER NOT NULL, -- counts up with every write
    PRIMARY KEY (store_key, order_number),
    FOREIGN KEY (store_key, order_number) REFERENCES orders (store_key, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX decisions_due ON decisions (next_attempt) WHERE open = 1 AND next_attempt > 0;

-- A cache, shared by all stores of an adapter. A product that the marketplace does not know is remembered too.
CREATE TABLE products (
    adapter   TEXT    NOT NULL,
    ean       TEXT    NOT NULL,
    found     INTEGER NOT NULL,
    options   TEXT    NOT NULL, -- JSON of []order.ItemOption
    read_time INTEGER NOT NULL,
    PRIMARY KEY (adapter, ean)
) STRICT, WITHOUT ROWID;
