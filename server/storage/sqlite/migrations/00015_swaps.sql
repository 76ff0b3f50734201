-- What became of the last swap of each adapter.

-- +goose Up
CREATE TABLE adapter_swaps (
    adapter  TEXT PRIMARY KEY,
    document TEXT NOT NULL -- when, what was asked for, how far it got and why not further
) STRICT, WITHOUT ROWID;
