"""Who may do what: the key that a request carries, what its route asks for, and what browsers are kept from.

Where keys are required, each request carries a valid one. Elsewhere, on loopback, a request without a key may do all;
but one that a web page had a browser send is refused, since the page may come from anywhere. A key that is carried is
looked at as soon as one was ever made: until then any will do, for the clients of the service must send one.

The key of the daemon's own door (see `door`) opens all.

A key opens one workspace, whatever name stands in a path of the service: scripts name their own. Who may reach all, by
a key of scope `operate` or without any, chooses one by the header `Kyanite-Workspace`, or by such a path if it names
one that the configuration knows.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache, partial
from hmac import compare_digest
from ipaddress import ip_address
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from kyanite.http.admission import Admission
from kyanite.http.answers import failure
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from kyanite.http.service import ACCESS, CLIENT, STANDS, WORKSPACE, Service, State
from kyanite.logs import logger

OPEN: web.AppKey[frozenset[web.AbstractResource]] = web.AppKey("open", frozenset)
"""The resources that ask for no key."""


class Rule(NamedTuple):
    """What a route asks for, whether it brings new work, and whether its answer goes on as events come."""

    scope: Scope
    takes_work: bool = False
    streams: bool = False


class Grant(NamedTuple):
    """What a client may do, in which workspace (`None`: in all), and what tells it from other clients."""

    scope: Scope
    workspace: str | None
    client: str
    stands: Callable[[], bool] = lambda: True
    """Tells whether it still holds, for what goes on long after it was given."""


RULES: web.AppKey[dict[tuple[str, str], Rule]] = web.AppKey("rules", dict)
"""The rules of routes that say what they ask for, by method and canonical path; for the others see `rule`."""

KEY_HEADER = "x-ms-quantum-api-key"
WORKSPACE_HEADER = "Kyanite-Workspace"
RETRY_AFTER_S = 5

_ROUTES = (
    ("GET|HEAD", r".*", Scope.READ),
    ("POST", r".*/storage/sasUri", Scope.READ),  # a link that may write takes SUBMIT: see where links are made
    ("POST", r".*/Microsoft\.ResourceGraph/resources", Scope.READ),
    ("PUT|PATCH", r".*/jobs/\{\}", Scope.SUBMIT),
    ("DELETE", r"/v1\.0/.*/jobs/\{\}", Scope.SUBMIT),  # cancels; under any other path it removes
    ("POST", r".*/jobs/\{\}(:cancel)?", Scope.SUBMIT),
    ("PUT", r".*/sessions/\{\}", Scope.SUBMIT),
    ("POST", r".*/sessions/\{\}(:close)?", Scope.SUBMIT),
)
"""Methods, path (a parameter is `{}`), and what the two ask for. What is not here asks for `ADMIN`."""

_WORK = r".*/(jobs|sessions)/\{\}"


def guarded(service: Service, keys: Keys) -> Middleware:
    """Return the middleware that lets nobody do what they may not."""
    admission = Admission(service.settings.server)
    clock = asyncio.get_running_loop().time

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if resource is not None and resource in request.app[OPEN]:
            return await handler(request)
        grant = _by_door(request, service.state) or _granted(request, keys, required=service.state.keys_required)
        admission.check(_address(request) if isinstance(grant, web.Response) else grant.client, clock())
        if isinstance(grant, web.Response):
            return grant
        asks = _rule(request, resource)
        if grant.scope < asks.scope:
            return _forbidden(f"this takes a key of scope {asks.scope.name.lower()}, not {grant.scope.name.lower()}")
        if asks.takes_work and service.state.draining:
            return _draining()
        asked = request.headers.get(WORKSPACE_HEADER)
        if grant.workspace is not None and asked not in {None, grant.workspace}:
            return _forbidden("the key is one of another workspace")
        with nullcontext() if asks.streams else admission.answering(grant.client):
            request[ACCESS], request[CLIENT], request[STANDS] = grant.scope, grant.client, grant.stands
            request[WORKSPACE] = await service.tenant(grant.workspace or asked or _in_path(request, service))
            return await handler(request)

    return guard


def _in_path(request: web.Request, service: Service) -> str:
    """Return the workspace that a path of the service's names, if there is such a one, else the first."""
    named = request.match_info.get("workspace")
    known = named in service.settings.workspaces or named in service.state.tenants
    return named if named is not None and known else service.workspace.name


def _rule(request: web.Request, resource: web.AbstractResource | None) -> Rule:
    """Return what the request's route asks for; where there is none, it takes nothing to be told so."""
    if resource is None:
        return Rule(Scope.READ)
    method = "GET" if request.method == "HEAD" else request.method
    return request.app[RULES].get((method, resource.canonical)) or rule(request.method, resource.canonical)


def _address(request: web.Request) -> str:
    return f"address {request.remote}"


def _by_door(request: web.Request, state: State) -> Grant | None:
    """Return what opens to a request that carries the key of the daemon's own door, if this one does."""
    carried = (_carried(request) or "").encode(errors="surrogatepass")
    its_own = state.door_key and compare_digest(carried, state.door_key.encode())
    return Grant(Scope.OPERATE, None, "door") if its_own else None


def _granted(request: web.Request, keys: Keys, *, required: bool) -> Grant | web.Response:
    """Return what the request may do, or the answer to it if that is nothing."""
    carried = _carried(request)
    if carried is not None and (required or keys.ever_made()):
        key = keys.find(carried)
        if key is not None:
            bound_to = None if key.granted is Scope.OPERATE else key.workspace
            return Grant(key.granted, bound_to, f"key {key.id}", partial(keys.stands, key.id))
        logger().info("key refused", remote=request.remote)
        return _unauthorized("this key is not known, or was revoked")
    if required:
        return _unauthorized(f"a key is needed, as `{KEY_HEADER}: KEY` or `Authorization: Bearer KEY`")
    host = request.headers.get("Host", "")
    if not _names_us(host):
        return _forbidden("without a key, this is reached as localhost, 127.0.0.1 or [::1] and by no other name")
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != f"{request.scheme}://{host}".lower():
        return _forbidden("without a key, pages of other origins may not use this")
    return Grant(Scope.OPERATE, None, _address(request))


def is_loopback(host: str) -> bool:
    """Tell whether a name or address, such as `localhost` or `::1`, can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _carried(request: web.Request) -> str | None:
    """Return the credential of a request, whatever it is worth."""
    key = request.headers.get(KEY_HEADER)
    if key is not None:
        return key.strip()
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else authorization


@lru_cache(maxsize=256)
def _names_us(host: str) -> bool:
    """Tell whether a `Host`, with or without a port, can only mean this machine."""
    try:
        return is_loopback(URL(f"http://{host}").host or "")
    except ValueError:
        return False


@lru_cache(maxsize=256)
def rule(method: str, canonical: str) -> Rule:
    """Return what a route asks for that does not say so itself."""
    path = re.sub(r"\{[^}]*\}", "{}", canonical)
    takes_work = method == "PUT" and re.fullmatch(_WORK, path) is not None
    for methods, pattern, scope in _ROUTES:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return Rule(scope, takes_work)
    return Rule(Scope.ADMIN, takes_work)


def _unauthorized(message: str) -> web.Response:
    return failure(401, "Unauthorized", message, {"WWW-Authenticate": 'Bearer realm="kyanite"'})


def _forbidden(message: str) -> web.Response:
    return failure(403, "Forbidden", message)


def _draining() -> web.Response:
    message = "the daemon is about to end, and takes no new jobs; try again when it is back"
    return failure(503, "ServiceUnavailable", message, {"Retry-After": str(RETRY_AFTER_S)})
