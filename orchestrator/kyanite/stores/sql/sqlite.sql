-- name: begin
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- name: schema_version
PRAGMA user_version

-- name: take_ownership
UPDATE owner SET epoch = epoch + 1 RETURNING epoch

-- name: head
SELECT position FROM owner

-- name: fill_inbox
INSERT INTO inbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delete_tags
DELETE FROM job_tags WHERE seq = ?

-- name: get_job
SELECT body FROM jobs WHERE workspace = ? AND id = ?

-- name: page_jobs
SELECT body FROM jobs WHERE workspace = ?

-- name: count_jobs
SELECT count(*) FROM jobs WHERE workspace = ?

-- name: list_workspaces
-- A step for each workspace: DISTINCT would look at every job.
WITH RECURSIVE found (workspace) AS (
    SELECT min(workspace) FROM jobs
    UNION ALL
    SELECT (SELECT min(jobs.workspace) FROM jobs WHERE jobs.workspace > found.workspace) FROM found
    WHERE workspace IS NOT NULL
)
SELECT workspace FROM found WHERE workspace IS NOT NULL

-- name: has_tag
seq IN (SELECT seq FROM job_tags WHERE tag = ?)

-- name: read_log
SELECT position, body FROM events WHERE position > ? ORDER BY position LIMIT ?

-- name: read_story
SELECT position, body FROM events
WHERE job = coalesce(
    (SELECT seq FROM jobs WHERE workspace = ? AND id = ?),
    (SELECT seq FROM tombstones WHERE workspace = ? AND id = ?)
) AND version > ?
ORDER BY version LIMIT ?

-- name: read_cursors
SELECT name, position, seen FROM cursors

-- name: save_cursors
INSERT INTO cursors (name, position, seen) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, seen = excluded.seen

-- name: find_purgeable
SELECT seq FROM jobs
WHERE workspace = ? AND id = ? AND status IN ('Succeeded', 'Failed', 'Cancelled')
AND NOT EXISTS (
    SELECT 1 FROM jobs AS other
    WHERE other.foreign_input >= ? AND other.foreign_input < ?
)

-- name: bury
INSERT INTO tombstones (workspace, id, seq) VALUES (?, ?, ?)

-- name: read_filing
SELECT
    id, version, created, rank, foreign_input,
    (SELECT session FROM job_sessions WHERE job_sessions.seq = jobs.seq),
    CAST(body AS BLOB)
FROM jobs

-- name: find_buried
SELECT id FROM tombstones WHERE workspace = ? AND id IN (SELECT value FROM json_each(?))

-- name: delete_job
DELETE FROM jobs WHERE seq = ?

-- name: in_session
seq IN (SELECT seq FROM job_sessions WHERE session = ?)

-- name: outside_sessions
NOT EXISTS (SELECT 1 FROM job_sessions WHERE job_sessions.seq = jobs.seq)

-- name: delete_job_session
DELETE FROM job_sessions WHERE seq = ?

-- name: open_session
INSERT INTO sessions (workspace, id, created, provider_id, target, name, body) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING

-- name: update_session
UPDATE sessions SET body = ? WHERE workspace = ? AND id = ?

-- name: get_session
SELECT body FROM sessions WHERE workspace = ? AND id = ?

-- name: page_sessions
SELECT body FROM sessions WHERE workspace = ?

-- name: tally_sessions
-- Times are compared as text without the Z, behind which a fraction of a second would come before none.
SELECT
    job_sessions.session, jobs.status, count(*),
    min(rtrim(json_extract(jobs.body, '$.begin_execution_time'), 'Z')),
    max(rtrim(coalesce(
        json_extract(jobs.body, '$.end_execution_time'), json_extract(jobs.body, '$.cancellation_time')
    ), 'Z'))
FROM job_sessions CROSS JOIN jobs ON jobs.seq = job_sessions.seq
WHERE job_sessions.session IN (SELECT value FROM json_each(?)) AND jobs.workspace = ?
GROUP BY job_sessions.session, jobs.status

-- name: blank_sessions
CREATE TEMP TABLE sessions (workspace, id, created, provider_id, target, name, body);
CREATE TEMP TABLE job_sessions (session, seq);

-- name: epoch
SELECT epoch FROM owner

-- name: save_letter
INSERT INTO letters (subscriber, position, due, body) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET due = excluded.due, body = excluded.body

-- name: delete_letter
DELETE FROM letters WHERE subscriber = ? AND position = ?

-- name: read_letters
SELECT body FROM letters WHERE subscriber = ? AND position > ? AND (due IS NULL) IN (?, ?) ORDER BY position LIMIT ?

-- name: tally_letters
SELECT subscriber, count(due), count(*) - count(due) FROM letters
WHERE subscriber >= ? AND subscriber < ? GROUP BY subscriber

-- name: newest_attempt
SELECT coalesce(max(number), 0) FROM attempts WHERE subscriber = ?

-- name: save_attempt
INSERT INTO attempts (subscriber, number, body) VALUES (?, ?, ?)

-- name: delete_attempts
DELETE FROM attempts WHERE subscriber = ? AND number <= ?

-- name: read_attempts
SELECT number, body FROM attempts WHERE subscriber = ? AND number < ? ORDER BY number DESC LIMIT ?

-- name: forget_cursor
DELETE FROM cursors WHERE name = ?

-- name: forget_letters
DELETE FROM letters WHERE subscriber = ?

-- name: blank_letters
CREATE TEMP TABLE letters (subscriber, position, due, body);
CREATE TEMP TABLE attempts (subscriber, number, body);

-- name: read_all_letters
SELECT subscriber, position, due, body FROM letters

-- name: read_all_attempts
SELECT subscriber, body FROM attempts
