CREATE TABLE pauses (
    scope TEXT NOT NULL PRIMARY KEY,
    pause TEXT NOT NULL
);

CREATE TABLE states (
    stack TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL
);
CREATE INDEX states_by_state ON states (state, stack);
