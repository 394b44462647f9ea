CREATE TABLE glances (
    stack TEXT NOT NULL PRIMARY KEY,
    glance TEXT NOT NULL
);
