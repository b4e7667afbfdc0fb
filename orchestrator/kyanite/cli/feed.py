"""The events that `kyanite events` was asked for, wherever they are read, and what their jobs are called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from kyanite.core.events import Amended, Event, Submitted

if TYPE_CHECKING:
    from kyanite import JobDetails

BY_STATUS = {
    "Waiting": "Submitted",
    "Executing": "Began",
    "Succeeded": "Succeeded",
    "Failed": "Failed",
    "Cancelled": "Cancelled",
}
"""By which event a job comes into a status."""
LABELS_KEPT = 10_000
FIRST_LOOK = 512
WIDER = 8
"""Looking for the newest events goes back so many positions first, and so many times as many whenever they are too few.
"""


class Asked(NamedTuple):
    """Which events; what is empty allows all."""

    types: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    job: tuple[str, ...] = ()

    @property
    def by_label(self) -> bool:
        """Whether the job's target or tags have to be known."""
        return bool(self.target or self.tag)

    def may_take(self, event: Event) -> bool:
        """Tell whether the event is asked for, whatever its job's target and tags are."""
        kind = type(event).__name__
        return (
            (not self.types or kind in self.types)
            and (not self.status or kind in {BY_STATUS[status] for status in self.status})
            and (not self.job or event.job_id in self.job)
        )


class Label(NamedTuple):
    """What a job is called, and what it is found by."""

    name: str = ""
    target: str = ""
    tags: tuple[str, ...] = ()


class Feed(ABC):
    """The events of one workspace that are asked for."""

    def __init__(self, asked: Asked, *, names: bool = False) -> None:
        """Read nothing yet; `names` is whether `label` will be asked for the jobs of what is yielded."""
        self.asked = asked
        self.names = names
        self._labels: OrderedDict[str, Label] = OrderedDict()

    @abstractmethod
    async def head(self) -> int:
        """Return the position of the newest event."""

    @abstractmethod
    def pages(self, after: int, *, follow: bool) -> AsyncGenerator[list[Event]]:
        """Yield what is asked for past a position, those together that came together; a position beyond the end is it.

        It ends where the log does, unless it is to follow.
        """

    @abstractmethod
    async def story(self, job_id: str) -> Sequence[Event]:
        """Return all events of a job, also of one that was deleted."""

    @abstractmethod
    async def row(self, job_id: str) -> JobDetails | None:
        """Return a job as it stands, unless it was deleted."""

    async def newest(self, head: int, limit: int) -> list[Event]:
        """Return the newest events up to a position, oldest first."""
        if limit and self.asked.job:
            told = [event for job_id in self.asked.job for event in await self.story(job_id) if event.position <= head]
            found = [event for event in sorted(told, key=lambda event: event.position) if await self.takes(event)]
            return found[-limit:]
        span = max(limit, FIRST_LOOK)
        while limit:
            found = await self._between(max(head - span, 0), head, limit)
            if len(found) == limit or span >= head:
                return found
            span *= WIDER
        return []

    async def takes(self, event: Event) -> bool:
        """Tell whether an event is asked for."""
        if not self.asked.may_take(event):
            return False
        if not self.asked.by_label:
            return True
        label = await self.label(event)
        return (not self.asked.target or label.target in self.asked.target) and (
            not self.asked.tag or any(tag in label.tags for tag in self.asked.tag)
        )

    async def label(self, event: Event) -> Label:
        """Return what is known of an event's job."""
        known = self._labels.get(event.job_id)
        if known is None:
            known = _label(await self.row(event.job_id) or await self._buried(event.job_id))
        return self._keep(event.job_id, known)

    def note(self, event: Event) -> None:
        """Learn from an event what its job is called: whoever has read its first one need not look."""
        if isinstance(event, Submitted):
            self._keep(event.job_id, _label(event.details))
        elif isinstance(event, Amended) and event.job_id in self._labels:
            label = self._labels[event.job_id]
            name = label.name if event.name is None else event.name
            self._keep(event.job_id, Label(name, label.target, label.tags if event.tags is None else event.tags))

    def _keep(self, job_id: str, label: Label) -> Label:
        self._labels[job_id] = label
        self._labels.move_to_end(job_id)
        if len(self._labels) > LABELS_KEPT:
            self._labels.popitem(last=False)
        return label

    async def _buried(self, job_id: str) -> JobDetails:
        from kyanite.core.lifecycle import fold

        return fold(await self.story(job_id))

    async def _between(self, after: int, upto: int, limit: int) -> list[Event]:
        """Return the last of the events between two positions."""
        found: list[Event] = []
        async with aclosing(self.pages(after, follow=False)) as pages:
            async for page in pages:
                found = (found + [event for event in page if event.position <= upto])[-limit:]
                if page and page[-1].position >= upto:
                    break
        return found


def _label(details: JobDetails) -> Label:
    return Label(details.name, details.target, tuple(details.tags))
