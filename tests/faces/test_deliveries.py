"""What named subscribers did not take: kept, shown, and offered again when somebody asks for it."""

import anyio
import pytest

from kyanite import Submitted, Succeeded
from kyanite.blobs.memory import MemoryBlobs
from kyanite.errors import InvalidRequest, Undelivered
from kyanite.ports import Manner
from kyanite.runtime import listening
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import in_memory, with_echo


@pytest.fixture
def _hasty(monkeypatch):
    monkeypatch.setattr(listening, "IN_ORDER", Manner(delays_s=(0.001, 0.001)))


async def ended(workspace, **options):
    return await (await workspace.submit("acme.echo", b"x", **options)).wait()


async def until(condition):
    """Wait for what other tasks bring about."""
    with anyio.fail_after(10):
        while not await condition():  # noqa: ASYNC110  # of another process, nobody tells
            await anyio.sleep(0.005)


async def letters(workspace, name, **options):
    return [letter async for letter in workspace.deliveries.letters(name, **options)]


@pytest.mark.usefixtures("_hasty")
async def test_what_is_never_taken_is_a_dead_letter_and_the_next_one_has_its_turn(face):
    store, blobs, heard = MemoryStore(), MemoryBlobs(), []
    async with face(with_echo(in_memory(store, blobs))) as workspace:

        @workspace.on_final(name="billing")
        async def bill(event, details):
            if details.name == "poison":
                raise Undelivered("no such customer", status=404, excerpt="who?")
            heard.append(details.name)

        poison = await ended(workspace, name="poison")
        await ended(workspace, name="well")

        async def over():
            return heard == ["well"]

        await until(over)

        async def kept():
            return bool(await letters(workspace, "billing", dead=True))

        await until(kept)
        (letter,) = await letters(workspace, "billing")
        assert (letter.job_id, letter.version, letter.attempts, letter.dead) == (poison.id, 3, 3, True)
        assert letter.error == "no such customer"
        assert await letters(workspace, "billing", dead=False) == []
        attempts = [attempt async for attempt in workspace.deliveries.attempts("billing")]
        assert [(each.number, each.taken, each.status, each.excerpt) for each in attempts] == [
            (number, False, 404, "who?") for number in (3, 2, 1)
        ]
        (standing,) = await workspace.deliveries.subscribers()
        assert (standing.name, standing.waiting, standing.dead, standing.behind) == ("billing", 0, 1, 0)


@pytest.mark.usefixtures("_hasty")
async def test_a_dead_letter_is_offered_again(face):
    store, blobs, heard, well = MemoryStore(), MemoryBlobs(), [], []

    async def bill(event, details):
        if not well:
            raise OSError("not now")
        heard.append((event.job_id, event.version))

    async with face(with_echo(in_memory(store, blobs))) as workspace:
        workspace.on_final(name="billing")(bill)
        job = await ended(workspace)

        async def kept():
            return bool(await letters(workspace, "billing", dead=True))

        await until(kept)
        well.append(True)
        assert await workspace.deliveries.replay("billing", dead=True) == 1
        (letter,) = await letters(workspace, "billing") or [None]
        assert letter is None or not letter.dead
    registered = lambda workspace: workspace.on_final(name="billing")(bill)
    async with face(with_echo(in_memory(store, blobs)), registered) as workspace:

        async def gone():
            return not await letters(workspace, "billing")

        await until(gone)
    assert heard == [(job.id, 3)]


async def test_only_what_there_is_can_be_replayed(face):
    async with face(with_echo(in_memory())) as workspace:
        with pytest.raises(InvalidRequest, match="nobody"):
            await workspace.deliveries.replay("nobody", dead=True)

        @workspace.on_final(name="billing")
        async def bill(event, details):
            pass

        await ended(workspace)

        async def known():
            return bool(await workspace.deliveries.subscribers())

        await until(known)
        assert await workspace.deliveries.replay("billing", dead=True) == 0
        with pytest.raises(InvalidRequest):
            await workspace.deliveries.replay("billing", positions=[10_000])


async def test_names_of_outlets_are_not_for_subscribers(face):
    async with face(in_memory()) as workspace:
        for name in ("webhook/orders", "hook/notify"):
            with pytest.raises(InvalidRequest, match="webhook/ or hook/"):
                workspace.on_final(name=name)(None)


async def test_a_stretch_of_the_log_is_had_once_more():
    heard = []
    async with with_echo(in_memory()) as workspace:

        @workspace.on(Submitted, Succeeded, name="auditor")
        async def audit(event, details):
            heard.append(event.position)

        for _ in range(3):
            await ended(workspace)

        async def all_heard():
            return len(heard) == 6

        await until(all_heard)
        assert await workspace.deliveries.replay("auditor", after=3, until=8) == 3
        assert await workspace.deliveries.replay("auditor", positions=[1]) == 1
        with pytest.raises(InvalidRequest, match="hold none of its events at 2"):
            await workspace.deliveries.replay("auditor", positions=[1, 2])

        async def heard_again():
            return len(heard) == 10

        await until(heard_again)
    assert heard[:6] == [1, 3, 4, 6, 7, 9]
    assert sorted(heard[6:]) == [1, 4, 6, 7]
