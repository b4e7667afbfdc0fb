"""The loop: seeded order, virtual time, and no way out."""

import asyncio
import contextlib
import threading

import anyio
import pytest

from kyanite.testing.simulation import Deadlock, Forbidden, Livelock, SimulationLoop, run
from kyanite.testing.simulation.loop import FORBIDDEN, PRIVATE


def order_of(seed):
    """In which order twenty callbacks run that are ready together."""

    async def main():
        seen = []
        for number in range(20):
            asyncio.get_running_loop().call_soon(seen.append, number)
        await asyncio.sleep(1)
        return seen

    return run(SimulationLoop(seed), main())


def test_what_is_ready_runs_in_an_order_of_the_seed():
    orders = [order_of(seed) for seed in range(5)]
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len({tuple(order) for order in orders}) == 5
    assert order_of(3) == orders[3]


def test_a_year_takes_no_time():
    loop = SimulationLoop(0)

    async def main():
        with anyio.move_on_after(366 * 86_400.0) as scope:
            await anyio.sleep_forever()
        return scope.cancelled_caught

    assert run(loop, main())
    assert loop.time() == 366 * 86_400.0


def test_a_deadlock_is_told_with_the_place_where_each_waits():
    async def waiting_for_ever():
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="waiting_for_ever"):
        run(SimulationLoop(0), waiting_for_ever())


def test_what_spins_is_told():
    async def spinning():
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    with pytest.raises(Livelock, match="spinning"):
        run(SimulationLoop(0), spinning())


def test_a_callback_from_another_thread_is_refused():
    loop = SimulationLoop(0)
    caught = []

    def outside():
        try:
            loop.call_soon_threadsafe(print)
        except Forbidden as error:
            caught.append(str(error))

    with contextlib.closing(loop):
        thread = threading.Thread(target=outside)
        thread.start()
        thread.join()
    assert caught == ["a callback came from another thread"]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_there_is_no_way_out(name):
    loop = SimulationLoop(0)
    with contextlib.closing(loop), pytest.raises(Forbidden, match=name):
        getattr(loop, name)()


def test_the_private_names_it_relies_on_are_there():
    loop = asyncio.new_event_loop()
    with contextlib.closing(loop):
        assert [name for name in PRIVATE if not hasattr(loop, name)] == []
        handle = loop.call_later(1.0, print)
        assert all(hasattr(handle, name) for name in ("_run", "_cancelled", "_context", "_scheduled"))
    from anyio._backends._asyncio import CancelScope

    assert "_host_task" in CancelScope.__slots__


def test_tasks_are_hashed_by_the_order_of_their_creation():
    async def main():
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(anyio.sleep, 1)
            return [hash(task) for task in asyncio.get_running_loop().tasks()]

    assert run(SimulationLoop(0), main()) == [1, 2, 3, 4, 5, 6]


def test_scopes_have_their_own_hash_again_afterwards():
    before = anyio.CancelScope.__hash__
    run(SimulationLoop(0), asyncio.sleep(1))
    assert anyio.CancelScope.__hash__ is before
    from anyio._backends._asyncio import CancelScope

    assert CancelScope.__hash__ is object.__hash__


def test_what_a_callback_raises_is_kept():
    loop = SimulationLoop(0)

    async def main():
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    run(loop, main())
    assert [type(fault["exception"]) for fault in loop.faults] == [ZeroDivisionError]
