-- When stores are imported by themselves.

-- +goose Up
ALTER TABLE stores ADD COLUMN next_import INTEGER NOT NULL DEFAULT 0; -- 0: at once
ALTER TABLE imports ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;

CREATE INDEX stores_due ON stores (next_import) WHERE disconnect_time = 0;
