-- When a row was last claimed, and before that.
ALTER TABLE outbox ADD COLUMN claimed_at INTEGER;
ALTER TABLE outbox ADD COLUMN tried_at   INTEGER;
