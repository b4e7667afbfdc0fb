from datetime import timedelta

import pytest
from msgspec.structs import replace

from kyanite.cli.progress import COSTS_MAX, RATE_WINDOW_S, JobProgress
from kyanite.core.events import (
    Began,
    Cancelled,
    CancelRequested,
    Failed,
    Inspected,
    Progressed,
    Resumed,
    RetryScheduled,
    Submitted,
    Succeeded,
)
from kyanite.core.job import ErrorData, Needs
from kyanite.testing.stores import START, a_job, success, write

NOW = START + timedelta(hours=1, seconds=10)


def heard(*events, **options):
    """A job of which these events were heard."""
    progress = JobProgress(a_job(1), **options)
    for event in write(None, *events, birth=a_job(1)).events:
        progress.hear(event)
    return progress


def seen(progress, at_s, fraction=None, **values):
    progress.see(Progressed(workspace="default", job_id="job00001", time=NOW, fraction=fraction, values=values), at_s)


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        ([], "waiting"),
        ([Inspected(needs=Needs())], "waiting"),
        ([Began(attempt=1)], "executing"),
        ([Began(attempt=1), CancelRequested()], "cancelling"),
        ([Began(attempt=1), Resumed()], "waiting"),
        ([Began(attempt=1), Resumed(), Began(attempt=2)], "attempt 2"),
        ([Began(attempt=1), success()], "succeeded"),
        ([Began(attempt=1), Cancelled()], "cancelled"),
        ([Failed(error=ErrorData("Wrong", "it is"))], "failed"),
    ],
)
def test_phases_are_told_in_a_word(events, phase):
    assert heard(*events).phase(NOW)[0] == phase


def test_a_pause_is_counted_down_and_then_the_job_waits():
    pause = RetryScheduled(error=ErrorData("Busy", "later"), not_before=NOW + timedelta(seconds=4.5))
    progress = heard(Began(attempt=1), pause)
    assert progress.phase(NOW)[0] == "retry in 5s"
    assert progress.phase(NOW + timedelta(seconds=9))[0] == "waiting"


def test_what_a_waiting_job_waits_for_is_told():
    assert heard(inspects=True).phase(NOW)[0] == "inspecting"
    assert heard(Inspected(needs=Needs()), inspects=True).phase(NOW)[0] == "waiting"
    assert heard(inspects=True, target_missing=True).phase(NOW)[0] == "target missing"


def test_a_row_that_is_newer_than_the_events_stays():
    newest = replace(a_job(1), version=9, name="newest")
    progress = JobProgress(newest)
    progress.hear(Submitted(details=a_job(1), workspace="default", job_id="job00001", version=1))
    assert progress.details is newest


def test_time_left_goes_by_the_pace():
    progress = heard(Began(attempt=1))
    assert progress.left_s(0.0) is None
    seen(progress, 0.0, 0.0)
    seen(progress, 0.5, 0.05)
    assert progress.left_s(0.5) is None, "too early to tell"
    seen(progress, 2.0, 0.2)
    assert progress.left_s(2.0) == pytest.approx(8.0)
    assert progress.left_s(5.0) == pytest.approx(5.0)
    assert progress.left_s(13.0) is None, "it does not move"


def test_time_left_forgets_an_old_pace():
    progress = heard(Began(attempt=1))
    for second in range(100):
        seen(progress, float(second), second / 1000)
    for second in range(100, 100 + int(RATE_WINDOW_S) + 2):
        seen(progress, float(second), 0.1 + (second - 100) / 100)
    assert progress.left_s(second) == pytest.approx(100 - (second - 90), abs=2)


@pytest.mark.parametrize("fraction", [None, float("nan"), "half", True])
def test_no_time_is_told_without_a_fraction(fraction):
    progress = heard(Began(attempt=1))
    seen(progress, 0.0, fraction)
    seen(progress, 9.0, fraction)
    assert progress.fraction is None
    assert progress.left_s(9.0) is None


def test_another_attempt_begins_anew():
    progress = heard(Began(attempt=1))
    seen(progress, 0.0, 0.1)
    seen(progress, 2.0, 0.9)
    assert progress.left_s(2.0) is not None
    for event in write(progress.details, Resumed(), Began(attempt=2)).events:
        progress.hear(event)
    assert (progress.fraction, progress.left_s(2.0)) == (None, None)


def test_fractions_out_of_bounds_are_brought_in():
    progress = heard(Began(attempt=1))
    seen(progress, 0.0, 7)
    assert progress.fraction == 1.0


@pytest.mark.parametrize(
    ("cost", "shown"), [(-17.0, "-17"), (-123456789, "-123456789"), (-0.123456789, "-0.123457"), (-1e30, "-1e+30")]
)
def test_the_best_cost_is_shown_as_it_is(cost, shown):
    progress = heard()
    assert progress.best == ""
    for value in (cost, cost + 1, None, "much", float("inf")):
        seen(progress, 0.0, best_cost=value)
    assert progress.best == shown


def test_a_long_history_of_costs_is_thinned_out_evenly():
    progress = heard()
    for number in range(10 * COSTS_MAX):
        seen(progress, 0.0, best_cost=-number)
        assert len(progress.costs) <= COSTS_MAX
    assert progress.best == f"{1 - 10 * COSTS_MAX}"
    assert progress.costs == sorted(progress.costs, reverse=True)
    steps = {before - after for before, after in zip(progress.costs[:-2], progress.costs[1:-1], strict=True)}
    assert steps == {16.0}


def test_an_ended_job_tells_its_own_history():
    ending = Succeeded(
        output_data_uri="x", output_hash="", output_size=0, properties={"convergence": [[0.1, 5, -2.0], [0.2, 9, -3.5]]}
    )
    progress = heard(Began(attempt=1), ending)
    assert (progress.costs, progress.best) == ([-2.0, -3.5], "-3.5")
    strange = replace(ending, properties={"convergence": ["x", [], [1, 2, None], 7]})
    assert heard(Began(attempt=1), strange).costs == []


def test_since_counts_from_the_beginning_of_what_goes_on():
    assert heard().since(a_job(1).creation_time + timedelta(seconds=7)) == 7
    assert heard(Began(attempt=1)).since(START + timedelta(hours=1, seconds=12)) == 10
    assert heard(Began(attempt=1), success()).since(NOW + timedelta(days=1)) == 1
    assert heard().since(START - timedelta(days=1)) == 0
