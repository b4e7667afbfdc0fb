"""A job as users hold it: its row as last seen, and what can be asked of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import msgspec

from kyanite import gzipped
from kyanite.blobs.keys import key_of
from kyanite.core.events import Event, Progressed
from kyanite.core.job import JobDetails, Status
from kyanite.core.story import Story
from kyanite.errors import BlobCorrupt, JobCancelled, JobEnded, JobFailed
from kyanite.ports import Blob, JobsFace
from kyanite.results import as_results
from kyanite.runtime import attachments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS_TIMEOUT_S = 300.0


class Job:
    """A job of a workspace. `details` is the row as it was last seen; `refresh` and `wait` bring it up to date."""

    def __init__(self, jobs: JobsFace, details: JobDetails) -> None:
        """Hold a row of an open workspace."""
        self._jobs = jobs
        self.details = details

    @property
    def id(self) -> str:
        """The job's id."""
        return self.details.id

    @property
    def target_missing(self) -> bool:
        """Whether the job can not go on because nobody serves its target here; it stays until somebody does."""
        return not self.details.final and not self._jobs.serves(self.details.target)

    @property
    def inspects(self) -> bool:
        """Whether the job's target looks at inputs while jobs wait, as far as is known here."""
        return self._jobs.inspects(self.details.target)

    def __repr__(self) -> str:
        """Show what a person wants to know first."""
        missing = ", target missing" if self.target_missing else ""
        return f"<Job {self.details.name!r} {self.id} on {self.details.target}: {self.details.status.value}{missing}>"

    def _repr_html_(self) -> str:
        from kyanite.html import job_html

        return job_html(self.details)

    async def refresh(self) -> Job:
        """Fetch the row as it stands now. Raises `JobNotFound` if the job was purged."""
        self.details = await self._jobs.fetch(self.id)
        return self

    async def wait(self, timeout_s: float | None = None) -> Job:
        """Return once the job has ended, however it ended. Raises `TimeoutError` after `timeout_s`."""
        if not self.details.final:
            self.details = await self._jobs.final(self.id, timeout_s)
        return self

    async def cancel(self, reason: str = "", *, if_version: int | None = None) -> Job:
        """Ask for the job to be cancelled, and wait for its end, but no longer than the grace time allows.

        An ended job is left as it is. Afterwards `details` shows the end, whichever it was, or, if there is none yet,
        `cancel_requested`. Raises `PreconditionFailed` if the job's `version` is not `if_version`.
        """
        self.details = await self._jobs.request_cancel(self.id, reason, if_version=if_version)
        return self

    async def amend(
        self,
        *,
        name: str | None = None,
        tags: list[str] | tuple[str, ...] | None = None,
        metadata: dict[str, Any] | None = None,
        priority: int | None = None,
        if_version: int | None = None,
    ) -> Job:
        """Change labels at any time, or the priority while the job waits.

        Raises `InvalidRequest`, and `PreconditionFailed` if the job's `version` is not `if_version`.
        """
        changes = {"name": name, "tags": tags, "metadata": metadata, "priority": priority}
        self.details = await self._jobs.amend(self.id, if_version=if_version, **changes)
        return self

    async def story(self) -> Story:
        """Return every event of the job; printed, one line each."""
        return await self._jobs.story(self.id)

    @property
    def progress(self) -> Progressed | None:
        """The newest progress while the job executes in this process."""
        return self._jobs.newest_progress(self.id)

    def updates(self) -> AsyncIterator[Event | Progressed]:
        """Yield the job's events from its first to its last, and progress as it comes in between."""
        return self._jobs.updates(self.id)

    async def get_results(self, timeout_s: float | None = RESULTS_TIMEOUT_S) -> Any:
        """Wait for the end and return the output: parsed if it is JSON, else text or bytes as it was written.

        Raises `TimeoutError`, `JobFailed`, `JobCancelled` (the latter two are `RuntimeError`s and tell the story).
        """
        await self.wait(timeout_s)
        if self.details.status is not Status.SUCCEEDED:
            kind: type[JobEnded] = JobFailed if self.details.status is Status.FAILED else JobCancelled
            raise kind(self.details, await self.story())
        return await self.read_results()

    async def read_results(self) -> Any:
        """Return the output as it stands: of a cancelled or failed job, what was kept as evidence.

        Raises `LookupError` if there is none.
        """
        raw, content_type = await self._jobs.read_blob(self._output_key(), self.details.output_hash)
        return as_results(decode_results(raw, content_type))

    async def download(self, path: str | Path) -> Path:
        """Write the output as it is stored to a local file, chunk by chunk, and return the path.

        The file appears whole, checked against its hash, or not at all. Raises `LookupError` if there is no output.
        """
        await self._jobs.download(self._output_key(), Path(path), self.details.output_hash)
        return Path(path)

    async def upload_attachment(self, name: str, content: Any, content_type: str | None = None) -> Blob:
        """Store something beside the job, to be deleted with it: bytes, text, anything JSON-able, a path or a stream.

        The same content under the same name is stored once. Raises `BlobExists` if the name has other content,
        `InvalidRequest`, `StorageFull`, and `JobNotFound` if the job was deleted.
        """
        return await self._jobs.attach(self.id, name, content, content_type)

    async def list_attachments(self) -> list[Blob]:
        """Return what lies beside the job's input and outputs; a `key` ends in the attachment's name."""
        return await self._jobs.attachments(self.details)

    async def download_attachment(self, name: str) -> bytes:
        """Return an attachment as it is stored. Raises `BlobMissing`, `BlobCorrupt`, `InvalidRequest`."""
        content, _ = await self._jobs.read_blob(attachments.key_to_read(self.details, name))
        return content

    async def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the job as it stands now, and return the figure; with `path`, write it there as well.

        It shows how the search converged, what the solutions cost, and where the time went; what the job does not have
        is said in it. The suffix of `path` is png, svg or pdf. Raises `CallerError` without matplotlib, the extra
        `[plot]`, and `InvalidRequest` for another suffix.
        """
        from kyanite import plots

        plots.check(path)
        await self.refresh()
        story = await self.story()
        try:
            results = await self.read_results()
        except (LookupError, BlobCorrupt):
            results = None  # the figure says so
        draw = partial(plots.draw, self.details, story, results, now=self._jobs.now())
        figure = await anyio.to_thread.run_sync(draw)
        if path is not None:
            await anyio.to_thread.run_sync(plots.write, figure, path)
        return figure

    def _output_key(self) -> str:
        uri = self.details.output_data_uri
        if uri is None:
            raise LookupError(f"job {self.id} has no output")
        return key_of(uri)


def decode_results(raw: bytes, content_type: str) -> Any:
    """Return output as Python values, the way the model's clients read it: gzip undone, JSON parsed, text decoded.

    What says that it is JSON or text must be, or it is `BlobCorrupt`; of unknown bytes, those that happen to be JSON
    are taken for it.
    """
    kind, plain = content_type.partition(";")[0].strip(), raw
    try:
        plain = gzipped.plain(raw)
        return plain.decode() if kind.startswith("text/") else msgspec.json.decode(plain)
    except (ValueError, RecursionError) as error:
        if kind == "application/json" or kind.startswith("text/"):
            raise BlobCorrupt(f"the output is not {kind}: {error!s:.200}") from error
        return plain
