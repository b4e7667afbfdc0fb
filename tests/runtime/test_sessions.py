"""Sessions in a store: read only, reopened, and one that forgets to answer. As users see them: `tests.faces`."""

import pytest
from msgspec.structs import replace

from kyanite.core.session import SessionStatus
from kyanite.errors import (
    ReadOnly,
    StoreUnavailable,
)
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import in_memory, with_echo


async def test_what_is_open_for_reading_only_opens_and_closes_none():
    store = MemoryStore()
    async with with_echo(in_memory(store)) as workspace:
        session = await workspace.open_session("acme.echo")
    async with in_memory(store, read_only=True) as workspace:
        assert await workspace.get_session(session.id) == session
        for changing in (workspace.open_session("acme.echo"), workspace.close_session(session.id)):
            with pytest.raises(ReadOnly):
                await changing


async def test_sessions_outlive_the_process_and_purged_jobs():
    store = MemoryStore()
    async with with_echo(in_memory(store)) as workspace:
        session = await workspace.open_session("acme.echo")
        job = await (await workspace.submit("acme.echo", 1, session_id=session.id)).wait(10)
    async with with_echo(in_memory(store)) as workspace:
        assert (await workspace.get_session(session.id)).status is SessionStatus.EXECUTING
        assert await workspace.delete_job(job.id)
        assert (await workspace.get_session(session.id)) == session


class Forgetful(MemoryStore):
    """Loses its answer to the first opening and the first closing, which have taken effect."""

    def __init__(self):
        super().__init__()
        self.lost = {"open": 1, "close": 1}

    async def open_session(self, session):
        stored = await super().open_session(session)
        return self._answered("open", stored)

    async def close_session(self, workspace, session_id, time):
        return self._answered("close", await super().close_session(workspace, session_id, time))

    def _answered(self, what, answer):
        if self.lost[what]:
            self.lost[what] -= 1
            raise StoreUnavailable(what)
        return answer


async def test_a_call_whose_answer_was_lost_can_be_repeated():
    store = Forgetful()
    async with with_echo(in_memory(store)) as workspace:
        with pytest.raises(StoreUnavailable):
            await workspace.open_session("acme.echo", session_id="s")
        session = await workspace.open_session("acme.echo", session_id="s")
        with pytest.raises(StoreUnavailable):
            await workspace.close_session("s")
        closed = await workspace.close_session("s")
        assert closed == replace(
            session,
            status=SessionStatus.SUCCEEDED,
            closed_time=closed.closed_time,
            end_execution_time=closed.closed_time,
        )
