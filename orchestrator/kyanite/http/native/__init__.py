"""The daemon's own face: jobs, targets, sessions and blobs under `/v1`, as JSON in the model's own words.

`operations` is the one table of what can be asked; routes, who may do what, and the OpenAPI page are made from it.
What is read of a request is in `parameters`, `bodies` and `conditions`, what is answered in `documents`; every
refusal is a problem after RFC 9457. Without this folder, the rest of the daemon works as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

    from kyanite.http.keys import Keys
    from kyanite.http.service import Service

__all__ = ["add_open_routes", "add_routes"]


def add_routes(app: web.Application, service: Service, keys: Keys) -> None:
    """Answer under `/v1`, and tell the guard what each operation asks for."""
    from kyanite.http.native.keys import KEYS
    from kyanite.http.native.routes import add_to
    from kyanite.http.native.streams import end_streams

    del service  # handlers find it in the application
    app[KEYS] = keys
    add_to(app, with_key=True)
    app.on_shutdown.append(end_streams)


def add_open_routes(app: web.Application) -> None:
    """Answer for those pages under `/v1` that ask for no key."""
    from kyanite.http.native.callbacks import add_inlet
    from kyanite.http.native.routes import add_to

    add_inlet(app)
    add_to(app, with_key=False)
