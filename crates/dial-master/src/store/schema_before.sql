-- What was told of the same before a finding opened its group, JSON.
ALTER TABLE outbox ADD COLUMN told_before TEXT;
