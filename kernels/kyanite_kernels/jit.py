"""The one JIT policy of the package: every compiled function is made by `kernel` or `part`.

Options, and why each is what it is:

- `nogil=True`: a kernel touches arrays only, so a host thread can watch the clock or a pipe meanwhile.
- `error_model="numpy"`: division by zero gives an infinity, as the temperatures rely on, and no branch to an exception.
- `boundscheck=False`: stated, because `NUMBA_BOUNDSCHECK` in a caller's environment would halve the speed
  silently.
- `cache=True` (entry points only): a worker loads machine code instead of compiling. Parts are compiled into
  their callers, so caching them would only write files that nobody reads.
- `no_cfunc_wrapper=True`: nobody calls kernels from C, and a wrapper for each part is a tenth of the compilation.
- no `fastmath`: reassociation breaks compensated sums, and the assumption that no infinity occurs breaks acceptance
  at beta 0. No kernel here gains measurably from it.

Signatures are lazy: `kyanite_kernels.warm` calls each entry point with the one set of argument types that exists
and then closes it, so that a call with any other type raises `TypeError` and never compiles inside a job.

Numba's cache index watches the file of the entry point alone. Put `kyanite_kernels.fingerprint()` into the name of
`NUMBA_CACHE_DIR`, or code of a changed part can come back stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")

OPTIONS: Final[dict[str, Any]] = {
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": False,
    "no_cfunc_wrapper": True,
}
"""What every compiled function is compiled with."""

ENTRY_POINTS: Final[list[Any]] = []
"""Every entry point made so far, as numba dispatchers, in the order of definition."""


def kernel(function: Function) -> Function:
    """Compile `function` as an entry point: called from Python, cached on disk, closed by `warm`."""
    dispatcher = numba.njit(**OPTIONS, cache=True)(function)
    ENTRY_POINTS.append(dispatcher)
    return cast("Function", dispatcher)


def part(function: Function) -> Function:
    """Compile `function` as a part of entry points: called from compiled code (and by tests), never cached."""
    return cast("Function", numba.njit(**OPTIONS)(function))


def close_entry_points() -> None:
    """Forbid every further compilation of the entry points (idempotent)."""
    for dispatcher in ENTRY_POINTS:
        dispatcher.disable_compile()
