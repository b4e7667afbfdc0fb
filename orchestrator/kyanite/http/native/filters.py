"""Which events a stream shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, get_args

from kyanite.core.events import AnyEvent, Began, Cancelled, Event, Failed, Progressed, Submitted, Succeeded
from kyanite.core.job import Status
from kyanite.errors import InvalidRequest
from kyanite.http.native.parameters import EventFilters, LogFilters
from kyanite.runtime.stretch import Entry

VALUES_MAX = 100

_TYPES: Mapping[str, type[Event | Progressed]] = {kind.__name__: kind for kind in (*get_args(AnyEvent), Progressed)}
_BY_STATUS: Mapping[Status, type[Event]] = {
    Status.WAITING: Submitted,
    Status.EXECUTING: Began,
    Status.SUCCEEDED: Succeeded,
    Status.FAILED: Failed,
    Status.CANCELLED: Cancelled,
}
"""By which event a job comes into a status."""


class Filter(NamedTuple):
    """What each of these allows; `None` allows all."""

    types: frozenset[type[Event | Progressed]] | None = None
    jobs: frozenset[str] | None = None
    targets: frozenset[str] | None = None
    tags: frozenset[str] | None = None

    @property
    def by_label(self) -> bool:
        """Whether the job's target or tags have to be known."""
        return self.targets is not None or self.tags is not None

    def may_want(self, entry: Entry[Any]) -> bool:
        """Tell whether an event is wanted as far as it shows itself, whatever its job's target and tags are."""
        return (self.types is None or type(entry.event) in self.types) and (
            self.jobs is None or entry.event.job_id in self.jobs
        )

    def wants(self, entry: Entry[Any]) -> bool:
        """Tell whether an event is wanted."""
        return (
            self.may_want(entry)
            and (self.targets is None or entry.target in self.targets)
            and (self.tags is None or not self.tags.isdisjoint(entry.tags))
        )


def wanted(asked: EventFilters) -> Filter:
    """Return what was asked for: each filter that has values must be met by one of them. Raises `InvalidRequest`.

    Progress is left out unless `type` names it, where that is given; and it comes into no status, so that a filter by
    status leaves it out.
    """
    types = frozenset(_TYPES.values())
    if asked.type:
        types &= {_TYPES[name] for name in asked.type}
    if not asked.progress:
        types -= {Progressed}
    if not isinstance(asked, LogFilters):
        return Filter(_limited(types))
    if asked.status:
        types &= {_BY_STATUS[status] for status in asked.status}
    chosen = (_bounded(name, getattr(asked, name)) for name in ("job", "target", "tag"))
    return Filter(_limited(types), *chosen)


def _limited(types: frozenset[type[Event | Progressed]]) -> frozenset[type[Event | Progressed]] | None:
    return None if len(types) == len(_TYPES) else types


def _bounded(name: str, values: Collection[str]) -> frozenset[str] | None:
    if len(values) > VALUES_MAX:
        raise InvalidRequest(name, f"has {len(values)} values; at most {VALUES_MAX} are allowed")
    return frozenset(values) or None
