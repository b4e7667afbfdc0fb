import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kyanite.cli.picture import PLAIN, Letters, Moment, clock, ending, picture
from kyanite.cli.progress import JobProgress
from kyanite.cli.screen import cells
from kyanite.core.events import Began, Failed, Progressed
from kyanite.core.job import ErrorData
from kyanite.testing.stores import START, a_job, write

MOMENT = Moment(START, 100.0)


def a_progress(number, name, fraction=None, cost=None, *, begun=True):
    progress = JobProgress(a_job(number, name=name))
    for event in write(None, *[Began(attempt=1)] * begun, birth=a_job(number, name=name)).events:
        progress.hear(event)
    for back in (9.0, 0.0):
        told = None if fraction is None else fraction / (1 + back)
        values = {} if cost is None else {"best_cost": cost - back}
        update = Progressed(workspace="default", job_id=f"{number}", time=START, fraction=told, values=values)
        progress.see(update, MOMENT.now_s - back)
    return progress


def text(line):
    return "".join(piece for piece, _ in line)


jobs = st.lists(
    st.builds(
        a_progress,
        st.integers(0, 9),
        st.text(max_size=40),
        st.none() | st.floats(0, 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        begun=st.booleans(),
    ),
    max_size=12,
)


@given(jobs, st.integers(0, 3), st.integers(2, 200), st.integers(1, 30), st.sampled_from([Letters(), PLAIN]))
def test_any_jobs_fit_into_any_terminal(going, ended, width, height, letters):
    lines = [text(line) for line in picture(going, ended, MOMENT, (width, height), letters)]
    assert len(lines) <= max(height, 2)
    assert all(cells(line) < max(width, 22) for line in lines)
    assert all(line.isprintable() for line in lines)


@given(jobs, st.integers(2, 200))
def test_any_ending_fits_into_any_terminal(going, width):
    for job in going:
        line = text(ending(job, MOMENT, width, Letters()))
        assert cells(line) < width
        assert line.isprintable()


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (120, ["three spins", "executing", "━" * 15 + "─" * 15, " 50%", "best -17", "▁█", "0:00", "0:10 left"]),
        (80, ["three spins", "executing", "━", " 50%", "best -17", "▁█", "0:00", "0:10 left"]),
        (60, ["three spins", "executing", "50%", "best -17", "0:00"]),
        (30, ["three spins", "executing"]),
    ],
)
def test_what_matters_least_is_left_out_first(width, shown):
    (line,) = picture([a_progress(1, "three spins", 0.5, -17 + 9)], 0, MOMENT, (width, 24), Letters())
    assert all(part in text(line) for part in shown), text(line)


def test_an_error_stands_behind_its_job():
    progress = a_progress(1, "evil\x1b[31m\nname", 0.5, -3)
    for event in write(progress.details, Failed(error=ErrorData("Wrong", "a\nlong story"))).events:
        progress.hear(event)
    assert text(ending(progress, MOMENT, 80, PLAIN)).endswith("  failed  1.0s  Wrong: a long story")
    assert text(ending(progress, MOMENT, 80, PLAIN)).startswith("! evil")
    unnamed = replace(progress.details, name="")
    progress.details = unnamed
    assert text(ending(progress, MOMENT, 80, PLAIN)).startswith(f"! {unnamed.id}")


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3723, "1:02:03")])
def test_a_clock_counts_seconds(seconds, shown):
    assert clock(seconds) == shown
