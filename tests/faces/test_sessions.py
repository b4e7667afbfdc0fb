"""Sessions as users see them."""

from datetime import UTC, datetime

import pytest

from kyanite.core.session import SessionStatus
from kyanite.errors import IdConflict, InvalidRequest, SessionClosed, SessionNotFound, UnknownTarget
from kyanite.ports import sort_key
from tests.faces.places import acme, listed


async def test_from_opening_to_the_end(face):
    async with face(acme()) as workspace:
        session = await workspace.open_session("acme.echo")
        assert session.status is SessionStatus.WAITING
        assert session.name == f"session-{session.id}"
        assert (session.provider_id, session.provider_spelt, session.target) == ("acme", None, "acme.echo")
        jobs = [await workspace.submit("acme.echo", n, session_id=session.id) for n in range(2)]
        for job in jobs:
            await job.wait(10)
        assert (await workspace.get_session(session.id)).status is SessionStatus.EXECUTING
        closed = await workspace.close_session(session.id)
        assert closed.status is SessionStatus.SUCCEEDED
        assert closed.begin_execution_time == min(job.details.begin_execution_time for job in jobs)
        assert closed.end_execution_time == max(job.details.end_execution_time for job in jobs)
        assert await workspace.close_session(session.id) == closed == await workspace.get_session(session.id)
        with pytest.raises(SessionClosed, match="was closed"):
            await workspace.submit("acme.echo", 3, session_id=session.id)
        assert await workspace.count_jobs() == 2


async def test_what_it_is_opened_as(face):
    async with face(acme()) as workspace:
        session = await workspace.open_session(
            session_id="mine",
            name="a name",
            provider_id="ACME",
            job_failure_policy="continue",
            priority=7,
            tags=["a", "b", "a"],
        )
        assert (session.id, session.name, session.target) == ("mine", "a name", None)
        assert (session.provider_id, session.provider_spelt) == ("acme", "ACME")
        assert (session.job_failure_policy, session.priority, session.tags) == ("Continue", 7, ("a", "b"))
        assert await workspace.open_session("other.echo", session_id="mine") == session


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("session_id", {"session_id": "a/b"}),
        ("name", {"name": ""}),
        ("provider_id", {"provider_id": "other"}),
        ("provider_id", {"target": None, "provider_id": "nobody"}),
        ("provider_id", {"target": None}),
        ("job_failure_policy", {"job_failure_policy": "Retry"}),
        ("job_failure_policy", {"job_failure_policy": None}),
        ("priority", {"priority": "high"}),
        ("tags", {"tags": "a"}),
    ],
)
async def test_what_can_not_be_opened(face, field, wrong):
    async with face(acme()) as workspace:
        with pytest.raises(InvalidRequest) as refused:
            await workspace.open_session(**{"target": "acme.echo", **wrong})
        assert refused.value.field == field
        assert await listed(workspace.list_sessions()) == []


async def test_what_there_is_not(face):
    async with face(acme()) as workspace:
        with pytest.raises(UnknownTarget):
            await workspace.open_session("acme.ecko")
        for asking in (
            workspace.get_session("nobody"),
            workspace.close_session("nobody"),
            workspace.submit("acme.echo", 1, session_id="nobody"),
        ):
            with pytest.raises(SessionNotFound, match="nobody"):
                await asking
        for nowhere in ("", "a/b", "..", "\ud800", None):
            with pytest.raises(SessionNotFound):
                await workspace.get_session(nowhere)
        with pytest.raises(InvalidRequest, match="session_id"):
            await workspace.submit("acme.echo", 1, session_id="")


async def test_after_a_failure_under_abort_no_more_is_taken_and_what_waits_goes_on(face):
    ground = acme()
    async with face(ground) as workspace:
        session = await workspace.open_session("acme.echo")
        waits = await workspace.submit("acme.held", 1, session_id=session.id)
        failed = await workspace.submit("acme.fail", 1, job_id="bad", session_id=session.id)
        await failed.wait(10)
        details = await workspace.get_session(session.id)
        assert (details.status, details.end_execution_time) == (SessionStatus.FAILED, None)
        with pytest.raises(SessionClosed, match="policy is Abort"):
            await workspace.submit("acme.echo", 2, session_id=session.id)
        again = await workspace.submit("acme.fail", 1, job_id="bad", session_id=session.id)
        assert again.details == failed.details
        with pytest.raises(IdConflict):
            await workspace.submit("acme.fail", 2, job_id="bad", session_id=session.id)
        ground.held.set()
        assert await waits.get_results(10) == 1
        closed = await workspace.close_session(session.id)
        assert (closed.status, closed.end_execution_time) == (SessionStatus.FAILED, waits.details.end_execution_time)


async def test_a_failure_under_continue_is_no_end(face):
    async with face(acme()) as workspace:
        session = await workspace.open_session("acme.echo", job_failure_policy="Continue")
        await (await workspace.submit("acme.fail", 1, session_id=session.id)).wait(10)
        await (await workspace.submit("acme.echo", 2, session_id=session.id)).wait(10)
        assert (await workspace.get_session(session.id)).status is SessionStatus.EXECUTING
        assert (await workspace.close_session(session.id)).status is SessionStatus.SUCCEEDED


async def test_it_takes_jobs_of_any_target_of_its_provider_and_of_no_other(face):
    async with face(acme()) as workspace:
        session = await workspace.open_session("acme.echo")
        await workspace.submit("acme.fail", 1, session_id=session.id)
        with pytest.raises(InvalidRequest, match="session of 'acme'"):
            await workspace.submit("other.echo", 1, session_id=session.id)


async def test_jobs_know_their_session_and_their_providers_spelling(face):
    async with face(acme()) as workspace:
        session = await workspace.open_session("acme.echo")
        inside = await workspace.submit("acme.echo", 1, provider_id="Acme", session_id=session.id)
        outside = await workspace.submit("acme.echo", 1, provider_id="acme")
        assert (inside.details.session_id, inside.details.provider_spelt) == (session.id, "Acme")
        assert (outside.details.session_id, outside.details.provider_spelt) == (None, None)
        assert inside.details.provider_id == outside.details.provider_id == "acme"
        assert inside.details.fingerprint == outside.details.fingerprint
        assert await listed(workspace.list_jobs(session_id=session.id)) == [inside.id]
        assert await listed(workspace.list_jobs(session_id="")) == [outside.id]
        assert await workspace.count_jobs(session_id=session.id) == 1
        with pytest.raises(InvalidRequest, match="provider_id"):
            await workspace.submit("acme.echo", 1, provider_id="other")


@pytest.mark.parametrize("descending", [False, True])
async def test_sessions_are_listed_by_filters_and_from_anywhere(face, descending):
    async with face(acme()) as workspace:
        opened = [
            await workspace.open_session(target, name=f"n{number}")
            for number, target in enumerate(["acme.echo", "other.echo", "acme.fail", "acme.echo"])
        ]
        opened.sort(key=lambda session: sort_key(session, "creation_time"), reverse=descending)
        ids = [session.id for session in opened]
        assert await listed(workspace.list_sessions(descending=descending)) == ids
        assert await listed(workspace.list_sessions(descending=descending, limit=3)) == ids[:3]
        after = list(sort_key(opened[1], "creation_time"))
        assert await listed(workspace.list_sessions(descending=descending, after=after)) == ids[2:]
        by_provider = [session.id for session in opened if session.provider_id == "acme"]
        assert await listed(workspace.list_sessions(descending=descending, provider="acme")) == by_provider
        assert len(await listed(workspace.list_sessions(target=["acme.echo", "other.echo"]))) == 3
        assert len(await listed(workspace.list_sessions(name_prefix="n3"))) == 1
        assert await listed(workspace.list_sessions(created_before=datetime(2000, 1, 1, tzinfo=UTC))) == []
        assert await listed(workspace.list_sessions(limit=0)) == []
        with pytest.raises(TypeError, match="status"):
            await listed(workspace.list_sessions(status="Waiting"))


async def test_more_sessions_than_a_page_has(face):
    async with face(acme()) as workspace:
        ids = [(await workspace.open_session("acme.echo", session_id=f"s{number:03}")).id for number in range(205)]
        assert sorted(await listed(workspace.list_sessions())) == ids
        assert len(await listed(workspace.list_sessions(limit=203))) == 203
