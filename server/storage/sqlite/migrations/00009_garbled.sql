-- Answers in a row that nobody could read: some token services answer refused credentials like that.

-- +goose Up
ALTER TABLE bindings ADD COLUMN garbled INTEGER NOT NULL DEFAULT 0; -- since the last exchange that went well
