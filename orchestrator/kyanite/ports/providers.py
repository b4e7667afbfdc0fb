"""Who executes jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from kyanite.core.findings import Finding
from kyanite.core.job import CostEstimate, JobDetails, Needs, Status, Target
from kyanite.ports.blobs import Content

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger


class Task(Protocol):
    """What a provider holds of the job it executes: its row, its input and output, and the wishes of the outside.

    Everything it awaits is durable when it returns. Only one coroutine may use a task at a time.
    """

    @property
    def details(self) -> JobDetails:
        """The row as it stands now."""

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody wants the job cancelled. A fact to act on, not an exception: see `Provider.run`."""

    @property
    def log(self) -> BoundLogger:
        """A logger with job id and target bound."""

    async def wait_cancel_requested(self) -> None:
        """Return once somebody wants the job cancelled."""

    @property
    def callback_url(self) -> str | None:
        """Where a remote service may tell, by a POST of whatever it likes, that it has news of the job.

        It stays the same for as long as the job has not ended, over restarts and attempts. `None` where no service
        could reach this process: then ask the service from time to time. Whoever knows the URL can wake the provider,
        so hand it to the service and to nobody else: a handle, say, is shown to all who may look at the job.
        """

    async def called_back(self, timeout_s: float | None = None) -> bool:
        """Return true once a notice has come to `callback_url` since this last returned true; false after `timeout_s`.

        A notice is a hint, and nothing that was sent with it is passed on, for it proves nothing: ask the service how
        the job stands. Ask it before the first call, too, and give a time: a notice that comes while nobody executes
        the job, during a restart or before another attempt, is not kept, and others are lost on the way.
        """

    async def read_input(self) -> bytes:
        """Return the whole input as it was stored, checked against its hash."""

    def stream_input(self) -> AsyncIterator[bytes]:
        """Yield the input in chunks; the hash is checked at the end."""

    def input_path(self) -> Path | None:
        """Return the input as a local file to read in place, if it is one; check `details.input_hash` while reading."""

    async def write_output(
        self,
        content: Content | str | Mapping[str, Any] | Sequence[Any],
        *,
        content_type: str | None = None,
        content_encoding: str | None = None,
    ) -> None:
        """Write the output of this execution, once: bytes, text, anything JSON-able, a file, or a stream."""

    async def intend(self, token: str) -> None:
        """Note durably, before submitting to a remote service, the token under which it can be found again.

        Raises `InvalidRequest` for more than 512 characters.
        """

    async def checkpoint(self, handle: Any) -> None:
        """Note durably where a later execution can go on; it finds the JSON-able handle in `details.handle`.

        Raises `InvalidRequest` for what is no JSON, or more than 64 KiB of it.
        """

    def progress(self, fraction: float | None = None, **values: Any) -> None:
        """Tell whoever watches how far the job is. Cheap, rate-limited, never stored.

        Raises `InvalidRequest` for values that are no JSON, or more than 4 KiB of it.
        """

    def note(self, *, cost_estimate: CostEstimate | None = None, **properties: Any) -> None:
        """Add what the job cost, or properties of the result, to the final row.

        Raises `InvalidRequest` for properties that are no JSON, or more than 64 KiB of it altogether.
        """


class Provider(ABC):
    """Executes jobs: one coroutine each. Targets say how many at once.

    The contract is `kyanite.testing.providers.ProviderContract`. `async with` surrounds the time in which the other
    methods may be called.
    """

    id: str

    @abstractmethod
    def targets(self) -> Sequence[Target]:
        """Return the targets this provider serves; asked once, after entering."""

    def accept(self, details: JobDetails) -> None:  # noqa: B027  # most providers accept everything
        """Look over the envelope at submit, quickly and without the input; raise `InvalidRequest` to refuse it.

        For what can never work whatever the input is; `inspect` is the place for the rest.
        """

    @abstractmethod
    async def run(self, task: Task) -> Status | None:
        """Execute the job, and return when its output is written.

        Returning `None` means that the provider did as asked: the job has succeeded, or, when a cancel was requested
        before, is cancelled with what was written kept as evidence. A provider whose remote service decides returns
        the final status that the service gave: `SUCCEEDED` even after a request to cancel, or `CANCELLED` without.

        Raises `RetryableError` for what may go better later, `ProviderError` for what will not; any other exception
        fails the job too. Cancellation of the coroutine means "stop driving", for shutdown, time-out or a grace time
        that is over: it must end promptly and decide nothing about the job.
        """

    async def inspect(self, task: Task) -> Needs:
        """Look at the input while the job waits, and return what the job will need.

        Called, with no slot held, for targets whose `inspects` is true; may be called again after a restart. Raises
        `ProviderError` to refuse the input: the job fails without ever executing.
        """
        return task.details.needs or Needs()

    async def prepare(self) -> None:  # noqa: B027  # most have nothing to get ready
        """Begin to get ready what the first job would wait for, such as workers; called by programs that run for long.

        Jobs may come meanwhile. What can not be got ready is no error here: a job will hear of it.
        """

    def gauges(self) -> Mapping[str, float]:
        """Return what operators may want to watch, such as workers and how many are busy: a few names, always the same.

        Asked often, and must answer at once.
        """
        return {}

    async def diagnose(self) -> Sequence[Finding]:
        """Try out what the provider stands on, and say what was found; for `kyanite doctor`. Takes seconds at most.

        What is broken is a finding that failed, with advice, not an exception.
        """
        return ()

    async def __aenter__(self) -> Self:
        """Start what the provider needs."""
        return self

    async def __aexit__(  # noqa: B027  # nor need most be stopped
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
