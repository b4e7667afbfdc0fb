"""The control block as the parent sees it: sixteen doubles that it shares with one worker process."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Final, NamedTuple

# The places are those of `kyanite_kernels.control`, which a test compares; importing it here would load
# numpy.
STOP: Final = 0
FRACTION: Final = 1
BEST_COST: Final = 2
SWEEP: Final = 3
SWEEPS_TOTAL: Final = 4
RESTART: Final = 5
BEAT: Final = 6
SIZE: Final = 16
_DOUBLE_BYTES: Final = 8
_SWEEPS_MAX: Final = 2.0**63


class Progress(NamedTuple):
    """How far a run is: the share that is done, 0 to 1, the lowest cost (infinite before the first), and
    sweeps done.
    """

    fraction: float
    best_cost: float
    sweep: int


class ControlBlock:
    """Anonymous shared memory; `fd` is for the worker to inherit."""

    def __init__(self) -> None:
        """Make a block of zeros. Raises `OSError`."""
        self.fd = _anonymous_fd()
        try:
            os.ftruncate(self.fd, SIZE * _DOUBLE_BYTES)
            self._memory = mmap.mmap(self.fd, SIZE * _DOUBLE_BYTES)
        except OSError:
            os.close(self.fd)
            raise
        self._doubles = memoryview(self._memory).cast("d")

    def reset(self) -> None:
        """Make ready for the next run: no wish to stop, no progress."""
        for place in range(SIZE):
            self._doubles[place] = 0.0
        self._doubles[BEST_COST] = float("inf")

    def stop(self) -> None:
        """Ask the run to end with the best it has."""
        self._doubles[STOP] = 1.0

    def progress(self) -> Progress | None:
        """Return how far the run is; `None` where the block does not hold what a run writes there."""
        fraction, best_cost, sweep = self._doubles[FRACTION], self._doubles[BEST_COST], self._doubles[SWEEP]
        if not (0 <= fraction <= 1 and 0 <= sweep < _SWEEPS_MAX and best_cost == best_cost):  # noqa: PLR0124  # NaN
            return None
        return Progress(fraction, best_cost, int(sweep))

    def close(self) -> None:
        """Give the memory back."""
        self._doubles.release()
        self._memory.close()
        os.close(self.fd)


def _anonymous_fd() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("kyanite-control")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
