ALTER TABLE alerts ADD COLUMN told BIGINT NOT NULL DEFAULT 1;
ALTER TABLE alerts ADD COLUMN due_at BIGINT;
ALTER TABLE alerts ADD COLUMN details TEXT;
ALTER TABLE alerts ADD COLUMN notice TEXT;
CREATE INDEX alerts_due ON alerts (due_at) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_stack ON alerts (stack, kind, resolved_at);

CREATE TABLE envelopes (
    id       TEXT   NOT NULL PRIMARY KEY,
    notifier TEXT   NOT NULL,
    notice   TEXT   NOT NULL,
    came_at  BIGINT NOT NULL
);
CREATE INDEX envelopes_in_order ON envelopes (notifier, id);

CREATE TABLE desks (
    notifier TEXT NOT NULL PRIMARY KEY,
    desk     TEXT NOT NULL
);
