-- Which release the slot of each adapter is meant to serve.

-- +goose Up
CREATE TABLE adapter_slots (
    adapter          TEXT    PRIMARY KEY,
    sha256           TEXT    NOT NULL, -- empty when none ever served
    version          TEXT    NOT NULL,
    previous_sha256  TEXT    NOT NULL, -- empty when there is nothing to roll back to
    previous_version TEXT    NOT NULL,
    unloaded         INTEGER NOT NULL,
    change_time      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When credentials were given: a release that served before can be served again to stores that have the same ones still. Those of
-- before this migration count as older than any release.
ALTER TABLE credentials ADD COLUMN set_time INTEGER NOT NULL DEFAULT 0;
