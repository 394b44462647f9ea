CREATE TABLE requests (
    id       TEXT   NOT NULL PRIMARY KEY,
    stack    TEXT   NOT NULL,
    state    TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    due_at   BIGINT,
    request  TEXT   NOT NULL
);
CREATE UNIQUE INDEX requests_one_live_per_stack ON requests (stack) WHERE due_at IS NOT NULL;
CREATE INDEX requests_by_stack ON requests (stack, asked_at, id);
CREATE INDEX requests_due ON requests (due_at) WHERE due_at IS NOT NULL;
