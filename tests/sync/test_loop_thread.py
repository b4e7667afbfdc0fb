import asyncio
import threading

import pytest

from kyanite.errors import WorkspaceClosed
from kyanite.sync.loop_thread import LoopThread, outcome

PATIENCE_S = 10.0


@pytest.fixture
def thread():
    """A loop thread that is gone after the test."""
    thread = LoopThread("loop under test")
    yield thread
    assert thread.end(PATIENCE_S)


async def forever():
    await asyncio.Event().wait()


def test_what_a_coroutine_returns_or_raises_comes_back(thread):
    async def where():
        return threading.current_thread().name

    async def wrong():
        raise ArithmeticError("wrong")

    assert thread.call(where) == "loop under test"
    with pytest.raises(ArithmeticError, match="wrong"):
        thread.call(wrong)


def test_it_is_a_daemon(thread):
    async def daemon():
        return threading.current_thread().daemon

    assert thread.call(daemon)


def test_a_caller_that_is_interrupted_cancels(thread):
    cancelled, begun = threading.Event(), threading.Event()

    async def patient():
        begun.set()
        try:
            await forever()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    class Interrupted:
        """A future whose result is never waited for: Ctrl-C comes first."""

        def __init__(self, future):
            self.cancel = future.cancel

        def result(self):
            assert begun.wait(PATIENCE_S)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome(Interrupted(thread.spawn(patient)))
    assert cancelled.wait(PATIENCE_S)


def test_the_end_cancels_what_runs_and_refuses_what_comes():
    thread = LoopThread("loop under test")
    running = thread.spawn(forever)
    assert thread.end(PATIENCE_S)
    with pytest.raises(WorkspaceClosed, match="meanwhile"):
        outcome(running)
    with pytest.raises(WorkspaceClosed, match="ended"):
        thread.spawn(forever)
    assert thread.end(PATIENCE_S)


def test_a_thread_that_can_not_start_its_loop_says_so(monkeypatch):
    def refuse():
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    with pytest.raises(OSError, match="too many"):
        LoopThread("loop under test")
