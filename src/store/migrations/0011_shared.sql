CREATE TABLE pauses (
    scope TEXT NOT NULL PRIMARY KEY,
    pause TEXT NOT NULL
);

CREATE TABLE states (
    stack TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL
);
CREATE INDEX states_by_state ON states (state, stack);
INSERT INTO states (stack, state)
SELECT id, json_extract(record, '$.backend') FROM stacks
WHERE json_extract(record, '$.tracked') = 1 AND json_extract(record, '$.backend') IS NOT NULL;
