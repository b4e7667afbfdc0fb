"""Sessions: opened and closed by users, listed with how they stand, and asked whether they take one more job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from kyanite.core.job import Status, Target
from kyanite.core.session import JobFailurePolicy, Session, SessionDetails, SessionStatus, Tally, derived
from kyanite.errors import InvalidRequest, ReadOnly, SessionClosed, SessionNotFound
from kyanite.ports import JobQuery, JobStore
from kyanite.runtime import envelope
from kyanite.runtime.engine import Storage
from kyanite.runtime.pages import pages
from kyanite.runtime.queries import session_query
from kyanite.runtime.registry import Registry


class Sessions:
    """The sessions of an open workspace."""

    def __init__(self, storage: Storage, registry: Registry, workspace: str, *, read_only: bool) -> None:
        """Keep them in this store."""
        self._storage = storage
        self._store = storage.store
        self._registry = registry
        self._workspace = workspace
        self._read_only = read_only

    async def open(
        self,
        target_id: str | None,
        *,
        session_id: str | None,
        name: str | None,
        provider_id: str | None,
        job_failure_policy: str,
        priority: int,
        tags: Any,
    ) -> SessionDetails:
        """Store a session, unless there is one of this id; see `Workspace.open_session`."""
        self._check_writable()
        own_provider = self._provider(target_id, provider_id)
        chosen = self._storage.entropy.job_id() if session_id is None else envelope.checked_id("session_id", session_id)
        session = Session(
            id=chosen,
            name=envelope.text_or(f"session-{chosen}", "name", name),
            provider_id=own_provider,
            provider_spelt=envelope.spelt_otherwise(provider_id, own_provider),
            target=target_id,
            job_failure_policy=_policy(job_failure_policy),
            workspace=self._workspace,
            creation_time=self._storage.clock.now(),
            priority=envelope.checked_priority(priority),
            tags=envelope.checked_tags(tags) if tags else (),
        )
        return await self._details(await self._store.open_session(session))

    async def close(self, session_id: str) -> SessionDetails:
        """Note that a session takes no more jobs. Raises `SessionNotFound`."""
        self._check_writable()
        return await self._details(
            _found(session_id, await self._store.close_session(self._workspace, session_id, self._storage.clock.now()))
        )

    async def fetch(self, session_id: str) -> SessionDetails:
        """Return how a session stands. Raises `SessionNotFound`."""
        return await self._details(_found(session_id, await self._store.session(self._workspace, session_id)))

    async def matching(self, limit: int | None, filters: dict[str, Any]) -> AsyncIterator[SessionDetails]:
        """Yield sessions, fetched page by page; see `Workspace.list_sessions`."""
        query = session_query(self._workspace, **filters)
        async for page in pages(self._store.page_sessions, query, "creation_time", limit):
            tallies = await self._store.tally_sessions(self._workspace, [session.id for session in page])
            for session in page:
                yield derived(session, tallies.get(session.id, Tally()))

    async def _details(self, session: Session) -> SessionDetails:
        tallies = await self._store.tally_sessions(session.workspace, [session.id])
        return derived(session, tallies.get(session.id, Tally()))

    def _provider(self, target_id: str | None, provider_id: str | None) -> str:
        """Return the id of the target's provider, or, without a target, of the one that is called so in any case."""
        if target_id is not None:
            return self._registry.find(target_id)[0].provider_id
        wanted = envelope.checked_text("provider_id", provider_id, envelope.NAME_LENGTH_MAX)
        for target in self._registry.targets():
            if target.provider_id.casefold() == wanted.casefold():
                return target.provider_id
        raise InvalidRequest("provider_id", f"is {wanted!r}, which serves no target here")

    def _check_writable(self) -> None:
        if self._read_only:
            raise ReadOnly


async def check_admission(store: JobStore, workspace: str, session_id: str, target: Target) -> None:
    """Return if the session takes a job for this target, which may be any of its provider's.

    Raises `SessionNotFound`, `SessionClosed`, and `InvalidRequest` for a target of another provider.
    """
    session = _found(session_id, await store.session(workspace, session_id))
    if session.provider_id != target.provider_id:
        raise InvalidRequest(
            "session_id", f"names a session of {session.provider_id!r}; {target.id} is {target.provider_id!r}'s"
        )
    if session.closed_time is not None:
        raise SessionClosed(f"{session.name!r} ({session_id}) was closed")
    if session.job_failure_policy is JobFailurePolicy.CONTINUE:
        return  # it can not fail: nothing need be counted
    # A count of one status, for this happens at every submit, and a tally of a long session takes five times as long.
    failed = await store.count(JobQuery(workspace=workspace, session_id=session_id, status=(Status.FAILED,)))
    if derived(session, Tally({Status.FAILED: failed.get("", 0)})).status is SessionStatus.FAILED:
        raise SessionClosed(f"a job of {session.name!r} ({session_id}) has failed, and its policy is Abort")


def _found(session_id: str, session: Session | None) -> Session:
    if session is None:
        raise SessionNotFound(str(session_id))
    return session


def _policy(value: object) -> JobFailurePolicy:
    try:
        return JobFailurePolicy(str(value).capitalize())
    except ValueError:
        choices = ", ".join(JobFailurePolicy)
        raise InvalidRequest("job_failure_policy", f"is {value!r:.200}, not one of {choices}") from None
