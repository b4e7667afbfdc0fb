"""A simulated service elsewhere, and its provider, as one for a real service is written: it submits no job twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from kyanite.core.job import Status, Target
from kyanite.errors import StoreUnavailable
from kyanite.ports import Provider, Task
from kyanite.testing.simulation.world import World

T = TypeVar("T")
POLL_S = 0.5


class RemoteService:
    """A service elsewhere: it outlasts the process, its answers can get lost, and requests arrive late."""

    POST_TIMEOUT_S = 10.0
    """A request that has not arrived by then never does."""

    def __init__(self, world: World) -> None:
        """Have no jobs."""
        self.world = world
        self.submissions: dict[str, int] = {}
        """How often each job, by the name that its client gave it, was submitted: more than once is a bill too many."""
        self._ends_at: dict[str, float] = {}
        self._content: dict[str, bytes] = {}
        self._cancelled: set[str] = set()

    async def submit(self, name: str, token: str, content: bytes) -> str:
        """Take a job in; return its handle. The request goes its way even if the caller dies meanwhile."""

        def send() -> asyncio.Future[str]:
            answer: asyncio.Future[str] = self.world.loop.create_future()
            delay_s = self.world.draw() ** 4 * self.POST_TIMEOUT_S
            self.world.loop.call_later(delay_s, self._arrived, name, token, content, answer, context=self.world.context)
            return answer

        with anyio.fail_after(self.POST_TIMEOUT_S):
            answer = await self.world.step("service", send)
            return await answer

    def _arrived(self, name: str, token: str, content: bytes, answer: asyncio.Future[str]) -> None:
        self.submissions[name] = self.submissions.get(name, 0) + 1
        if self.submissions[name] > 1:
            self.world.fail(f"{name} was submitted to the service {self.submissions[name]} times")
        self._ends_at[token] = self.world.loop.time() + self.world.draw() * 3.0
        self._content[token] = content
        if not answer.done():
            answer.set_result(token)

    async def find(self, token: str) -> str | None:
        """Return the handle of the job that was submitted under a token, if there is one."""
        return await self.world.step("service", lambda: token if token in self._ends_at else None)

    async def poll(self, handle: str) -> Status:
        """Return where the job stands."""

        def look() -> Status:
            if handle in self._cancelled:
                return Status.CANCELLED
            return Status.SUCCEEDED if self._ends_at[handle] <= self.world.loop.time() else Status.EXECUTING

        return await self.world.step("service", look)

    async def cancel(self, handle: str) -> None:
        """Cancel the job unless it has ended."""

        def effect() -> None:
            if self._ends_at[handle] > self.world.loop.time():
                self._cancelled.add(handle)

        await self.world.step("service", effect)

    async def fetch(self, handle: str) -> bytes:
        """Return the result."""
        return await self.world.step("service", lambda: self._content[handle][::-1])


class RemoteProvider(Provider):
    """Intends, submits, checkpoints, polls; after a restart it goes on where it was."""

    id = "remote"

    def __init__(self, service: RemoteService) -> None:
        """Submit to this service."""
        self._service = service
        # Sending may take as long as waiting for the answer; then a request has arrived, or never will.
        self._gone_s = 2 * service.POST_TIMEOUT_S + 1.0

    def targets(self) -> Sequence[Target]:
        return (Target(id="remote.plain", provider_id=self.id, slots=8, remote=True),)

    async def run(self, task: Task) -> Status | None:
        """Return as the service says that the job has ended."""
        handle = task.details.handle
        if handle is None:
            handle = await self.submitted(task)
            if handle is None:
                return Status.CANCELLED
            await task.checkpoint(handle)
        status = await self.watched(task, handle)
        if status is Status.SUCCEEDED:
            await task.write_output(await _persistently(lambda: self._service.fetch(handle)))
        return status

    async def submitted(self, task: Task) -> str | None:
        """Return the handle of the job at the service, which has it afterwards exactly once; none if cancelled."""
        name, content = task.details.id, await task.read_input()
        token = task.details.intent or f"token-{name}"
        if task.details.intent is not None:
            await asyncio.sleep(self._gone_s)
        while True:
            handle = await _persistently(lambda: self._service.find(token))
            if handle is not None or task.cancel_requested:
                return handle
            # Right before each request: a process that has lost the store learns it here, and sends nothing.
            await task.intend(token)
            try:
                return await self._service.submit(name, token, content)
            except (StoreUnavailable, TimeoutError):
                # It may be on its way: only when that is over can a search tell.
                await asyncio.sleep(self._gone_s)

    async def watched(self, task: Task, handle: str) -> Status:
        """Return the final status, after passing a request to cancel on."""
        asked = False
        while True:
            if task.cancel_requested and not asked:
                await _persistently(lambda: self._service.cancel(handle))
                asked = True
            status = await _persistently(lambda: self._service.poll(handle))
            if status.final:
                return status
            await asyncio.sleep(POLL_S)


async def _persistently(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat what can be repeated until the service answers."""
    while True:
        try:
            return await call()
        except StoreUnavailable:
            await asyncio.sleep(POLL_S)
