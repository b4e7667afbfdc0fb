"""Durable throughput: no-op jobs from submit to the result read, beside its floors measured in turn with it."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from kyanite import Workspace
from tests.bench import floors, threads
from tests.bench.echo import IN_FLIGHT, many, settings, solve_one, with_echo
from tests.bench.profiles import shares
from tests.bench.scale import Scale
from tests.bench.table import Figure, spread

GOAL_A_SECOND = 12_000
LOOP_THREAD = "MainThread"
THRESHOLDS = (20_000, 20, 100)


class Round(NamedTuple):
    """One run: seconds by the wall, seconds of the loop's thread, of the whole process, and of each other thread."""

    wall_s: float
    loop_s: float
    process_s: float
    threads_s: dict[str, float]


def figures(scale: Scale) -> list[Figure]:
    """Run workspace and floors in turn, several times over."""
    jobs, in_flight = scale.of(20_000, 600), scale.of(IN_FLIGHT, 128)
    rounds: list[Round] = []
    tuned: list[Round] = []
    sizes = floors.Sizes(0, (0, 0, 0))
    taken: dict[str, list[float]] = {"queue": [], "plain": [], "indexed": [], "blobs": []}
    for _ in range(scale.of(3, 1)):
        with scale.folder() as folder:
            rounds.append(asyncio.run(through_workspace(folder, jobs, in_flight)))
            sizes = floors.measured_sizes(folder / "jobs.sqlite")
        with scale.folder() as folder, patient_collector():
            tuned.append(asyncio.run(through_workspace(folder, jobs, in_flight)))
        taken["queue"].append(asyncio.run(floors.bare_queue(jobs, in_flight)))
        for name in ("plain", "indexed", "blobs"):
            with scale.folder() as folder:
                seconds = floors.group_commits(
                    folder, jobs, in_flight, sizes, indexed=name != "plain", blobs=name == "blobs"
                )
            taken[name].append(seconds)
    tuned_rates = list(floors.rates(jobs, [run.wall_s for run in tuned]))
    note = f"gc.set_threshold{THRESHOLDS}, as a program of one's own may; {spread(tuned_rates)}"
    result = [
        *_of_workspace(jobs, rounds),
        Figure("durable jobs, collector tuned", median(tuned_rates), "jobs/s", note),
        *_of_floors(jobs, rounds, taken, sizes),
    ]
    if scale.profile:
        with scale.folder() as folder:
            result += profiled(folder, scale.of(20_000, 600), in_flight)
    return result


@contextmanager
def patient_collector() -> Iterator[None]:
    """Collect garbage less often: 512 jobs in flight hold many young objects, and each collection looks at them."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def through_workspace(folder: Path, jobs: int, in_flight: int, profile: cProfile.Profile | None = None) -> Round:
    """Submit jobs, wait for each, read its result and compare it; FULL, as the defaults are."""
    async with with_echo(Workspace.open(settings(folder))) as workspace:

        async def one(number: int) -> None:
            await solve_one(workspace, number)

        await many(in_flight, in_flight, one)  # slots, statements and connections are made once
        threads_before = threads.times_s()
        before = time.perf_counter(), time.thread_time(), time.process_time()
        if profile is not None:
            profile.enable()
        await many(jobs, in_flight, one)
        if profile is not None:
            profile.disable()
        after = time.perf_counter(), time.thread_time(), time.process_time()
        threads_after = threads.times_s()
        ended = await workspace.count_jobs(status="succeeded")
    if ended != jobs + in_flight:
        message = f"{ended} of {jobs + in_flight} jobs succeeded"
        raise AssertionError(message)
    wall_s, loop_s, process_s = (end - start for start, end in zip(before, after, strict=True))
    others_s = {name: end_s - threads_before.get(name, 0.0) for name, end_s in threads_after.items()}
    return Round(wall_s, loop_s, process_s, others_s)


def profiled(folder: Path, jobs: int, in_flight: int) -> list[Figure]:
    """Run once more under a profiler; return where the loop's thread spent its time, in percent."""
    profile = cProfile.Profile()
    asyncio.run(through_workspace(folder, jobs, in_flight, profile))
    return [
        Figure(f"loop thread: {group}", percent, "%", "of its busy time, under cProfile")
        for group, percent in shares(profile)
    ]


def _of_workspace(jobs: int, rounds: list[Round]) -> list[Figure]:
    rates = list(floors.rates(jobs, [run.wall_s for run in rounds]))
    return [
        Figure("durable jobs", median(rates), "jobs/s", f"goal {GOAL_A_SECOND:,}; {spread(rates)}"),
        Figure("loop thread", median(run.loop_s for run in rounds) / jobs * 1e6, "us/job", "CPU"),
        Figure("process", median(run.process_s for run in rounds) / jobs * 1e6, "us/job", "CPU, all threads"),
        *[
            Figure(f"  thread {name}", median(run.threads_s[name] for run in rounds) / jobs * 1e6, "us/job", "CPU")
            for name in sorted(rounds[0].threads_s)
            if name != LOOP_THREAD and all(run.threads_s.get(name) for run in rounds)
        ],
    ]


def _of_floors(jobs: int, rounds: list[Round], taken: dict[str, list[float]], sizes: floors.Sizes) -> list[Figure]:
    ours = median(jobs / run.wall_s for run in rounds)
    written = f"row of {sizes.row} B, events of {', '.join(map(str, sizes.events))} B"
    names = {
        "queue": ("floor: asyncio queue", "a task a job, nothing stored"),
        "plain": ("floor: SQLite", f"a row, two updates, three events a job; {written}"),
        "indexed": ("floor: SQLite, our schema", "the same with our indexes"),
        "blobs": ("floor: SQLite, our schema and blobs", "the same and two blobs a job in a second file"),
    }
    result = []
    for kind, (name, note) in names.items():
        rates = list(floors.rates(jobs, taken[kind]))
        result.append(Figure(name, median(rates), "jobs/s", f"{note}; {spread(rates)}"))
        result.append(Figure("  ours to this floor", ours / median(rates), "x"))
    return result
