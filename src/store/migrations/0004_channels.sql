ALTER TABLE messages ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN urgent BIGINT NOT NULL DEFAULT 0;
UPDATE messages SET since = created_at;
DROP INDEX messages_waiting;
CREATE INDEX messages_waiting ON messages (notifier, next_at, id) WHERE state = 'waiting';
CREATE INDEX messages_by_notifier ON messages (notifier, state);

CREATE TABLE channels (
    notifier TEXT NOT NULL PRIMARY KEY,
    channel  TEXT NOT NULL
);
