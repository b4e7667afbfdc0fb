"""A workspace behind the Azure edge, on a loopback port, and clients of both generations in miniature."""

from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace

from kyanite.core.events import Submitted
from kyanite.http import azure
from kyanite.http.application import BODY_BYTES_MAX, answered
from kyanite.http.gateway import Signer
from kyanite.http.scopes import Scope
from kyanite.http.service import ACCESS, SERVICE, WORKSPACE, Service, State
from kyanite.ports import Write
from kyanite.testing.stores import a_job
from tests.runtime.places import in_memory

NEW = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Quantum/workspaces/w"
OLD = f"/v1.0{NEW}"
ANNEALING = "microsoft.simulatedannealing.cpu"


@asynccontextmanager
async def serving(workspace, scope=Scope.ADMIN, state=None):
    """Serve an open workspace to a client that may do this much."""
    service = Service(workspace, workspace.settings, Signer(b"secret" * 8), state or State())

    @web.middleware
    async def admit(request, handler):
        request[ACCESS] = scope
        request[WORKSPACE] = workspace
        return await handler(request)

    app = web.Application(middlewares=[answered, admit], client_max_size=BODY_BYTES_MAX)
    app[SERVICE] = service
    azure.add_routes(app, service)
    async with TestClient(TestServer(app)) as client:
        yield client


def offering(**options):
    """A workspace in memory with targets of several providers; those of acme fail, or hold until they are cancelled."""
    workspace = in_memory(**options)

    async def echo(task):
        await task.write_output(await task.read_input())

    for target in (ANNEALING, "microsoft.tabu-parameterfree.cpu", "ionq.simulator", "1qbit.tabu", "acme.echo"):
        workspace.target(target)(echo)

    @workspace.target("acme.fails")
    async def fails(task):
        raise RuntimeError("broken")

    @workspace.target("acme.holds")
    async def holds(task):
        await task.wait_cancel_requested()

    return workspace


async def uploaded(workspace, client, job_id, content=b"{}", container=None):
    """Store a job's input as the gateway does, and return its address as the clients send it."""
    container = container or f"job-{job_id}"
    await workspace.blobs.put(f"{workspace.name}/{container}/inputData", content)
    return f"http://{client.host}:{client.port}/{container}/{container}/inputData"


async def submitted(workspace, client, job_id, path=NEW, **fields):
    """Upload and submit a job as the clients do; return the status code and the answer."""
    url = await uploaded(workspace, client, job_id)
    body = {"name": f"job {job_id}", "target": "acme.echo", "inputDataUri": url, **fields}
    async with client.put(f"{path}/jobs/{job_id}", json=body) as response:
        return response.status, await response.json()


async def asked(client, method, path, **options):
    """Return status code and JSON of an answer; `None` where it has no body."""
    async with client.request(method, path, **options) as response:
        return response.status, await response.json() if await response.read() else None


async def pages(client, path, **parameters):
    """Follow a listing to its end as the clients do; return its items, page by page."""
    found = []
    status, document = await asked(client, "GET", path, params=parameters)
    while True:
        assert status == 200, document
        found.append(document["value"])
        link = document["nextLink"]
        if not link:
            return found
        address = f"http://{client.host}:{client.port}"
        assert link.startswith(address)
        assert "{" not in link
        status, document = await asked(client, "GET", link.removeprefix(address))


async def ids(client, path, **parameters):
    return [item["id"] for page in await pages(client, path, **parameters) for item in page]


def a_row(number, **fields):
    """A job as a store has it, whatever became of it."""
    job = a_job(number, version=1)
    target = fields.get("target", job.target)
    return replace(job, provider_id=target.partition(".")[0], **fields)


async def with_rows(store, rows):
    """Put jobs into a store that is not open."""
    await store.open()
    await store.commit([Write(row, 0, (Submitted(details=row),)) for row in rows])
    await store.aclose()
    return store
