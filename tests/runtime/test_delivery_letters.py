"""Letters of a delivery: those of an earlier run, those that are replayed, and a store that is away."""

import asyncio
from datetime import timedelta

import anyio
import pytest
from msgspec.structs import replace

from kyanite.errors import StorageFull, StoreCorrupt, StoreUnavailable
from kyanite.ports import Cursor, Manner, Settlement
from kyanite.runtime import delivery as deliveries
from tests.runtime.delivering import BY_JOB, DAY_S, DOWN, NAME, ORDERLY, Endpoint, letter_at, virtually
from tests.runtime.live import START, began, born, succeeded


def test_what_is_replayed_while_it_is_under_way_goes_on_with_the_first_delay():
    async def scenario(place):
        let_go = anyio.Event()
        times = []

        async def endpoint(event, row):
            times.append(asyncio.get_running_loop().time())
            if len(times) == 2:
                await let_go.wait()
            raise DOWN

        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(20.0)
            place.delivery.replay(await place.letters())
            let_go.set()
            await anyio.sleep(DAY_S)
            assert times == [0.0, 10.0, 30.0, 130.0]
            assert [letter.attempts for letter in await place.letters(dead=True)] == [3]

    virtually(scenario)


@pytest.mark.parametrize("delays_s", [(), (1.0,)])
def test_what_is_replayed_before_it_was_read_is_offered_once(delays_s):
    """A stretch of the log may reach beyond what the delivery has come to."""

    async def scenario(place):
        let_go, heard = anyio.Event(), []

        async def endpoint(event, row):
            await let_go.wait()
            heard.append(event.position)

        async with place.opened():
            place.listen(endpoint, manner=Manner(delays_s=delays_s))
            await place.subscriptions.begun()
            for number in range(deliveries.ITEMS_MAX + 500):
                await place.job(f"job {number}")
            await anyio.sleep(1.0)
            assert place.delivery.waiting == deliveries.ITEMS_MAX
            place.delivery.replay([letter_at(position) for position in (1_100, 1_200)])
            let_go.set()
            await anyio.sleep(60.0)
            assert heard == list(range(1, deliveries.ITEMS_MAX + 501))
            assert await place.letters() == []
            assert await place.position() == len(heard)

    virtually(scenario)


def test_a_replay_outlives_what_had_been_taken_a_moment_before():
    """The ledger still has to store that the letter is none any more."""

    async def scenario(place):
        answers = [DOWN]
        stuck = anyio.Event()

        async def endpoint(event, row):
            if answers:
                raise answers.pop()
            if asyncio.get_running_loop().time() > 12.0:
                await stuck.wait()

        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(5.0)
            (letter,) = await place.letters()
            place.store.errors["settle"] = StoreUnavailable("away")
            await anyio.sleep(8.0)
            assert place.delivery.waiting == 0
            place.delivery.replay([replace(letter, attempts=0)])
            del place.store.errors["settle"]
            await anyio.sleep(20.0)
            assert place.delivery.waiting == 1
            assert [each.position for each in await place.letters()] == [1]
            stuck.set()
            await anyio.sleep(1.0)
            assert await place.letters() == []

    virtually(scenario)


def test_a_replay_while_a_delivery_begins_is_offered_once():
    async def scenario(place):
        store = place.store
        await place.job("job 0", began(), succeeded())
        await place.job("job 3")
        await store.settle(
            Settlement(cursors=(Cursor(NAME, 4, START),), letters=(letter_at(1, due_time=None, attempts=3),))
        )
        store.errors["letters"] = StoreUnavailable("away")
        endpoint = Endpoint()
        async with place.opened():
            place.listen(endpoint)
            await anyio.sleep(0.01)
            place.delivery.replay([letter_at(1)])
            del store.errors["letters"]
            await anyio.sleep(10.0)
            assert endpoint.positions == [1]
            assert await place.letters() == []

    virtually(scenario)


def test_more_letters_than_a_page_are_all_offered_again():
    async def scenario(place):
        count = 1_300
        for number in range(count):
            await place.job(f"job {number}")
        dead = [letter_at(position, due_time=None, attempts=3) for position in range(1, 1_101)]
        waiting = [letter_at(position) for position in range(1_101, count + 1)]
        await place.store.settle(Settlement(cursors=(Cursor(NAME, count, START),), letters=tuple(dead + waiting)))
        endpoint = Endpoint()
        async with place.opened():
            place.listen(endpoint)
            await anyio.sleep(10.0)
            assert sorted(endpoint.positions) == list(range(1_101, count + 1))
            assert len(await place.letters(limit=5_000)) == 1_100

    virtually(scenario)


@pytest.mark.parametrize("ahead_s", [-DAY_S, 400 * DAY_S])
def test_no_clock_that_was_wrong_keeps_a_letter_from_being_offered(ahead_s):
    """It was stored by a clock that was a year ahead, or is read by one that is a day behind."""

    async def scenario(place):
        await place.job("job 0")
        due_time = START + timedelta(seconds=max(ahead_s, 0.0))
        await place.store.settle(
            Settlement(cursors=(Cursor(NAME, 1, START),), letters=(letter_at(1, due_time=due_time),))
        )
        place.clock.ahead_s = min(ahead_s, 0.0)
        endpoint = Endpoint()
        async with place.opened():
            place.listen(endpoint)
            await anyio.sleep(2 * DAY_S)
            assert endpoint.positions == [1]
            assert endpoint.times[0] <= DAY_S

    virtually(scenario)


def test_a_name_with_a_slash_is_not_taken_for_another_workspace_s():
    async def scenario(place):
        await place.job("job 0")
        await place.store.settle(Settlement(cursors=(Cursor("team/billing", 1, START),)))
        endpoint = Endpoint()
        async with place.opened():
            place.listen(endpoint, name="team/billing", from_start=True)
            await anyio.sleep(1.0)
        assert endpoint.positions == [1]

    virtually(scenario)


@pytest.mark.parametrize("manner", [ORDERLY, BY_JOB], ids=["in order", "by job"])
@pytest.mark.parametrize("method", ["get", "story"])
def test_an_event_whose_job_can_not_be_read_is_no_failure_of_the_subscriber_s(manner, method):
    async def scenario(place):
        for number in range(3):
            await place.job(f"job {number}")
        await place.store.settle(
            Settlement(cursors=(Cursor(NAME, 3, START),), letters=tuple(letter_at(position) for position in (1, 2, 3)))
        )
        place.store.errors[method] = StoreUnavailable("away")
        endpoint = Endpoint()
        async with place.opened():
            place.listen(endpoint, manner=manner)
            await anyio.sleep(DAY_S)
            assert endpoint.calls == []
            assert len(await place.letters(dead=False)) == 3
            assert await place.store.attempts(NAME) == []
            del place.store.errors[method]
            await anyio.sleep(120.0)
            assert sorted(endpoint.positions) == [1, 2, 3]
            assert await place.letters() == []

    virtually(scenario)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreCorrupt("damaged")], ids=["away", "damaged"])
def test_a_log_that_can_not_be_read_ends_nothing(error):
    async def scenario(place):
        endpoint, other = Endpoint(), Endpoint()
        place.store.errors["log"] = error
        async with place.opened():
            place.listen(endpoint)
            place.listen(other, name=None, manner=ORDERLY)
            await place.job("a")
            await anyio.sleep(300.0)
            del place.store.errors["log"]
            await anyio.sleep(300.0)
            assert endpoint.positions == other.positions == [1]

    virtually(scenario)


@pytest.mark.parametrize(
    "error", [StoreUnavailable("away"), StorageFull("no space"), StoreCorrupt("damaged")], ids=["away", "full", "bad"]
)
def test_a_store_that_never_answers_again_does_not_hold_up_the_closing(error):
    async def scenario(place):
        endpoint = Endpoint(DOWN)
        async with place.opened(grace_s=5.0):
            place.listen(endpoint)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(1.0)
            await place.job("b")
            place.store.errors["settle"] = error
            await anyio.sleep(300.0)
            closed_s = anyio.current_time()
        assert anyio.current_time() - closed_s <= 11.0

    virtually(scenario)


def test_what_is_not_stored_yet_is_bounded():
    async def scenario(place):
        endpoint = Endpoint(DOWN)
        for number in range(5_000):
            await place.log.commit("default", f"job {number}", born("default", f"job {number}"))
        place.bus.position = 5_000
        await place.store.settle(Settlement(cursors=(Cursor(NAME, 0, START),)))
        async with place.opened():
            place.store.errors["settle"] = StorageFull("no space")
            place.listen(endpoint, manner=Manner(delays_s=(), logs=True))
            await anyio.sleep(DAY_S)
            # What the ledger tries to store, what has been noted since, and what was read ahead.
            assert len(endpoint.calls) <= 3 * deliveries.ITEMS_MAX
            del place.store.errors["settle"]
            await anyio.sleep(DAY_S)
            assert len(await place.letters(limit=10_000)) == 5_000
            assert await place.position() == 5_000

    virtually(scenario)


def test_letters_that_are_damaged_hold_up_nobody_else():
    async def scenario(place):
        endpoint, other = Endpoint(), Endpoint()
        place.store.errors["letters"] = StoreCorrupt("damaged")
        async with place.opened():
            place.listen(endpoint)
            place.listen(other, name=None, manner=ORDERLY)
            await place.subscriptions.begun()
            await place.job("a")
            await anyio.sleep(300.0)
            assert (endpoint.positions, other.positions) == ([], [1])
            assert place.delivery is None
            del place.store.errors["letters"]
            place.listen(endpoint, from_start=True)
            await anyio.sleep(1.0)
            assert endpoint.positions == [1]

    virtually(scenario)


def test_an_event_whose_job_is_damaged_is_a_dead_letter():
    async def scenario(place):
        endpoint = Endpoint()
        await place.job("a")
        place.store.errors["get"] = StoreCorrupt("damaged")
        async with place.opened():
            place.listen(endpoint, from_start=True, tag=("nightly",))
            await anyio.sleep(DAY_S)
            (letter,) = await place.letters()
            assert letter.dead
            assert "damaged" in letter.error
            del place.store.errors["get"]
            place.log._rows.clear()
            await place.log.record("default", "b", born("default", "b", tags=("nightly",)))
            await anyio.sleep(1.0)
            assert endpoint.positions == [2]

    virtually(scenario)


def test_on_a_full_disk_nobody_waits_for_what_can_not_be_stored():
    async def scenario(place):
        endpoint = Endpoint(DOWN)
        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            place.store.errors["settle"] = StorageFull("no space")
            await place.job("a")
            await anyio.sleep(60.0)
            with anyio.fail_after(5.0):
                (standing,) = await place.deliveries.subscribers()
            assert standing.running
            place.listen(endpoint, name="new")
            with anyio.fail_after(5.0), pytest.raises(StorageFull, match="no space"):
                await place.subscriptions.begun()
            del place.store.errors["settle"]
            await anyio.sleep(10.0)
            await place.subscriptions.begun()
            assert [standing.name for standing in await place.deliveries.subscribers()] == ["billing", "new"]

    virtually(scenario)


def test_one_that_refuses_a_kind_of_job_for_days_goes_on_hearing_of_the_others():
    """Thousands of letters wait, and the log is read all the same."""

    async def scenario(place):
        heard = []

        async def endpoint(event, row):
            if event.position % 2:
                raise DOWN
            heard.append(event.position)

        async with place.opened():
            place.listen(endpoint, manner=replace(BY_JOB, delays_s=(DAY_S, DAY_S)))
            await place.subscriptions.begun()
            for number in range(3 * deliveries.ITEMS_MAX):
                await place.job(f"job {number}")
            await anyio.sleep(60.0)
            assert sorted(heard) == list(range(2, 3 * deliveries.ITEMS_MAX + 1, 2))
            assert place.delivery.waiting == 1.5 * deliveries.ITEMS_MAX
            assert await place.position() == 3 * deliveries.ITEMS_MAX
            assert len(await place.letters(dead=False, limit=10_000)) == 1.5 * deliveries.ITEMS_MAX

    virtually(scenario)


def test_a_letter_about_what_is_not_in_the_log_is_a_dead_letter_in_the_end():
    async def scenario(place):
        await place.job("job 0")
        await place.store.settle(
            Settlement(cursors=(Cursor(NAME, 1, START),), letters=(letter_at(1, version=7),)),
        )
        endpoint = Endpoint()
        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            await anyio.sleep(DAY_S)
            (letter,) = await place.letters()
        assert letter.dead
        assert "event 7 of job 0 is not in the log" in letter.error
        assert endpoint.calls == []

    virtually(scenario)
