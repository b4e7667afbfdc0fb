"""Whether each row is filed under what it says: columns that no other check sees, compared with the row's own body."""

from __future__ import annotations

import msgspec

from kyanite.core.events import decode_details
from kyanite.core.job import JobDetails
from kyanite.ports import microseconds
from kyanite.stores.batch import SQL, Connection

FAULTS_MAX = 1_000
COLUMNS = ("version", "created", "rank", "foreign_input", "session")


def misfiled(connection: Connection) -> list[str]:
    """Return a sentence for each row that is filed otherwise; one that can not be read is the audit's to report."""
    found: list[str] = []
    for job_id, *columns, body in connection.execute(SQL["read_filing"]):
        try:
            own = filed(decode_details(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        wrong = [name for name, column, value in zip(COLUMNS, columns, own, strict=True) if column != value]
        if wrong:
            found.append(f"job {job_id} is filed under another {', '.join(wrong)} than its row says")
        if len(found) == FAULTS_MAX:
            break
    return found


def filed(details: JobDetails) -> tuple[object, ...]:
    """Return what stands in the columns of `COLUMNS`."""
    created = microseconds(details.creation_time)
    return details.version, created, details.rank, details.foreign_input, details.session_id
