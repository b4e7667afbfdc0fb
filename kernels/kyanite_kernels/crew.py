"""The crew of one run: tasks on a few threads, and one pair of eyes on the clock, the host's flag and the progress.

A task calls kernels, which hold no interpreter lock. What a task computes depends on its own arguments alone, so that
results do not depend on the number of threads. A kernel looks at `flags.stopped` every 0.2 ms or so, and tells by
`flags.tell` how far it is.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, Self, TypeVar

import numpy as np

from kyanite_kernels import control as block

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from kyanite_kernels.ising.terms import Float64s

TALLY_SWEEPS: Final = 0
"""Place in a task's tally: sweeps done so far, counted over the task's lanes."""
TALLY_BEST: Final = 1
"""Place in a task's tally: its lowest running cost so far, constants included; +inf before there is one."""
TALLY_SIZE: Final = 8

_LOOK_S: Final = 0.01
_TRACE_MAX: Final = 1000

Found = TypeVar("Found")


class Crew:
    """Threads for one run. Leaving the `with` block joins them.

    `control` is the host's block (or a private one); all but its stop flag is reset. `timeout_s` begins now. With
    `sweeps_total` (or after `expect`) progress is a share of the work, else of the time. Raises ValueError for a time
    or a number of threads that is not above 0.
    """

    def __init__(
        self,
        control: block.Control | None = None,
        *,
        threads: int = 1,
        timeout_s: float | None = None,
        sweeps_total: int = 0,
    ) -> None:
        """Start the clock."""
        if timeout_s is not None and not timeout_s > 0:
            msg = f"timeout_s must be above 0, not {timeout_s}"
            raise ValueError(msg)
        self.control = block.local_control() if control is None else control
        self.control[block.FRACTION : block.DEADLINE + 1] = 0.0
        self.control[block.BEST_COST] = math.inf
        self.control[block.SWEEPS_TOTAL] = sweeps_total
        self.threads = threads
        self.trace: list[tuple[float, int, float]] = []
        self.sweeps_done = 0
        self.stopped = False
        self._timeout_s = math.inf if timeout_s is None else timeout_s
        self._sweeps_before = 0
        self._started_s = time.perf_counter()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="kernel")

    def __enter__(self) -> Self:
        """Return the crew."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs, and join the threads."""
        self.control[block.DEADLINE] = 1.0
        self._pool.shutdown()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._started_s

    @property
    def left_s(self) -> float:
        """Seconds until the timeout; infinite without one."""
        return self._timeout_s - self.elapsed_s

    @property
    def best(self) -> float:
        """The lowest running cost so far."""
        return float(self.control[block.BEST_COST])

    def expect(self, sweeps_total: int) -> None:
        """Say how many sweeps of a lane the run will take."""
        self.control[block.SWEEPS_TOTAL] = sweeps_total

    def goes_on(self) -> bool:
        """Tell whether more work may begin; once the stop flag was seen, never again."""
        if self.control[block.STOP] != 0:
            self.stopped = True
        return not self.stopped and self.left_s > 0

    def run(self, tasks: Sequence[Callable[[Float64s], Found]]) -> list[Found]:
        """Run `task(tally)` for every task, and return what they found, in order.

        `tally`, float64[8], is the task's own; see `TALLY_SWEEPS` and `TALLY_BEST`. Once the run is to end, tasks that
        have not begun are left out: the list is shorter then, but holds at least the first. The first error of a task
        ends the others and is raised.
        """
        self.control[block.DEADLINE] = 0.0
        tallies = np.zeros((len(tasks), TALLY_SIZE))
        tallies[:, TALLY_BEST] = math.inf
        futures = [
            self._pool.submit(self._begin, task, tally, first=number == 0)
            for number, (task, tally) in enumerate(zip(tasks, tallies, strict=True))
        ]
        pending = set(futures)
        while pending:
            done, pending = wait(pending, min(_LOOK_S, max(self.left_s, 0.0)), FIRST_COMPLETED)
            self._look(tallies)
            if not self.goes_on() or any(future.exception() for future in done):
                self.control[block.DEADLINE] = 1.0
        self._sweeps_before = self.sweeps_done
        found = [future.result() for future in futures]
        return [one for one in found if one is not None]

    def finish(self, cost: float) -> None:
        """Write the exact best cost, and that the run is complete unless it was stopped."""
        self.control[block.BEST_COST] = cost
        if not self.stopped:
            self.control[block.FRACTION] = 1.0
        self.control[block.BEAT] += 1

    def _begin(self, task: Callable[[Float64s], Found], tally: Float64s, *, first: bool) -> Found | None:
        # The first task begins even if the flag is up already: there must be a best so far.
        ends = self.control[block.STOP] != 0 or self.control[block.DEADLINE] != 0
        return task(tally) if first or not ends else None

    def _look(self, tallies: Float64s) -> None:
        """Pass on how far the tasks are: to the control block, and improvements to the trace."""
        control = self.control
        self.sweeps_done = self._sweeps_before + int(tallies[:, TALLY_SWEEPS].sum())
        control[block.SWEEP] = self.sweeps_done
        total = control[block.SWEEPS_TOTAL]
        share = self.sweeps_done / total if total else 0.0
        control[block.FRACTION] = min(1.0, max(control[block.FRACTION], share, self.elapsed_s / self._timeout_s))
        control[block.BEAT] += 1
        best = float(tallies[:, TALLY_BEST].min())
        if best < control[block.BEST_COST]:
            control[block.BEST_COST] = best
            self._note(best)

    def _note(self, best: float) -> None:
        if len(self.trace) == _TRACE_MAX:
            # Every other entry but the latest: the curve keeps its shape and its end.
            del self.trace[: _TRACE_MAX - 1 : 2]
        self.trace.append((self.elapsed_s, self.sweeps_done, best))
