-- One number of one day or hour; leaves when the last finding that it counted has expired.
CREATE TABLE counters (
    cell       TEXT    NOT NULL PRIMARY KEY,
    n          INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX counters_by_expiry ON counters (expires_at);
