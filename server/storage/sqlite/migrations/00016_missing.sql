-- How many open orders an import asked for by number, and was not shown.

-- +goose Up
ALTER TABLE imports ADD COLUMN missing_count INTEGER NOT NULL DEFAULT 0;
