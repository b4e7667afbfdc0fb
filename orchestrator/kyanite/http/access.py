"""Who may do what: the key that a request carries, what its route asks for, and what browsers are kept from.

Where keys are required, each request carries a valid one. Elsewhere, on loopback, a request without a key may do all;
but one that a web page had a browser send is refused, since the page may come from anywhere. A key that is carried is
looked at as soon as one was ever made: until then any will do, for the clients of the service must send one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from kyanite.http.answers import failure
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from kyanite.http.service import ACCESS, Service
from kyanite.logs import logger

OPEN: web.AppKey[frozenset[web.AbstractResource]] = web.AppKey("open", frozenset)
"""The resources that ask for no key."""

KEY_HEADER = "x-ms-quantum-api-key"
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

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if resource is not None and resource in request.app[OPEN]:
            return await handler(request)
        granted = _granted(request, keys, required=service.state.keys_required)
        if isinstance(granted, web.Response):
            return granted
        if resource is not None:  # else it is told that there is nothing
            needed, takes_work = rule(request.method, resource.canonical)
            if granted < needed:
                return _forbidden(f"this asks for a key of scope {needed.name.lower()}, not {granted.name.lower()}")
            if takes_work and service.state.draining:
                return _draining()
        request[ACCESS] = granted
        return await handler(request)

    return guard


def _granted(request: web.Request, keys: Keys, *, required: bool) -> Scope | web.Response:
    """Return what the request may do, or the answer to it if that is nothing."""
    carried = _carried(request)
    if carried is not None and (required or keys.ever_made()):
        key = keys.find(carried)
        if key is not None:
            return key.granted
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
    return Scope.ADMIN


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
def rule(method: str, canonical: str) -> tuple[Scope, bool]:
    """Return what a route asks for, and whether it brings new work."""
    path = re.sub(r"\{[^}]*\}", "{}", canonical)
    takes_work = method == "PUT" and re.fullmatch(_WORK, path) is not None
    for methods, pattern, scope in _ROUTES:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return scope, takes_work
    return Scope.ADMIN, takes_work


def _unauthorized(message: str) -> web.Response:
    return failure(401, "Unauthorized", message, {"WWW-Authenticate": 'Bearer realm="kyanite"'})


def _forbidden(message: str) -> web.Response:
    return failure(403, "Forbidden", message)


def _draining() -> web.Response:
    message = "the daemon is about to end, and takes no new jobs; try again when it is back"
    return failure(503, "ServiceUnavailable", message, {"Retry-After": str(RETRY_AFTER_S)})
