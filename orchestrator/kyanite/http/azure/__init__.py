"""The Azure edge: the REST interface of Azure Quantum, as its official clients of two generations speak it.

Statuses, names of fields and every other difference between the wire and the workspace are translated in here and
nowhere else: `wire` and `bodies` for what goes out and comes in, `query` for filters, `paging` for links, `faults` for
errors. Without this folder, the rest of the daemon works as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

    from kyanite.http.service import Service

__all__ = ["add_routes"]


def add_routes(app: web.Application, service: Service) -> None:
    """Answer under the paths of a workspace, whatever the workspace is called there: it is the one that is served."""
    from kyanite.http.azure.routes import add_to

    del service  # handlers find it in the application
    add_to(app)
