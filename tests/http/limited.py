"""A daemon with bounds of its own, and a client that asks it for what is just allowed and for a little more."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from io import BytesIO

import aiohttp
from msgspec.structs import replace
from yarl import URL

from kyanite.config import QuotaSettings
from kyanite.http.daemon import serving
from tests.http.places import WORKSPACE, settings

JOBS, BLOBS = "/v1/jobs", "/v1/blobs"


class Asker:
    """A client of a daemon, under a key or none, in a workspace of its choice or in the first."""

    def __init__(self, running, http, key=None, workspace=None):
        self.running, self.http = running, http
        self.headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.headers |= {} if workspace is None else {"Kyanite-Workspace": workspace}

    def beside(self, workspace=None, key=None):
        """Another client of the same daemon."""
        return Asker(self.running, self.http, key, workspace)

    def request(self, method, path, *, headers=(), **options):
        """A request, to be entered."""
        if "json" in options:
            options["data"] = json.dumps(options.pop("json")).encode()
        if isinstance(options.get("data"), bytes):
            options["data"] = BytesIO(options["data"])
        url = path if "://" in path else f"{self.running.address}{path}"
        return self.http.request(method, URL(url, encoded=True), headers=self.headers | dict(headers), **options)

    async def ask(self, method, path, **options):
        """Status, headers and content of an answer."""
        async with self.request(method, path, **options) as answer:
            content = await (answer.json(content_type=None) if "json" in answer.content_type else answer.text())
            return answer.status, answer.headers, content

    async def status(self, method, path, **options):
        return (await self.ask(method, path, **options))[0]

    async def link(self, container):
        """A link to a container that allows all, without its query, and that."""
        told = await self.ask("POST", f"{WORKSPACE}/storage/sasUri", json={"containerName": container})
        return told[2]["sasUri"].split("?")

    async def refused(self, status, code, method, path, **options):
        """Check that a request is refused in this way, and said when to come back if that helps; return the problem."""
        found, headers, problem = await self.ask(method, path, **options)
        assert (found, code in str(problem)) == (status, True), problem
        assert ("Retry-After" in headers) is (status in {429, 503})
        if path.startswith("/v1"):
            assert headers["Content-Type"].startswith("application/problem+json")
            assert (problem["status"], problem["code"]) == (status, code)
        return problem


@asynccontextmanager
async def limited(folder, quota=None, **server):
    """A daemon whose jobs wait until they are cancelled, and a client of it."""
    chosen = settings(folder, **server)
    limits = replace(chosen.limits, shutdown_grace_s=0.01)  # what holds its place goes on holding it
    chosen = replace(chosen, limits=limits, quota=QuotaSettings(**(quota or {})))
    connector = aiohttp.TCPConnector(limit=0)
    async with serving(chosen) as running, aiohttp.ClientSession(connector=connector) as http:

        @running.service.workspace.target("acme.holds", slots=1)
        async def holds(task):
            await task.wait_cancel_requested()

        yield Asker(running, http)


def job(**fields):
    """The body of a submit."""
    return {"target": "acme.holds", "input": 1, **fields}


async def until(condition, what):
    """Return once an awaited condition holds; ask again and again, but not for ever."""
    deadline = time.monotonic() + 20
    while not await condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)
