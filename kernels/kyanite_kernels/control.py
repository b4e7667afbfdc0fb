"""The control block: sixteen doubles through which a running solver and its host see each other.

The host may place the block in shared memory. Solvers read and write it between slices of about 10 ms of compiled
work; a flag read inside a kernel would not do, because LLVM may hoist a plain load out of the loop.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Control: TypeAlias = NDArray[np.float64]

STOP: Final = 0
"""Written by the host: nonzero ends the run, within milliseconds, with the best found so far."""
FRACTION: Final = 1
"""Share of the run that is done, 0 to 1 (of its work or of its time budget, whichever is further)."""
BEST_COST: Final = 2
"""Lowest running cost so far, constants included; +inf before the first slice ends. The end writes the exact one."""
SWEEP: Final = 3
"""Sweeps done, over all restarts or in each replica."""
SWEEPS_TOTAL: Final = 4
"""Sweeps planned, in the unit of SWEEP; 0 while a parameter-free run does not know."""
RESTART: Final = 5
"""Index of the restart in work."""
BEAT: Final = 6
"""Goes up by one each slice: a host that sees it stand still has a wedged worker."""
DEADLINE: Final = 7
"""Written on the solver's side, by the thread that watches the clock: nonzero ends the run, as STOP does."""

SIZE: Final = 16


def local_control() -> Control:
    """Make a private control block, shape [16], for callers that need none of it."""
    return np.zeros(SIZE, dtype=np.float64)
