"""Services over workspaces in a temporary folder, for the tests of what all edges share."""

from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from kyanite import Workspace
from kyanite.config import LimitSettings, ServerSettings, Settings
from kyanite.http.application import application
from kyanite.http.gateway import signer_in
from kyanite.http.keys import Keys
from kyanite.http.service import Service, State

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    "/providers/Microsoft.Quantum/workspaces/local"
)


def settings(folder, **server):
    """Settings in a folder, with a free port."""
    return Settings(
        data_dir=str(folder),
        limits=LimitSettings(cores=4, memory_bytes=1 << 30, shutdown_grace_s=0.5),
        server=ServerSettings(**{"listen": "127.0.0.1:0"} | server),
    )


@asynccontextmanager
async def service_in(folder, **state):
    """An open workspace with what belongs to serving it, and with a target that echoes."""
    chosen = settings(folder)
    workspace = Workspace.open(chosen)

    @workspace.target("acme.echo")
    async def echo(task):
        await task.write_output(await task.read_input())

    async with workspace:
        yield Service(workspace, chosen, signer_in(Keys(folder).folder), State(**state))


@asynccontextmanager
async def client_of(app: web.Application):
    """A client of an application that listens on loopback."""
    async with TestServer(app, host="127.0.0.1") as server, TestClient(server) as client:
        yield client


@asynccontextmanager
async def client_in(folder, **state):
    """A client of all edges over a workspace in a folder."""
    async with service_in(folder, **state) as service, client_of(application(service, Keys(folder))) as client:
        yield client
