"""A workspace of a daemon from the first request to the last: what is opened, in which order, and how it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import anyio
import msgspec
from msgspec import Struct

from kyanite.client.answers import read
from kyanite.client.connection import Around, Connection, path
from kyanite.client.deliveries import Deliveries
from kyanite.client.endings import Endings
from kyanite.client.jobs import Jobs
from kyanite.client.listing import Page
from kyanite.client.log import Log
from kyanite.client.session import session_with
from kyanite.client.sessions import Sessions
from kyanite.client.submission import Submission
from kyanite.client.subscriber_log import Delivery
from kyanite.client.targets import Targets
from kyanite.core.job import Target
from kyanite.ports import Clock, Entropy, Faces

T = TypeVar("T")

PATIENCE_S: Final = 60.0
CLOSING_S: Final = 5.0
"""How long those who follow the log have to get to its end when the workspace is left."""


class _Root(Struct):
    workspace: str
    time: datetime


@asynccontextmanager
async def connected(  # noqa: PLR0913  # what runtime and client share is handed down
    url: str,
    *,
    api_key: str | None = None,
    workspace: str | None = None,
    authority: str | Path | None = None,
    clock: Clock,
    entropy: Entropy,
    delivery: Delivery,
    trace: Callable[[], str | None] = lambda: None,
    patience_s: float = PATIENCE_S,
) -> AsyncIterator[Faces]:
    """Connect to a daemon, and yield what stands behind a workspace of it, as long as the block lasts.

    `url` is what `endpoint_of` returns; the key is by default that of KYANITE_API_KEY. `workspace` is for those that
    may choose one, `authority` a file of certificates to trust beside the system's. `delivery` calls subscribers, and
    `trace` returns the header `traceparent` of what goes on. Raises `AccessDenied`, `ConfigError` for the file, and
    `Unreachable` when there was no answer for `patience_s`; so does whatever is asked for later. Leave it without an
    exception, whatever happened inside: the task group would wrap it into a group.
    """
    async with session_with(url, api_key, workspace, authority) as session:
        connection = Connection(url, session, Around(clock, entropy, trace, patience_s))
        root = read((await connection.ask("GET", "/v1")).body, _root)
        known = read((await connection.ask("GET", path("targets"))).body, _targets)
        async with anyio.create_task_group() as group:
            endings, targets = Endings(connection, group), Targets(known.items)
            jobs = Jobs(connection, root.workspace, endings, targets, root.time - clock.now())
            log = Log(connection, jobs, root.workspace, group, delivery)
            try:
                yield Faces(
                    root.workspace,
                    jobs,
                    Submission(connection),
                    Sessions(connection),
                    log,
                    Deliveries(connection),
                    targets,
                )
            finally:
                endings.close()
                with anyio.move_on_after(CLOSING_S, shield=True):
                    await log.close()
                connection.close()
                group.cancel_scope.cancel()


_root = msgspec.json.Decoder(_Root)
_targets = msgspec.json.Decoder(Page[Target])
