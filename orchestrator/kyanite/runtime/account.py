"""What is to be stored of a delivery: attempts, letters, and how far it is."""

from __future__ import annotations

from datetime import datetime

from kyanite.core.letters import Attempt, Letter
from kyanite.core.mailbox import Item
from kyanite.errors import Undelivered
from kyanite.ports import ATTEMPTS_KEPT, Clock, Cursor, Receipt, Settlement

TEXT_MAX = 1_000
"""How much is kept of an error, and of how an answer begins."""


class Account:
    """What has happened to the items of one subscriber since it was last asked for."""

    def __init__(self, name: str, clock: Clock) -> None:
        """Be that of the cursor of this name."""
        self._name = name
        self._clock = clock
        self._letters: dict[int, Letter] = {}
        self._taken: list[int] = []
        self._attempts: list[Attempt] = []

    def offered(
        self, item: Item, time: datetime, latency_s: float, receipt: Receipt | None, error: BaseException | None
    ) -> None:
        """Log an attempt."""
        said = error if isinstance(error, Undelivered) else receipt
        self._attempts.append(
            Attempt(
                subscriber=self._name,
                position=item.position,
                workspace=item.workspace,
                job_id=item.job_id,
                version=item.version,
                number=item.attempts,
                time=time,
                latency_s=latency_s,
                taken=error is None,
                status=said.status if said is not None else None,
                error="" if error is None else told(error),
                excerpt=said.excerpt[:TEXT_MAX] if said is not None else "",
            )
        )

    def taken(self, item: Item) -> None:
        """Note that an item is settled; if it was a letter, it is none any more."""
        if item.letter is not None:
            self._letters.pop(item.position, None)
            self._taken.append(item.position)

    def kept(self, item: Item, error: BaseException | None, due_time: datetime | None) -> None:
        """Keep an item as a letter: until that time, or as a dead one. Without an error, it was not offered yet."""
        item.letter = self._letters[item.position] = Letter(
            subscriber=self._name,
            position=item.position,
            workspace=item.workspace,
            job_id=item.job_id,
            version=item.version,
            attempts=item.attempts,
            first_time=item.first_time or self._clock.now(),
            due_time=due_time,
            error="" if error is None else told(error),
        )

    def settlement(self, position: int) -> Settlement:
        """Return what is new, and the position up to which all is settled or kept."""
        letters, self._letters = self._letters, {}
        taken, self._taken = self._taken, []
        attempts, self._attempts = self._attempts, []
        return Settlement(
            cursors=(Cursor(self._name, position, self._clock.now()),),
            letters=tuple(letters.values()),
            taken=tuple((self._name, position) for position in taken),
            attempts=tuple(attempts[-ATTEMPTS_KEPT:]),
        )


def told(error: BaseException) -> str:
    """Return what is kept of an error."""
    text = error.particulars if isinstance(error, Undelivered) else repr(error)
    return text[:TEXT_MAX]
