"""How a delivery ends: halted, or closed, whatever it is about at that moment."""

import asyncio

import anyio
import pytest

from kyanite.core.events import FINAL_EVENTS
from kyanite.errors import StoreUnavailable
from kyanite.runtime import delivery as deliveries
from tests.runtime.delivering import BY_JOB, DOWN, NAME, ORDERLY, Endpoint, virtually
from tests.runtime.live import began, succeeded


@pytest.mark.parametrize("waits_s", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("away", [True, False])
def test_a_halt_at_any_moment_ends_the_delivery(waits_s, away):
    async def scenario(place):
        endpoint = Endpoint()
        if away:
            place.store.errors["cursors"] = StoreUnavailable("away")
        async with place.opened():
            place.listen(endpoint)
            if waits_s:
                await anyio.sleep(waits_s)
            await place.subscriptions.halt("default", "billing")
            place.store.errors.clear()
            await place.job("a")
            await anyio.sleep(60.0)
            assert endpoint.calls == []
            assert place.delivery is None

    for seed in range(5):
        virtually(scenario, seed)


def test_what_is_under_way_at_a_halt_is_settled_and_the_rest_comes_later():
    async def scenario(place):
        heard = []

        async def endpoint(event, row):
            await asyncio.sleep(1.0)
            heard.append(event.position)

        async with place.opened():
            place.listen(endpoint)
            await place.subscriptions.begun()
            for number in range(40):
                await place.job(f"job {number}")
            await anyio.sleep(0.5)
            await place.subscriptions.halt("default", "billing")
            assert sorted(heard) == list(range(1, 17))
            assert await place.position() == 16
            place.listen(endpoint)
            await anyio.sleep(10.0)
            assert sorted(heard) == list(range(1, 41))

    virtually(scenario)


def test_a_subscriber_that_hangs_holds_up_neither_halt_nor_closing():
    async def scenario(place):
        async def endpoint(event, row):
            await asyncio.Event().wait()

        for name in ("billing", None):
            async with place.opened():
                place.listen(endpoint, name=name, from_start=True)
                await place.job(f"{name}")
                await anyio.sleep(1.0)
                if name is not None:
                    began_s = anyio.current_time()
                    await place.subscriptions.halt("default", name)
                    assert anyio.current_time() - began_s <= 5.1
                    place.listen(endpoint, name=name)
                    await anyio.sleep(1.0)
                closed_s = anyio.current_time()
            assert anyio.current_time() - closed_s <= 5.1
            assert await place.store.cursors() == {} or (await place.store.cursors())[NAME].position == 0
            store = place.store
            place.__init__(store)

    virtually(scenario)


@pytest.mark.parametrize("manner", [ORDERLY, BY_JOB], ids=["in order", "by job"])
def test_a_dead_endpoint_with_a_full_window_does_not_hold_up_the_closing(manner):
    async def scenario(place):
        endpoint = Endpoint(DOWN)
        async with place.opened(grace_s=30.0):
            place.listen(endpoint, manner=manner)
            await place.subscriptions.begun()
            for number in range(2_000):
                await place.job(f"job {number}")
            await anyio.sleep(3.0)
            assert place.delivery.waiting >= deliveries.ITEMS_MAX
            closed_s = anyio.current_time()
        assert anyio.current_time() - closed_s <= 3.0

    virtually(scenario)


def test_final_events_alone_move_the_position_over_all_others():
    async def scenario(place):
        endpoint = Endpoint()
        async with place.opened():
            place.listen(endpoint, types=FINAL_EVENTS)
            await place.subscriptions.begun()
            await place.job("a", began())
            await anyio.sleep(1.0)
            assert await place.position() == 2
            await place.log.record("default", "a", succeeded())
            await anyio.sleep(1.0)
            assert endpoint.positions == [3]
            assert await place.position() == 3

    virtually(scenario)
