"""What webhooks cost those who have jobs run."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

from tests.bench.hooks.place import Hooks, Receivers, jobs, receiving, served
from tests.bench.scale import Scale
from tests.bench.table import Cell, Grid, percentile

NONE = "no webhook"
CASES = (NONE, "one that answers", "one where nobody listens", "one that never answers")
JOBS = (6_000, 60)
PACED = (300, 1_500)
"""Jobs a second, and how many: a load that leaves room for something beside it."""


class Turn(NamedTuple):
    """Jobs a second at most; and of submits at a pace, the median and the 99th percentile in milliseconds."""

    rate: float
    median_ms: float
    slow_ms: float


def core(scale: Scale) -> Grid:
    """Jobs and submits beside a webhook."""
    turns: dict[str, list[Turn]] = {case: [] for case in CASES}
    with receiving() as receivers:
        for turn in range(scale.of(3, 1)):
            for case in CASES[:: -1 if turn % 2 else 1]:
                turns[case].append(_turn(scale, receivers, case))
    plain = _median(turns[NONE])
    rows: list[tuple[Cell, ...]] = []
    for case in CASES:
        found = _median(turns[case])
        rows.append(
            (case, found.rate, found.rate / plain.rate, found.median_ms, found.slow_ms, found.slow_ms / plain.slow_ms)
        )
    rate, _ = PACED
    columns = ("beside", "jobs/s", "to none", f"submit at {rate}/s, p50, ms", "p99, ms", "to none")
    note = (
        "No-op jobs from within the daemon, at a pace, and then as fast as they go with 512 of them in flight; what is "
        "to be delivered meanwhile is. A daemon of its own for each turn; the median of several, in turn."
    )
    return Grid(columns, rows, [note])


def _turn(scale: Scale, receivers: Receivers, case: str) -> Turn:
    urls = {
        "one that answers": f"{receivers.url}/well/core",
        "one where nobody listens": f"{receivers.dead_url}/",
        "one that never answers": f"{receivers.url}/hang/core",
    }
    with scale.folder() as folder:
        if case in urls:
            Hooks(folder).add("endpoint", urls[case])
        with served(folder) as (_, control):
            jobs(control, scale.of(100, 20))
            rate, number = PACED
            paced = jobs(control, scale.of(number, 20), rate=rate)
            times = scale.of(*JOBS)
            fast = jobs(control, times)
            median_ms, slow_ms = (percentile(paced["taken_s"], percent) * 1e3 for percent in (50, 99))
            return Turn(times / fast["wall_s"], median_ms, slow_ms)


def _median(turns: list[Turn]) -> Turn:
    return Turn(*(median(each) for each in zip(*turns, strict=True)))
