from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import InvalidRequest
from kyanite.http.azure.query import ORDERS, STATES, ItemType, JobType, selection_of


def as_the_client_writes(name, groups, after, before):
    """A filter in the words of the newer client, its missing ` and ` included."""
    terms = [f"startswith(Name, '{name}')"] if name else []
    for field, values in groups.items():
        if values:
            terms.append("(" + " or ".join(f"{field} eq '{value}'" for value in values) + ")")
    times = ([f"CreationTime ge {after}"] if after else []) + ([f"CreationTime le {before}"] if before else [])
    return " and ".join(terms + times) if terms else "".join(times)


ids = st.lists(st.text("abcxyz019.-_'", min_size=1, max_size=12), max_size=3, unique=True)


@given(
    name=st.text("ab '()-_é1", max_size=20),
    items=st.lists(st.sampled_from(ItemType), max_size=2, unique=True),
    types=st.lists(st.sampled_from(JobType), max_size=3, unique=True),
    providers=ids,
    targets=ids,
    states=st.lists(st.sampled_from(STATES), max_size=4, unique=True),
    after=st.none() | st.dates(),
    before=st.none() | st.dates(),
    orderby=st.none() | st.tuples(st.sampled_from(list(ORDERS)), st.sampled_from(["asc", "desc"])),
)
def test_whatever_the_client_writes_is_understood(
    name, items, types, providers, targets, states, after, before, orderby
):
    groups = {"ItemType": items, "JobType": types, "ProviderId": providers, "Target": targets, "State": states}
    text = as_the_client_writes(name, groups, after, before)
    found = selection_of(text, " ".join(orderby or ()))
    assert found.name_prefix == name
    assert found.item_types == (tuple(items) or None)
    assert found.job_types == (tuple(types) or None)
    assert found.providers == (tuple(providers) or None)
    assert found.targets == (tuple(targets) or None)
    assert found.states == (tuple(states) or None)
    assert found.created_after == (after and datetime(after.year, after.month, after.day, tzinfo=UTC))
    assert (found.created_before is None) == (before is None)
    if before is not None:
        assert found.created_before.date() == before
    assert (found.order, found.descending) == (
        (ORDERS[orderby[0]], orderby[1] == "desc") if orderby else ("creation_time", False)
    )


def blamed(filter_text, orderby=""):
    """The field that is blamed, if one is; any other exception goes on."""
    try:
        selection_of(filter_text, orderby)
    except InvalidRequest as error:
        return error.field
    return None


TERMS = ("startswith(Name, '", "')", "(State eq '", " or State eq '", " and ", "CreationTime ge ", "2026-11-21", "'")


@given(st.text() | st.lists(st.sampled_from(TERMS) | st.text(max_size=3)).map("".join))
def test_anything_else_is_an_invalid_request(text):
    assert blamed(text) in {None, "filter"}


@given(st.text(max_size=40))
def test_an_order_is_one_of_the_clients_or_an_invalid_request(text):
    known = not text or text.partition(" ")[0] in ORDERS
    assert blamed("", text) in ({None, "orderby"} if known else {"orderby"})


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("(State eq 'JobStatus.SUCCEEDED')", ("Succeeded",)),
        ("(State eq 'JobStatus.CANCELLATION_REQUESTED' or State eq 'waiting')", ("CancellationRequested", "Waiting")),
        ("(State eq 'SessionStatus.FAILURE_S_' or State eq 'SessionStatus.TIMED_OUT')", ("Failure(s)", "TimedOut")),
        ("(State eq 'Failed' or State eq 'JobStatus.FAILED')", ("Failed",)),
    ],
)
def test_states_may_come_as_python_prints_them(text, states):
    assert selection_of(text).states == states


def test_kinds_may_come_as_python_prints_them():
    found = selection_of("(ItemType eq 'ItemType.SESSION') and (JobType eq 'JobType.QUANTUM_COMPUTING')")
    assert (found.item_types, found.job_types) == (("Session",), ("QuantumComputing",))


def test_a_date_before_which_is_that_whole_day():
    found = selection_of("CreationTime ge 2026-01-01CreationTime le 2026-02-01")
    assert found.created_after == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.created_before == datetime(2026, 2, 2, tzinfo=UTC) - timedelta(microseconds=1)
    assert found.created_before.date() == date(2026, 2, 1)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-02-01T08:30:00Z", datetime(2026, 2, 1, 8, 30, tzinfo=UTC)),
        ("2026-02-01T08:30:00.1234567Z", datetime(2026, 2, 1, 8, 30, 0, 123456, tzinfo=UTC)),
        ("2026-02-01T08:30", datetime(2026, 2, 1, 8, 30, tzinfo=UTC)),
        ("2026-02-01T08:30:00+02:00", datetime(2026, 2, 1, 8, 30, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_times_may_be_whole_ones(text, time):
    found = selection_of(f"CreationTime ge {text} and CreationTime le {text}")
    assert (found.created_after, found.created_before) == (time, time)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Name eq 'x'", "is not understood from \"Name eq 'x'\" on"),
        ("State eq 'Failed'", "is not understood from"),
        ("(State eq 'Failed') or (State eq 'Waiting')", "has State \"Failed') or (State eq 'Waiting\", not one of"),
        ("startswith(Name, 'x') and ", "is not understood from"),
        ("startswith(Name, 'x')CreationTime ge 2026-01-01", "is not understood from"),
        ("CreationTime gt 2026-01-01", "is not understood from"),
        ("CreationTime ge 2026-01-01 or (State eq 'Failed')", "is not understood from"),
        ("(State eq 'Lost')", "has State 'Lost', not one of Queued, Waiting,"),
        ("(ItemType eq 'Batch')", "has ItemType 'Batch', not one of Job, Session"),
        ("(State eq 'Failed') and (State eq 'Waiting')", "says twice what"),
        ("CreationTime ge 2026-13-01", "has the time '2026-13-01'"),
        ("CreationTime ge 20260101", "has the time '20260101'"),
        ("CreationTime ge 0001-01-01T00:00+10:00", "has the time"),
        ("startswith(Name, '\udcff')", "is not UTF-8"),
        ("x" * 10_000, "has 10,000 characters"),
    ],
)
def test_a_refusal_says_what_was_not_understood(text, said):
    with pytest.raises(InvalidRequest) as refused:
        selection_of(text)
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["Name up", "name asc", "Name asc, State desc", "Size", "Name  asc", "Name asc\n"])
def test_other_orders_are_refused(text):
    with pytest.raises(InvalidRequest) as refused:
        selection_of("", text)
    assert "not one of Name, ItemType, JobType, ProviderId, Target, State, CreationTime" in str(refused.value)
