CREATE TABLE silences (
    id         TEXT    NOT NULL PRIMARY KEY,
    ends_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    silence    TEXT    NOT NULL
) STRICT;

CREATE INDEX silences_by_end ON silences (ends_at);
