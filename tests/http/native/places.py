"""A workspace behind the native API, on a loopback port, and a client of it in miniature."""

from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from kyanite.http import native
from kyanite.http.access import RULES
from kyanite.http.application import BODY_BYTES_MAX, answered
from kyanite.http.gateway import Signer
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from kyanite.http.service import ACCESS, SERVICE, WORKSPACE, Service, State
from tests.runtime.places import in_memory, settings, with_echo

PROBLEM = "application/problem+json"


@asynccontextmanager
async def serving(workspace, scope=Scope.ADMIN):
    """Serve an open workspace to a client that may do this much."""
    service = Service(workspace, workspace.settings, Signer(b"secret" * 8), State())

    @web.middleware
    async def admit(request, handler):
        request[ACCESS], request[WORKSPACE] = scope, workspace
        return await handler(request)

    with TemporaryDirectory() as folder:
        app = web.Application(middlewares=[answered, admit], client_max_size=BODY_BYTES_MAX)
        app[SERVICE] = service
        app[RULES] = {}
        native.add_routes(app, service, Keys(folder))
        native.add_open_routes(app)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server(auto_decompress=False)
        async with TestClient(server, auto_decompress=False) as client:
            yield client


def offering(**options):
    """A workspace in memory with a target that echoes, one that fails, and one that holds until it is cancelled."""
    workspace = with_echo(in_memory(**{"settings": settings(shutdown_grace_s=0.1), **options}))

    @workspace.target("acme.fails")
    async def fails(task):
        raise RuntimeError("broken")

    @workspace.target("acme.holds")
    async def holds(task):
        await task.wait_cancel_requested()

    return workspace


@asynccontextmanager
async def served(scope=Scope.ADMIN, **options):
    """An open workspace and a client of it."""
    async with offering(**options) as workspace, serving(workspace, scope) as client:
        yield workspace, client


async def asked(client, method, path, **options):
    """Status, headers and JSON of an answer; `None` where it has no body."""
    async with client.request(method, path, **options) as response:
        return (
            response.status,
            response.headers,
            await response.json(content_type=None) if await response.read() else None,
        )


async def answered_with(client, status, method, path, **options):
    """The JSON of an answer, which must have this status."""
    found, _, document = await asked(client, method, path, **options)
    assert found == status, document
    return document


async def refused(client, status, code, method, path, **options):
    """The problem that a request is answered with, which must be this one and look as RFC 9457 says."""
    found, headers, problem = await asked(client, method, path, **options)
    assert (found, problem and problem["code"]) == (status, code), problem
    assert headers["Content-Type"].partition(";")[0] == PROBLEM
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:kyanite:problem:")
    return problem


async def submitted(client, status=201, headers=None, **body):
    """Submit a job that echoes, and return it."""
    return await answered_with(
        client, status, "POST", "/v1/jobs", json={"target": "acme.echo", "input": 1, **body}, headers=headers
    )


async def ended(client, **body):
    """Submit a job and return it as it is after its end."""
    return await submitted(client, headers={"Prefer": "wait=10"}, **body)


async def pages(client, path, **parameters):
    """Follow a listing to its end; return its items, page by page."""
    found, place = [], {}
    while True:
        page = await answered_with(client, 200, "GET", path, params={**parameters, **place})
        found.append(page["items"])
        if page["next"] is None:
            return found
        place = {"cursor": page["next"]}
