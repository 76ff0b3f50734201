-- How credentials stand with the marketplace: refusals are believed only when they are repeated, and credentials that were refused
-- are tried again.

-- +goose Up
ALTER TABLE bindings ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;      -- in a row; bindings.refused says whether they are believed
ALTER TABLE bindings ADD COLUMN refused_since INTEGER NOT NULL DEFAULT 0; -- the first of them
ALTER TABLE bindings ADD COLUMN next_probe INTEGER NOT NULL DEFAULT 0;    -- while it is set nothing else is sent through the adapter

-- What was believed after one refusal is tried at once.
UPDATE bindings SET refusals = 3, refused_since = (SELECT s.health_since FROM stores s WHERE s.key = store_key), next_probe = 1
WHERE refused = 1;

CREATE INDEX bindings_probes ON bindings (next_probe) WHERE next_probe > 0;
