"""The figures of this moment, in the order of the catalogue: one pass over counts that are kept anyway."""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from kyanite.http.metrics import catalogue
from kyanite.http.metrics.lag import LoopLag
from kyanite.http.metrics.requests import Requests
from kyanite.http.metrics.text import plain, timed
from kyanite.runtime.census import Place, Standing
from kyanite.runtime.vitals import Vitals
from kyanite.runtime.workspace import Workspace

_BUILD = (version("kyanite"), platform.python_version())


class Exposition:
    """What a daemon shows of itself."""

    def __init__(self, workspace: Workspace, requests: Requests, lag: LoopLag) -> None:
        """Show these, and what the system says of the process."""
        self._workspace = workspace
        self._requests = requests
        self.lag = lag
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    async def text(self) -> str:
        """Return all of it in the text format; others go on between two metrics, of which a thousand tenants are many
        lines.
        """
        parts = []
        for part in self._parts():
            parts.append(part)
            await asyncio.sleep(0)
        return "".join(parts) + generate_latest(self._process).decode()

    def _parts(self) -> Iterator[str]:
        vitals = self._workspace.host.vitals
        yield plain(catalogue.BUILD, [(_BUILD, 1)])
        yield from _of_jobs(vitals.standings)
        yield from _of_engine(vitals)
        yield timed(catalogue.LAG, [((), self.lag.histogram)])
        yield from _of_requests(self._requests)
        yield plain(catalogue.DISK_FREE, [((), shutil.disk_usage(self._workspace.settings.data_dir).free)])


def _of_jobs(standings: Sequence[tuple[Place, Standing]]) -> Iterator[str]:
    unended = [
        ((*place, status), count)
        for place, standing in standings
        for status, count in (("Waiting", standing.waiting), ("Executing", standing.executing))
    ]
    ended = [
        ((*place, status.value), count) for place, standing in standings for status, count in standing.ended.items()
    ]
    yield plain(catalogue.JOBS, unended)
    yield plain(catalogue.SUBMITTED, [(place, standing.submitted) for place, standing in standings])
    yield plain(catalogue.ENDED, ended)
    yield plain(catalogue.RETRIES, [(place, standing.retries) for place, standing in standings])
    yield plain(catalogue.INTERRUPTIONS, [(place, standing.interruptions) for place, standing in standings])


def _of_engine(vitals: Vitals) -> Iterator[str]:
    readings = [
        ((provider, name), value) for provider, values in vitals.readings.items() for name, value in values.items()
    ]
    yield timed(catalogue.WAIT, [((target,), durations.wait) for target, durations in vitals.durations.items()])
    yield timed(catalogue.RUN, [((target,), durations.run) for target, durations in vitals.durations.items()])
    yield plain(catalogue.QUEUE_DEPTH, [(queue.place, queue.depth) for queue in vitals.queues])
    yield plain(catalogue.QUEUE_AGE, [(queue.place, queue.oldest_age_s) for queue in vitals.queues])
    yield plain(catalogue.SLOTS, [((slots.target,), slots.all) for slots in vitals.slots])
    yield plain(catalogue.SLOTS_BUSY, [((slots.target,), slots.busy) for slots in vitals.slots])
    yield plain(catalogue.READING, readings)
    yield timed(catalogue.COMMIT, [((), vitals.commits)])
    yield plain(catalogue.EVENTS, [((), vitals.position)])
    yield plain(catalogue.STORED, [((workspace,), size) for workspace, size in vitals.stored_bytes.items()])
    yield plain(catalogue.STREAMS, [((workspace,), count) for workspace, count in vitals.streams.items()])
    outcomes = [((*of[:2], outcome), count) for of in vitals.offers for outcome, count in of.counts.items()]
    yield plain(catalogue.OFFERS, outcomes)
    yield plain(catalogue.BEHIND, [(of[:2], of.behind) for of in vitals.offers])
    yield plain(catalogue.UNSETTLED, [(of[:2], of.waiting) for of in vitals.offers])


def _of_requests(requests: Requests) -> Iterator[str]:
    yield plain(catalogue.REQUESTS, requests.answered.items())
    yield timed(catalogue.REQUEST, requests.seconds.items())
    yield plain(catalogue.IN_PROGRESS, [((route,), count) for route, count in requests.open.items()])
