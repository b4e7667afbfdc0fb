-- A session as its user left it; how it stands follows from its jobs.
CREATE TABLE sessions (
    workspace TEXT NOT NULL,
    id TEXT NOT NULL,
    created INTEGER NOT NULL,
    provider_id TEXT NOT NULL,
    target TEXT,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace, id)
) WITHOUT ROWID;
CREATE INDEX sessions_by_creation ON sessions (workspace, created, id);

-- Which jobs are a session's. A job outside any session has no row here, and costs nothing.
CREATE TABLE job_sessions (
    session TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (session, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX job_sessions_by_job ON job_sessions (seq);

CREATE TRIGGER inbox_session INSTEAD OF INSERT ON inbox WHEN NEW.kind = 'session'
BEGIN
    INSERT INTO job_sessions (session, seq)
    SELECT NEW.name, seq FROM jobs WHERE workspace = NEW.workspace AND id = NEW.id;
END;
