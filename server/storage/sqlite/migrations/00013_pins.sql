-- Which stores are held on a release of an adapter for a while, whichever one serves.

-- +goose Up
CREATE TABLE adapter_pins (
    store_key INTEGER NOT NULL REFERENCES stores (key),
    adapter   TEXT    NOT NULL,
    sha256    TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    until     INTEGER NOT NULL,
    ended     TEXT    NOT NULL, -- why it ended before its time; empty while it holds
    PRIMARY KEY (store_key, adapter)
) STRICT, WITHOUT ROWID;
