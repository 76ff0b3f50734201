-- Stores, what is sealed for them, and runs of imports.
--
-- In every table: times are INTEGER nanoseconds since 1970 in UTC, 0 means not set; booleans are 0 or 1; "key" is the
-- database's own handle of a row, never shown outside, while "id" is the part of a resource name that users see.

-- +goose Up
CREATE TABLE stores (
    key                INTEGER PRIMARY KEY,
    id                 TEXT    NOT NULL UNIQUE,
    adapter            TEXT    NOT NULL, -- binding of new orders
    environment        TEXT    NOT NULL,
    marketplace        TEXT    NOT NULL,
    account_id         TEXT    NOT NULL,
    shop_name          TEXT    NOT NULL,
    settings           TEXT    NOT NULL, -- JSON of store.Settings
    paused             INTEGER NOT NULL,
    health_state       TEXT    NOT NULL,
    health_reason      TEXT    NOT NULL,
    health_message     TEXT    NOT NULL,
    health_since       INTEGER NOT NULL,
    create_time        INTEGER NOT NULL,
    update_time        INTEGER NOT NULL,
    disconnect_time    INTEGER NOT NULL,
    -- The import cursor: written by the transaction that ends a run, by nothing else.
    last_import_start  INTEGER NOT NULL DEFAULT 0,
    last_import_finish INTEGER NOT NULL DEFAULT 0,
    -- Last number of order_events, and the last change time given to an order, which never goes backwards.
    last_event_seq     INTEGER NOT NULL DEFAULT 0,
    last_change_time   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (marketplace, account_id)
) STRICT;

-- One row for each adapter that the store is spoken to through; none once it is disconnected.
CREATE TABLE credentials (
    store_key  INTEGER NOT NULL REFERENCES stores (key),
    adapter    TEXT    NOT NULL,
    key_id     TEXT    NOT NULL, -- of the key that sealed it
    ciphertext BLOB    NOT NULL,
    PRIMARY KEY (store_key, adapter)
) STRICT, WITHOUT ROWID;

-- What the adapter returned last (tokens). It belongs to the credentials and goes with them.
CREATE TABLE adapter_states (
    store_key  INTEGER NOT NULL,
    adapter    TEXT    NOT NULL,
    key_id     TEXT    NOT NULL,
    ciphertext BLOB    NOT NULL,
    PRIMARY KEY (store_key, adapter),
    FOREIGN KEY (store_key, adapter) REFERENCES credentials (store_key, adapter) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE imports (
    key              INTEGER PRIMARY KEY,
    store_key        INTEGER NOT NULL REFERENCES stores (key),
    id               TEXT    NOT NULL, -- sorts by time
    state            TEXT    NOT NULL,
    start_time       INTEGER NOT NULL,
    finish_time      INTEGER NOT NULL DEFAULT 0,
    windows          TEXT    NOT NULL, -- JSON of []order.Window
    read_count       INTEGER NOT NULL DEFAULT 0,
    created_count    INTEGER NOT NULL DEFAULT 0,
    changed_count    INTEGER NOT NULL DEFAULT 0,
    unchanged_count  INTEGER NOT NULL DEFAULT 0,
    reread_count     INTEGER NOT NULL DEFAULT 0,
    failure_reason   TEXT    NOT NULL DEFAULT '',
    failure_message  TEXT    NOT NULL DEFAULT '',
    UNIQUE (store_key, id)
) STRICT;

-- A store has at most one running import.
CREATE UNIQUE INDEX imports_running ON imports (store_key) WHERE state = 'RUNNING';
