import pytest

from kyanite.core.events import Amended, Cancelled, CancelRequested, Checkpointed, Failed, Resumed, Suspended
from kyanite.plots.phases import ROWS_MAX, Kind, folded, rows_of
from tests.plots.jobs import BUSY, PLAIN, at, began, inspected, retry, submitted, succeeded


def told(story, now=None):
    return [(row.label, row.start_s, row.end_s) for row in rows_of(story, now)]


def test_phases_follow_each_other_and_moments_stand_between():
    assert told(PLAIN) == [
        ("waiting", 0.0, 0.5),
        ("inspected", 0.25, 0.25),
        ("execution 1", 0.5, 2.0),
        ("succeeded", 2.0, 2.0),
    ]


def test_each_attempt_and_each_pause_is_a_phase():
    story = [submitted(), began(1), retry(2), began(4, 2), retry(5), began(8, 3), succeeded(9)]
    assert told(story) == [
        ("waiting", 0.0, 1.0),
        ("execution 1", 1.0, 2.0),
        ("retry pause", 2.0, 4.0),
        ("execution 2", 4.0, 5.0),
        ("retry pause", 5.0, 8.0),
        ("execution 3", 8.0, 9.0),
        ("succeeded", 9.0, 9.0),
    ]


def test_restarts_are_told_apart_from_retries():
    story = [
        *(submitted(), began(1), Resumed(time=at(2)), began(3, 2), Suspended(time=at(4)), began(6, 3)),
        Failed(error=BUSY, time=at(7)),
    ]
    assert [row.kind for row in rows_of(story)] == [
        *(Kind.WAITING, Kind.EXECUTING, Kind.INTERRUPTED, Kind.EXECUTING, Kind.SUSPENDED, Kind.EXECUTING),
        Kind.END,
    ]


def test_a_request_to_cancel_does_not_end_the_phase():
    story = [submitted(), began(1), CancelRequested(time=at(2)), Cancelled(time=at(3))]
    assert told(story)[1:] == [("execution 1", 1.0, 3.0), ("cancel requested", 2.0, 2.0), ("cancelled", 3.0, 3.0)]


def test_what_comes_after_the_end_and_what_is_no_phase_is_left_out():
    story = [submitted(), began(1), Checkpointed(handle=1, time=at(2)), succeeded(3), Amended(name="x", time=at(99))]
    assert [label for label, *_ in told(story)] == ["waiting", "execution 1", "succeeded"]


def test_a_job_that_has_not_ended_is_open_until_now():
    story = [submitted(), began(1), CancelRequested(time=at(2))]
    rows = rows_of(story, at(60))
    assert [(row.label, row.end_s, row.open) for row in rows] == [
        ("waiting", 1.0, False),
        ("execution 1", 60.0, True),
        ("cancel requested", 2.0, False),
    ]
    assert rows_of(story)[1].end_s == 2.0
    assert rows_of(story, at(-5))[1].end_s == 2.0, "a clock that went back draws nothing backwards"


def test_no_story_has_no_rows():
    assert rows_of([]) == []


@pytest.mark.parametrize("attempts", [1, 4, 200])
def test_a_long_story_is_folded_in_the_middle(attempts):
    pairs = [event for k in range(attempts) for event in (began(k + 1, k + 1), retry(k + 1.5))]
    rows = rows_of([submitted(), inspected(0.5), *pairs, began(attempts + 1, attempts + 1), succeeded(attempts + 2)])
    short = folded(rows)
    assert len(short) == min(len(rows), ROWS_MAX)
    assert (short[0], short[-1]) == (rows[0], rows[-1])
    hidden = [row for row in short if row.kind is Kind.FOLDED]
    if len(rows) > ROWS_MAX:
        assert [row.label for row in hidden] == [f"{len(rows) - ROWS_MAX + 1} more steps"]
        assert hidden[0].end_s == short[short.index(hidden[0]) + 1].start_s
    else:
        assert hidden == []
