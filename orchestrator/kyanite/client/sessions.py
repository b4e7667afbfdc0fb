"""The sessions of a daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from kyanite.client.answers import read
from kyanite.client.connection import Connection, path
from kyanite.client.listing import SESSION_FILTERS, Page, items, query_of
from kyanite.client.uploads import json_body
from kyanite.core.session import SessionDetails
from kyanite.errors import SessionNotFound

PAGE: Final = 200


class Sessions:
    """The sessions of a workspace; see `kyanite.ports.SessionsFace`."""

    def __init__(self, connection: Connection) -> None:
        """Ask through this connection."""
        self._connection = connection

    async def open(  # one parameter a field of the model
        self,
        target_id: str | None,
        *,
        session_id: str | None,
        name: str | None,
        provider_id: str | None,
        job_failure_policy: str,
        priority: int,
        tags: Any,
    ) -> SessionDetails:
        """Store a session, unless there is one of this id."""
        # The id is chosen here, so that a repeated request is the same session.
        chosen = self._connection.around.entropy.job_id() if session_id is None else session_id
        optional = {"target": target_id, "name": name, "provider_id": provider_id}
        body = {
            **{field: value for field, value in optional.items() if value is not None},
            "session_id": chosen,
            "job_failure_policy": str(job_failure_policy).capitalize(),
            "priority": priority,
            "tags": tags,
        }
        return _details((await self._connection.ask("POST", path("sessions"), body=json_body(body))).body)

    async def close(self, session_id: str) -> SessionDetails:
        """Note that a session takes no more jobs. Raises `SessionNotFound`."""
        return _details((await self._connection.ask("POST", _path(session_id, "close"))).body)

    async def fetch(self, session_id: str) -> SessionDetails:
        """Return how a session stands. Raises `SessionNotFound`."""
        return _details((await self._connection.ask("GET", _path(session_id))).body)

    async def matching(self, limit: int | None, filters: dict[str, Any]) -> AsyncIterator[SessionDetails]:
        """Yield sessions, fetched page by page as the caller goes on."""
        query = query_of(filters, SESSION_FILTERS)
        async for details in items(self._connection, path("sessions"), query, _page, size=PAGE, limit=limit):
            yield details


def _path(session_id: str, *parts: str) -> str:
    try:
        return path("sessions", session_id, *parts)
    except ValueError as error:
        raise SessionNotFound(str(session_id)) from error


_page = msgspec.json.Decoder(Page[SessionDetails])
_session = msgspec.json.Decoder(SessionDetails)


def _details(body: bytes) -> SessionDetails:
    return read(body, _session)
