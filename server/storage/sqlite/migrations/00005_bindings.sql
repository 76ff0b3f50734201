-- Stores that speak through several adapters: cursor and account of each, turns, names of accounts, moves.

-- +goose Up
-- One row for each adapter that the store was ever bound to; it outlives the credentials.
CREATE TABLE bindings (
    store_key     INTEGER NOT NULL REFERENCES stores (key),
    adapter       TEXT    NOT NULL,
    account_id    TEXT    NOT NULL, -- as this adapter names it
    -- The import cursor of the adapter: written by the transactions that start and end runs, by nothing else.
    import_start  INTEGER NOT NULL DEFAULT 0, -- start of the last run that read everything
    first_attempt INTEGER NOT NULL DEFAULT 0, -- start of the first run
    failing_since INTEGER NOT NULL DEFAULT 0, -- start of the first run since import_start that failed
    refused       INTEGER NOT NULL DEFAULT 0, -- the marketplace refused the credentials: nothing is sent
    PRIMARY KEY (store_key, adapter)
) STRICT, WITHOUT ROWID;

INSERT INTO bindings (store_key, adapter, account_id, import_start, first_attempt, refused)
SELECT s.key, s.adapter, s.account_id, s.last_import_start, coalesce((SELECT min(i.start_time) FROM imports i WHERE i.store_key = s.key), 0),
    s.health_reason IN ('MARKETPLACE_CREDENTIALS_REJECTED', 'CREDENTIALS_UNREADABLE')
FROM stores s;

-- To which adapter new orders of a store went, and when; two in a row are never the same.
CREATE TABLE turns (
    store_key INTEGER NOT NULL REFERENCES stores (key),
    seq       INTEGER NOT NULL, -- from 1
    time      INTEGER NOT NULL,
    adapter   TEXT    NOT NULL,
    PRIMARY KEY (store_key, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO turns (store_key, seq, time, adapter) SELECT key, 1, create_time, adapter FROM stores;

-- The last turn that the plan of the run knows of.
ALTER TABLE imports ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;

-- The names by which a marketplace knows the account of a store, by the adapter that told them. No two stores share a name.
CREATE TABLE account_keys (
    marketplace TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    store_key   INTEGER NOT NULL REFERENCES stores (key),
    adapter     TEXT    NOT NULL,
    PRIMARY KEY (marketplace, name, store_key, adapter)
) STRICT, WITHOUT ROWID;

CREATE INDEX account_keys_by_store ON account_keys (store_key, adapter);

INSERT INTO account_keys (marketplace, name, store_key, adapter)
SELECT marketplace, 'adapter/' || adapter || ':' || account_id, key, adapter FROM stores;

-- stores.account_id is not used any more: bindings have the account as each adapter names it, and account_keys keep accounts
-- apart. Ids that two adapters give are not to be compared, so it holds what never meets its old UNIQUE.
UPDATE stores SET account_id = 'store/' || id;

-- Moves of stores from one adapter to another, oldest first by key.
CREATE TABLE migrations (
    key           INTEGER PRIMARY KEY,
    store_key     INTEGER NOT NULL REFERENCES stores (key),
    source        TEXT    NOT NULL,
    target        TEXT    NOT NULL,
    account_match TEXT    NOT NULL,
    cutover_time  INTEGER NOT NULL,
    undo_time     INTEGER NOT NULL DEFAULT 0,
    complete_time INTEGER NOT NULL DEFAULT 0,
    abandoned     INTEGER NOT NULL DEFAULT 0 -- the store was disconnected before it was complete
) STRICT;

CREATE INDEX migrations_by_store ON migrations (store_key);

ALTER TABLE stores ADD COLUMN acceptance TEXT NOT NULL DEFAULT '';

ALTER TABLE imports ADD COLUMN elsewhere_count INTEGER NOT NULL DEFAULT 0;

-- Orders are found by reference when an adapter shows them under another number.
CREATE INDEX orders_by_reference ON orders (store_key, reference) WHERE reference <> '';
-- And by the id of the marketplace's API when the store has them under the number of another adapter.
CREATE INDEX orders_by_native_id ON orders (store_key, adapter, native_id) WHERE native_id <> '' AND native_id <> number;
CREATE INDEX shipments_left ON shipments (store_key, adapter) WHERE open = 1;
CREATE INDEX decisions_left ON decisions (store_key, adapter) WHERE open = 1;
