-- The owner's row carries the fence (epoch) and the counter that positions come from.
CREATE TABLE owner (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    position INTEGER NOT NULL
);
INSERT INTO owner (id, epoch, position) VALUES (1, 0, 0);

-- A job's seq is the position of its first event: small, growing, and never given to another job.
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY,
    workspace TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    target TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    rank REAL NOT NULL,
    foreign_input TEXT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX jobs_by_id ON jobs (workspace, id);
CREATE INDEX jobs_by_creation ON jobs (workspace, created);
CREATE INDEX jobs_by_status ON jobs (workspace, status, created);
CREATE INDEX jobs_by_target ON jobs (workspace, target, created);
CREATE INDEX jobs_by_provider ON jobs (workspace, provider_id, created);
CREATE INDEX jobs_by_name ON jobs (workspace, name, created);
CREATE INDEX jobs_waiting ON jobs (workspace, target, rank, id) WHERE status = 'Waiting';
-- Inputs that lie in another job's container: that container stays as long as such a row does.
CREATE INDEX jobs_by_foreign_input ON jobs (foreign_input) WHERE foreign_input IS NOT NULL;

CREATE TABLE job_tags (
    seq INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (tag, seq)
) WITHOUT ROWID;
CREATE INDEX job_tags_by_job ON job_tags (seq);

CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    job INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX events_by_job ON events (job, version);

CREATE TABLE tombstones (
    workspace TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (workspace, id)
) WITHOUT ROWID;
CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    seen INTEGER NOT NULL
) WITHOUT ROWID;

-- One INSERT of many rows into this view is a whole commit: rows, events, labels, and the fence as the last row.
-- SQLite then runs the transaction within a single step of a single statement. That matters because the interpreter
-- lock is let go of and waited for at every step, and while the event loop is busy each wait can take 5 ms.
-- What does not apply to a row is 0. A refusal aborts the statement, and with it everything; the store then finds out which row it was.
CREATE VIEW inbox (
    kind, workspace, id, position, version, expected, status, body, event,
    target, provider_id, name, created, rank, foreign_input
) AS SELECT 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0;

CREATE TRIGGER inbox_submit INSTEAD OF INSERT ON inbox WHEN NEW.kind = 'submit'
BEGIN
    SELECT RAISE(ABORT, 'refused')
    WHERE EXISTS (SELECT 1 FROM tombstones WHERE workspace = NEW.workspace AND id = NEW.id);
    INSERT INTO jobs
    VALUES (
        NEW.position, NEW.workspace, NEW.id, NEW.version, NEW.status, NEW.target, NEW.provider_id, NEW.name,
        NEW.created, NEW.rank, nullif(NEW.foreign_input, 0), NEW.body
    );
    INSERT INTO events VALUES (NEW.position, NEW.position, 1, NEW.event);
END;

CREATE TRIGGER inbox_change INSTEAD OF INSERT ON inbox WHEN NEW.kind = 'change'
BEGIN
    UPDATE jobs SET version = NEW.version, status = NEW.status, body = NEW.body
    WHERE workspace = NEW.workspace AND id = NEW.id AND version = NEW.expected;
    SELECT RAISE(ABORT, 'refused') WHERE changes() = 0;
END;

CREATE TRIGGER inbox_event INSTEAD OF INSERT ON inbox WHEN NEW.event <> 0 AND NEW.kind <> 'submit'
BEGIN
    INSERT INTO events
    SELECT NEW.position, seq, NEW.expected + 1, NEW.event FROM jobs WHERE workspace = NEW.workspace AND id = NEW.id;
END;

CREATE TRIGGER inbox_relabel INSTEAD OF INSERT ON inbox WHEN NEW.kind = 'relabel'
BEGIN
    UPDATE jobs SET name = NEW.name, rank = NEW.rank WHERE workspace = NEW.workspace AND id = NEW.id;
    DELETE FROM job_tags WHERE seq = (SELECT seq FROM jobs WHERE workspace = NEW.workspace AND id = NEW.id);
END;

CREATE TRIGGER inbox_tag INSTEAD OF INSERT ON inbox WHEN NEW.kind = 'tag'
BEGIN
    INSERT OR IGNORE INTO job_tags (tag, seq)
    SELECT NEW.name, seq FROM jobs WHERE workspace = NEW.workspace AND id = NEW.id;
END;

CREATE TRIGGER inbox_fence INSTEAD OF INSERT ON inbox WHEN NEW.kind = 'fence'
BEGIN
    UPDATE owner SET position = NEW.position WHERE epoch = NEW.expected;
    SELECT RAISE(ABORT, 'fenced') WHERE changes() = 0;
END;
