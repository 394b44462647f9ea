CREATE TABLE state_watches (
    stack TEXT NOT NULL PRIMARY KEY,
    watch TEXT NOT NULL
);
ALTER TABLE runs ADD COLUMN state_moved TEXT;
