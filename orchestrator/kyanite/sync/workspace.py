"""The workspace as blocking scripts hold it, with the names of the SDK."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec.structs import replace

import kyanite
from kyanite import config
from kyanite.blobs.keys import uri_of
from kyanite.config import Settings
from kyanite.core.session import SessionDetails
from kyanite.ports import Provider
from kyanite.runtime.storage import data_folder
from kyanite.sync.filters import Wanted
from kyanite.sync.identity import name_in, workspace_name
from kyanite.sync.job import Job
from kyanite.sync.share import WorkspaceShare

if TYPE_CHECKING:
    from kyanite.sync.target import AnyTarget


class Workspace(WorkspaceShare):
    """Jobs and their targets. Made like the SDK's; it runs here, in a thread of its own, from its first use on.

    `name`, or the name in `resource_id`, chooses the workspace whose jobs these are; without it the settings do. The
    other arguments of the SDK are kept as attributes and mean nothing here. `settings`, `data_dir` and `providers` are
    those of `kyanite.Workspace.open`, and so is `read_only`.

    All objects for the same workspace and folder share what runs. It ends with `close` of the last of them, or with the
    program: a script need not close it. Any thread may call, also one that runs an event loop, as notebooks do; each
    call blocks its thread. Any may raise `StoreOwned` while another process has the folder open, and `WorkspaceClosed`.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the order of the SDK
        self,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        name: str | None = None,
        storage: str | None = None,
        resource_id: str | None = None,
        location: str | None = None,
        credential: object = None,
        user_agent: str | None = None,
        *,
        settings: str | Path | Settings | None = None,
        data_dir: str | Path | None = None,
        providers: Sequence[Provider] = (),
        read_only: bool = False,
    ) -> None:
        """Read the settings; nothing is opened yet. Raises `ConfigError`."""
        chosen = config.chosen(settings, data_dir=data_dir)
        named = name_in(resource_id, name)
        meant = replace(
            chosen,
            workspace=workspace_name(str(named)) if named else chosen.workspace,
            data_dir=str(data_folder(chosen).resolve()),  # where it is now, wherever the script goes later
        )
        super().__init__(meant, tuple(providers), read_only=read_only)
        self.name = named or chosen.workspace
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.location = "".join(location.split()).lower() if location else location
        self.storage = storage
        self.credentials = credential
        self.user_agent = user_agent

    @classmethod
    def open(
        cls,
        settings: str | Path | Settings | None = None,
        *,
        data_dir: str | Path | None = None,
        providers: Sequence[Provider] = (),
        read_only: bool = False,
    ) -> Self:
        """Return a workspace with the arguments of `kyanite.Workspace.open`, for scripts that were not the SDK's."""
        return cls(settings=settings, data_dir=data_dir, providers=providers, read_only=read_only)

    def __repr__(self) -> str:
        return f"<Workspace {self.name!r} in {self._settings.data_dir}>"

    def __enter__(self) -> Self:
        """Open at once, again if it was closed."""
        self._reopened()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; after Ctrl-C without a grace time for jobs that execute."""
        self.close(hurry=isinstance(error, KeyboardInterrupt))

    # Submitting -------------------------------------------------------------------------------------------------------

    def submit(self, target: str, input: Any = None, **options: Any) -> Job:  # noqa: A002  # the model's word
        """Submit a job; arguments and errors are those of `kyanite.Workspace.submit`."""
        job = self.call(lambda workspace: workspace.submit(target, input, **options))
        return Job(self, job.details)

    def submit_job(self, job: Job) -> Job:
        """Submit what a job's details describe; one that has been submitted is returned as it is."""
        details = job.details
        return self.submit(
            details.target,
            input_data_uri=details.input_data_uri,
            input_data_format=details.input_data_format,
            output_data_format=details.output_data_format,
            input_params=details.input_params,
            name=details.name,
            job_id=details.id,
            priority=details.priority,
            tags=details.tags,
            metadata=details.metadata,
            timeout_s=details.timeout_s,
            attempts_max=details.attempts_max,
            session_id=details.session_id,
        )

    def upload(self, content: Any, **options: Any) -> str:
        """Store content for several jobs, and return its URI; as `kyanite.Workspace.upload`."""
        return self.call(lambda workspace: workspace.upload(content, **options))

    def download(self, uri: str) -> bytes:
        """Return what is stored under a URI; as `kyanite.Workspace.download`."""
        return self.call(lambda workspace: workspace.download(uri))

    def get_container_uri(
        self,
        job_id: str | None = None,
        container_name: str | None = None,
        container_name_format: str = "job-{job_id}",
    ) -> str:
        """Return where the blobs of a job lie, or those of a container of this name.

        Containers need not be made: one is there as soon as something lies in it.
        """
        default = f"{self.name}-data" if job_id is None else container_name_format.format(job_id=job_id)
        return uri_of(f"{self._settings.workspace}/{container_name or default}/x").removesuffix("/x")

    # Looking and changing ---------------------------------------------------------------------------------------------

    def get_job(self, job_id: str) -> Job:
        """Return a job. Raises `JobNotFound`."""
        return Job(self, self.call(lambda workspace: workspace.get_job(job_id)).details)

    def list_jobs(
        self,
        name_match: str | None = None,
        status: str | None = None,
        created_after: date | datetime | None = None,
        *,
        limit: int | None = None,
        **filters: Any,
    ) -> list[Job]:
        """Return jobs, oldest first.

        Those in whose name the regular expression `name_match` is found, of this `status`, created on the day of
        `created_after` or later: the SDK compares days, in this machine's time zone. `limit` and the other filters are
        those of `kyanite.Workspace.list_jobs`. Raises `InvalidRequest`.
        """
        wanted = Wanted(name_match, status, created_after)

        async def found(workspace: kyanite.Workspace) -> list[Job]:
            jobs: list[Job] = []
            async for job in workspace.list_jobs(**wanted.query(), **filters):
                if limit is not None and len(jobs) >= limit:
                    break
                if wanted.has(job.details):
                    jobs.append(Job(self, job.details))
            return jobs

        return self.call(found)

    def count_jobs(self, by: str | None = None, **filters: Any) -> Any:
        """Count jobs; as `kyanite.Workspace.count_jobs`."""
        return self.call(lambda workspace: workspace.count_jobs(by, **filters))

    def cancel_job(self, job: Job | str, reason: str = "") -> Job:
        """Cancel a job, given as itself or by its id; see `Job.cancel`. A job handed in is brought up to date."""
        return (job if isinstance(job, Job) else self.get_job(job)).cancel(reason)

    def delete_job(self, job: Job | str) -> bool:
        """Remove an ended job for good; as `kyanite.Workspace.delete_job`."""
        job_id = job if isinstance(job, str) else job.id
        return self.call(lambda workspace: workspace.delete_job(job_id))

    # Sessions ---------------------------------------------------------------------------------------------------------

    def open_session(self, target: str | None = None, **options: Any) -> SessionDetails:
        """Open a session; as `kyanite.Workspace.open_session`. `submit` takes its id as `session_id`."""
        return self.call(lambda workspace: workspace.open_session(target, **options))

    def close_session(self, session_id: str) -> SessionDetails:
        """Have a session take no more jobs. Raises `SessionNotFound`."""
        return self.call(lambda workspace: workspace.close_session(session_id))

    def get_session(self, session_id: str) -> SessionDetails:
        """Return a session as it stands now. Raises `SessionNotFound`."""
        return self.call(lambda workspace: workspace.get_session(session_id))

    def list_sessions(self, **filters: Any) -> list[SessionDetails]:
        """Return sessions, oldest first; as `kyanite.Workspace.list_sessions`."""

        async def found(workspace: kyanite.Workspace) -> list[SessionDetails]:
            return [session async for session in workspace.list_sessions(**filters)]

        return self.call(found)

    # Targets ----------------------------------------------------------------------------------------------------------

    def get_targets(self, name: str | None = None, provider_id: str | None = None) -> AnyTarget | list[AnyTarget]:
        """Return the targets of this name and provider, in any case of letters: the one there is, or a list.

        A list leaves out the parameter-free form of a solver, which the solver itself chooses where it has no
        parameters. A target of the QIO solvers is an object of its class in `kyanite.sync.optimization`.
        """
        from kyanite.sync.target import found

        return found(self, name, provider_id)

    def get_quotas(self) -> list[dict[str, Any]]:
        """Return for each provider how many jobs it executes at once at most, and how many it does now."""
        from kyanite.sync.availability import quotas

        return quotas(self)

    # For scripts of the SDK -------------------------------------------------------------------------------------------

    def login(self, refresh: bool = False) -> object:  # noqa: FBT001, FBT002  # as the SDK has it
        """Return the credential that was handed in; there is nowhere to log in to."""
        del refresh
        return self.credentials

    def append_user_agent(self, value: str) -> None:
        """Add to `user_agent`, as the SDK does."""
        if value not in (self.user_agent or ""):
            self.user_agent = f"{self.user_agent}-{value}" if self.user_agent else value
