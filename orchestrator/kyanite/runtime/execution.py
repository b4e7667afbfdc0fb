"""One execution of one job as its provider sees it: the `Task` port, over journal and blobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from kyanite.blobs.keys import key_of, uri_of
from kyanite.content import content_of
from kyanite.core.backoff import Backoff, delay_s
from kyanite.core.events import Checkpointed, Event, Intended, Progressed
from kyanite.core.job import CostEstimate, JobDetails
from kyanite.errors import BlobCorrupt, BlobExists, ProviderError, StoreUnavailable
from kyanite.logs import logger
from kyanite.ports import Blob, BlobStore, Clock, Content, Entropy
from kyanite.runtime import envelope
from kyanite.runtime.bus import Bus
from kyanite.runtime.callbacks import Callbacks
from kyanite.runtime.journal import Journal
from kyanite.runtime.records import Address

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

T = TypeVar("T")
PATIENCE = Backoff(first_s=0.1, factor=2.0, most_s=5.0)


@dataclass(frozen=True)
class Limits:
    """How patient and how talkative executions are."""

    cancel_grace_s: float = 10.0
    retry: Backoff = field(default_factory=Backoff)
    restarts_max: int = 3
    progress_interval_s: float = 0.1


@dataclass(frozen=True)
class Surroundings:
    """What every execution of a workspace uses."""

    journal: Journal
    blobs: BlobStore
    bus: Bus
    clock: Clock
    entropy: Entropy
    limits: Limits
    callbacks: Callbacks


class Execution:
    """The `Task` a provider holds. Made by the runner for each execution, and for an inspection."""

    def __init__(self, around: Surroundings, details: JobDetails) -> None:
        """Take up the job as it stands."""
        self.address: Address = (details.workspace, details.id)
        self.output: Blob | None = None
        self.cost_estimate: CostEstimate | None = None
        self.properties: dict[str, Any] = {}
        self.scope: anyio.CancelScope | None = None
        self._around = around
        self._first = details
        self._cancel_wanted: anyio.Event | None = None
        self._notice: anyio.Event | None = None
        self._told_at = float("-inf")
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def details(self) -> JobDetails:
        """The newest row."""
        return self._around.journal.current(self.address) or self._first

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody wants the job cancelled."""
        return self.details.cancel_requested

    @property
    def log(self) -> BoundLogger:
        """A logger that names the job."""
        return logger().bind(job_id=self._first.id, target=self._first.target)

    def cancel_was_requested(self) -> None:
        """Wake whoever waits for that; called when the request is durable."""
        if self._cancel_wanted is not None:
            self._cancel_wanted.set()

    async def wait_cancel_requested(self) -> None:
        """Return once a request to cancel is durable."""
        if self._cancel_wanted is None:
            self._cancel_wanted = anyio.Event()
        if not self.cancel_requested:
            await self._cancel_wanted.wait()

    @property
    def callback_url(self) -> str | None:
        """Where notices for the job come in."""
        return self._around.callbacks.url(self.address)

    @property
    def ended(self) -> bool:
        """Whether the job has ended, though its provider may not have returned yet."""
        row = self._around.journal.current(self.address)
        return row is None or row.final

    def was_called_back(self) -> None:
        """Wake whoever waits for a notice, or is about to."""
        if self._notice is None:
            self._notice = anyio.Event()
        self._notice.set()

    async def called_back(self, timeout_s: float | None = None) -> bool:
        """Wait for a notice, and forget it."""
        if self._notice is None:
            self._notice = anyio.Event()
        notice = self._notice
        with anyio.move_on_after(timeout_s):
            await notice.wait()
        if not notice.is_set():
            return False
        if self._notice is notice:
            self._notice = None
        return True

    async def read_input(self) -> bytes:
        """Return the input, checked against the hash that was recorded at submit."""
        content = await self._patiently(self._around.blobs.get, self._input_key)
        if len(content) != self._first.input_size:
            raise BlobCorrupt(f"{self._input_key} has {len(content)} bytes, {self._first.input_size} were submitted")
        return content

    def stream_input(self) -> AsyncIterator[bytes]:
        """Yield the input in chunks."""
        return self._around.blobs.read(self._input_key)

    def input_path(self) -> Path | None:
        """Return the input's file if it is one."""
        return self._around.blobs.local_path(self._input_key)

    @property
    def _input_key(self) -> str:
        return key_of(self._first.input_data_uri)

    async def write_output(
        self,
        content: Content | str | Mapping[str, Any] | Sequence[Any],
        *,
        content_type: str | None = None,
        content_encoding: str | None = None,
    ) -> None:
        """Write this execution's output blob; each execution has one of its own name."""
        if self.output is not None:
            raise ProviderError("OutputWrittenTwice", "the output of this execution is written already")
        raw, natural_type = content_of(content, "output")
        attempt = self._first.attempt
        name = "outputData" if attempt <= 1 else f"outputData-{attempt}"
        key = f"{self._first.container}/{name}"
        put = partial(
            self._around.blobs.put, content_type=content_type or natural_type, content_encoding=content_encoding
        )
        try:
            # A stream can be read only once, so only what can be read again is tried again.
            self.output = await (self._patiently(put, key, raw) if isinstance(raw, bytes | Path) else put(key, raw))
        except BlobExists:
            self.output = await self._own_answer_lost(key, raw)

    async def _own_answer_lost(self, key: str, raw: Content) -> Blob:
        """Accept the blob that stands there if it is what we wanted to write."""
        there = await self._around.blobs.stat(key)
        if there is None or not isinstance(raw, bytes) or await self._around.blobs.get(key) != raw:
            raise BlobExists(key)
        return there

    @property
    def output_fields(self) -> dict[str, Any]:
        """What a final event says of the output, if there is one."""
        if self.output is None:
            return {}
        uri = uri_of(self.output.key)
        return {"output_data_uri": uri, "output_hash": self.output.sha256, "output_size": self.output.size}

    async def intend(self, token: str) -> None:
        """Record the token."""
        checked = envelope.checked_text("token", token, envelope.NAME_LENGTH_MAX)
        await self._around.journal.record(self.address, Intended(token=checked))

    async def checkpoint(self, handle: Any) -> None:
        """Record the handle."""
        checked = envelope.checked_json("handle", handle, envelope.HANDLE_BYTES_MAX)
        await self._around.journal.record(self.address, Checkpointed(handle=checked))

    def progress(self, fraction: float | None = None, **values: Any) -> None:
        """Pass progress on, at most every `progress_interval_s`."""
        now = self._around.clock.monotonic()
        if now - self._told_at < self._around.limits.progress_interval_s:
            return
        self._told_at = now
        workspace, job_id = self.address
        self._around.bus.progressed(
            Progressed(
                workspace=workspace,
                job_id=job_id,
                time=self._around.clock.now(),
                fraction=fraction,
                values=envelope.checked_mapping("progress", values, envelope.PROGRESS_BYTES_MAX),
            )
        )

    def note(self, *, cost_estimate: CostEstimate | None = None, **properties: Any) -> None:
        """Keep for the final event."""
        self.cost_estimate = cost_estimate or self.cost_estimate
        noted = {**self.properties, **properties}
        self.properties = envelope.checked_mapping("properties", noted, envelope.PROPERTIES_BYTES_MAX)

    def end_after(self, delay_s: float, event: Event) -> None:
        """Let the execution go on for so long at most; then record that ending, and stop driving."""
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, self._end, event))

    def over(self) -> None:
        """Call off what `end_after` has set up: the provider has returned."""
        for timer in self._timers:
            timer.cancel()

    def _end(self, event: Event) -> None:
        attempt = self._first.attempt
        self._around.journal.post(self.address, lambda row: (event,) if row.attempt == attempt else ())
        if self.scope is not None:
            self.scope.cancel()

    async def _patiently(self, action: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Repeat while the blob store is out: a job does not fail for that; its time limit still holds."""
        return await patiently(self._around.entropy, action, *arguments)


async def patiently(entropy: Entropy, action: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Do what can be repeated, and repeat it while the store is out."""
    failures = 0
    while True:
        try:
            return await action(*arguments)
        except StoreUnavailable as error:
            failures += 1
            logger().warning("store unavailable", error=str(error), failures=failures)
            await anyio.sleep(delay_s(failures, PATIENCE, entropy.random()))
