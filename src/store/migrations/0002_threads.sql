CREATE TABLE threads (
    notifier   TEXT   NOT NULL,
    thread     TEXT   NOT NULL,
    handle     TEXT   NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (notifier, thread)
);
