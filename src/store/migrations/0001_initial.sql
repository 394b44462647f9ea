CREATE TABLE sources (
    name          TEXT   NOT NULL PRIMARY KEY,
    commit_id     TEXT,
    checked_at    BIGINT,
    failures      BIGINT NOT NULL,
    failure       TEXT
);

CREATE TABLE stacks (
    id     TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL
);

CREATE TABLE ledger (
    stack    TEXT   NOT NULL,
    position BIGINT NOT NULL,
    entry    TEXT   NOT NULL,
    PRIMARY KEY (stack, position)
);

CREATE TABLE runs (
    id             TEXT   NOT NULL PRIMARY KEY,
    stack          TEXT   NOT NULL,
    trigger_reason TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    commit_id      TEXT,
    queued_at      BIGINT NOT NULL,
    started_at     BIGINT,
    ended_at       BIGINT,
    outcome        TEXT
);
CREATE UNIQUE INDEX runs_one_queued_per_stack ON runs (stack) WHERE state = 'queued';
CREATE INDEX runs_by_stack ON runs (stack, queued_at, id);
CREATE INDEX runs_by_time ON runs (queued_at, id);
CREATE INDEX runs_unfinished ON runs (queued_at, id) WHERE state NOT IN ('finished', 'interrupted');

CREATE TABLE intents (
    run        TEXT   NOT NULL PRIMARY KEY REFERENCES runs (id),
    binding    TEXT   NOT NULL,
    approver   TEXT   NOT NULL,
    decision   TEXT   NOT NULL,
    snapshot   TEXT   NOT NULL,
    decided_at BIGINT NOT NULL
);

CREATE TABLE alerts (
    id          TEXT   NOT NULL PRIMARY KEY,
    stack       TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    content     TEXT   NOT NULL,
    severity    TEXT   NOT NULL,
    opened_at   BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    resolved_at BIGINT,
    resolution  TEXT
);
CREATE UNIQUE INDEX alerts_one_open_per_kind ON alerts (stack, kind) WHERE resolved_at IS NULL;

CREATE TABLE messages (
    id           TEXT   NOT NULL PRIMARY KEY,
    notifier     TEXT   NOT NULL,
    recipient    TEXT,
    conversation TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    notice       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    next_at      BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    last_error   TEXT
);
CREATE INDEX messages_in_order ON messages (conversation, created_at, id) WHERE state = 'waiting';
CREATE INDEX messages_waiting ON messages (next_at, id) WHERE state = 'waiting';
CREATE INDEX messages_by_time ON messages (created_at, id);

CREATE TABLE memory (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
