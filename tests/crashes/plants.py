"""Faults planted on purpose: what looks for the loss of jobs must find it where there is one."""

import asyncio

import anyio

from kyanite.blobs.tree import Tree
from kyanite.stores.sqlite import SQLiteStore


def forget_the_notes():
    """Nobody notes which files are about to become objects."""
    Tree.note = lambda tree, name, keys: None


def answer_before_the_commit():
    """The store says that it has stored what it is only about to."""
    committed = SQLiteStore.commit

    async def commit_late(store, writes):
        await anyio.sleep(0.05)
        await committed(store, writes)

    async def commit(store, writes):
        head = getattr(store, "promised", store._head)
        store.promised = head + sum(len(write.events) for write in writes)
        store.later = asyncio.get_running_loop().create_task(commit_late(store, writes))
        positions = []
        for write in writes:
            positions.append(head + 1)
            head += len(write.events)
        return positions

    SQLiteStore.commit = commit


PLANTS = {function.__name__: function for function in (forget_the_notes, answer_before_the_commit)}
