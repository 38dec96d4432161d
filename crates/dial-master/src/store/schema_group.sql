-- Groups: which finding is the first of a group that may take others, and what a row is in it.
CREATE TABLE live_groups (
    sink       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    first      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (sink, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX live_groups_by_expiry ON live_groups (expires_at);

ALTER TABLE outbox ADD COLUMN grp         TEXT;
ALTER TABLE outbox ADD COLUMN grouped_at  INTEGER;
ALTER TABLE outbox ADD COLUMN repeats     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN repeated_at INTEGER;
ALTER TABLE outbox ADD COLUMN digest      TEXT;
