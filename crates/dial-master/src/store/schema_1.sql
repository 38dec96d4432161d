-- Times are microseconds since 1970, UTC. Order of lists is the text order of `sort_key`.
CREATE TABLE findings (
    id          TEXT    NOT NULL PRIMARY KEY,
    sort_key    TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    region      TEXT    NOT NULL,
    severity    TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    rule_name   TEXT    NOT NULL,
    rule_id     TEXT    NOT NULL,
    principal   TEXT    NOT NULL,
    resource    TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    -- The line of a list, so that lists never read the finding below.
    summary     TEXT    NOT NULL,
    finding     TEXT    NOT NULL
) STRICT;

CREATE INDEX by_time      ON findings (sort_key);
CREATE INDEX by_account   ON findings (account, sort_key);
CREATE INDEX by_status    ON findings (status, sort_key);
CREATE INDEX by_rule_name ON findings (rule_name, sort_key);
CREATE INDEX by_rule_id   ON findings (rule_id, sort_key);
CREATE INDEX by_principal ON findings (principal, sort_key);
CREATE INDEX by_resource  ON findings (resource, sort_key);
CREATE INDEX by_expiry    ON findings (expires_at);

CREATE TABLE audit (
    finding TEXT    NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
    n       INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    who     TEXT    NOT NULL,
    door    TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    PRIMARY KEY (finding, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    finding     TEXT    NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
    sink        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    last_error  TEXT,
    receipt     TEXT,
    PRIMARY KEY (finding, sink)
) STRICT, WITHOUT ROWID;

CREATE INDEX by_due ON outbox (sink, due_at, finding) WHERE state IN ('pending', 'sending');
