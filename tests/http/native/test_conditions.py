import pytest

from kyanite.errors import InvalidRequest, PreconditionFailed
from kyanite.http.native.conditions import is_known, job_id_of, matched, wait_s
from kyanite.runtime.envelope import checked_job_id
from kyanite.testing.stores import a_job

JOB = a_job(1, version=3)


@pytest.mark.parametrize("tags", ['"3"', "*", '"1", "3"', ' "3" '])
def test_the_version_that_was_meant(tags):
    assert matched({"If-Match": tags}, JOB) == (None if tags == "*" else 3)


@pytest.mark.parametrize("tags", ['"2"', "3", "", 'W/"3"', '"13"', '"3'])
def test_another_version_than_was_meant(tags):
    with pytest.raises(PreconditionFailed, match="at version 3"):
        matched({"If-Match": tags}, JOB)


def test_without_conditions_any_version_is_meant():
    assert matched({}, JOB) is None
    assert not is_known({}, '"3"')


@pytest.mark.parametrize(
    ("tags", "known"), [('"3"', True), ('W/"3"', True), ("*", True), ('"2",W/"3"', True), ("3", False)]
)
def test_what_is_known_may_be_named_weakly(tags, known):
    assert is_known({"If-None-Match": tags}, '"3"') is known


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        ("WAIT = 0", 0),
        ('wait="7"', 7),
        ("respond-async, wait=61; x=y", 60),
        ("wait=999999999", 60),
        ("wait=5s", None),
        ("await=5", None),
        ("", None),
    ],
)
def test_patience_is_bounded(prefer, seconds):
    assert wait_s({"Prefer": prefer}) == seconds


def test_a_key_stands_for_one_id_in_one_workspace():
    found = job_id_of({"Idempotency-Key": "k"}, "default")
    assert found == job_id_of({"Idempotency-Key": "k"}, "default") == checked_job_id(found)
    assert (
        len({found, job_id_of({"Idempotency-Key": "k"}, "other"), job_id_of({"Idempotency-Key": "l"}, "default")}) == 3
    )
    assert job_id_of({}, "default") is None
    with pytest.raises(InvalidRequest, match="Idempotency-Key is 1 to 255"):
        job_id_of({"Idempotency-Key": "é"}, "default")
