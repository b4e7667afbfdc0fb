from contextlib import asynccontextmanager

import pytest

from kyanite.stores.memory import MemoryStore
from kyanite.testing.letters import LetterContract
from kyanite.testing.sessions import SessionContract
from kyanite.testing.stores import StoreContract


class TestMemoryStore(StoreContract, SessionContract, LetterContract):
    @pytest.fixture(autouse=True)
    def _store(self):
        self.store = MemoryStore()

    @asynccontextmanager
    async def opened(self):
        await self.store.open()
        yield self.store
        await self.store.aclose()
