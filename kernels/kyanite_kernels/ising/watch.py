"""The watch over one run: slices of compiled work, and between them stop flag, deadline, progress and trace."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

from kyanite_kernels import control as block

if TYPE_CHECKING:
    from collections.abc import Callable

_SLICE_S: Final = 0.008
_FIRST_ATTEMPTS: Final = 4096
_ATTEMPTS_MAX: Final = 1 << 30
_GROWTH_MAX: Final = 4.0
_TRACE_MAX: Final = 1000


class Watch:
    """Runs slices until the work is done, the host stops it, or `timeout_s` is over.

    The first slice always runs, so that there is a best so far even if the flag was up from the beginning.
    """

    def __init__(self, control: block.Control | None, timeout_s: float | None = None, sweeps_total: int = 0) -> None:
        """Take the host's control block (or a private one) and reset all but its stop flag."""
        if timeout_s is not None and not timeout_s > 0:
            msg = f"timeout_s must be above 0, not {timeout_s}"
            raise ValueError(msg)
        self._control = block.local_control() if control is None else control
        self._control[block.FRACTION : block.BEAT] = 0.0
        self._control[block.BEST_COST] = math.inf
        self._control[block.SWEEPS_TOTAL] = sweeps_total
        self._timeout_s = math.inf if timeout_s is None else timeout_s
        self._attempts = _FIRST_ATTEMPTS
        self._started_s = time.perf_counter()
        self.trace: list[tuple[float, int, float]] = []
        self.sweeps_done = 0
        self.stopped = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since the watch began."""
        return time.perf_counter() - self._started_s

    @property
    def left_s(self) -> float:
        """Seconds until the timeout; infinite without one."""
        return self._timeout_s - self.elapsed_s

    def goes_on(self) -> bool:
        """Tell whether another slice may run; once the stop flag was seen, never again."""
        if self._control[block.STOP] != 0:
            self.stopped = True
        return not self.stopped and self.left_s > 0

    def slice(self, work: Callable[[int], None]) -> None:
        """Run `work(attempts)` and size the next slice by the time this one took."""
        began_s = time.perf_counter()
        work(self._attempts)
        taken_s = max(time.perf_counter() - began_s, 1e-6)
        growth = min(_GROWTH_MAX, _SLICE_S / taken_s)
        self._attempts = max(1, min(_ATTEMPTS_MAX, int(self._attempts * growth)))
        self._control[block.BEAT] += 1

    def report(self, fraction: float, best: float, sweeps_done: int, restart: int = 0) -> None:
        """Write progress to the control block, and an improvement to the trace."""
        control = self._control
        self.sweeps_done = sweeps_done
        control[block.FRACTION] = min(1.0, max(control[block.FRACTION], fraction, self.elapsed_s / self._timeout_s))
        control[block.SWEEP] = sweeps_done
        control[block.RESTART] = restart
        if best < control[block.BEST_COST]:
            control[block.BEST_COST] = best
            self._note(best)

    def finish(self, cost: float) -> None:
        """Write the exact best cost, and that the run is complete unless it was stopped."""
        self._control[block.BEST_COST] = cost
        if not self.stopped:
            self._control[block.FRACTION] = 1.0
        self._control[block.BEAT] += 1

    def _note(self, best: float) -> None:
        if len(self.trace) == _TRACE_MAX:
            # Every other entry but the latest: the curve keeps its shape and its end.
            del self.trace[: _TRACE_MAX - 1 : 2]
        self.trace.append((self.elapsed_s, self.sweeps_done, best))
