"""The simulator itself: bugs that are planted in the runtime are found, with every seed."""

from msgspec.structs import replace

from kyanite.core.job import Status
from kyanite.core.mailbox import Mailbox
from kyanite.runtime.dispatcher import Dispatcher
from kyanite.runtime.journal import Journal
from kyanite.stores.memory import MemoryStore
from kyanite.testing.simulation import (
    LocalProvider,
    RemoteProvider,
    RemoteService,
    Scenario,
    SimulationFailed,
    simulate,
    weather,
)
from tests.simulation.scenarios import LEAN, SUBMISSIONS, scenario_of

SEEDS = 20


def found(scenario, **chances):
    """The messages of twenty seeds; each must have one."""
    messages = []
    for seed in range(SEEDS):
        try:
            simulate(scenario, plan=weather(seed, **chances))
        except SimulationFailed as failure:
            messages.append(str(failure))
    return messages


def test_compare_and_set_removed(monkeypatch):
    def apply_blindly(self, write):
        address = (write.details.workspace, write.details.id)
        first = len(self._log) + 1
        events = [replace(event, position=first + offset) for offset, event in enumerate(write.events)]
        self._rows[address] = write.details
        self._log += events
        self._stories.setdefault(address, []).extend(events)
        return first

    monkeypatch.setattr(MemoryStore, "_apply", apply_blindly)
    messages = found(LEAN)
    assert len(messages) == SEEDS
    assert all("a write made for version" in message for message in messages)


def test_announced_before_the_commit(monkeypatch):
    commit = Journal._commit

    async def announce_first(self, batch):
        for request in batch:
            self._rows[request.address] = request.write.details
            request.resolve(request.write.details)
        await commit(self, batch)

    monkeypatch.setattr(Journal, "_commit", announce_first)
    messages = found(LEAN)
    assert len(messages) == SEEDS
    assert all("was shown" in message or "was told" in message for message in messages)


class SavesTheHandleLate(RemoteProvider):
    """Polls first, and notes the handle when it is of no use any more; trusts the handle alone after a restart."""

    async def run(self, task):
        handle = task.details.handle
        if handle is None:
            handle = await self._service.submit(task.details.id, f"token-{task.details.attempt}", b"")
        status = await self.watched(task, handle)
        await task.checkpoint(handle)
        if status is Status.SUCCEEDED:
            await task.write_output(b"")
        return status


def remotes(provider, jobs=100):
    def scenario(world):
        service = RemoteService(world)
        return Scenario(
            providers=lambda: [provider(service)], submissions=[SUBMISSIONS["remote"]], jobs=jobs, subscribers={}
        )

    return scenario


def test_handle_saved_after_the_poll():
    messages = found(remotes(SavesTheHandleLate), kill_after=0.01, takeover=0.0)
    assert len(messages) == SEEDS
    assert all("was submitted to the service 2 times" in message for message in messages)


def test_the_right_order_is_not_blamed():
    assert found(remotes(RemoteProvider, 40), kill_before=0.005, kill_after=0.005, takeover=0.005) == []


def test_cursor_saved_before_the_call(monkeypatch):
    monkeypatch.setattr(Mailbox, "read_up_to", lambda _self, position: position)
    messages = found(scenario_of(jobs=40), kill_before=0.02)
    assert len(messages) == SEEDS
    assert all("did not hear every event" in message for message in messages)


def test_a_slot_given_back_twice(monkeypatch):
    ended = Dispatcher._ended

    def give_too_much(self, lane, row):
        ended(self, lane, row)
        lane.queue.slots.free += 1

    monkeypatch.setattr(Dispatcher, "_ended", give_too_much)
    messages = found(scenario_of("plain", jobs=60))
    assert len(messages) == SEEDS
    assert all("which has 2 slots" in message for message in messages)


class WritesNothing(LocalProvider):
    """Says that it has written what it has not."""

    async def run(self, task):
        status = await super().run(task)
        await self._world.blobs.delete([task.output.key])
        return status


def test_an_output_that_is_not_there():
    def scenario(world):
        return Scenario(providers=lambda: [WritesNothing(world)], submissions=[SUBMISSIONS["plain"]], jobs=20)

    messages = found(scenario)
    assert len(messages) == SEEDS
    assert all("the output can not be read" in message for message in messages)


def test_an_event_is_lost(monkeypatch):
    recorded = Dispatcher.recorded

    def deaf(self, change):
        if not change.after.id.endswith("7"):
            recorded(self, change)

    monkeypatch.setattr(Dispatcher, "recorded", deaf)
    messages = found(scenario_of("plain"), kill_before=0.0, kill_after=0.0, restart=0.0, takeover=0.0)
    assert len(messages) == SEEDS
    assert all("does not end" in message for message in messages)
