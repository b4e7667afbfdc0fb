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
SELECT id, version, created, rank, foreign_input, CAST(body AS BLOB) FROM jobs

-- name: find_buried
SELECT id FROM tombstones WHERE workspace = ? AND id IN (SELECT value FROM json_each(?))

-- name: delete_job
DELETE FROM jobs WHERE seq = ?
