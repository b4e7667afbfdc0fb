"""What is to be stored of a delivery: attempts, letters, and how far it is."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from kyanite.core.letters import Attempt, Letter
from kyanite.core.mailbox import Item
from kyanite.errors import Undelivered
from kyanite.ports import ATTEMPTS_KEPT, Clock, Cursor, Receipt, Settlement

TEXT_MAX = 1_000
"""How much is kept of an error, and of how an answer begins."""
ASKED_MAX_S = 86_400.0
"""The longest pause that whoever does not take an event can ask for."""


class Account:
    """What has happened to the items of one subscriber since it was last asked for."""

    def __init__(self, name: str, clock: Clock) -> None:
        """Be that of the cursor of this name."""
        self._name = name
        self._clock = clock
        self._letters: dict[int, Letter] = {}
        self._taken: dict[int, None] = {}
        self._attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_KEPT)

    def offered(
        self, item: Item, time: datetime, latency_s: float, receipt: Receipt | None, error: BaseException | None
    ) -> None:
        """Log an attempt."""
        said = error if isinstance(error, Undelivered) else receipt if isinstance(receipt, Receipt) else None
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
                excerpt=_plain(said.excerpt) if said is not None else "",
            )
        )

    def taken(self, item: Item) -> None:
        """Note that an item is settled; if it was a letter, it is none any more."""
        if item.letter is not None:
            self._letters.pop(item.position, None)
            self._taken[item.position] = None

    def anew(self, letter: Letter) -> None:
        """Keep a letter as it is now, after all that was noted of it before."""
        self._letters[letter.position] = letter
        self._taken.pop(letter.position, None)

    @property
    def letters(self) -> int:
        """How many letters nobody has asked for yet."""
        return len(self._letters)

    def kept(self, item: Item, error: BaseException | None, due_time: datetime | None) -> Letter:
        """Keep an item as a letter: until that time, or as a dead one. Without an error, it was not offered yet."""
        letter = self._letters[item.position] = Letter(
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
        return letter

    def settlement(self, position: int) -> Settlement:
        """Return what is new, and the position up to which all is settled or kept."""
        letters, self._letters = self._letters, {}
        taken, self._taken = self._taken, {}
        attempts = tuple(self._attempts)
        self._attempts.clear()
        return Settlement(
            cursors=(Cursor(self._name, position, self._clock.now()),),
            letters=tuple(letters.values()),
            taken=tuple((self._name, position) for position in taken),
            attempts=attempts,
        )


def told(error: BaseException) -> str:
    """Return what is kept of an error."""
    try:
        return _plain(error.particulars if isinstance(error, Undelivered) else repr(error))
    except Exception:  # noqa: BLE001  # an error that can not be shown is one all the same
        return type(error).__name__


def asked_s(error: BaseException) -> float:
    """Return the pause that an error asks for, from 0 to a day."""
    asked = error.retry_after_s if isinstance(error, Undelivered) else None
    # Neither what is no number nor NaN is greater than 0.
    return min(asked, ASKED_MAX_S) if isinstance(asked, int | float) and asked > 0 else 0.0


def _plain(text: str) -> str:
    """Return the beginning of a text, as any encoding can hold it."""
    return str(text)[:TEXT_MAX].encode(errors="replace").decode()
