"""Who hears of events, of which, and what happens when one is not taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import Struct

from kyanite.core.events import Event
from kyanite.core.job import JobDetails


class Receipt(Struct, frozen=True):
    """What a subscriber may return for the log of its deliveries: how it was taken."""

    status: int | None = None
    excerpt: str = ""


Subscriber: TypeAlias = Callable[[Event, JobDetails], Awaitable[Receipt | None]]
"""Called with an event and the job's row as it stands at that moment. May raise: it is called again, after a pause,
with the same event, and in the end the event is a dead letter. Called at least once an event;
`(event.job_id, event.version)` tells a repetition. `kyanite.errors.Undelivered` says more than other errors."""


class Manner(Struct, frozen=True, kw_only=True):
    """How events are offered to a subscriber.

    An event that was not taken is offered again after the first of `delays_s`, then the next, and is a dead letter when
    there is none left. Jitter shortens a delay by up to this part. With `by_job`, up to `at_once` events of different
    jobs are under way together, and one that waits holds up those of its own job only; without, all are offered one
    after another in the order of the log. With `logs`, every attempt is kept in the log of deliveries.
    """

    delays_s: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6)
    jitter: float = 0.5
    at_once: int = 1
    by_job: bool = False
    logs: bool = False


IN_ORDER = Manner()


@dataclass(frozen=True)
class Subscription:
    """Which events of a workspace go where. A named one remembers its cursor; others begin at the present.

    Of `target` and `tag` the job has one of those named, unless none is; its name begins with `name_prefix`.
    """

    types: tuple[type[Event], ...]
    subscriber: Subscriber
    workspace: str
    name: str | None = None
    from_start: bool = False
    target: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    name_prefix: str = ""
    manner: Manner = IN_ORDER

    @property
    def selective(self) -> bool:
        """Whether it asks for some jobs only."""
        return bool(self.target or self.tag or self.name_prefix)

    def takes(self, details: JobDetails) -> bool:
        """Return whether the events of this job are for it."""
        return (
            (not self.target or details.target in self.target)
            and (not self.tag or any(tag in details.tags for tag in self.tag))
            and details.name.startswith(self.name_prefix)
        )
