"""What one subscriber is yet to take, and which of it comes next: plain synchronous decisions."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from kyanite.core.events import Event
from kyanite.core.letters import Letter


@dataclass(slots=True, eq=False)
class Item:
    """An event on its way to a subscriber. Of those with one key, the first has to be settled before the next."""

    position: int
    workspace: str
    job_id: str
    version: int
    key: Hashable
    event: Event | None = None
    """`None` until it is read from the log."""
    attempts: int = 0
    first_time: datetime | None = None
    due_s: float = 0.0
    """When it may be offered, in seconds of a monotonic clock."""
    letter: Letter | None = None
    """What the store knows of it, or is about to."""
    offered: bool = False
    """Whether it is being offered."""


class Mailbox:
    """Items in the order of their positions, and of each key the first one: ready, waiting for its time, or offered."""

    def __init__(self, at_once: int) -> None:
        """Have at most so many offered at a time."""
        self.items: dict[int, Item] = {}
        """All that are not settled, by position."""
        self.unkept: dict[int, Item] = {}
        """Those of them that are no letters, in the order of their positions."""
        self.under_way = 0
        """How many are being offered."""
        self._at_once = at_once
        self._queues: dict[Hashable, deque[Item]] = {}
        self._ready: deque[Item] = deque()
        self._due: list[tuple[float, int, Item]] = []

    def add(self, item: Item) -> None:
        """Take in an item whose position is new here."""
        self.items[item.position] = item
        if item.letter is None:
            self.unkept[item.position] = item
        queue = self._queues.setdefault(item.key, deque())
        queue.append(item)
        if len(queue) == 1:
            self._wait(item)

    def take(self, now_s: float, at_once: int | None = None) -> Item | None:
        """Return what is to be offered now, if there is anything; `at_once` lowers the bound."""
        while self._due and self._due[0][0] <= now_s:
            due_s, _, item = heapq.heappop(self._due)
            if item.due_s == due_s and self._is_first(item):  # else it was hastened, or is gone
                self._ready.append(item)
                item.due_s = -1.0  # an older entry of it is no longer its own
        if not self._ready or self.under_way >= min(self._at_once, at_once or self._at_once):
            return None
        self.under_way += 1
        item = self._ready.popleft()
        item.offered = True
        return item

    def settle(self, item: Item) -> None:
        """Be done with what was offered: it was taken, or given up."""
        self.under_way -= 1
        item.offered = False
        del self.items[item.position]
        self.unkept.pop(item.position, None)
        queue = self._queues[item.key]
        queue.popleft()
        if queue:
            self._wait(queue[0])
        else:
            del self._queues[item.key]

    def put_off(self, item: Item, due_s: float) -> None:
        """Offer it again at that time."""
        self.under_way -= 1
        item.offered = False
        item.due_s = due_s
        self._wait(item)

    def hasten(self, item: Item) -> None:
        """Offer at once what waits for its time, as if for the first time; what is being offered is so already."""
        item.attempts = 1 if item.offered else 0
        if item.due_s > 0:
            item.due_s = 0.0
            if self._is_first(item):
                self._wait(item)

    def keep(self, item: Item, letter: Letter) -> None:
        """Take note that it is a letter now."""
        item.letter = letter
        self.unkept.pop(item.position, None)

    def held_up(self, item: Item) -> list[Item]:
        """Return those that wait for the first one of this key, which is a letter, and are none themselves."""
        queue = self._queues.get(item.key)
        if not queue or queue[0].letter is None:
            return []
        return [other for other in queue if other.letter is None]

    @property
    def next_due_s(self) -> float | None:
        """When there will be something to offer; 0 for at once, `None` for not before something else happens."""
        if self._ready:
            return 0.0
        return self._due[0][0] if self._due else None

    def read_up_to(self, position: int) -> int:
        """Return the position up to which all is settled or kept as a letter, if the log was read up to this one."""
        first = next(iter(self.unkept), None)
        return position if first is None else min(position, first - 1)

    def _is_first(self, item: Item) -> bool:
        queue = self._queues.get(item.key)
        return queue is not None and queue[0] is item

    def _wait(self, item: Item) -> None:
        if item.due_s > 0:
            heapq.heappush(self._due, (item.due_s, item.position, item))
        else:
            item.due_s = -1.0
            self._ready.append(item)
