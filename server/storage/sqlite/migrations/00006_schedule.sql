-- When stores are imported by themselves, and who decided about an order.

-- +goose Up
ALTER TABLE stores ADD COLUMN next_import INTEGER NOT NULL DEFAULT 0; -- 0: at once
ALTER TABLE imports ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;

ALTER TABLE decisions ADD COLUMN decided_by TEXT NOT NULL DEFAULT ''; -- the rule that decided; empty for a person

CREATE INDEX stores_due ON stores (next_import) WHERE disconnect_time = 0;
