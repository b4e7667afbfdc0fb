"""Tries the provider out: whether a worker starts and answers, and whether it has its kernels compiled."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import anyio

from kyanite.core.findings import Finding, size
from kyanite.errors import ProviderError
from kyanite_providers.local.frames import Ping, Warm
from kyanite_providers.local.pool import WorkerPool

START_MAX_S: Final = 20.0
LOAD_MAX_S: Final = 10.0
"""Loading takes a second; what takes longer is being compiled."""
WORKER_BYTES: Final = 192 << 20
"""What a worker takes before it has read a problem."""
LATER: Final = "the first job has them compiled, which takes all cores some minutes once"
_SUBJECT: Final = "local workers"
_KERNELS: Final = "local kernels"


async def diagnose(environment: Mapping[str, str], workers_max: int, *, cache_is_lasting: bool) -> list[Finding]:
    """Start a worker of its own, ask it, have it load its kernels, and let it go.

    Kernels that are not compiled yet stay so: that takes minutes, and the first job has it done.
    """
    pool = WorkerPool(1, environment)
    began_s = time.perf_counter()
    try:
        with anyio.fail_after(START_MAX_S):
            await pool.ask(Ping())
        working = _working(workers_max, time.perf_counter() - began_s)
        kernels = await _kernels(pool, Path(environment["NUMBA_CACHE_DIR"]), lasting=cache_is_lasting)
    except (ProviderError, TimeoutError) as error:
        return [_broken(error)]
    finally:
        await pool.aclose()
    return [working, kernels]


def _working(workers_max: int, started_s: float) -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    free_bytes = _available_bytes()
    text = (
        f"a worker started and answered in {started_s:.2f} s; up to {workers_max} on {cores} cores, "
        f"{size(free_bytes)} of memory available"
    )
    if workers_max > cores:
        advice = f"set providers.local.workers_max to {cores} at most: more workers than cores only wait for each other"
        return Finding(_SUBJECT, "warning", text, advice)
    if free_bytes < workers_max * WORKER_BYTES:
        advice = f"free some memory, or lower providers.local.workers_max: each takes {size(WORKER_BYTES)} and more"
        return Finding(_SUBJECT, "warning", text, advice)
    return Finding(_SUBJECT, "ok", text)


def _broken(error: ProviderError | TimeoutError) -> Finding:
    text = f"no worker answered within {START_MAX_S:.0f} s"
    if isinstance(error, ProviderError):
        text = error.error.message
    advice = "a worker says on stderr why it ends; see that this Python can import numpy and numba"
    return Finding(_SUBJECT, "failed", text, advice)


async def _kernels(pool: WorkerPool, cache: Path, *, lasting: bool) -> Finding:
    if not lasting:
        text = f"the cache folder can not be written; compiled kernels lie in {cache} until the process ends"
        advice = "make ~/.cache writable, or set providers.local.cache_dir: else each start compiles for minutes"
        return Finding(_KERNELS, "warning", text, advice)
    if not await anyio.to_thread.run_sync(_is_compiled, cache):
        return Finding(_KERNELS, "ok", f"not compiled yet; {LATER}, and keeps them in {cache}")
    began_s = time.perf_counter()
    try:
        with anyio.fail_after(LOAD_MAX_S):
            await pool.ask(Warm())
    except TimeoutError:
        text = (
            f"not loaded within {LOAD_MAX_S:.0f} s: some in {cache} are missing, or were compiled for another machine"
        )
        return Finding(_KERNELS, "warning", text, f"nothing; {LATER}")
    except ProviderError as error:
        advice = f"remove {cache}, and see that numpy and numba of this Python work"
        return Finding(_KERNELS, "failed", error.error.message, advice)
    return Finding(_KERNELS, "ok", f"loaded in {time.perf_counter() - began_s:.2f} s; {_cached(cache)}")


def _is_compiled(cache: Path) -> bool:
    return next(cache.rglob("*.nbi"), None) is not None


def _cached(cache: Path) -> str:
    """Tell where compiled kernels lie, how large they are, and what of other versions lies beside them."""
    others = [folder for folder in cache.parent.iterdir() if folder.is_dir() and folder != cache]
    sizes = sum(_sizes(cache)), sum(each for folder in others for each in _sizes(folder))
    beside = f", and {size(sizes[1])} of {len(others)} other versions beside them" if others else ""
    return f"{size(sizes[0])} in {cache}{beside}"


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.stat().st_size


def _available_bytes() -> int:
    """Return how much memory new processes can have, what the system only caches included."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
