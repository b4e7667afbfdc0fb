import sqlite3

import pytest

from kyanite.core.job import Status
from kyanite.ports import JobQuery
from kyanite.stores import select
from kyanite.stores.sqlite import migrate


def test_the_least_text_past_a_prefix():
    """Code points in their order, over the gap that half a surrogate pair would stand in, and past the last one."""
    past = {"": "", "a": "b", "ab": "ac", "aX": "aY", "a\x7f": "a\x80", "\ud7ff": "\ue000", "\uffff": "\U00010000"}
    past |= {"a\U0010ffff": "b", "a\U0010ffff\U0010ffff": "b", "\U0010ffff": ""}
    assert {prefix: select._past(prefix) for prefix in past} == past


@pytest.mark.parametrize(
    ("by", "status", "index"),
    [
        ("target", "Waiting", "INDEX jobs_waiting"),
        ("target", "Executing", "INDEX jobs_by_status"),
        ("name", "Executing", "INDEX jobs_by_status"),
        (None, "Waiting", "COVERING INDEX jobs_by_status"),
        ("status", None, "COVERING INDEX jobs_by_status"),
        ("target", None, "COVERING INDEX jobs_by_target"),
    ],
)
def test_counting_looks_at_no_job_that_does_not_count(by, status, index):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    statement, parameters = select.count_statement(JobQuery(status=(Status(status),) if status else ()), by)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    assert index in plan[0][3], plan
    assert ("status = 'Waiting'" in statement) == (status == "Waiting")
    connection.close()
