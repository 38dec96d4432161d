-- Triage: where a finding stands, its history with states, and outbox rows that live on.
ALTER TABLE findings ADD COLUMN assignee      TEXT;
ALTER TABLE findings ADD COLUMN snoozed_until INTEGER;
ALTER TABLE findings ADD COLUMN revision      INTEGER NOT NULL DEFAULT 0;

CREATE INDEX by_wake ON findings (snoozed_until) WHERE snoozed_until IS NOT NULL;

-- `n` is the revision that a line led to; states are JSON.
ALTER TABLE audit ADD COLUMN state_before TEXT;
ALTER TABLE audit ADD COLUMN state_after  TEXT;
ALTER TABLE audit ADD COLUMN comment      TEXT;

ALTER TABLE outbox ADD COLUMN earlier       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN wanted        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN shown         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN since         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN sent_at       INTEGER;
ALTER TABLE outbox ADD COLUMN suppressed_by TEXT;

UPDATE outbox SET since = received_at;
-- The time itself was not kept; the lease of its claim is closest.
UPDATE outbox SET sent_at = due_at WHERE state = 'sent';
