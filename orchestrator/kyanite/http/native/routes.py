"""Which handler answers which request: every operation of the table, with what is read of a request before."""

from __future__ import annotations

import re
from functools import wraps

from aiohttp import web
from aiohttp.typedefs import Handler

from kyanite.errors import BlobCorrupt, BlobExists, BlobMissing, InvalidRequest
from kyanite.http.access import RULES, Rule
from kyanite.http.answers import failure
from kyanite.http.gateway.faults import Fault
from kyanite.http.native import bodies, parameters
from kyanite.http.native.bodies import BODY
from kyanite.http.native.operation import Operation, length_max
from kyanite.http.native.operations import OPERATIONS
from kyanite.http.native.parameters import QUERY
from kyanite.http.whole_body import whole_body
from kyanite.logs import logger

_PART = re.compile(r"\{(\w+)\}")
_CODES = {412: "PreconditionFailed", 416: "RangeNotSatisfiable"}


def add_to(app: web.Application, *, with_key: bool) -> None:
    """Add the routes that ask for a key, or those that ask for none."""
    for operation in OPERATIONS:
        if (operation.scope is not None) is not with_key:
            continue
        handler = _refusing(operation.handler if operation.unread else _reading(operation))
        path = _PART.sub(r"{\1:[^/]+}", operation.path)  # aiohttp takes no part with a brace in it otherwise
        for method in operation.methods:
            app.router.add_route(method, path, handler)
        if operation.scope is not None:
            rule = Rule(operation.scope, operation.takes_work, operation.streams)
            app[RULES][operation.method, operation.plain_path] = rule


def _reading(operation: Operation) -> Handler:
    """Return the operation's handler, which is then called with query and body read."""
    unasked = operation.parameters()

    @wraps(operation.handler)
    async def perform(request: web.Request) -> web.StreamResponse:
        for name, part in request.match_info.items():
            if len(part) > length_max(name) or not part.isprintable():
                raise InvalidRequest(name, f"is longer than {length_max(name)} characters, or not printable")
        asked = request.rel_url.raw_query_string
        request[QUERY] = parameters.read(request.query, operation.parameters) if asked else unasked
        if operation.body is None:
            return await operation.handler(request)
        async with whole_body(request) as body:
            request[BODY] = bodies.read(body, operation.body)
            return await operation.handler(request)

    return perform


def _refusing(handler: Handler) -> Handler:
    """Return the handler with what the gateway's parts refuse answered as everything is here."""

    @wraps(handler)
    async def answering(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Fault as fault:
            if fault.status == 304:
                return web.Response(status=304, headers=fault.headers)
            return failure(fault.status, _CODES.get(fault.status, fault.code), fault.message, fault.headers)
        except BlobMissing as error:
            return failure(404, "BlobMissing", str(error))
        except BlobExists as error:
            return failure(409, "BlobExists", str(error))
        except BlobCorrupt as error:
            logger().error("blob damaged", path=request.path, error=str(error))
            return failure(410, "BlobCorrupt", str(error))

    return answering
