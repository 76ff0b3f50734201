-- Work that is held: behind answers that nobody can read, which is how some token services refuse credentials, and by a pause.

-- +goose Up
ALTER TABLE bindings ADD COLUMN garbled INTEGER NOT NULL DEFAULT 0; -- such answers since the last exchange that went well

CREATE INDEX stores_paused ON stores (paused) WHERE paused = 1 AND disconnect_time = 0;
