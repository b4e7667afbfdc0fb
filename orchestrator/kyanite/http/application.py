"""The application: the routes of every edge, and what happens to each request before and after its handler."""

from __future__ import annotations

import logging
import re
from secrets import token_hex
from urllib.parse import unquote

from aiohttp import web
from aiohttp.typedefs import Handler

from kyanite.errors import KyaniteError
from kyanite.http import azure, gateway, health, metrics, native
from kyanite.http.access import OPEN, RULES, guarded
from kyanite.http.answers import Failure, failure, is_native, refusal
from kyanite.http.callbacks import PREFIX
from kyanite.http.faults import fault
from kyanite.http.keys import Keys
from kyanite.http.service import SERVICE, Service
from kyanite.http.tracing import traced
from kyanite.logs import HIDDEN, logger

BODY_BYTES_MAX = 4 << 20
"""The longest body of a request that is read as a whole; blobs are streamed."""

_QUERY = re.compile("[?&=]|%3[DF]|%26", re.IGNORECASE)


def application(service: Service, keys: Keys) -> web.Application:
    """Return the application of a service whose workspace is open."""
    around = (metrics.measured, traced, answered, guarded(service, keys))
    app = web.Application(middlewares=around, client_max_size=BODY_BYTES_MAX)
    app[SERVICE] = service
    app[RULES] = {}
    azure.add_routes(app, service)
    metrics.add_routes(app, service)
    native.add_routes(app, service, keys)
    with_key = frozenset(app.router.resources())
    # These ask for no key: health tells nothing, the signature in a blob's address says who may do what, and the pages
    # are everybody's; a callback's address is one that nobody can guess.
    health.add_routes(app)
    gateway.add_routes(app, service)
    native.add_open_routes(app)
    app[OPEN] = frozenset(app.router.resources()) - with_key
    app.on_response_prepare.append(_sign_off)
    return app


@web.middleware
async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every request, whatever happens inside; what went wrong is logged here and not told to the client."""
    response: web.StreamResponse
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = refusal(error)
    except web.RequestPayloadError:
        response = failure(400, "InvalidBody", "the body is not framed as its headers say")
    except ConnectionError:  # the client has gone: nobody reads this
        response = failure(400, "ConnectionLost", "the connection was lost")
    except KyaniteError as error:
        response = fault(error) or _unforeseen(request)
    except Exception:  # noqa: BLE001  # nobody above would do better
        response = _unforeseen(request)
    if isinstance(response, Failure) and is_native(request.path):
        response.as_problem()
    _log(request, response)
    return response


def _unforeseen(request: web.Request) -> Failure:
    logger().exception("request failed", method=request.method, path=_path(request))
    return failure(500, "InternalServerError", "the daemon could not do this; its log says why")


def _log(request: web.Request, response: web.StreamResponse) -> None:
    level = logging.WARNING if response.status >= 500 else logging.DEBUG
    if logging.getLogger("kyanite").isEnabledFor(level):
        logger().log(level, "request", method=request.method, path=_path(request), status=response.status)


def _path(request: web.Request) -> str:
    """Return the path as it may be logged: no query, for it may hold a signature, not even one that a `?` misses.

    Nor a callback's token, however it is spelled.
    """
    path = _QUERY.split(request.rel_url.raw_path, maxsplit=1)[0]
    return HIDDEN if PREFIX in unquote(path) else path


async def _sign_off(request: web.Request, response: web.StreamResponse) -> None:
    """Give each response an id of its own, which tells nobody how many there are.

    Say, too, how browsers and caches are to treat what does not say so itself: as it is called, and not at all.
    """
    del request
    response.headers["x-ms-request-id"] = token_hex(8)
    response.headers["Server"] = "Kyanite"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
