"""What a group of measurements is given, and what it takes times with."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from tests.bench.kernels.instances import Absent, Instance
from tests.bench.kernels.peers import Peers

ABSENT = "absent"
"""Where a peer would have a figure."""


@dataclass(frozen=True)
class Setting:
    """`quick` proves that everything runs; only a full run says anything. Files go to `folder`."""

    quick: bool
    peers: Peers | None
    folder: Path

    def of(self, full: int, quick: int) -> int:
        """Return the number that this run uses."""
        return quick if self.quick else full


class Stopwatch:
    """Processor time of this process, all threads, and time by the wall, of one piece of work."""

    cpu_s = wall_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Take the time of what happens meanwhile."""
        cpu_s, wall_s = process_time(), perf_counter()
        try:
            yield
        finally:
            self.cpu_s, self.wall_s = process_time() - cpu_s, perf_counter() - wall_s


def present(candidates: Iterable[Instance | Absent], notes: list[str]) -> Iterator[Instance]:
    """Yield the instances that are here, telling each as its turn comes, and note the names of those that are not."""
    missing = []
    for candidate in candidates:
        if isinstance(candidate, Absent):
            missing.append(candidate.name)
        else:
            print(f"  {candidate.name} ...", file=sys.stderr, flush=True)
            yield candidate
    if missing:
        notes.append(f"Left out, the files not being here: {', '.join(missing)}.")
