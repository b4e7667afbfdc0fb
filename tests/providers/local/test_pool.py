"""Workers that are asked nothing but pings and inspections: no kernel is loaded here."""

import json
import os
import signal
import statistics
import time
from contextlib import asynccontextmanager

import anyio
import pytest

from kyanite.errors import ProviderError, RetryableError
from kyanite_providers.local.environment import worker_environment
from kyanite_providers.local.frames import Done, Inspect, Inspected, Ping, Refused, Source, Warm
from kyanite_providers.local.pool import WorkerPool
from tests.providers.local.faketask import ising
from tests.providers.local.processes import children, exists, open_files, until


@asynccontextmanager
async def pool_of(size, tmp_path, **more):
    pool = WorkerPool(size, worker_environment(tmp_path), **more)
    try:
        yield pool
    finally:
        await pool.aclose()


def inspect(problem, limit=1 << 20):
    return Inspect(Source("", content=json.dumps(problem).encode()), limit)


async def test_warm_call_costs_little(tmp_path, record_property):
    async with pool_of(1, tmp_path) as pool:
        taken_s = []
        for _ in range(300):
            began_s = time.perf_counter()
            assert await pool.ask(Ping()) == Done()
            taken_s.append(time.perf_counter() - began_s)
        assert len(pool.pids) == 1
    record_property("ping_median_ms", statistics.median(taken_s) * 1e3)
    # A bound that only a broken path misses: the figure itself belongs to the bench.
    assert statistics.median(taken_s) < 0.05


async def test_workers_that_are_lent_are_busy(tmp_path):
    async with pool_of(2, tmp_path) as pool:
        assert (len(pool.pids), pool.busy) == (0, 0)
        await pool.ask(Ping())
        assert (len(pool.pids), pool.busy) == (1, 0)
        async with pool.worker():
            assert (len(pool.pids), pool.busy) == (1, 1)
            async with pool.worker():
                assert (len(pool.pids), pool.busy) == (2, 2)
            assert pool.busy == 1
        assert (len(pool.pids), pool.busy) == (2, 0)


async def test_inspection_counts(tmp_path):
    async with pool_of(1, tmp_path) as pool:
        reply = await pool.ask(inspect(ising((1, 0, 1), (2, 5), (3,))))
    assert isinstance(reply, Inspected)
    assert (reply.variables, reply.terms, reply.references) == (3, 3, 3)


async def test_refusal_leaves_the_worker_in_service(tmp_path):
    async with pool_of(1, tmp_path) as pool:
        await pool.ask(Ping())
        before = pool.pids
        with pytest.raises(ProviderError, match=r"cost_function.terms\[0\].c"):
            await pool.ask(inspect(ising(("x", 0))))
        assert await pool.ask(Ping()) == Done()
        assert pool.pids == before


async def test_large_frame_crosses_whole(tmp_path):
    problem = ising(*((1, k, k + 1) for k in range(30_000)))
    async with pool_of(1, tmp_path) as pool:
        reply = await pool.ask(inspect(problem, 1 << 24))
    assert reply.variables == 30_001


async def test_workers_start_one_by_one_and_no_more_than_allowed(tmp_path):
    async with pool_of(2, tmp_path) as pool:
        assert pool.pids == []
        await pool.ask(Ping())
        await pool.ask(Ping())
        assert len(pool.pids) == 1
        held = []
        finish = anyio.Event()

        async def hold():
            async with pool.worker() as worker:
                held.append(worker.pid)
                await finish.wait()

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(hold)
            await until(lambda: len(held) == 2)
            assert len(set(held)) == 2
            finish.set()
        assert len(held) == 3
        assert len(pool.pids) == 2


async def test_filled_pool_has_all_its_workers_and_lends_each(tmp_path):
    ready = []
    async with pool_of(2, tmp_path, on_ready=lambda worker: ready.append(worker.pid)) as pool:
        pool.fill()
        pool.fill()
        started = pool.pids
        assert len(started) == 2
        async with pool.worker() as one, pool.worker() as other:
            assert sorted([one.pid, other.pid]) == started == pool.pids
        assert sorted(ready) == started


async def test_worker_that_holds_the_problem_is_preferred(tmp_path):
    async with pool_of(2, tmp_path) as pool:
        async with pool.worker() as first, pool.worker() as second:
            first.held, second.held = "one", "two"
        for wanted in ("two", "one", "two"):
            async with pool.worker(wanted) as worker:
                assert worker.held == wanted


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
async def test_death_fails_the_call_and_no_other(tmp_path, number):
    async with pool_of(1, tmp_path) as pool:
        async with pool.worker() as worker:
            os.kill(worker.pid, signal.SIGSTOP)
            answer = worker.ask(Ping())
            os.kill(worker.pid, number)
            os.kill(worker.pid, signal.SIGCONT)
            with pytest.raises(RetryableError, match=number.name) as caught:
                await answer
        assert caught.value.error.code == "WorkerDied"
        assert await pool.ask(Ping()) == Done()
        assert worker.pid not in pool.pids
        assert not exists(worker.pid)


async def test_worker_that_died_idle_is_replaced(tmp_path):
    async with pool_of(1, tmp_path) as pool:
        await pool.ask(Ping())
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not pool.pids)
        assert not exists(pid)
        assert await pool.ask(Ping()) == Done()


async def test_cancelled_call_kills_the_worker_and_only_that(tmp_path):
    async with pool_of(1, tmp_path) as pool:
        await pool.ask(Ping())
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        with anyio.move_on_after(0.05) as scope:
            await pool.ask(Ping())
        assert scope.cancelled_caught
        assert await pool.ask(Ping()) == Done()
        assert not exists(pid)


async def test_cancelled_wait_for_a_worker_loses_nothing(tmp_path):
    async with pool_of(1, tmp_path) as pool:
        async with pool.worker() as worker:
            with anyio.move_on_after(0.02):
                await pool.ask(Ping())
        assert await pool.ask(Ping()) == Done()
        assert pool.pids == [worker.pid]


async def test_worker_that_can_not_get_ready_fails_those_who_wait(tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    (empty / "numba").mkdir(parents=True)
    (empty / "numba" / "__init__.py").write_text("raise ImportError('no numba here')")
    environment = worker_environment(tmp_path)
    environment["PYTHONPATH"] = f"{empty}{os.pathsep}{environment.get('PYTHONPATH', '')}"
    pool = WorkerPool(1, environment, first=Warm)
    for _ in range(2):
        with pytest.raises(ProviderError, match="no numba here"):
            await pool.ask(Ping())
    await pool.aclose()
    assert pool.pids == []


async def test_interpreter_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    async with pool_of(1, tmp_path) as pool:
        with pytest.raises(RetryableError, match="can not be started"):
            await pool.ask(Ping())


async def test_closing_leaves_no_process_and_no_file(tmp_path):
    files, before = open_files(), children()
    async with pool_of(2, tmp_path) as pool:
        async with pool.worker(), pool.worker() as busy:
            os.kill(busy.pid, signal.SIGSTOP)
            busy.ask(Ping())
        assert len(children() - before) == 2
    await pool.aclose()
    assert children() == before
    assert open_files() == files
    with pytest.raises(RetryableError, match="closed"):
        await pool.ask(Ping())


async def test_closing_wakes_those_who_wait(tmp_path):
    async with pool_of(1, tmp_path) as pool:
        seen = []

        async def wait():
            try:
                await pool.ask(Ping())
            except RetryableError as error:
                seen.append(error)

        async with anyio.create_task_group() as group, pool.worker():
            group.start_soon(wait)
            await until(lambda: len(pool._waiters) == 1)
            await pool.aclose()
    assert [error.error.code for error in seen] == ["WorkerDied"]


async def test_worker_ignores_the_interrupt_of_the_terminal(tmp_path):
    async with pool_of(1, tmp_path) as pool:
        await pool.ask(Ping())
        (pid,) = pool.pids
        assert os.getsid(pid) != os.getsid(0)
        os.kill(pid, signal.SIGINT)
        assert await pool.ask(Ping()) == Done()
        assert pool.pids == [pid]


async def test_nonsense_is_answered_not_fatal(tmp_path):
    async with pool_of(1, tmp_path) as pool:
        reply = await pool.ask(Ping())
        assert not isinstance(reply, Refused)
        with pytest.raises(ProviderError, match="FileNotFoundError"):
            await pool.ask(Inspect(Source("", path=str(tmp_path / "none")), 10))
        assert await pool.ask(Ping()) == Done()
