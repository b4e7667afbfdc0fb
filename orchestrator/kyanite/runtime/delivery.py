"""Delivery to one subscriber: it reads the log at its own pace, and offers what the subscriber asked for.

What is not taken is offered again later, and in the end is a dead letter. The ledger stores how far all this is: the
position up to which everything is settled, and a letter for each event before it that is not. So a crash at any point
makes a subscriber hear something twice, and never leaves anything out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Protocol

import anyio
import anyio.abc

from kyanite.core.backoff import Backoff, delay_s
from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Letter
from kyanite.core.lifecycle import fold
from kyanite.core.mailbox import Item, Mailbox
from kyanite.errors import StoreUnavailable
from kyanite.logs import logger
from kyanite.ports import Clock, Cursor, Entropy, Settlement, Subscription
from kyanite.runtime.account import Account, told
from kyanite.runtime.execution import patiently
from kyanite.runtime.ledger import Keeper, Ledger
from kyanite.runtime.records import STORY_MAX, Address
from kyanite.runtime.system import being_cancelled

RETRY = Backoff(first_s=0.1, factor=2.0, most_s=60.0)
"""Pauses when the log can not be read."""
TIRED = Backoff(first_s=1.0, factor=2.0, most_s=300.0)
TIRED_AFTER = 5
"""After so many failures in a row, one event at a time is offered, after a pause, until one is taken."""
ITEMS_MAX = 1_000
"""How many events are read ahead of a subscriber that does not take them, or put off."""
CLOSING_S = 1.0
"""What is offered again so soon is waited for at the end; the rest goes on at the next start."""


class Readable(Protocol):
    """A log to read, such as a `Bus`."""

    @property
    def position(self) -> int:
        """The newest position known."""

    def follow(self, after: int) -> AsyncGenerator[Event]:
        """Yield the events past a position until there will be no more. Raises `StoreUnavailable`."""

    def row(self, address: Address) -> JobDetails | None:
        """Return a job's newest row, if it is at hand."""


class Shelf(Keeper, Protocol):
    """Where cursors, letters and rows are, such as a `JobStore`. Everything raises `StoreUnavailable`."""

    async def cursors(self) -> dict[str, Cursor]:
        """Return what cursors there are."""

    async def letters(self, subscriber: str) -> list[Letter]:
        """Return a subscriber's letters, by position."""

    async def get(self, workspace: str, job_id: str) -> JobDetails | None:
        """Return a job's row, or `None`."""

    async def events(self, after: int, limit: int, job: Address) -> Sequence[Event]:
        """Return the events of a job with `version > after`."""


class Delivery:
    """Offers a subscription's events, as its `Manner` says. Made for one `run`."""

    def __init__(  # what deliveries of one engine share is handed down
        self, subscription: Subscription, name: str | None, log: Readable, shelf: Shelf, ledger: Ledger, clock: Clock
    ) -> None:
        """Deliver from this log; `name` is that of the cursor."""
        self.subscription = subscription
        self._name = name
        self._account = None if name is None else Account(name, clock)
        self._log = log
        self._shelf = shelf
        self._ledger = ledger
        self._clock = clock
        self._manner = subscription.manner
        self._mailbox = Mailbox(subscription.manner.at_once)
        self.counts: Counter[str] = Counter()
        """How many offers were `taken`, `failed` and will be repeated, or made a letter `dead`."""
        self._known: dict[int, Letter] = {}
        """Letters that the log has not been read up to yet."""
        self._position = 0
        self._failures = 0
        self._rests_until_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._group: anyio.abc.TaskGroup | None = None
        self._room = anyio.Event()
        self._blocked = False
        self._closing = False
        self._halted = False
        self._read_all = False
        self._done = anyio.Event()

    # From outside -----------------------------------------------------------------------------------------------------

    async def begin(self, entropy: Entropy, now: int) -> None:
        """Find out where to go on; a subscription that is new begins at position `now`, and that is stored."""
        self._random = entropy.random
        start = 0 if self.subscription.from_start else now
        self._position = start
        if self._name is None:
            return
        cursors = await patiently(entropy, self._shelf.cursors)
        # An earlier release kept them under the name alone.
        known = cursors.get(self._name) or cursors.get(self.subscription.name or "")
        self._position = start if known is None else known.position
        for letter in await patiently(entropy, self._shelf.letters, self._name):
            if letter.position > self._position:
                self._known[letter.position] = letter
            elif not letter.dead:
                self._mailbox.add(self._item(letter))
        self._ledger.tell(self._settlement)
        if known is None:
            await self._ledger.flush()  # from here on it misses nothing

    async def run(self) -> None:
        """Deliver until the log is closed and read to its end, or until `halt`; to be begun before."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                group.start_soon(self._read)
                await self._done.wait()
            finally:
                self._group = None
                if self._timer is not None:
                    self._timer.cancel()
            group.cancel_scope.cancel()
        left = len(self._mailbox.items)
        if left and self._name is None:
            logger().error("events not taken", subscriber=None, events=left)

    @property
    def behind(self) -> int:
        """How many positions of the log have not been read yet."""
        return max(self._log.position - self._position, 0)

    @property
    def waiting(self) -> int:
        """How many events were read and are not settled."""
        return len(self._mailbox.items)

    def close(self) -> None:
        """Come to an end: the log will, and what is put off for long is left for the next start."""
        self._closing = True
        self._go_on()

    def halt(self) -> None:
        """Offer nothing more; `run` returns when what is under way has been settled."""
        self._halted = self._closing = True
        self._go_on()

    def replay(self, letters: Iterable[Letter]) -> None:
        """Offer letters that were stored for that anew."""
        for letter in letters:
            item = self._mailbox.items.get(letter.position)
            if item is None:
                self._known.pop(letter.position, None)
                self._mailbox.add(self._item(letter))
            else:
                item.letter = letter
                self._mailbox.hasten(item)
        self._go_on()

    # Reading ----------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        failures = 0
        self._go_on()
        while not self._halted:
            try:
                async with aclosing(self._log.follow(self._position)) as events:
                    async for event in events:
                        await self._take_in(event)
                        failures = 0
                break
            except StoreUnavailable as error:
                failures += 1
                logger().warning("log not readable", subscriber=self._name, error=str(error), failures=failures)
                await anyio.sleep(delay_s(failures, RETRY, self._random()))
        self._read_all = True
        self._go_on()

    async def wants(self, event: Event) -> bool:
        """Tell whether the event is for this subscriber, by what the job's row says now."""
        asked = self.subscription
        if not isinstance(event, asked.types) or event.workspace != asked.workspace:
            return False
        return not asked.selective or asked.takes(await self._row(event))

    async def _take_in(self, event: Event) -> None:
        wanted = await self.wants(event)
        letter = self._known.pop(event.position, None)
        if letter is not None and not letter.dead:
            self._mailbox.add(self._item(letter))
        elif letter is None and wanted:
            key = (event.workspace, event.job_id) if self._manner.by_job else None
            item = Item(event.position, event.workspace, event.job_id, event.version, key, event)
            self._mailbox.add(item)
            self._keep_held_up(item)
        self._position = event.position
        if wanted:
            self._go_on()
        elif self._name is not None and not self._mailbox.items:
            self._ledger.tell(self._settlement)
        while len(self._mailbox.items) >= ITEMS_MAX:
            self._room, self._blocked = anyio.Event(), True
            self._go_on()
            await self._room.wait()
            self._blocked = False

    def _item(self, letter: Letter) -> Item:
        key = (letter.workspace, letter.job_id) if self._manner.by_job else None
        item = Item(letter.position, letter.workspace, letter.job_id, letter.version, key)
        item.attempts, item.first_time, item.letter = letter.attempts, letter.first_time, letter
        if letter.due_time is not None:
            wait_s = (letter.due_time - self._clock.now()).total_seconds()
            item.due_s = self._loop.time() + wait_s if wait_s > 0 else 0.0
        return item

    # Offering ---------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Offer what can be, see to it that the next time is not missed, and notice the end."""
        if self._group is None:
            return
        while (item := self._next()) is not None:
            self._group.start_soon(self._work, item)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_s = self._due_s()
        if self._ended(due_s):
            self._done.set()
        elif due_s is not None and due_s > self._loop.time():
            self._timer = self._loop.call_at(due_s, self._go_on)
        if len(self._mailbox.items) < ITEMS_MAX:
            self._room.set()

    def _next(self) -> Item | None:
        now_s = self._loop.time()
        if self._halted or now_s < self._rests_until_s:
            return None
        return self._mailbox.take(now_s, 1 if self._failures >= TIRED_AFTER else None)

    def _due_s(self) -> float | None:
        due_s = self._mailbox.next_due_s
        return None if due_s is None else max(due_s, self._rests_until_s)

    def _ended(self, due_s: float | None) -> bool:
        if self._mailbox.under_way or not (self._read_all or (self._closing and self._blocked) or self._halted):
            return False
        if self._halted or not self._mailbox.items:
            return True
        # Without a name, what is left now is lost: only the end of the closing's grace time ends that.
        return self._name is not None and (due_s is None or due_s > self._loop.time() + CLOSING_S)

    async def _work(self, item: Item) -> None:
        """Offer this one, and then others, as long as there are some."""
        offered: Item | None = item
        while offered is not None:
            await self._offer(offered)
            offered = self._next()
        self._go_on()

    async def _offer(self, item: Item) -> None:
        time, began_s = self._clock.now(), self._loop.time()
        item.first_time = item.first_time or time
        item.attempts += 1
        receipt, failure = None, None
        try:
            event = item.event = item.event or await self._event(item)
            receipt = await self.subscription.subscriber(event, await self._row(event))
        except (Exception, asyncio.CancelledError) as error:  # whatever a subscriber raises is its own, and told
            if isinstance(error, asyncio.CancelledError) and being_cancelled():
                raise
            failure = error
        if self._account is not None and (failure is not None or self._manner.logs):
            self._account.offered(item, time, self._loop.time() - began_s, receipt, failure)
        if failure is None:
            self._took(item)
        else:
            self._failed(item, failure)
        if self._account is not None:
            self._ledger.tell(self._settlement)

    def _took(self, item: Item) -> None:
        self.counts["taken"] += 1
        self._failures, self._rests_until_s = 0, 0.0
        self._mailbox.settle(item)
        if self._account is not None:
            self._account.taken(item)

    def _failed(self, item: Item, error: BaseException) -> None:
        """Put it off, or give it up."""
        self._failures += 1
        asked_s = getattr(error, "retry_after_s", None) or 0.0
        now_s, delays_s = self._loop.time(), self._manner.delays_s
        self._rests_until_s = max(self._rests_until_s, now_s + max(asked_s, self._pause_s()))
        tell = logger().bind(subscriber=self._name, job_id=item.job_id, version=item.version, error=told(error))
        if item.attempts > len(delays_s):
            tell.error("event not taken; it is a dead letter now", attempts=item.attempts)
            due_time = None
            self.counts["dead"] += 1
            self._mailbox.settle(item)
        else:
            wait_s = max(delays_s[item.attempts - 1] * (1.0 - self._manner.jitter * self._random()), asked_s)
            tell.warning("event not taken", attempts=item.attempts, again_in_s=round(wait_s, 3))
            self.counts["failed"] += 1
            due_time = self._clock.now() + timedelta(seconds=wait_s)
            self._mailbox.put_off(item, now_s + wait_s)
        if self._account is not None:
            self._account.kept(item, error, due_time)
            self._keep_held_up(item)

    def _keep_held_up(self, item: Item) -> None:
        """Keep as letters what waits for another event of its job, which may take days: the cursor goes on."""
        if self._account is None or not self._manner.by_job:
            return
        for other in self._mailbox.held_up(item):
            self._account.kept(other, None, self._clock.now())
            self._ledger.tell(self._settlement)

    def _pause_s(self) -> float:
        """Return how long a subscriber is left alone that fails again and again."""
        if not self._manner.by_job or self._failures < TIRED_AFTER:
            return 0.0
        return delay_s(self._failures - TIRED_AFTER + 1, TIRED, self._random())

    async def _event(self, item: Item) -> Event:
        story = await self._shelf.events(item.version - 1, 1, (item.workspace, item.job_id))
        return next(event for event in story if event.version == item.version)

    async def _row(self, event: Event) -> JobDetails:
        """Return the job's row; of a purged job, what its events say."""
        address = (event.workspace, event.job_id)
        row = self._log.row(address)
        if row is not None and row.version >= event.version:
            return row
        return await self._shelf.get(*address) or fold(await self._shelf.events(0, STORY_MAX, address))

    def _settlement(self) -> Settlement:
        assert self._account is not None  # noqa: S101  # only then it is told
        return self._account.settlement(self._mailbox.read_up_to(self._position))
