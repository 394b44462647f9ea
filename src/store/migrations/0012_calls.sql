CREATE TABLE calls (
    id       TEXT   NOT NULL PRIMARY KEY,
    wish     TEXT   NOT NULL,
    asked_at BIGINT NOT NULL,
    ends_at  BIGINT NOT NULL,
    begun_at BIGINT,
    reply    TEXT
);
