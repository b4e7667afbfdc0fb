"""Whole figures: every text in them is looked at, and nothing may warn."""

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from matplotlib.text import Text

from kyanite.core.events import Cancelled, CancelRequested, Failed
from kyanite.core.job import ErrorData, Status
from kyanite.errors import CallerError, InvalidRequest
from kyanite.plots import check, draw, write
from tests.plots.jobs import BUSY, PLAIN, SPINS, at, began, retry, row, submitted, succeeded

DECAY = [[round(0.008 * 1.17**k, 4), int(40 * 1.17**k), round(-4000 * (1 - math.exp(-k / 9)), 2)] for k in range(40)]


def failed(seconds):
    return Failed(error=BUSY, time=at(seconds))


def solutions(*costs):
    return {"solutions": [{"configuration": {"0": 1}, "cost": cost} for cost in costs]}


def words(figure):
    """Lay the figure out as for a picture, and return every text that shows."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def test_a_figure_says_whose_it_is_and_has_labels_with_units():
    figure = draw(row(convergence=DECAY), PLAIN, SPINS)
    shown = words(figure)
    assert "three spins" in shown
    assert "microsoft.simulatedannealing.cpu · 6f1c1c52-8a0e-4c6e-9c7e-0d4a1f1f2f10 · Succeeded" in shown
    assert {"Convergence", "Solutions: 1", "Timeline", "best cost", "cost", "number of solutions"} <= set(shown)
    assert "seconds of search (logarithmic)" in shown
    assert "sweeps (logarithmic)" in shown
    assert "seconds since the submit at 2026-01-02 03:04:05 UTC" in shown
    assert f"best \N{MINUS SIGN}{-DECAY[-1][2]:g}\nafter 3.65 s" in shown
    assert f"best \N{MINUS SIGN}{-DECAY[-1][2]:g}\nafter {DECAY[-1][1]:,} sweeps" in shown
    assert {"waiting", "inspected", "execution 1", "succeeded", "500 ms", "1.5 s", "at 2 s"} <= set(shown)


def axes_of(figure, xlabel):
    return next(axes for axes in figure.axes if axes.get_xlabel() == xlabel)


@pytest.mark.parametrize(("xlabel", "at_x"), [("seconds of search", [1, 2, 9]), ("sweeps", [10, 20, 90])])
def test_the_curve_holds_between_improvements_and_to_the_end_of_the_search(xlabel, at_x):
    noted = {"convergence": [[1, 10, 5.0], [2, 20, -3.0]], "sweeps": 90, "search_s": 9}
    curve = axes_of(draw(row(additional_properties=noted), PLAIN, SPINS), xlabel).get_lines()[0]
    assert curve.get_drawstyle() == "steps-post"
    assert list(curve.get_xdata()) == at_x
    assert list(curve.get_ydata()) == [5.0, -3.0, -3.0]


def test_a_wide_axis_is_logarithmic_and_begins_with_the_first_sweep():
    noted = {"convergence": [[0.0, 0, 5.0], [0.5, 200, -3.0]], "sweeps": 900, "search_s": 2.0}
    figure = draw(row(additional_properties=noted), PLAIN, SPINS)
    for xlabel, at_x in (("seconds of search", [1e-4, 0.5, 2.0]), ("sweeps", [1, 200, 900])):
        axes = axes_of(figure, f"{xlabel} (logarithmic)")
        assert axes.get_xscale() == "log"
        assert list(axes.get_lines()[0].get_xdata()) == at_x


@pytest.mark.parametrize("cost", [0.0, -17.0, 1e12 / 3])
def test_a_flat_curve_has_one_tick_in_the_middle(cost):
    axes = axes_of(draw(row(convergence=[[0.5, 7, cost]]), PLAIN, SPINS), "seconds of search")
    assert list(axes.get_yticks()) == [cost]
    low, high = axes.get_ylim()
    assert low < cost < high


def test_few_costs_have_a_bar_each():
    axes = axes_of(draw(row(), PLAIN, solutions(-15.0, -17.0, -17.0)), "number of solutions")
    assert [bar.get_width() for bar in axes.patches] == [2, 1]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["\N{MINUS SIGN}17", "\N{MINUS SIGN}15"]


@pytest.mark.parametrize("count", [11, 200, 5000])
def test_many_costs_are_a_histogram_of_all_of_them(count):
    figure = draw(row(), PLAIN, solutions(*(math.sin(k) for k in range(count))))
    axes = axes_of(figure, "number of solutions")
    assert sum(bar.get_width() for bar in axes.patches) == count
    assert f"Solutions: {count:,}" in words(figure)


def test_bars_of_the_timeline_are_the_phases():
    story = [submitted(), began(1), retry(2), began(4, 2), retry(5), began(8, 3), succeeded(10)]
    axes = axes_of(draw(row(), story), "seconds since the submit at 2026-01-02 03:04:05 UTC")
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert bars == [(0, 1), (1, 2), (2, 4), (4, 5), (5, 8), (8, 10)]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == [
        *("waiting", "execution 1", "retry pause", "execution 2", "retry pause", "execution 3"),
        "succeeded",
    ]
    assert axes.yaxis_inverted()


NO_END = {"output_data_uri": None}
MISSING = {
    "waiting": (
        (row(Status.WAITING, begin_execution_time=None, **NO_END), [submitted()], None),
        {"The job has not executed yet.", "The job has no output yet.", "60 s so far"},
    ),
    "executing": (
        (row(Status.EXECUTING, **NO_END), [submitted(), began(1)], None),
        {"How the search converged is recorded when the job ends.", "The job has no output yet.", "59 s so far"},
    ),
    "refused": (
        (row(Status.FAILED, begin_execution_time=None, error_data=BUSY, **NO_END), [submitted(), failed(1)], None),
        {"The job has not executed.", "The job has no output.", "Busy: the service is busy", "failed"},
    ),
    "cancelled": (
        (row(Status.CANCELLED), [submitted(), began(1), CancelRequested(time=at(2)), Cancelled(time=at(3))], SPINS),
        {"The target has not recorded how its search converged.", "Solutions: 1", "cancel requested", "cancelled"},
    ),
    "not JSON": ((row(), PLAIN, "some text"), {"The output holds no solutions with a cost."}),
    "not read": ((row(), PLAIN, None), {"The output could not be read."}),
    "no events": ((row(name=""), [], None), {"The job has no events.", "a job without a name"}),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_is_missing_is_said(case):
    arguments, expected = MISSING[case]
    assert expected <= set(words(draw(*arguments, now=at(60))))


ODD = {
    "a name like a formula": (row(name="cost $5 and $\\frac{ 最大カット 🎉\nnew line"), SPINS),
    "long names": (row(name="W" * 500, target="acme." + "x" * 300, id="y" * 64, convergence=DECAY), SPINS),
    "a long error": (row(Status.FAILED, error_data=ErrorData("Code" * 50, "why " * 500)), None),
    "huge costs": (row(convergence=[[0.1, 1, 9e299], [3, 30, -9e299]]), solutions(9e299, -9e299)),
    "huge costs, many": (row(convergence=[[0.1, 1, 9e299]]), solutions(*(k * 1e298 for k in range(-50, 50)))),
    "tiny costs": (row(convergence=[[0.1, 1, 5e-320], [3, 30, -1e-322]]), solutions(*(k * 5e-324 for k in range(20)))),
    "costs close together": (
        row(convergence=[[0.1, 1, 1e6 + 3e-9], [3, 30, 1e6]]),
        solutions(*(1e6 + k * 1e-6 for k in range(20))),
    ),
    "no time at all": (row(convergence=[[0.0, 0, 0.0]]), solutions(0.0)),
    "a long search": (row(convergence=[[1e-4, 1, 2.0], [1e7, 10**12, 1.0]]), solutions(2.0, 1.0)),
    "times out of order": (row(convergence=[[3, 30, 2.0], [1, 10, 1.0]]), SPINS),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_jobs_are_drawn_without_a_warning(case):
    details, results = ODD[case]
    figure = draw(details, [submitted(), began(0), succeeded(0)], results)
    shown = words(figure)
    assert "Timeline" in shown
    width = figure.bbox.width
    lines = [text for text in figure.findobj(Text) if text.get_fontsize() in {10.0, 14.0} and text.get_text()]
    for text in lines[:3]:
        assert text.get_window_extent().x1 <= width, f"{text.get_text()!r} is cut off"


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")]
)
def test_the_suffix_says_how_it_is_written(tmp_path, suffix, magic):
    figure = draw(row(convergence=DECAY), PLAIN, SPINS)
    path = write(figure, tmp_path / f"job{suffix}")
    assert path.read_bytes().startswith(magic)


def test_threads_may_draw_at_the_same_time(tmp_path):
    def picture(number):
        return write(draw(row(convergence=DECAY), PLAIN, SPINS), tmp_path / f"{number}.svg")

    with ThreadPoolExecutor(4) as threads:
        paths = list(threads.map(picture, range(4)))
    assert all(path.read_bytes().startswith(b"<?xml") for path in paths)


def test_a_notebook_shows_the_figure():
    assert draw(row(), PLAIN, SPINS)._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["job.gif", "job", ".png"])
def test_other_suffixes_are_refused(path):
    with pytest.raises(InvalidRequest, match=r"\.png, \.svg, \.pdf"):
        check(path)


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(draw(row(), []), tmp_path / "nowhere" / "job.png")


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(CallerError, match=r'pip install "kyanite\[plot\]"'):
        draw(row(), PLAIN, SPINS)


def test_matplotlib_is_imported_at_the_first_picture_and_pyplot_never():
    code = """
import sys
import kyanite.plots
assert "matplotlib" not in sys.modules
from tests.plots.jobs import PLAIN, SPINS, row
kyanite.plots.draw(row(), PLAIN, SPINS)
print("matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
    child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert child.stdout.split() == ["True", "False"]
