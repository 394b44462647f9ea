CREATE TABLE reach (
    id BIGINT NOT NULL PRIMARY KEY,
    oldest BIGINT NOT NULL
);
INSERT INTO reach (id, oldest) VALUES (1, 0);
