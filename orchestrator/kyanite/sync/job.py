"""A job as blocking scripts hold it, with the names of the SDK."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

import kyanite
from kyanite.blobs.keys import uri_of
from kyanite.core.events import Event, Progressed
from kyanite.core.job import JobDetails
from kyanite.core.story import Story
from kyanite.errors import InvalidRequest
from kyanite.html import job_html
from kyanite.ports import Blob
from kyanite.runtime.system import SystemClock, SystemEntropy
from kyanite.sync.dots import print_dots
from kyanite.sync.filters import Wanted
from kyanite.sync.loop_thread import outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kyanite.sync.workspace import Workspace

T = TypeVar("T")
Question: TypeAlias = Callable[[kyanite.Job], Coroutine[Any, Any, T]]

DEFAULT_TIMEOUT = 300
"""Seconds that `get_results` waits unless told otherwise."""


class Job:
    """A job of a workspace. `details` is the row as it was last seen; `refresh` and waiting bring it up to date."""

    def __init__(self, workspace: Workspace, job_details: JobDetails) -> None:
        """Hold a row of a workspace."""
        self.workspace = workspace
        self.details = job_details

    @property
    def id(self) -> str:
        """The job's id."""
        return self.details.id

    @property
    def container_name(self) -> str:
        """The name of the job's own container."""
        return f"job-{self.id}"

    def __repr__(self) -> str:
        """Show what a person wants to know first."""
        details = self.details
        return f"<Job {details.name!r} {self.id} on {details.target}: {details.status.value}>"

    def _repr_html_(self) -> str:
        return job_html(self.details)

    # Making one -------------------------------------------------------------------------------------------------------

    @staticmethod
    def create_job_id() -> str:
        """Return a fresh id."""
        return SystemEntropy().job_id()

    @classmethod
    def from_input_data(  # noqa: PLR0913, PLR0917  # the order of the SDK
        cls,
        workspace: Workspace,
        name: str,
        target: str,
        input_data: Any,
        content_type: object = None,
        blob_name: str = "inputData",
        encoding: str = "",
        job_id: str | None = None,
        container_name: str | None = None,
        provider_id: str | None = None,
        input_data_format: str | None = None,
        output_data_format: str | None = None,
        input_params: Any = None,
        **options: Any,
    ) -> Self:
        """Submit a job; the options are those of `Workspace.submit`, and raise what that raises.

        Where the input is stored and how it is labelled is decided here: `content_type`, `blob_name`, `encoding` and
        `container_name` mean nothing, and the target says who its provider is.
        """
        del content_type, blob_name, encoding, container_name, provider_id
        job = workspace.submit(
            target,
            input_data,
            name=name,
            job_id=job_id,
            input_data_format=input_data_format or None,
            output_data_format=output_data_format or None,
            input_params=input_params,
            **options,
        )
        return cls(workspace, job.details)

    @classmethod
    def from_storage_uri(  # noqa: PLR0913, PLR0917  # the order of the SDK
        cls,
        workspace: Workspace,
        name: str,
        target: str,
        input_data_uri: str,
        provider_id: str | None = None,
        input_data_format: str | None = None,
        output_data_format: str | None = None,
        container_uri: str | None = None,
        job_id: str | None = None,
        input_params: Any = None,
        submit_job: bool = True,  # noqa: FBT001, FBT002  # as the SDK has it
        **options: Any,
    ) -> Self:
        """Submit a job whose input is stored already, under a URI that an upload returned; see `from_input_data`.

        Without `submit_job` nothing happens yet: `submit` submits it.
        """
        if not submit_job:
            job_id = cls.create_job_id() if job_id is None else job_id
            details = JobDetails(
                id=job_id,
                name=name,
                target=target,
                provider_id=provider_id or target.partition(".")[0],
                container_uri=container_uri or workspace.get_container_uri(job_id),
                input_data_uri=input_data_uri,
                input_data_format=input_data_format,
                output_data_format=output_data_format,
                input_params={} if input_params is None else input_params,
                creation_time=SystemClock().now(),
                **options,
            )
            return cls(workspace, details)
        return cls.from_input_data(
            workspace,
            name,
            target,
            None,
            job_id=job_id,
            provider_id=provider_id,
            input_data_format=input_data_format,
            output_data_format=output_data_format,
            input_params=input_params,
            input_data_uri=input_data_uri,
            **options,
        )

    def submit(self) -> None:
        """Submit what `details` describe; a job that has been submitted is left as it is."""
        self.details = self.workspace.submit_job(self).details

    # Looking ----------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Fetch the row as it stands now. Raises `JobNotFound` if the job was deleted."""
        self.details = self.workspace.get_job(self.id).details

    def has_completed(self) -> bool:
        """Tell whether the job had ended when it was last seen."""
        return self.details.final

    def matches_filter(
        self, name_match: str | None = None, status: str | None = None, created_after: date | datetime | None = None
    ) -> bool:
        """Tell whether the job is one that `Workspace.list_jobs` returns for these."""
        return Wanted(name_match, status, created_after).has(self.details)

    def story(self) -> Story:
        """Return every event of the job; printed, one line each."""
        return self._ask(lambda job: job.story())

    def updates(self) -> Iterator[Event | Progressed]:
        """Yield the job's events from its first to its last, and progress in between; blocks until the next comes."""
        return self.workspace.iterate(lambda workspace: _updates(workspace, self.id))

    # Waiting ----------------------------------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = None) -> Self:
        """Return once the job has ended, however it ended. Raises `TimeoutError` after `timeout_s`."""
        self.wait_until_completed(timeout_secs=timeout_s, print_progress=False)
        return self

    def wait_until_completed(
        self,
        max_poll_wait_secs: float = 30,
        timeout_secs: float | None = None,
        print_progress: bool = True,  # noqa: FBT001, FBT002  # as the SDK has it
    ) -> None:
        """Return once the job has ended. Raises `TimeoutError` after `timeout_secs`.

        Nothing is polled: the end is heard of at once. Meanwhile a dot is printed after pauses that grow, to at most
        `max_poll_wait_secs`, unless `print_progress` is off. Ctrl-C ends the waiting, and the job goes on.
        """
        if self.details.final:
            return
        ending = self._begin(lambda job: job.wait(timeout_secs))
        try:
            if print_progress:
                print_dots(ending, max_poll_wait_secs)
            outcome(ending)
        except TimeoutError:
            raise TimeoutError(f"job {self.id} has not ended after {timeout_secs:g} s; it goes on") from None
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"job {self.id} goes on; come back to it with workspace.get_job({self.id!r})")
            raise
        finally:
            ending.cancel()

    def get_results(self, timeout_secs: float | None = DEFAULT_TIMEOUT) -> Any:
        """Wait for the end as `wait_until_completed` does, and return the output.

        It is parsed if it is JSON, else text or bytes as it was written. Raises `TimeoutError`, and the
        `RuntimeError`s `JobFailed` and `JobCancelled`, which tell the job's story.
        """
        self.wait_until_completed(timeout_secs=timeout_secs)
        return self._ask(lambda job: job.get_results())

    def read_results(self) -> Any:
        """Return the output as it stands: of a cancelled or failed job, what was kept as evidence.

        Raises `LookupError` if there is none.
        """
        return self._ask(lambda job: job.read_results())

    def download(self, path: str | Path) -> Path:
        """Write the output as it is stored to a local file, and return the path. Raises `LookupError`."""
        return self._ask(lambda job: job.download(path))

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the job as it stands now, and return the figure; with `path`, write it there as well.

        Errors are those of `kyanite.Job.plot`.
        """
        return self._ask(lambda job: job.plot(path))

    def download_data(self, blob_uri: str) -> bytes:
        """Return what is stored under a URI of this workspace, as it is stored. Raises `BlobMissing`."""
        return self.workspace.download(blob_uri)

    # Attachments ------------------------------------------------------------------------------------------------------

    def upload_attachment(self, name: str, data: Any, container_uri: str | None = None) -> str:
        """Store something beside the job, and return its URI; errors are those of `kyanite.Job.upload_attachment`.

        `container_uri` can only be the job's own.
        """
        self._check_own(container_uri)
        return uri_of(self._ask(lambda job: job.upload_attachment(name, data)).key)

    def list_attachments(self) -> list[Blob]:
        """Return what lies beside the job's input and outputs; a `key` ends in the attachment's name."""
        return self._ask(lambda job: job.list_attachments())

    def download_attachment(self, name: str, container_uri: str | None = None) -> bytes:
        """Return an attachment as it is stored. Raises `BlobMissing`. `container_uri` can only be the job's own."""
        self._check_own(container_uri)
        return self._ask(lambda job: job.download_attachment(name))

    def _check_own(self, container_uri: str | None) -> None:
        if container_uri not in {None, self.details.container_uri}:
            raise InvalidRequest("container_uri", "is not the job's own, where all its attachments are")

    # Changing ---------------------------------------------------------------------------------------------------------

    def cancel(self, reason: str = "") -> Self:
        """Ask for the job to be cancelled, and wait for its end, but no longer than the grace time allows.

        An ended job is left as it is.
        """
        self._ask(lambda job: job.cancel(reason))
        return self

    def amend(self, **changes: Any) -> Self:
        """Change `name`, `tags` or `metadata` at any time, or `priority` while the job waits."""
        self._ask(lambda job: job.amend(**changes))
        return self

    # Asking -----------------------------------------------------------------------------------------------------------

    def _ask(self, question: Question[T]) -> T:
        return outcome(self._begin(question))

    def _begin(self, question: Question[T]) -> Future[T]:
        async def asked(workspace: kyanite.Workspace) -> T:
            job = await workspace.get_job(self.id)
            answer = await question(job)
            self.details = job.details
            return answer

        return self.workspace.spawn(asked)


async def _updates(workspace: kyanite.Workspace, job_id: str) -> AsyncGenerator[Event | Progressed]:
    async for update in (await workspace.get_job(job_id)).updates():
        yield update
