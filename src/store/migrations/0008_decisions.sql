CREATE TABLE decisions (
    run        TEXT   NOT NULL PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    stack      TEXT   NOT NULL,
    decided_at BIGINT NOT NULL,
    inputs     TEXT   NOT NULL,
    decision   TEXT   NOT NULL
);
CREATE INDEX decisions_by_time ON decisions (decided_at, run);
