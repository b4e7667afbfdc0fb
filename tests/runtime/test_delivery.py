"""One subscriber's delivery in virtual time: what is offered when, and what is kept of what came of it."""

import asyncio
import itertools

import anyio
import pytest

from kyanite.core.events import Submitted
from kyanite.errors import StoreUnavailable, Undelivered
from kyanite.ports import Manner
from tests.runtime.delivering import DAY_S, DOWN, NAME, ORDERLY, BusyLoop, Endpoint, Place, virtually


def test_what_is_not_taken_is_offered_after_each_delay_and_then_given_up():
    async def scenario(place):
        endpoint = Endpoint(DOWN)
        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(DAY_S)
            assert endpoint.times == [0.0, 10.0, 110.0]
            (letter,) = await place.letters()
            assert (letter.attempts, letter.dead, letter.error) == (3, True, "503")
            assert await place.position() == 1
            log = [attempt for _, attempt in await place.store.attempts(NAME)]
            assert [(each.number, each.taken, each.status) for each in log] == [(n, False, 503) for n in (3, 2, 1)]

    virtually(scenario)


@pytest.mark.parametrize("looks", range(1, 25))
def test_what_comes_due_in_the_midst_of_anything_is_offered(looks):
    async def scenario(place):
        endpoint = Endpoint(DOWN, None)
        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(9.5)
            await place.job("b")
            await anyio.sleep(DAY_S)
            assert sorted(endpoint.positions) == [1, 1, 2]

    virtually(scenario, loop=BusyLoop(9.5, looks))


def test_jitter_shortens_by_at_most_its_part():
    waits = []

    async def scenario(place):
        endpoint = Endpoint(DOWN)
        async with place.opened():
            place.listen(endpoint, manner=Manner(delays_s=(100.0,) * 4, jitter=0.5, by_job=True))
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(DAY_S)
        waits.extend(later - before for before, later in itertools.pairwise(endpoint.times))

    virtually(scenario)
    assert len(waits) == 4
    assert all(50.0 <= wait_s <= 100.0 for wait_s in waits)
    assert len({round(wait_s, 3) for wait_s in waits}) == 4


@pytest.mark.parametrize(
    ("asked", "pause_s"),
    [
        (30.0, 30.0),
        (5.0, 10.0),
        (0.0, 10.0),
        (-7.0, 10.0),
        (float("nan"), 10.0),
        (float("inf"), DAY_S),
        (1e300, DAY_S),
        (1 << 80, DAY_S),
        ("soon", 10.0),
    ],
)
def test_whatever_is_asked_for_is_a_pause_of_at_most_a_day(asked, pause_s):
    async def scenario(place):
        endpoint = Endpoint(Undelivered("busy", status=429, retry_after_s=asked), None)
        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(2 * DAY_S)
            assert endpoint.times == [0.0, pause_s]

    virtually(scenario)


def test_no_delays_at_all_are_one_attempt_each():
    async def scenario(place):
        endpoint = Endpoint(DOWN)
        async with place.opened():
            place.listen(endpoint, manner=Manner(delays_s=(), by_job=True, at_once=4))
            await place.subscriptions.begun()
            for number in range(3):
                await place.job(f"job {number}")
            await anyio.sleep(DAY_S)
            assert len(endpoint.calls) == 3
            assert [letter.dead for letter in await place.letters()] == [True] * 3

    virtually(scenario)


def test_who_asks_for_a_pause_has_it_although_others_under_way_are_taken():
    async def scenario(place):
        calls = []

        async def endpoint(event, row):
            calls.append((asyncio.get_running_loop().time(), row.id))
            if row.id == "limited" and len(calls) <= 2:
                raise Undelivered("slow down", status=429, retry_after_s=60.0)
            await asyncio.sleep(1.0)

        async with place.opened():
            place.listen(endpoint, types=(Submitted,))
            await place.subscriptions.begun()
            await place.job("well")
            await place.job("limited")
            await anyio.sleep(5.0)
            await place.job("later")
            await anyio.sleep(300.0)
            assert sorted(job_id for _, job_id in calls) == ["later", "limited", "limited", "well"]
            assert min(time for time, _ in calls[2:]) == 60.0

    virtually(scenario)


def test_one_bad_moment_of_many_under_way_is_a_short_pause():
    """Sixteen that fail together are one sign that nobody is there, and not eleven more."""

    async def scenario(place):
        calls = []

        async def endpoint(event, row):
            now_s = asyncio.get_running_loop().time()
            calls.append(now_s)
            await asyncio.sleep(0.1)
            if now_s < 0.5:
                raise DOWN

        async with place.opened():
            place.listen(endpoint, types=(Submitted,))
            await place.subscriptions.begun()
            for number in range(64):
                await place.job(f"job {number}")
            await anyio.sleep(300.0)
            later = [time for time in calls if time > 0.5]
            assert len(later) == 64
            assert min(later) <= 1.2

    virtually(scenario)


def test_a_dead_endpoint_sees_one_at_a_time_and_every_event_has_its_attempts():
    async def scenario(place):
        under_way = most = 0
        times = []

        async def endpoint(event, row):
            nonlocal under_way, most
            under_way += 1
            times.append(asyncio.get_running_loop().time())
            if times[-1] > 0.5:
                most = max(most, under_way)
            await asyncio.sleep(0.1)
            under_way -= 1
            raise DOWN

        async with place.opened():
            place.listen(endpoint, types=(Submitted,))
            await place.subscriptions.begun()
            for number in range(40):
                await place.job(f"job {number}")
            await anyio.sleep(DAY_S)
            letters = await place.letters()
            assert [letter.dead for letter in letters] == [True] * 40
            assert {letter.attempts for letter in letters} == {3}
            assert len(times) == 120
            assert most == 1
            pauses = [later - before for before, later in itertools.pairwise(times) if later > 0.5]
            assert max(pauses) <= 300.2
            assert pauses[-1] > 100.0

    virtually(scenario)


def test_a_replay_is_offered_at_once_however_long_the_endpoint_was_to_rest():
    async def scenario(place):
        endpoint = Endpoint(*[Undelivered("busy", retry_after_s=DAY_S)] * 1, None)
        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(60.0)
            place.delivery.replay(await place.letters())
            await anyio.sleep(1.0)
            assert endpoint.times == [0.0, 60.0]
            assert await place.letters() == []

    virtually(scenario)


class Unspeakable(Exception):
    def __repr__(self):
        raise ValueError("no words")


@pytest.mark.parametrize(
    "error",
    [
        Unspeakable(),
        Undelivered(None),
        Undelivered("\udc80", excerpt="\ud800" * 2_000),
        Undelivered("x" * 100_000, excerpt=None),
        asyncio.CancelledError(),
        ExceptionGroup("several", [OSError("one")]),
        StopIteration(),
        StoreUnavailable("its own"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_is_kept(error):
    async def scenario(place):
        endpoint = Endpoint(error)
        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(DAY_S)
            (letter,) = await place.letters()
            assert (letter.dead, letter.attempts) == (True, 3)
            assert len(letter.error.encode()) <= 4_000
            for _, attempt in await place.store.attempts(NAME):
                assert len(attempt.excerpt.encode()) <= 4_000

    virtually(scenario)


async def test_who_takes_many_events_at_once_leaves_the_loop_to_others():
    """The longest time that another task has to wait for its turn, while a backlog is taken without a pause."""
    place, loop = Place(), asyncio.get_running_loop()
    for number in range(1_000):
        await place.job(f"job {number}")
    heard = []

    async def greedy(event, row):
        deadline_s = loop.time() + 0.000_2
        while loop.time() < deadline_s:
            pass
        heard.append(event.position)

    async with place.opened():
        place.listen(greedy, from_start=True, manner=ORDERLY)
        turns = [loop.time()]
        with anyio.fail_after(30):
            while len(heard) < 1_000:  # its turns are what is measured
                await asyncio.sleep(0)
                turns.append(loop.time())
    assert heard == list(range(1, 1_001))
    assert max(later - before for before, later in itertools.pairwise(turns)) < 0.15
