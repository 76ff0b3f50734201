-- Orders and their events.

-- +goose Up
-- What is queried or compared has a column here; everything else is in the document. The documents live in a table of
-- their own so that marking an order as seen, which every import does with every open order, writes little.
CREATE TABLE orders (
    key                     INTEGER PRIMARY KEY,
    store_key               INTEGER NOT NULL REFERENCES stores (key),
    number                  TEXT    NOT NULL,
    native_id               TEXT    NOT NULL,
    reference               TEXT    NOT NULL,
    adapter                 TEXT    NOT NULL, -- the order's binding, set once
    status                  TEXT    NOT NULL,
    shippable               INTEGER NOT NULL,
    final                   INTEGER NOT NULL,
    marketplace_update_time INTEGER NOT NULL,
    ship_by                 INTEGER NOT NULL,
    create_time             INTEGER NOT NULL,
    change_time             INTEGER NOT NULL,
    document_version        INTEGER NOT NULL, -- order.EncodingVersion that wrote the document
    digest                  BLOB    NOT NULL, -- SHA-256 of the document
    -- imports.key of the last import that saw the order while it was open, 0 for none. Not a foreign key: it is compared
    -- with the running import only, and must not keep old runs from being pruned.
    seen_import             INTEGER NOT NULL,
    -- When the freshest read of this single order began, or the one that wrote the row: an older read changes nothing.
    read_time               INTEGER NOT NULL,
    UNIQUE (store_key, number)
) STRICT;

CREATE TABLE order_documents (
    order_key INTEGER PRIMARY KEY REFERENCES orders (key),
    document  BLOB    NOT NULL -- order.Encode
) STRICT;

-- One index for each way to list: a page is read in index order and costs the same however many orders there are.
CREATE INDEX orders_by_change ON orders (store_key, change_time, number);
CREATE INDEX orders_by_status ON orders (store_key, status, change_time, number);
CREATE INDEX orders_shippable ON orders (store_key, change_time, number) WHERE shippable = 1;
-- Open orders: those that an import reads again when no window showed them.
CREATE INDEX orders_open ON orders (store_key, adapter, number) WHERE final = 0;

-- What happened to the orders of a store, numbered without gaps from 1.
CREATE TABLE order_events (
    store_key    INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    time         INTEGER NOT NULL, -- the order's change time
    kind         TEXT    NOT NULL CHECK (kind IN ('CREATED', 'CHANGED')),
    order_number TEXT    NOT NULL,
    old_status   TEXT    NOT NULL, -- empty for CREATED
    new_status   TEXT    NOT NULL,
    PRIMARY KEY (store_key, seq),
    FOREIGN KEY (store_key, order_number) REFERENCES orders (store_key, number)
) STRICT, WITHOUT ROWID;
