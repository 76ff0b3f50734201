-- Since when stores are paused, and which ones have orders to be judged by another acceptance policy.

-- +goose Up
ALTER TABLE stores ADD COLUMN pause_time INTEGER NOT NULL DEFAULT 0; -- 0: not paused, or paused before this was kept
ALTER TABLE stores ADD COLUMN policy_change INTEGER NOT NULL DEFAULT 0; -- 0: the orders that waited have been judged

CREATE INDEX stores_unjudged ON stores (policy_change) WHERE policy_change > 0;

-- A list and a limit that did not count must not come back with the mode that they count with.
UPDATE stores SET settings = json_remove(settings, '$.acceptance_policy.skus', '$.acceptance_policy.max_total')
WHERE coalesce(json_extract(settings, '$.acceptance_policy.mode'), '') <> 'LISTED' AND json_extract(settings, '$.acceptance_policy') IS NOT NULL;
