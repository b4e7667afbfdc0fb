"""Room for so much of something at once, shared by all requests: what does not fit is refused, and nobody waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """Room for `most` of something."""

    def __init__(self, most: int) -> None:
        """Begin empty."""
        self.most = most
        self.taken = 0

    def take(self, amount: int = 1) -> bool:
        """Take so much, to be given back, and tell whether there was room for it; else nothing is taken."""
        if self.taken + amount > self.most:
            return False
        self.taken += amount
        return True

    def give_back(self, amount: int = 1) -> None:
        """Give back what was taken."""
        self.taken -= amount


class SharedRoom:
    """Room for `most` of something, of which one client may have `each`: whatever it does, there is some for others."""

    def __init__(self, most: int, each: int) -> None:
        """Begin empty."""
        self.room = Room(most)
        self.each = each
        self._of: Counter[str] = Counter()

    @contextmanager
    def held(self, client: str, amount: int, otherwise: Exception) -> Iterator[None]:
        """Take so much as long as the block lasts. Raises `otherwise` if there is no room for it."""
        if self._of[client] + amount > self.each or not self.room.take(amount):
            raise otherwise
        self._of[client] += amount
        try:
            yield
        finally:
            self.room.give_back(amount)
            self._of[client] -= amount
            if not self._of[client]:
                del self._of[client]
