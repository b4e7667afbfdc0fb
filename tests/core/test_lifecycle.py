"""The table is total, and its three invariants hold whatever happens."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from kyanite.core.events import (
    Amended,
    Began,
    Cancelled,
    CancelRequested,
    Checkpointed,
    Failed,
    Inspected,
    Intended,
    Resumed,
    RetryScheduled,
    Submitted,
    Succeeded,
    Suspended,
    decode_details,
    decode_event,
    encode_details,
    encode_event,
)
from kyanite.core.job import FINAL, CostEstimate, ErrorData, JobDetails, Needs, Status
from kyanite.core.lifecycle import EVENTS, TRANSITIONS, InvalidTransition, apply, diagram, fold

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = [Status.WAITING, Status.EXECUTING]


def born(**fields):
    details = JobDetails(
        id="j",
        name="job",
        provider_id="acme",
        target="acme.echo",
        container_uri="kyanite:///default/job-j",
        input_data_uri="kyanite:///default/job-j/inputData",
        creation_time=START,
    )
    return apply(None, Submitted(details=replace(details, **fields), time=START, version=1))


texts = st.text(max_size=5)
events = st.one_of(
    st.builds(Submitted, details=st.builds(born)),
    st.builds(
        Inspected, needs=st.builds(Needs, cores=st.just(1.0)), properties=st.dictionaries(texts, texts, max_size=2)
    ),
    st.builds(Began, attempt=st.integers(1, 5)),
    st.builds(CancelRequested, reason=texts),
    st.builds(Intended, token=texts),
    st.builds(Checkpointed, handle=st.one_of(st.none(), st.integers(), st.lists(st.integers(), max_size=2))),
    st.builds(RetryScheduled, error=st.builds(ErrorData, texts, texts), not_before=st.just(START + timedelta(days=1))),
    st.builds(Resumed),
    st.builds(Suspended),
    st.builds(Amended, name=st.none() | texts, priority=st.none() | st.integers(), rank=st.none() | st.just(3.5)),
    st.builds(Succeeded, output_data_uri=st.just("kyanite:///o"), output_hash=st.just("0"), output_size=st.just(1)),
    st.builds(Failed, error=st.builds(ErrorData, texts, texts), output_data_uri=st.none() | st.just("kyanite:///e")),
    st.builds(Cancelled, cost_estimate=st.none() | st.just(CostEstimate("EUR", 1.0))),
)


class Life(RuleBasedStateMachine):
    """A job to which anything happens in any order."""

    def __init__(self):
        super().__init__()
        self.row = born()
        self.log = [Submitted(details=replace(self.row, version=0, updated_time=None), time=START, version=1)]
        self.seconds = 0
        self.final_row = None

    @rule(event=events)
    def happens(self, event):
        self.seconds += 1
        event = replace(event, time=START + timedelta(seconds=self.seconds), version=self.row.version + 1)
        before = self.row
        try:
            after = apply(before, event)
        except InvalidTransition:
            assert before.status not in FINAL, "a final status absorbs; it never refuses"
            return
        if after is before:
            assert before.status in FINAL, "only a final status absorbs"
            return
        assert after.version == before.version + 1
        assert after.updated_time == event.time
        self.check_forward(before, after)
        self.log.append(event)
        self.row = after

    def check_forward(self, before, after):
        if before.status in FINAL:
            labels = {"name": after.name, "tags": after.tags, "metadata": after.metadata}
            moved = {"version": after.version, "updated_time": after.updated_time}
            assert replace(before, **labels, **moved) == after, "once final, only labels change"
        else:
            assert after.status in FINAL or ORDER.index(after.status) >= ORDER.index(before.status)
        if before.begin_execution_time is not None:
            assert after.begin_execution_time == before.begin_execution_time

    @invariant()
    def folding_the_log_gives_the_row(self):
        stored = [decode_event(encode_event(event), position) for position, event in enumerate(self.log, 1)]
        assert fold(stored) == self.row
        assert decode_details(encode_details(self.row)) == self.row


TestLife = Life.TestCase


def test_the_table_is_total():
    assert set(TRANSITIONS) == set(Status)
    for row in TRANSITIONS.values():
        assert set(row) == set(EVENTS)


def test_every_event_type_is_in_the_table():
    def leaves(kind):
        return {leaf for sub in kind.__subclasses__() for leaf in (leaves(sub) or {sub})}

    from kyanite.core.events import Event

    assert leaves(Event) == set(EVENTS)


def test_waiting_is_first_and_never_succeeds_directly():
    with pytest.raises(InvalidTransition, match="does not exist"):
        apply(None, Began(attempt=1, job_id="j"))
    with pytest.raises(InvalidTransition, match="is Waiting"):
        apply(born(), Succeeded(output_data_uri="u", output_hash="h", output_size=1))
    failed = apply(born(), Failed(error=ErrorData("Bad", "input")))
    assert failed.status is Status.FAILED


def test_a_job_is_driven_by_one_process_at_a_time():
    row = apply(born(), Began(attempt=1, time=START))
    with pytest.raises(InvalidTransition):
        apply(row, Began(attempt=2, time=START))
    again = apply(apply(row, Resumed(time=START)), Began(attempt=2, time=START + timedelta(hours=1)))
    assert (again.attempt, again.interruptions, again.begin_execution_time) == (2, 1, START)


def test_a_suspension_is_no_interruption_but_a_failure_counts():
    row = apply(apply(born(), Began(attempt=1)), Suspended())
    assert (row.driving, row.interruptions, row.failures) == (False, 0, 0)
    retry = RetryScheduled(error=ErrorData("Busy", "later"), not_before=START)
    row = apply(apply(row, Began(attempt=2)), retry)
    assert (row.driving, row.failures, row.not_before, row.status) == (False, 1, START, Status.EXECUTING)


def test_times_of_the_end():
    later = START + timedelta(seconds=9)
    waiting = apply(born(), Cancelled(time=later))
    assert (waiting.cancellation_time, waiting.end_execution_time) == (later, None)
    executing = apply(apply(born(), Began(attempt=1, time=START)), Cancelled(time=later))
    assert (executing.cancellation_time, executing.end_execution_time) == (later, later)


def test_priority_changes_only_while_waiting():
    change = Amended(priority=7, rank=1.0, name="new")
    assert (apply(born(), change).priority, apply(born(), change).rank) == (7, 1.0)
    executing = apply(apply(born(), Began(attempt=1)), change)
    assert (executing.priority, executing.name) == (0, "new")


@given(events)
def test_unknown_fields_of_a_newer_release_are_tolerated(event):
    text = encode_event(event)
    newer = text[:-1] + b',"not_known_yet":{"a":[1]}}'
    assert decode_event(newer, 3) == replace(event, position=3)


def test_folding_needs_events():
    with pytest.raises(ValueError, match="at least one event"):
        fold([])


def test_the_diagram_shows_every_move():
    text = diagram()
    assert "Waiting --> Executing: Began" in text
    assert "Executing --> Succeeded: Succeeded" in text
    assert "Waiting --> Succeeded" not in text
    assert text.count("--> [*]") == len(FINAL)


def test_status_reads_in_any_case_and_refuses_others():
    assert Status("succeeded") is Status.SUCCEEDED
    assert Status.CANCELLED.final
    assert not Status.EXECUTING.final
    with pytest.raises(ValueError, match="Queued"):
        Status("Queued")
