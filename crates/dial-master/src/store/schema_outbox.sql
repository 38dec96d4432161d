-- How many outbox rows each sink has in each state, exact by construction.
CREATE TABLE outbox_counts (
    sink  TEXT    NOT NULL,
    state TEXT    NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (sink, state)
) STRICT, WITHOUT ROWID;

INSERT INTO outbox_counts SELECT sink, state, count(*) FROM outbox GROUP BY sink, state;

CREATE TRIGGER outbox_added AFTER INSERT ON outbox BEGIN
    INSERT INTO outbox_counts VALUES (new.sink, new.state, 1)
    ON CONFLICT (sink, state) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER outbox_moved AFTER UPDATE OF state ON outbox WHEN old.state <> new.state BEGIN
    UPDATE outbox_counts SET n = n - 1 WHERE sink = old.sink AND state = old.state;
    INSERT INTO outbox_counts VALUES (new.sink, new.state, 1)
    ON CONFLICT (sink, state) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER outbox_removed AFTER DELETE ON outbox BEGIN
    UPDATE outbox_counts SET n = n - 1 WHERE sink = old.sink AND state = old.state;
END;

CREATE INDEX by_failure ON outbox (sink, due_at, finding) WHERE state = 'failed';
