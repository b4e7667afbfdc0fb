"""Delivery to one subscriber: it reads the log at its own pace, and offers what the subscriber asked for.

What is not taken is offered again later, and in the end is a dead letter. The ledger stores how far all this is: the
position up to which everything is settled, and a letter for each event before it that is not. So a crash at any point
makes a subscriber hear something twice, and never leaves anything out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import aclosing
from datetime import timedelta
from functools import partial

import anyio
import anyio.abc

from kyanite.core.backoff import Backoff, delay_s
from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Letter
from kyanite.core.lifecycle import fold
from kyanite.core.mailbox import Item, Mailbox
from kyanite.errors import KyaniteError, StoreCorrupt, StoreUnavailable
from kyanite.logs import logger
from kyanite.ports import Clock, Entropy, Settlement, Subscription
from kyanite.runtime.account import ASKED_MAX_S, Account, asked_s, told
from kyanite.runtime.execution import patiently
from kyanite.runtime.ledger import Ledger
from kyanite.runtime.records import STORY_MAX
from kyanite.runtime.shelf import Readable, Shelf
from kyanite.runtime.system import being_cancelled

RETRY = Backoff(first_s=0.1, factor=2.0, most_s=60.0)
"""Pauses when the log, or a job's row, can not be read."""
TIRED = Backoff(first_s=1.0, factor=2.0, most_s=300.0)
TIRED_AFTER = 5
"""After so many failures in a row, one event at a time is offered, after a pause, until one is taken."""
ITEMS_MAX = 1_000
"""How many events are read ahead of a subscriber that does not take them."""
LETTERS_MAX = 10_000
"""How many may be put off: one that refuses some kind of job for days goes on hearing of the others."""
TURN_S = 0.005
"""How long a subscriber that takes events without waiting for anything has the loop to itself."""
CLOSING_S = 1.0
"""What is offered again so soon is waited for at the end; the rest goes on at the next start."""


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
        self.begun = False
        """Whether it knows where to go on."""
        self._failures = 0
        self._unread = 0
        """How often in a row something could not be read that a subscriber is called with."""
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
        """Find out where to go on; a subscription that is new begins at position `now`, and that is stored.

        Raises `StoreCorrupt`.
        """
        self._random = entropy.random
        start = 0 if self.subscription.from_start else now
        self._position = start
        if self._name is None:
            return
        cursors = await patiently(entropy, self._shelf.cursors)
        # An earlier release kept them under the name alone; what looks like that may be another workspace's.
        own = self.subscription.name or ""
        known = cursors.get(self._name) or (None if "/" in own else cursors.get(own))
        self._position = start if known is None else known.position
        found, after = await patiently(entropy, self._shelf.letters, self._name), 0
        while found:
            after = found[-1].position
            self._known = {letter.position: letter for letter in found} | self._known
            found = await patiently(entropy, partial(self._shelf.letters, self._name, after=after))
        self.begun = True
        for position in sorted(position for position in self._known if position <= self._position):
            letter = self._known.pop(position)
            if not letter.dead:
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
                left = len(self._mailbox.items)
                if left and self._name is None:
                    logger().error("events not taken", subscriber=None, events=left)
            group.cancel_scope.cancel()

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
        """Offer letters anew, now; the ledger stores them, once this has begun."""
        assert self._account is not None  # noqa: S101  # only who has a name has letters
        for letter in letters:
            self._account.anew(letter)
            item = self._mailbox.items.get(letter.position)
            if item is not None:
                self._mailbox.keep(item, letter)
                self._mailbox.hasten(item)
            elif self.begun and letter.position <= self._position:
                self._mailbox.add(self._item(letter))
            else:
                self._known[letter.position] = letter  # the log comes to it
        self._rests_until_s = 0.0
        if self.begun:  # before, nobody may be told of a position
            self._ledger.tell(self._settlement)
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
            except KyaniteError as error:  # whatever it is, it concerns nobody but this subscriber
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
        try:
            wanted = await self.wants(event)
        except StoreCorrupt:
            wanted = True  # which offering it will say
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
        while self._is_full():
            self._room, self._blocked = anyio.Event(), True
            self._go_on()
            await self._room.wait()
            self._blocked = False

    def _is_full(self) -> bool:
        """Tell whether nothing more is to be read for now: events wait for the subscriber, or letters for the store."""
        letters = 0 if self._account is None else self._account.letters
        return max(len(self._mailbox.unkept), letters) >= ITEMS_MAX or len(self._mailbox.items) >= LETTERS_MAX

    def _item(self, letter: Letter) -> Item:
        key = (letter.workspace, letter.job_id) if self._manner.by_job else None
        item = Item(letter.position, letter.workspace, letter.job_id, letter.version, key)
        item.attempts, item.first_time, item.letter = letter.attempts, letter.first_time, letter
        if letter.due_time is not None:
            wait_s = (letter.due_time - self._clock.now()).total_seconds()
            wait_s = min(wait_s, max(ASKED_MAX_S, *self._manner.delays_s, 0.0))  # no clock that was wrong adds to it
            item.due_s = self._loop.time() + wait_s if wait_s > 0 else 0.0
        return item

    # Offering ---------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Offer what can be, see to it that the next time is not missed, and notice the end."""
        if self._group is None:
            return
        now_s = self._loop.time()  # read once: what comes due in between would be neither offered nor waited for
        while (item := self._next(now_s)) is not None:
            self._group.start_soon(self._work, item)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_s = self._due_s()
        if self._ended(due_s):
            self._done.set()
        elif due_s is not None and due_s > now_s:
            self._timer = self._loop.call_at(due_s, self._go_on)
        if not self._is_full():
            self._room.set()

    def _next(self, now_s: float) -> Item | None:
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
        turn_ends_s = self._loop.time() + TURN_S
        while offered is not None:
            await self._offer(offered)
            if self._loop.time() >= turn_ends_s:
                await asyncio.sleep(0)
                turn_ends_s = self._loop.time() + TURN_S
            offered = self._next(self._loop.time())
        self._go_on()

    async def _offer(self, item: Item) -> None:
        time, began_s = self._clock.now(), self._loop.time()
        item.attempts += 1
        row, receipt, failure = None, None, None
        try:
            event = item.event = item.event or await self._event(item)
            row = await self._row(event)
            receipt = await self.subscription.subscriber(event, row)
        except (Exception, asyncio.CancelledError) as error:  # whatever a subscriber raises is its own, and told
            if isinstance(error, asyncio.CancelledError) and being_cancelled():
                raise
            if row is None and isinstance(error, StoreUnavailable):
                self._defer(item, error)
                return
            failure = error
        self._unread = 0
        item.first_time = item.first_time or time
        if self._account is not None and (failure is not None or self._manner.logs):
            self._account.offered(item, time, self._loop.time() - began_s, receipt, failure)
        if failure is None:
            self._took(item)
        else:
            self._failed(item, failure, began_s)
        if self._account is not None:
            self._ledger.tell(self._settlement)

    def _took(self, item: Item) -> None:
        self.counts["taken"] += 1
        self._failures = 0  # a pause that others under way were told to make is made all the same
        self._mailbox.settle(item)
        if self._account is not None:
            self._account.taken(item)

    def _defer(self, item: Item, error: StoreUnavailable) -> None:
        """Put off what could not be offered: that the store is away is no failure of the subscriber's."""
        item.attempts = max(item.attempts - 1, 0)
        self._unread += 1
        wait_s = delay_s(self._unread, RETRY, self._random())
        logger().warning("store unavailable", subscriber=self._name, error=str(error), failures=self._unread)
        due_s = self._loop.time() + wait_s
        self._rests_until_s = max(self._rests_until_s, due_s)
        self._mailbox.put_off(item, due_s)

    def _failed(self, item: Item, error: BaseException, began_s: float) -> None:
        """Put it off, or give it up."""
        if self._failures < TIRED_AFTER or began_s >= self._rests_until_s:
            self._failures += 1  # else it was under way when the others failed, and tells nothing new
        now_s, delays_s, pause_s = self._loop.time(), self._manner.delays_s, asked_s(error)
        self._rests_until_s = max(self._rests_until_s, now_s + max(pause_s, self._pause_s()))
        tell = logger().bind(subscriber=self._name, job_id=item.job_id, version=item.version, error=told(error))
        if item.attempts > len(delays_s):
            tell.error("event not taken; it is a dead letter now", attempts=item.attempts)
            due_time = None
            self.counts["dead"] += 1
            self._mailbox.settle(item)
        else:
            wait_s = max(delays_s[item.attempts - 1] * (1.0 - self._manner.jitter * self._random()), pause_s)
            tell.warning("event not taken", attempts=item.attempts, again_in_s=round(wait_s, 3))
            self.counts["failed"] += 1
            due_time = self._clock.now() + timedelta(seconds=wait_s)
            self._mailbox.put_off(item, now_s + wait_s)
        if self._account is not None:
            self._mailbox.keep(item, self._account.kept(item, error, due_time))
            item.event = None  # many may wait for long: what they are is in the log
            self._keep_held_up(item)

    def _keep_held_up(self, item: Item) -> None:
        """Keep as letters what waits for another event of its job, which may take days: the cursor goes on."""
        if self._account is None or not self._manner.by_job:
            return
        for other in self._mailbox.held_up(item):
            self._mailbox.keep(other, self._account.kept(other, None, self._clock.now()))
            other.event = None
            self._ledger.tell(self._settlement)

    def _pause_s(self) -> float:
        """Return how long a subscriber is left alone that fails again and again."""
        if not self._manner.by_job or self._failures < TIRED_AFTER:
            return 0.0
        return delay_s(self._failures - TIRED_AFTER + 1, TIRED, self._random())

    async def _event(self, item: Item) -> Event:
        for event in await self._shelf.events(item.version - 1, 1, (item.workspace, item.job_id)):
            if event.version == item.version:
                return event
        raise StoreCorrupt(f"event {item.version} of {item.job_id} is not in the log")

    async def _row(self, event: Event) -> JobDetails:
        """Return the job's row; of a purged job, what its events say."""
        address = (event.workspace, event.job_id)
        row = self._log.row(address)
        if row is not None and row.version >= event.version:
            return row
        return await self._shelf.get(*address) or fold(await self._shelf.events(0, STORY_MAX, address))

    def _settlement(self) -> Settlement:
        assert self._account is not None  # noqa: S101  # only then it is told
        settlement = self._account.settlement(self._mailbox.read_up_to(self._position))
        self._room.set()
        return settlement
