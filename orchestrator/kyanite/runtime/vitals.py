"""What an open workspace's engine does, in figures: for edges that show them. Nothing here reads the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kyanite.core.histogram import Histogram
from kyanite.core.job import JobDetails, Status
from kyanite.logs import logger
from kyanite.ports import Provider
from kyanite.runtime.census import Durations, Place, Standing
from kyanite.runtime.engine import Engine
from kyanite.runtime.lane import Lane

OUTCOMES = ("taken", "failed", "dead")


class Queue(NamedTuple):
    """What waits for a slot: all of it, and for how long the job that is next in line has."""

    place: Place
    depth: int
    oldest_age_s: float


class Slots(NamedTuple):
    """How many jobs of a target may execute at once, in all workspaces, and how many do."""

    target: str
    all: int
    busy: int


class Offers(NamedTuple):
    """What came of offers to a named subscriber of this process, and what it has yet to take."""

    workspace: str
    subscriber: str
    counts: Mapping[str, int]
    """Since the start: `taken`, `failed`, `dead`."""
    behind: int
    waiting: int


class Vitals(NamedTuple):
    """The figures of one moment."""

    standings: Sequence[tuple[Place, Standing]]
    durations: Mapping[str, Durations]
    queues: Sequence[Queue]
    slots: Sequence[Slots]
    commits: Histogram
    """How long the store took for each."""
    position: int
    """Of the newest event: how many were ever written."""
    stored_bytes: Mapping[str, int]
    """Of the workspaces where they are counted."""
    streams: Mapping[str, int]
    """Readers of live events, by workspace."""
    offers: Sequence[Offers]
    readings: Mapping[str, Mapping[str, float]]
    """What each provider says of itself, by its id."""


def vitals(engine: Engine, providers: Sequence[Provider]) -> Vitals:
    """Return the figures of this moment."""
    usages = [(workspace, engine.quotas.of(workspace).usage()) for workspace in engine.workspaces]
    slots = {lane.target.id: (lane.target.slots, lane.queue.slots.free) for lane in engine.dispatcher.lanes.values()}
    return Vitals(
        list(engine.census),
        engine.census.durations,
        list(_queues(engine)),
        [Slots(target, most, most - free) for target, (most, free) in sorted(slots.items())],
        engine.journal.commits,
        engine.bus.position,
        {name: usage.stored_bytes for name, usage in usages if usage.stored_bytes is not None},
        {workspace: engine.feed.readers(workspace) for workspace in engine.workspaces},
        list(_offers(engine)),
        {provider.id: readings for provider in providers if (readings := _readings(provider))},
    )


def _queues(engine: Engine) -> Iterator[Queue]:
    lanes = engine.dispatcher.lanes
    executions = engine.dispatcher.driven.values()
    driven = Counter((execution.address[0], execution.details.target) for execution in executions)
    for place, standing in engine.census:
        # A job that ends is let go of a moment before or after its end is recorded.
        pausing = max(standing.executing - driven[place], 0)
        age_s = _oldest_age_s(engine, lanes[place]) if place in lanes else 0.0
        yield Queue(place, standing.waiting + pausing, age_s)


def _offers(engine: Engine) -> Iterator[Offers]:
    for (workspace, name), counts in engine.subscriptions.counts.items():
        delivery = engine.subscriptions.running(workspace, name)
        behind, waiting = (0, 0) if delivery is None else (delivery.behind, delivery.waiting)
        yield Offers(workspace, name, {kind: counts[kind] for kind in OUTCOMES}, behind, waiting)


def _oldest_age_s(engine: Engine, lane: Lane) -> float:
    """Return how long the first of the line has waited, for its inspection, for a slot, or for a slot once more.

    Age beats priority in the end: among jobs of one priority, the first is the one that has waited longest.
    """
    ready = lane.queue.peek()
    first = engine.journal.current((lane.queue.workspace, ready.job_id)) if ready is not None else None
    rows = [row for row in (first, next(iter(lane.inspecting.values()), None)) if row is not None]
    now = engine.storage.clock.now()
    return max(((now - _waits_since(row)).total_seconds() for row in rows), default=0.0)


def _waits_since(row: JobDetails) -> datetime:
    return row.creation_time if row.status is Status.WAITING else row.updated_time or row.creation_time


def _readings(provider: Provider) -> Mapping[str, float]:
    try:
        return provider.gauges()
    except Exception as error:  # noqa: BLE001  # whatever a provider raises is its own, and told
        logger().warning("gauges not readable", provider=provider.id, error=repr(error))
        return {}
