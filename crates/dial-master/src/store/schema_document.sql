-- Tokens (TOK) and workers (WRK), as JSON, with the keys that the DynamoDB table has too.
CREATE TABLE documents (
    kind         TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    forgotten_at INTEGER NOT NULL,
    body         TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
