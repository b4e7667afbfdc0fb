"""Stores that fail on purpose, by a plan that the test writes."""

from kyanite.errors import StorageFull, StoreUnavailable
from kyanite.stores.memory import MemoryStore

LOST_ANSWER = "lost answer"
"""Stored, but the caller hears of a failure."""

UNAVAILABLE = "unavailable"
FULL = "full"


class FaultyStore(MemoryStore):
    """Takes the next fault of its plan at each commit, and of `reads` at each read of the log."""

    def __init__(self, *plan):
        super().__init__()
        self.plan = list(plan)
        self.reads = []
        self.commits = []

    async def commit(self, writes):
        self.commits.append(list(writes))
        fault = self.plan.pop(0) if self.plan else None
        if fault == FULL:
            raise StorageFull("no space")
        if fault == UNAVAILABLE:
            raise StoreUnavailable("not now")
        outcome = await super().commit(writes)
        if fault == LOST_ANSWER:
            raise StoreUnavailable("answer lost")
        if callable(fault):
            await fault()
        return outcome

    async def events(self, after, limit, job=None):
        if self.reads and self.reads.pop(0) == UNAVAILABLE:
            raise StoreUnavailable("can not read now")
        return await super().events(after, limit, job)
