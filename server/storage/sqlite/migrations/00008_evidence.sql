-- What was sent for a shipment and what each read showed, how its carrier was chosen, and corrections.

-- +goose Up
ALTER TABLE shipments ADD COLUMN over_cancel INTEGER NOT NULL DEFAULT 0;
ALTER TABLE shipments ADD COLUMN over_network INTEGER NOT NULL DEFAULT 0;
ALTER TABLE shipments ADD COLUMN allow_other INTEGER NOT NULL DEFAULT 0;
-- With marketplace_carrier, all empty while no carrier is chosen. Shipments of before do not say by which rule theirs was.
ALTER TABLE shipments ADD COLUMN carrier_rule TEXT NOT NULL DEFAULT '';
ALTER TABLE shipments ADD COLUMN carrier_list_age INTEGER NOT NULL DEFAULT 0; -- nanoseconds
ALTER TABLE shipments ADD COLUMN carrier_tracking_url TEXT NOT NULL DEFAULT '';
-- A correction: request has the id of the shipment that it replaces.
ALTER TABLE shipments ADD COLUMN replaced_tracking TEXT NOT NULL DEFAULT '';
ALTER TABLE shipments ADD COLUMN replaced_by TEXT NOT NULL DEFAULT ''; -- id of the shipment that replaces this one

ALTER TABLE shipment_events ADD COLUMN kind TEXT NOT NULL DEFAULT ''; -- empty for a remark
ALTER TABLE shipment_events ADD COLUMN adapter TEXT NOT NULL DEFAULT '';
ALTER TABLE shipment_events ADD COLUMN release TEXT NOT NULL DEFAULT '';
ALTER TABLE shipment_events ADD COLUMN proof TEXT NOT NULL DEFAULT '{}'; -- JSON of shipment.Proof
ALTER TABLE shipment_events ADD COLUMN count INTEGER NOT NULL DEFAULT 1; -- times that the step was made with the same result
ALTER TABLE shipment_events ADD COLUMN last_time INTEGER NOT NULL DEFAULT 0; -- of the last of them; 0 while there is only one
