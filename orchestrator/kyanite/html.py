"""Jobs and results as notebooks show them: a small table each, in the colours of the page around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from itertools import islice
from typing import Any

from kyanite.core.job import JobDetails, Status

SOLUTIONS_MAX = 5
VARIABLES_MAX = 12
TEXT_MAX = 300

# Readable on white and on black.
_COLOURS = {
    Status.WAITING: "#8c8c8c",
    Status.EXECUTING: "#3b82f6",
    Status.SUCCEEDED: "#22a155",
    Status.FAILED: "#e5484d",
    Status.CANCELLED: "#c08a1e",
}
# Only what must differ from the page: text and background stay its own, lines are a grey that shows on both.
_LINE = "border: 0; border-top: 1px solid #80808040;"
_CELL = f"{_LINE} padding: 0.3em 1em 0.3em 0; text-align: left; vertical-align: top; background: transparent;"
_HEAD = f"{_CELL} font-weight: normal; opacity: 0.65; white-space: nowrap;"
_NUMBER = "font-variant-numeric: tabular-nums;"
_CODE = "font-family: ui-monospace, monospace; font-size: 0.92em;"
_TABLE = "border-collapse: collapse; border: 0; margin: 0.4em 0; background: transparent; color: inherit;"
_TITLE = "caption-side: top; text-align: left; padding: 0 0 0.4em; color: inherit; font-weight: 600;"


def job_html(details: JobDetails) -> str:
    """Return a job as a table: what it is, how it is, when it was what, and why it failed."""
    rows = [
        ("Status", _status(details)),
        ("Job", _code(details.id)),
        ("Target", _code(details.target)),
        *_moments(details),
    ]
    if details.input_params:
        rows.append(("Parameters", _parameters(details.input_params)))
    if details.tags:
        rows.append(("Tags", _text(", ".join(details.tags))))
    if details.error_data is not None:
        rows.append(("Error", f"{_code(details.error_data.code)} {_text(details.error_data.message)}"))
    return _table(details.name, rows)


def results_html(results: Mapping[str, Any]) -> str:
    """Return the results of a solver as a table: the best solutions with their first variables, and the parameters.

    Whatever the mapping holds is shown, if only as text.
    """
    solutions = results.get("solutions")
    solutions = solutions if isinstance(solutions, list) else []
    title = _count(len(solutions), "solution")
    if solutions and isinstance(solutions[0], Mapping):
        title += f", best cost {solutions[0].get('cost')}"
    rows = [(f"#{rank}", _solution(solution)) for rank, solution in enumerate(solutions[:SOLUTIONS_MAX], 1)]
    if len(solutions) > SOLUTIONS_MAX:
        rows.append(("", f"and {len(solutions) - SOLUTIONS_MAX:,} more"))
    if results.get("parameters"):
        rows.append(("Parameters", _parameters(results["parameters"])))
    return _table(title, rows)


def _status(details: JobDetails) -> str:
    dot = f'<span style="color: {_COLOURS[details.status]};">&#9679;</span>'
    failures = (
        f", {details.failures:,} failed attempt{'' if details.failures == 1 else 's'}" if details.failures else ""
    )
    wanted = ", to be cancelled" if details.cancel_requested and not details.final else ""
    return f"{dot} {details.status.value}{failures}{wanted}"


def _moments(details: JobDetails) -> Iterable[tuple[str, str]]:
    created, began, ended = details.creation_time, details.begin_execution_time, details.end_execution_time
    yield "Created", _time(created)
    if began is not None:
        yield "Began", f"{_time(began)}, {_duration(created, began)} later"
    if ended is not None:
        yield "Ended", f"{_time(ended)}, {_duration(began or created, ended)} later"


def _time(time: datetime) -> str:
    return f'<span style="{_NUMBER}">{time:%Y-%m-%d %H:%M:%S} UTC</span>'


def _duration(start: datetime, end: datetime) -> str:
    seconds = (end - start).total_seconds()
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _solution(solution: Any) -> str:
    if not isinstance(solution, Mapping):
        return _code(solution)
    cost = f'<span style="{_NUMBER}">cost {_text(solution.get("cost"))}</span>'
    configuration = solution.get("configuration")
    if not isinstance(configuration, Mapping):
        return cost
    shown = ", ".join(f"{variable}: {value}" for variable, value in islice(configuration.items(), VARIABLES_MAX))
    left = len(configuration) - VARIABLES_MAX
    return f"{cost}<br>{_code(shown)}" + (f" and {left:,} more variables" if left > 0 else "")


def _parameters(parameters: Any) -> str:
    if isinstance(parameters, Mapping) and set(parameters) == {"params"}:
        parameters = parameters["params"]
    if not isinstance(parameters, Mapping):
        return _code(parameters)
    return ", ".join(_code(f"{name}={_shortened(value)}") for name, value in parameters.items())


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr style="background: transparent;"><th style="{_HEAD}">{head}</th><td style="{_CELL}">{cell}</td></tr>'
        for head, cell in rows
    )
    return f'<table style="{_TABLE}"><caption style="{_TITLE}">{_text(title)}</caption><tbody>{body}</tbody></table>'


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _code(value: Any) -> str:
    return f'<span style="{_CODE}">{_text(value)}</span>'


def _text(value: Any) -> str:
    return escape(_shortened(value))


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}..."
