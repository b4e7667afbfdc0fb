"""The local provider: the QIO targets, served by the kernels in worker processes of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import anyio
import msgspec

from kyanite.core.findings import Finding
from kyanite.core.job import JobDetails, Needs, Status, Target
from kyanite.errors import InvalidRequest, ProviderError
from kyanite.logs import logger
from kyanite.ports import Provider, Task
from kyanite_providers.local.diagnosis import diagnose
from kyanite_providers.local.environment import cache_folder, worker_environment
from kyanite_providers.local.frames import Inspect, Inspected, Ping, Run, Source, Warm
from kyanite_providers.local.input_params import read_parameters
from kyanite_providers.local.needs import needs
from kyanite_providers.local.parameters import TARGETS, Parameters, search_s
from kyanite_providers.local.pool import WorkerPool
from kyanite_providers.local.process import WorkerProcess
from kyanite_providers.local.scratch import Scratch
from kyanite_providers.local.search import Search

INPUT_FORMAT: Final = "microsoft.qio.v2"
OUTPUT_FORMAT: Final = "microsoft.qio-results.v2"
INFLATED_MAX_BYTES: Final = 2 << 30
STOP_GRACE_S: Final = 5.0
MEMORY_MIN_BYTES: Final = 1 << 30
CORES_PER_JOB: Final = 4
_INLINE_BYTES_MAX: Final = 1 << 20


class LocalProvider(Provider):
    """Optimization targets on this machine's cores.

    `workers_max` processes run kernels (default: the cores this process may use); one more inspects inputs.
    Compiled kernels are kept under `cache_dir` (default: the user's cache folder), long outputs pass through
    `scratch_dir` (default: the system's temporary folder), and an input may inflate to at most
    `inflated_max_bytes`. A worker may take `worker_memory_max_bytes` (default: the machine's memory); a job that needs
    more fails with `InsufficientMemory`, and nothing else does. A long search runs on `cores_per_job` cores (default:
    4, or all there are), a short one on one; what it finds does not depend on that, but for the clock.
    """

    id = "microsoft"

    def __init__(
        self,
        *,
        workers_max: int | None = None,
        cache_dir: str | Path | None = None,
        scratch_dir: str | Path | None = None,
        inflated_max_bytes: int = INFLATED_MAX_BYTES,
        worker_memory_max_bytes: int | None = None,
        cores_per_job: int | None = None,
    ) -> None:
        """Start nothing yet. Raises `ValueError` for a limit below 1, or for memory in which no worker starts."""
        self._workers_max = _cores() if workers_max is None else workers_max
        self._cores_per_job = min(_cores(), CORES_PER_JOB) if cores_per_job is None else cores_per_job
        if self._workers_max < 1 or inflated_max_bytes < 1 or self._cores_per_job < 1:
            raise ValueError("workers_max, inflated_max_bytes and cores_per_job must be at least 1")
        self._memory_max_bytes = worker_memory_max_bytes
        if worker_memory_max_bytes is not None and worker_memory_max_bytes < MEMORY_MIN_BYTES:
            raise ValueError(f"worker_memory_max_bytes must be at least {MEMORY_MIN_BYTES}: a worker takes that itself")
        self._cache_dir = None if cache_dir is None else Path(cache_dir)
        self._scratch_dir = scratch_dir
        self._inflated_max_bytes = inflated_max_bytes
        self._names = count(1)
        self._warm = False
        self._started_s: dict[int, float] = {}

    async def __aenter__(self) -> Self:
        """Make the scratch folder; workers start when first needed."""
        self._scratch = Scratch(self._scratch_dir)
        self._cache = cache_folder(self._cache_dir, self._scratch.path)
        self._environment = environment = worker_environment(self._cache, self._memory_max_bytes)
        self._solvers = WorkerPool(
            self._workers_max, environment, first=Warm, on_start=self._on_start, on_ready=self._on_ready
        )
        self._inspectors = WorkerPool(1, environment)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the workers go, and remove the scratch folder."""
        await self._solvers.aclose()
        await self._inspectors.aclose()
        self._scratch.close()

    async def prepare(self) -> None:
        """Start all workers; they load their kernels meanwhile."""
        try:
            for pool in (self._solvers, self._inspectors):
                pool.fill()
        except OSError as error:
            logger().warning("worker not started", provider=self.id, error=str(error))

    def gauges(self) -> Mapping[str, float]:
        """Tell of the processes that run kernels."""
        return {"workers": len(self._solvers.pids), "workers_busy": self._solvers.busy}

    async def diagnose(self) -> Sequence[Finding]:
        """Try out a worker and the kernels."""
        lasting = not self._cache.is_relative_to(self._scratch.path)
        return await diagnose(self._environment, self._workers_max, cache_is_lasting=lasting)

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers that run kernels."""
        return self._solvers.pids

    def targets(self) -> Sequence[Target]:
        """Return the targets, each with a slot for every worker."""
        return [
            Target(
                id=name,
                provider_id=name.partition(".")[0],
                slots=self._workers_max,
                needs=Needs(cores=float(self._cores_per_job)),
                inspects=True,
                input_data_format=INPUT_FORMAT,
                output_data_format=OUTPUT_FORMAT,
                description=offer.description,
            )
            for name, offer in TARGETS.items()
        ]

    def accept(self, details: JobDetails) -> None:
        """Refuse a search budget that the job's time limit would cut short; inspection sees to the rest."""
        try:
            _checked(details)
        except ProviderError as error:
            field = error.error.target or ""
            if details.timeout_s is not None and field.endswith(".timeout"):
                raise InvalidRequest(field, error.error.message) from error

    async def inspect(self, task: Task) -> Needs:
        """Check parameters and input, and estimate the memory that solving takes. Raises `ProviderError`."""
        parameters = _checked(task.details)
        if not self._warm:
            # Here, while the job still waits: kernels that have to be compiled first must not use up its time limit.
            async with self._solvers.worker():
                self._warm = True
        async with self._source(task) as source:
            reply = await self._inspectors.ask(Inspect(source, self._inflated_max_bytes))
        if not isinstance(reply, Inspected):
            raise ProviderError("ProviderFault", f"the worker answered {type(reply).__name__} to Inspect")
        return needs(reply, parameters, self._cores_per_job)

    async def run(self, task: Task) -> Status | None:
        """Solve the problem in a worker and write the results; after a request to cancel, the best found
        so far.
        """
        details = task.details
        parameters = _checked(details)
        output = self._scratch.path / f"output-{next(self._names)}.json"
        try:
            async with self._source(task) as source:
                request = Run(
                    source=source,
                    inflated_max_bytes=self._inflated_max_bytes,
                    target=details.target,
                    parameters=msgspec.to_builtins(parameters),
                    search_s=search_s(parameters, details.timeout_s),
                    output_path=str(output),
                    threads=max(1, int(details.needs.cores)) if details.needs else self._cores_per_job,
                )
                solved = await Search(task, self._solvers, request, stop_grace_s=STOP_GRACE_S).drive()
            if solved is not None:
                points = [list(point) for point in solved.convergence]
                task.note(convergence=points, sweeps=solved.sweeps, search_s=solved.search_s)
                content = output if solved.output is None else solved.output
                if content is output and not output.is_file():
                    raise ProviderError("ProviderFault", "the worker wrote no output")
                await task.write_output(content, content_type="application/json")
        finally:
            output.unlink(missing_ok=True)
        return None

    async def ping(self) -> None:
        """Ask a worker for nothing: what remains is the price of a call."""
        await self._solvers.ask(Ping())

    @asynccontextmanager
    async def _source(self, task: Task) -> AsyncIterator[Source]:
        """Yield where a worker finds the input: the stored file, the bytes if they are few, else a copy in
        scratch.
        """
        details = task.details
        path = task.input_path()
        if path is not None:
            yield Source(details.input_hash, path=str(path))
            return
        if details.input_size <= _INLINE_BYTES_MAX:
            yield Source(details.input_hash, content=await task.read_input())
            return
        copy = self._scratch.path / f"input-{next(self._names)}"
        try:
            async with await anyio.open_file(copy, "xb") as file:
                async for chunk in task.stream_input():
                    await file.write(chunk)
            yield Source(details.input_hash, path=str(copy))
        finally:
            copy.unlink(missing_ok=True)

    def _on_start(self, worker: WorkerProcess) -> None:
        self._started_s[worker.pid] = time.perf_counter()
        message = "worker started; loading kernels, or compiling them if they are new"
        logger().info(message, provider=self.id, worker=worker.pid)

    def _on_ready(self, worker: WorkerProcess) -> None:
        taken_s = time.perf_counter() - self._started_s.pop(worker.pid)
        logger().info("worker ready", provider=self.id, worker=worker.pid, taken_s=round(taken_s, 3))


def _checked(details: JobDetails) -> Parameters:
    given = details.input_data_format
    if given is not None and given.lower() != INPUT_FORMAT:
        message = f"input_data_format: this target reads {INPUT_FORMAT}, not {given[:100]!r}"
        raise ProviderError("InvalidInputDataFormat", message, target="input_data_format")
    return read_parameters(details.target, details.input_params, details.timeout_s)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
