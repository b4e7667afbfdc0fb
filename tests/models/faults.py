"""A store that fails on purpose, around any adapter: by a plan that the machine writes."""

from kyanite.errors import StorageFull, StoreUnavailable

LOST = "lost"
"""Stored, but the caller hears of a failure."""

OUT = "out"
FULL = "full"


class Faulty:
    """Takes the next fault of its plan at each commit, and one of `reads` at each read of the log."""

    def __init__(self, store):
        self._store = store
        self.plan = []
        self.reads = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def commit(self, writes):
        fault = self.plan.pop(0) if self.plan else None
        if fault == FULL:
            raise StorageFull("no space")
        if fault == OUT:
            raise StoreUnavailable("not now")
        positions = await self._store.commit(writes)
        if fault == LOST:
            raise StoreUnavailable("the answer was lost")
        return positions

    async def events(self, after, limit, job=None):
        if self.reads:
            self.reads -= 1
            raise StoreUnavailable("not now")
        return await self._store.events(after, limit, job)
