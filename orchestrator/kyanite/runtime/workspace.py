"""The workspace: what users open, submit to, list, and listen to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from msgspec.structs import replace

from kyanite import config, plugins
from kyanite.config import Settings
from kyanite.core.job import JobDetails, Target
from kyanite.core.session import SessionDetails
from kyanite.core.story import Story
from kyanite.errors import NotHere, WorkspaceClosed
from kyanite.ports import BlobStore, Clock, Entropy, Faces, JobStore, Provider, Request, Subscription
from kyanite.runtime import envelope, outlets
from kyanite.runtime.coroutines import Coroutine, CoroutineProvider
from kyanite.runtime.daemon import Daemon
from kyanite.runtime.engine import Storage
from kyanite.runtime.host import Host
from kyanite.runtime.job import Job
from kyanite.runtime.listening import Listening
from kyanite.runtime.storage import blobs_of, store_of
from kyanite.runtime.system import SystemClock, SystemEntropy

F = TypeVar("F", bound=Coroutine)


class Workspace(Listening):
    """Jobs, their targets and their events. Opened by `async with`, in the task that also closes it.

    Everything is an argument and nothing is global: several workspaces can be open in one program.
    """

    def __init__(  # noqa: PLR0913  # each is a part that may be exchanged
        self,
        *,
        store: JobStore,
        blobs: BlobStore,
        providers: Sequence[Provider] = (),
        settings: Settings | None = None,
        read_only: bool = False,
        drive: bool = True,
        endpoint: str | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        """Put a workspace together; nothing happens until it is entered.

        `endpoint` is where others can reach its owner; it is shown to whoever finds the store owned.
        """
        chosen = settings or Settings()
        envelope.checked_job_id(chosen.workspace)
        storage = Storage(store, blobs, clock or SystemClock(), entropy or SystemEntropy())
        self._stand_on(Host(chosen, storage, providers, read_only=read_only, drive=drive, endpoint=endpoint))

    def _stand_on(self, ground: Host | Daemon) -> None:
        self.settings = ground.settings
        self.name = ground.settings.workspace
        self.endpoint = ground.endpoint
        self.read_only = ground.read_only
        self.drive = ground.drive
        self._ground = ground
        self._subscriptions: list[Subscription] = []
        self._faces: Faces | None = None

    @classmethod
    def open(
        cls,
        settings: str | Path | Settings | None = None,
        *,
        data_dir: str | Path | None = None,
        providers: Sequence[Provider] = (),
        read_only: bool = False,
        drive: bool = True,
        endpoint: str | None = None,
    ) -> Self:
        """Return a workspace in a local folder (`./.kyanite`), with every provider that is installed, and `providers`.

        `settings` is a TOML file or `Settings`; enter the workspace with `async with`. Raises `ConfigError`; entering
        raises `StoreOwned` while another process has the folder open, unless `read_only`. Without `drive`, jobs can be
        submitted, cancelled and amended, but none is executed until the folder is opened again.
        """
        chosen = config.chosen(settings, data_dir=data_dir)
        self = cls(
            store=store_of(chosen),
            blobs=blobs_of(chosen),
            providers=[] if read_only else [*plugins.providers(chosen.providers), *providers],
            settings=chosen,
            read_only=read_only,
            drive=drive,
            endpoint=endpoint,
        )
        if drive and not read_only:
            outlets.attach(self)
        return self

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        *,
        api_key: str | None = None,
        workspace: str | None = None,
        authority: str | Path | None = None,
        patience_s: float = 60.0,
    ) -> Self:
        """Return a workspace of a daemon, by default of that at KYANITE_ENDPOINT, to be entered with `async with`.

        The key, by default KYANITE_API_KEY, says which workspace that is; `workspace` names one to who may choose.
        `authority` is a file of certificates to trust beside those of the system. All goes as in a workspace that is
        open here, and what only its own process can do raises `NotHere`. Entering raises `AccessDenied` and
        `Unreachable`; a daemon that goes away meanwhile is waited for `patience_s`, and nothing is submitted twice.
        """
        self = object.__new__(cls)
        self._stand_on(Daemon(url, api_key=api_key, workspace=workspace, authority=authority, patience_s=patience_s))
        return self

    async def __aenter__(self) -> Self:
        """Open store and blobs, take up what an earlier process left, and start."""
        self._faces = faces = await self._ground.open()
        self.name = faces.name
        for subscription in self._subscriptions:
            faces.log.listen(subscription)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop in order. Jobs that have not ended stay as they are, to go on when the workspace is opened again."""
        try:
            await self._ground.aclose()  # subscribers, which are heard out meanwhile, may still look at jobs
        finally:
            self._faces = None

    async def beside(self, name: str) -> Workspace:
        """Return another workspace of the same store, which this process serves as well, as long as this one is open.

        Its jobs, sessions, containers and subscribers are its own; providers, and what the machine has, are shared.
        Raises `InvalidRequest` for what can be no name.
        """
        envelope.checked_id("workspace", name)
        host = self.host
        other = object.__new__(Workspace)
        other._stand_on(host)
        other.settings = replace(host.settings, workspace=name)
        other._faces, other.name = await host.beside(name), name
        return other

    async def prepare(self) -> None:
        """Have every provider begin to get ready what its first job would wait for, such as workers."""
        await self.host.prepare()

    async def drain(self, timeout_s: float) -> bool:
        """Start no more jobs, and wait at most so long for those that execute; tell whether all have ended.

        What waits goes on when the workspace is opened again. Submitting, looking and cancelling work as before.
        """
        return await self.host.engine.dispatcher.stop(timeout_s)

    @property
    def host(self) -> Host:
        """What only the process that has the workspace open can reach, for its edges. Raises `NotHere`."""
        if isinstance(self._ground, Host):
            return self._ground
        raise NotHere(f"{self.name!r} is open in the daemon that this is connected to")

    @property
    def blobs(self) -> BlobStore:
        """Where inputs and outputs lie, for edges that move their bytes; its keys begin with the workspace's name."""
        return self.host.engine.storage.blobs

    def now(self) -> datetime:
        """Return the time that the workspace goes by."""
        if isinstance(self._ground, Host):
            return self._ground.storage.clock.now()
        return self._opened().jobs.now()

    # Targets ----------------------------------------------------------------------------------------------------------

    def targets(self) -> list[Target]:
        """Return the targets that jobs can be submitted to, by id."""
        if self._faces is None and isinstance(self._ground, Host):
            return self._ground.registry.targets()
        return self._opened().targets.targets()

    def target(self, target_id: str, *, slots: int = 64, **options: Any) -> Callable[[F], F]:
        """Make a coroutine function a target: `@workspace.target("acme.echo")`.

        It is called with a `Task`; what it returns is the output, unless it has written one. `slots` bounds how many
        execute at once; the other options are the fields of `Target`. What stands before the first dot of the id names
        the provider.
        """
        envelope.checked_text("target", target_id, envelope.NAME_LENGTH_MAX)
        options.setdefault("provider_id", target_id.partition(".")[0])
        target = Target(id=target_id, slots=slots, **options)

        host = self.host

        def register(function: F) -> F:
            host.add(CoroutineProvider(target, function))
            return function

        return register

    # Submitting -------------------------------------------------------------------------------------------------------

    async def submit(  # noqa: PLR0913  # one parameter a field of the model
        self,
        target: str,
        input: Any = None,  # noqa: A002  # the model's word
        *,
        input_data_uri: str | None = None,
        input_data_format: str | None = None,
        output_data_format: str | None = None,
        input_params: Any = None,
        name: str | None = None,
        job_id: str | None = None,
        priority: int = 0,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        attempts_max: int = 1,
        provider_id: str | None = None,
        session_id: str | None = None,
    ) -> Job:
        """Submit a job: store its input and its row durably, and return it as it waits.

        `input` is bytes, text, anything JSON-able, a path, or an async iterable of bytes; or `input_data_uri` names an
        input that is stored already. A higher `priority` goes first; `timeout_s` bounds each of `attempts_max`.
        `provider_id` need not be given; it must be the target's, in any case of letters. `session_id` names an open
        session of the same provider.

        The same `job_id` with the same target, formats, params and input returns the job that exists. Raises
        `UnknownTarget`, `InvalidRequest` (naming the field), `QueueFull`, `IdConflict`, `StorageFull`,
        `SessionNotFound`, and `SessionClosed` for one that was closed or has failed; then there is no new job.
        """
        request = Request(
            input_data_uri=input_data_uri,
            input_data_format=input_data_format,
            output_data_format=output_data_format,
            input_params=input_params,
            name=name,
            job_id=job_id,
            priority=priority,
            tags=tags,
            metadata=metadata,
            timeout_s=timeout_s,
            attempts_max=attempts_max,
            provider_id=provider_id,
            session_id=session_id,
        )
        return self._job(await self._opened().submission.submit(target, input, request))

    async def upload(
        self, content: Any, *, name: str | None = None, container: str = "uploads", content_type: str | None = None
    ) -> str:
        """Store content that several jobs will share, and return the URI to give them as `input_data_uri`.

        `content` is what `submit` takes as input. It stays until its blob is removed: no job owns it. The same content
        under the same name is stored once. Raises `InvalidRequest`, `StorageFull`, and `BlobExists` if the name has
        other content.
        """
        return await self._opened().submission.upload(content, container, name, content_type)

    async def download(self, uri: str) -> bytes:
        """Return what is stored at a URI of this workspace, such as an upload or a job's `input_data_uri`, as it is.

        Raises `InvalidRequest` for an address outside, `BlobMissing`, `BlobCorrupt`.
        """
        return await self._opened().jobs.read_uri(uri)

    # Looking and changing ---------------------------------------------------------------------------------------------

    async def get_job(self, job_id: str) -> Job:
        """Return a job. Raises `JobNotFound`."""
        return self._job(await self._opened().jobs.fetch(job_id))

    async def list_jobs(self, *, limit: int | None = None, page_size: int = 200, **filters: Any) -> AsyncIterator[Job]:
        """Yield jobs, fetched page by page as the caller goes on; jobs that are submitted meanwhile may appear.

        Filters, each optional: `status`, `target`, `provider` (one or several), `name_prefix`, `id_prefix`, `tag`,
        `created_after`, `created_before` (inclusive), `session_id` (empty for jobs outside any session). `order` is
        `creation_time`, `name`, `status`, `target`, `provider_id` or `rank`; `descending` turns it round. `after` goes
        on behind a job that was listed in this order: it is its `kyanite.ports.sort_key`. Raises `InvalidRequest`.
        """
        async for details in self._opened().jobs.matching(limit, page_size, filters):
            yield self._job(details)

    async def count_jobs(self, by: str | None = None, **filters: Any) -> Any:
        """Count jobs in the store, with the filters of `list_jobs`: a number, or one for each value of `by`.

        `by` is `status`, `target`, `provider_id` or `name`.
        """
        return await self._opened().jobs.count(by, filters)

    async def story(self, job_id: str) -> Story:
        """Return every event of a job, a deleted one's too; printed, one line each. Raises `JobNotFound`."""
        return await self._opened().jobs.story(job_id)

    async def cancel_job(self, job: Job | str, reason: str = "") -> Job:
        """Cancel a job, given as itself or by its id; see `Job.cancel`. A job handed in is brought up to date."""
        held = job if isinstance(job, Job) else await self.get_job(job)
        return await held.cancel(reason)

    async def delete_job(self, job: Job | str) -> bool:
        """Remove an ended job and its blobs for good; its id stays refused. Tell whether it is gone.

        A job that has not ended, or whose blobs another job refers to, stays. Raises `JobNotFound`.
        """
        return await self._opened().jobs.delete(job.id if isinstance(job, Job) else job)

    # Sessions ---------------------------------------------------------------------------------------------------------

    async def open_session(
        self,
        target: str | None = None,
        *,
        session_id: str | None = None,
        name: str | None = None,
        provider_id: str | None = None,
        job_failure_policy: str = "Abort",
        priority: int = 0,
        tags: Sequence[str] = (),
    ) -> SessionDetails:
        """Open a session, for jobs on any target of one provider: the target's, or else the one called `provider_id`.

        A session that exists under this `session_id` is returned as it is. Under the policy `Abort` it fails with the
        first of its jobs that does, and takes no more; under `Continue` it goes on. Raises `UnknownTarget`,
        `InvalidRequest`.
        """
        return await self._opened().sessions.open(
            target,
            session_id=session_id,
            name=name,
            provider_id=provider_id,
            job_failure_policy=job_failure_policy,
            priority=priority,
            tags=tags,
        )

    async def close_session(self, session_id: str) -> SessionDetails:
        """Have a session take no more jobs; those that it has go on. Raises `SessionNotFound`."""
        return await self._opened().sessions.close(session_id)

    async def get_session(self, session_id: str) -> SessionDetails:
        """Return a session as it stands now. Raises `SessionNotFound`."""
        return await self._opened().sessions.fetch(session_id)

    def list_sessions(self, *, limit: int | None = None, **filters: Any) -> AsyncIterator[SessionDetails]:
        """Yield sessions, oldest first, fetched page by page as the caller goes on.

        Filters, each optional: `target`, `provider` (one or several), `name_prefix`, `created_after`, `created_before`
        (inclusive). `descending` turns the order round; `after` goes on behind a session: its
        `kyanite.ports.sort_key` by `creation_time`. Raises `InvalidRequest`.
        """
        return self._opened().sessions.matching(limit, filters)

    def _job(self, details: JobDetails) -> Job:
        return Job(self._opened().jobs, details)

    def _opened(self) -> Faces:
        if self._faces is None:
            raise WorkspaceClosed("use it inside `async with`")
        return self._faces
