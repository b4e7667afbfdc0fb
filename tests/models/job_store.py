"""What a job store is, said as plainly as can be: a list of events, a dictionary of rows, a set of graves."""

from msgspec.structs import replace

from kyanite.core.session import Tally
from kyanite.ports import COUNTS, ORDERS


class JobStoreModel:
    """The port `JobStore` without durability, speed or concurrency."""

    def __init__(self):
        self.rows = {}
        self.log = []
        self.graves = set()
        self.saved = {}
        self.sessions = {}

    def commit(self, writes):
        answers = []
        for write in writes:
            address = (write.details.workspace, write.details.id)
            version = self.rows[address].version if address in self.rows else 0
            if version == write.expected_version and address not in self.graves:
                answers.append(len(self.log) + 1)
                for event in write.events:
                    self.log.append(replace(event, position=len(self.log) + 1))
                self.rows[address] = write.details
            else:
                answers.append(None)
        return answers

    def get(self, workspace, job_id):
        return self.rows.get((workspace, job_id))

    def page(self, query):
        if query.order not in ORDERS:
            raise ValueError(query.order)
        rows = sorted(self.matching(query), key=lambda row: key(row, query.order), reverse=query.descending)
        if query.after is not None and query.descending:
            rows = [row for row in rows if key(row, query.order) < query.after]
        elif query.after is not None:
            rows = [row for row in rows if key(row, query.order) > query.after]
        return rows[: query.limit]

    def count(self, query, by=None):
        if by is not None and by not in COUNTS:
            raise ValueError(by)
        tally = {"": 0} if by is None else {}
        for row in self.matching(query):
            group = "" if by is None else str(getattr(row, by))
            tally[group] = tally.get(group, 0) + 1
        return tally

    def matching(self, query):
        return [row for row in self.rows.values() if matches(row, query)]

    def events(self, after, limit, job=None):
        if job is None:
            return [event for event in self.log if event.position > after][:limit]
        story = [event for event in self.log if (event.workspace, event.job_id) == job]
        return [event for event in story if event.version > after][:limit]

    def head(self):
        return len(self.log)

    def cursors(self, save=()):
        for cursor in save:
            self.saved[cursor.name] = cursor
        return dict(self.saved)

    def purge(self, workspace, job_ids):
        gone = []
        for job_id in job_ids:
            row = self.rows.get((workspace, job_id))
            if row is not None and row.status in ("Succeeded", "Failed", "Cancelled") and not self.lends(row):
                gone.append(self.rows.pop((workspace, job_id)))
                self.graves.add((workspace, job_id))
        return gone

    def lends(self, row):
        """Tell whether another job's input lies in this one's container."""
        inside = f"{row.container_uri}/"
        return any(other.input_data_uri.startswith(inside) for other in self.rows.values() if other is not row)

    def buried(self, workspace, job_ids):
        return {job_id for job_id in job_ids if (workspace, job_id) in self.graves}

    def open_session(self, session):
        address = (session.workspace, session.id)
        if address not in self.sessions:
            self.sessions[address] = session
        return self.sessions[address]

    def close_session(self, workspace, session_id, time):
        session = self.sessions.get((workspace, session_id))
        if session is not None and session.closed_time is None:
            self.sessions[workspace, session_id] = replace(session, closed_time=time)
        return self.sessions.get((workspace, session_id))

    def session(self, workspace, session_id):
        return self.sessions.get((workspace, session_id))

    def page_sessions(self, query):
        there = [session for session in self.sessions.values() if has_these_labels(session, query)]
        there.sort(key=lambda session: key(session, "creation_time"), reverse=query.descending)
        if query.after is not None and query.descending:
            there = [session for session in there if key(session, "creation_time") < query.after]
        elif query.after is not None:
            there = [session for session in there if key(session, "creation_time") > query.after]
        return there[: query.limit]

    def tally_sessions(self, workspace, session_ids):
        tallies = {}
        for session_id in session_ids:
            rows = [row for row in self.rows.values() if (row.workspace, row.session_id) == (workspace, session_id)]
            if rows:
                jobs = {}
                for row in rows:
                    jobs[row.status.value] = jobs.get(row.status.value, 0) + 1
                ends = [
                    row.cancellation_time if row.end_execution_time is None else row.end_execution_time for row in rows
                ]
                tallies[session_id] = Tally(jobs, first([row.begin_execution_time for row in rows]), last(ends))
        return tallies


def first(times):
    return min([time for time in times if time is not None], default=None)


def last(times):
    return max([time for time in times if time is not None], default=None)


def key(row, order):
    """Return what rows are sorted by: the order asked for, then creation, then id."""
    created = round(row.creation_time.timestamp() * 1_000_000)
    if order == "rank":
        return (row.rank, row.id)
    if order == "creation_time":
        return (created, row.id)
    return (str(getattr(row, order)), created, row.id)


def matches(row, query):
    """Tell whether a row is among those that a query asks for."""
    if not has_these_labels(row, query):
        return False
    if query.status and row.status not in query.status:
        return False
    if row.id[: len(query.id_prefix)] != query.id_prefix:
        return False
    if query.tag is not None and query.tag not in row.tags:
        return False
    if query.session_id == "":
        return row.session_id is None
    return query.session_id is None or query.session_id == row.session_id


def has_these_labels(row, query):
    """Tell whether a job or a session is where, and of what, and from when, a query asks for."""
    if row.workspace != query.workspace:
        return False
    for allowed, value in ((query.target, row.target), (query.provider_id, row.provider_id)):
        if allowed and value not in allowed:
            return False
    if row.name[: len(query.name_prefix)] != query.name_prefix:
        return False
    if query.created_after is not None and row.creation_time < query.created_after:
        return False
    return query.created_before is None or row.creation_time <= query.created_before
