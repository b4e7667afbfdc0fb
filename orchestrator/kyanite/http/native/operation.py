"""One thing that can be asked of the daemon: by which request, who may, what is read of it and what is answered."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from msgspec import Struct

from kyanite.http.native.parameters import NoParameters
from kyanite.http.scopes import Scope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

EXAMPLES = {
    "job_id": "example-job",
    "target_id": "acme.echo",
    "session_id": "example-session",
    "key_id": "0123456789",
    "webhook": "example-webhook",
    "token": "kyc_example",
    "container": "uploads",
    "name": "example.json",
}
"""A value of each parameter that stands in a path."""

_ID = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
PATTERNS = {"job_id": _ID, "session_id": _ID, "key_id": "^[0-9a-f]+$", "webhook": _ID}
"""What such parameters look like, where that is so narrow; there is nothing under any other."""


class Operation(Struct, frozen=True, kw_only=True):
    """One thing that can be asked: by which request, who may, what is read and what is answered.

    `scope` is `None` for what needs no key. `statuses` are those of its own, beside what `openapi` adds for all.
    With `uploads` the body is the bytes of a blob. Where it is `unread`, nothing is looked at before the handler does:
    parts of the path, query and body. What `streams` is told as it comes; any other GET is a HEAD as well.
    """

    name: str
    method: str
    path: str
    scope: Scope | None
    handler: Handler
    statuses: tuple[int, ...] = (200,)
    parameters: type[Struct] = NoParameters
    headers: tuple[str, ...] = ()
    body: type[Struct] | None = None
    uploads: bool = False
    answer: Any = None
    media: str = "application/json"
    takes_work: bool = False
    unread: bool = False
    streams: bool = False
    example_body: Any = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it answers."""
        return ("GET", "HEAD") if self.method == "GET" and not self.streams else (self.method,)

    @property
    def plain_path(self) -> str:
        """The path with the bare names of its parameters."""
        return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", self.path)

    @property
    def path_parameters(self) -> list[str]:
        """The names of the parameters in the path."""
        return re.findall(r"\{(\w+)", self.path)

    @property
    def example_path(self) -> str:
        """A path that it answers."""
        return self.plain_path.format_map(EXAMPLES)


def length_max(parameter: str) -> int:
    """Return how long a part of a path may be; the name of a blob goes on over slashes, and a token names a job."""
    return {"name": 1_024, "token": 512}.get(parameter, 260)
