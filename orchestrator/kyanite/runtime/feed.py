"""Telling very many live readers what is new, at a cost to the core that does not depend on them.

A reader has a position of its own. The journal's announcement puts an event, encoded once, into the stretches of its
workspace and of its job, and asks for a round; that goes through the readers in slices. Whoever has taken everything
until then is a call away from the newest; whoever has not, because the client does not read or has come back, goes
through the log at its own pace (see `backlog`) until the stretch has what is next. So nothing is queued for anybody,
and nobody misses anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from msgspec.structs import replace

from kyanite.core.events import Progressed
from kyanite.logs import logger
from kyanite.ports import Entropy, JobStore
from kyanite.runtime.backlog import Backlog
from kyanite.runtime.bus import Bus
from kyanite.runtime.journal import Journal
from kyanite.runtime.records import Change
from kyanite.runtime.rounds import SLICE_S, Rounds
from kyanite.runtime.stretch import Entry, Reader, Stretch

Key: TypeAlias = tuple[str, str]
"""A workspace, and a job in it or nothing."""

WORKSPACE_LENGTH_MAX = 2_048
WORKSPACE_BYTES_MAX = 4 << 20
JOB_LENGTH_MAX = 32
JOB_BYTES_MAX = 32 << 10
REST_MAX_S = 0.25


class Feed:
    """The readers of one log, and the stretches that they share. Costs the journal nothing while there are none."""

    def __init__(self, journal: Journal, bus: Bus, store: JobStore, entropy: Entropy, *, beat_s: float = 15.0) -> None:
        """Tell of what this journal records; every `beat_s`, show every reader that it is still there."""
        self.backlog = Backlog(store, journal, entropy)
        self.position = 0
        """The position that the stretches reach to."""
        self.closed = False
        self._journal = journal
        self._bus = bus
        self._beat_s = beat_s
        self._stretches: dict[Key, Stretch] = {}
        self._counts: Counter[str] = Counter()
        self._rounds = Rounds()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    # Readers ----------------------------------------------------------------------------------------------------------

    @property
    def present(self) -> int:
        """The position of the newest event announced, after which a reader of what is to come begins."""
        return self._bus.position

    def readers(self, workspace: str) -> int:
        """Return how many there are."""
        return self._counts[workspace]

    @contextmanager
    def reading(self, reader: Reader, workspace: str, job_id: str = "") -> Iterator[Stretch]:
        """Tell a reader of a workspace, or of one job, what is new; yield the stretch that it takes it from."""
        key = (workspace, job_id)
        stretch = self._stretches.get(key) or self._begin(key)
        stretch.readers[reader] = None
        self._counts[workspace] += 1
        try:
            if self.closed:
                reader.close()
            yield stretch
        finally:
            self._counts[workspace] -= 1
            del stretch.readers[reader]
            if not stretch.readers:
                self._end(key)

    def close(self) -> None:
        """End every reader, and each that may still come."""
        self.closed = True
        self._rounds.close()
        for stretch in self._stretches.values():
            for reader in stretch.readers:
                reader.close()

    def _begin(self, key: Key) -> Stretch:
        if not self._stretches:
            self.position = self._bus.position
            self._journal.listeners.append(self.recorded)
            self._bus.overseers.append(self.progressed)
            self._timer = self._loop.call_later(self._beat_s, self._beat)
        bounds = (JOB_LENGTH_MAX, JOB_BYTES_MAX) if key[1] else (WORKSPACE_LENGTH_MAX, WORKSPACE_BYTES_MAX)
        stretch = self._stretches[key] = Stretch(self.position, *bounds)
        return stretch

    def _end(self, key: Key) -> None:
        del self._stretches[key]
        self._counts += Counter()  # forgets workspaces that have none
        if not self._stretches:
            self._journal.listeners.remove(self.recorded)
            self._bus.overseers.remove(self.progressed)
            self.backlog.forget()
            if self._timer is not None:
                self._timer.cancel()

    # What happens -----------------------------------------------------------------------------------------------------

    def recorded(self, change: Change) -> None:
        """Take in a committed change; the journal's listener."""
        first = change.position - len(change.events) + 1
        if first <= self.position:
            return  # announced late, after a failure: it was in the log when the stretches began anew behind it
        if first > self.position + 1:
            self._restart(first - 1)
        self.position = change.position
        after = change.after
        stretches = self._under(after.workspace, after.id)
        if not stretches:
            return
        entries = [
            (Entry(replace(event, position=position), after), position)
            for position, event in enumerate(change.events, first)
        ]
        for stretch in stretches:
            for entry, position in entries:
                stretch.add(entry, position)
            if after.final:
                stretch.ended(after.id)
            self._tell(stretch)

    def progressed(self, progress: Progressed) -> None:
        """Take in progress, of which each round tells the newest of a job; the bus's overseer."""
        stretches = self._under(progress.workspace, progress.job_id)
        if stretches:
            entry = Entry(progress, self._journal.current((progress.workspace, progress.job_id)))
            for stretch in stretches:
                stretch.newest[progress.job_id] = entry
                self._tell(stretch)

    def _under(self, workspace: str, job_id: str) -> list[Stretch]:
        keys = ((workspace, ""), (workspace, job_id))
        return [stretch for key in keys if (stretch := self._stretches.get(key)) is not None]

    def _restart(self, base: int) -> None:
        """Begin behind a gap. What lies in it is in the log, since positions are given in the order of commits."""
        for stretch in self._stretches.values():
            stretch.restart(base)
            self._tell(stretch)

    # Rounds -----------------------------------------------------------------------------------------------------------

    def _tell(self, stretch: Stretch) -> None:
        if stretch.busy:
            stretch.due = True
            return
        stretch.busy = True
        pause_s = stretch.rest_until - self._loop.time()
        if pause_s > 0:
            self._loop.call_later(pause_s, self._rounds.begin, self._round(stretch))
        else:
            self._rounds.begin(self._round(stretch))

    def _round(self, stretch: Stretch) -> Iterator[None]:
        """Go through the readers once. What comes meanwhile is told by the next round to those already visited."""
        begun_s = self._loop.time()
        stretch.due = False
        stretch.telling, stretch.newest = stretch.newest, {}
        for reader in tuple(stretch.readers):
            self._visit(reader)
            yield
        stretch.telling = {}
        stretch.busy = False
        took_s = self._loop.time() - begun_s
        if took_s > SLICE_S:
            # The more readers, the more is told at once: they never take more than half of the loop.
            stretch.rest_until = begun_s + took_s + min(took_s, REST_MAX_S)
        if stretch.due:
            self._tell(stretch)

    def _visit(self, reader: Reader) -> None:
        try:
            reader.news()
        except Exception:  # noqa: BLE001  # one reader's failure is no other's
            logger().exception("reader not told")

    def _beat(self) -> None:
        self._timer = self._loop.call_later(self._beat_s, self._beat)
        self._rounds.begin(self._beats())

    def _beats(self) -> Iterator[None]:
        for stretch in tuple(self._stretches.values()):
            for reader in tuple(stretch.readers):
                reader.beat()
                yield
