CREATE TABLE replicas (
    number BIGINT NOT NULL PRIMARY KEY,
    home TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    missing_since BIGINT,
    about TEXT NOT NULL
);
CREATE TABLE leadership (
    id BIGINT NOT NULL PRIMARY KEY,
    replica BIGINT,
    last_number BIGINT NOT NULL
);
INSERT INTO leadership (id, replica, last_number) VALUES (1, NULL, 0);
ALTER TABLE runs ADD COLUMN lease TEXT;
CREATE TABLE handed (
    run TEXT NOT NULL PRIMARY KEY,
    replica BIGINT NOT NULL,
    task TEXT NOT NULL,
    ended TEXT
);
CREATE INDEX handed_to ON handed (replica);
