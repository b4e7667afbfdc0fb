-- Events that a subscriber did not take when they were offered: waiting until `due`, or, where that is NULL, dead.
CREATE TABLE letters (
    subscriber TEXT NOT NULL,
    position INTEGER NOT NULL,
    due INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (subscriber, position)
) WITHOUT ROWID;

-- The newest attempts to deliver to each subscriber, numbered from the first one ever on.
CREATE TABLE attempts (
    subscriber TEXT NOT NULL,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (subscriber, number)
) WITHOUT ROWID;
