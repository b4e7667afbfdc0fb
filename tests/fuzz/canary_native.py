# ruff: noqa: T201  # what it prints is searched
"""A daemon that asks for keys, and all that its native API tells of itself, of jobs that hold secrets and of refusals.

What the daemon makes itself, keys and that of its door, is written to a file beside what is searched.
"""

import json

import aiohttp

from kyanite import KyaniteError, Workspace
from kyanite.client import endpoint_of
from kyanite.config import resolve
from kyanite.http.daemon import serving
from kyanite.http.door import FILE
from kyanite.http.scopes import Scope
from tests.fuzz.canary_requests import targets

MADE_NATIVELY = "made-natively.json"
KEY = "x-ms-quantum-api-key"
TARGETS = ("canary.echo", "canary.fail", "canary.fault", "canary.late")
PAGES = (
    *("/v1", "/v1/openapi.json", "/v1/docs", "/v1/settings", "/v1/doctor", "/v1/check?blobs=true", "/v1/keys"),
    *("/v1/usage", "/v1/targets", "/v1/jobs", "/v1/counts?by=status", "/v1/sessions", "/metrics"),
    *("/v1/events?after=0&follow=false", "/v1/targets/canary.echo"),
)
OF_A_JOB = ("", "/story", "/events", "/attachments", "/input", "/output")


def unknown_keys(canary):
    """Requests with keys that open nothing: method, path, body, headers."""
    token, key = {"Authorization": f"Bearer {canary['header_token']}"}, {KEY: canary["header_key"]}
    for path in ("/v1", "/v1/jobs", "/v1/events", "/v1/keys", "/v1/nothing", "/metrics"):
        yield from (("GET", path, None, headers) for headers in (token, key, {**key, "Cookie": canary["header_key"]}))
    yield "POST", "/v1/jobs", {"target": "canary.echo", "input": 1}, token


def odd_requests(canary):
    """Requests in which a secret stands where it is refused: method, path, body, headers."""
    for url in targets(canary):
        for named in ("canary.echo", "canary.nothing"):
            yield "POST", "/v1/jobs", {"target": named, "input_data_uri": url}, {}
    yield "POST", "/v1/jobs", {"target": "canary.echo", "password": canary["foreign_password"]}, {}
    yield "GET", f"/v1/jobs?sig={canary['forged_signature']}&api-key={canary['header_key']}", None, {}
    yield "GET", f"/v1/jobs?cursor={canary['forged_signature']}", None, {}
    yield "GET", f"/v1/blobs/c/nothing?sig={canary['forged_signature']}", None, {}
    yield "PUT", f"/v1/blobs/c/n?sv=1&sig={canary['forged_signature']}", [1], {}


async def served_natively(folder, canary):
    """Ask for everything and print what is answered."""
    flags = {"server.listen": "127.0.0.1:0", "server.keys_required": True}
    settings = resolve(folder / "kyanite.toml", flags=flags).settings
    data_dir = folder / "seen" / "native"
    async with serving(settings, data_dir=data_dir) as running:
        door = (data_dir / FILE).read_text()
        assert not [place for place, secret in canary.items() if secret in door]
        _, text = running.keys.create("operator", Scope.OPERATE)
        made = [json.loads(door)["key"], text.rpartition("_")[2]]
        async with aiohttp.ClientSession(running.address, headers={KEY: text}) as client:
            for target in TARGETS:
                await job(client, target)
            for path in PAGES:
                print(path, await fetched(client, path))
            async with client.post("/v1/keys", json={"name": "another", "scope": "admin"}) as answer:
                document = await answer.json()
            made.append(document.pop("key").rpartition("_")[2])
            print(document, await fetched(client, "/v1/keys"))
            await refusals(client, odd_requests(canary))
        async with aiohttp.ClientSession(running.address) as stranger:
            await refusals(stranger, unknown_keys(canary))
        await connected(running.address, text, canary)
    (folder / MADE_NATIVELY).write_text(json.dumps(made))


async def job(client, target):
    """Submit a job, cancel it if it waits for that, and print all that there is of it."""
    body = {"target": target, "input": {"a": 1}, "job_id": target}
    headers = {"Prefer": "wait=20"} if target != "canary.late" else {}
    async with client.post("/v1/jobs", json=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        print(answer.headers, await answer.json())
    if target == "canary.late":
        async with client.post(f"/v1/jobs/{target}/cancel", json={"reason": "no need"}) as answer:
            print(answer.status, await answer.json())
    for part in OF_A_JOB:
        async with client.get(f"/v1/jobs/{target}{part}") as answer:
            print(answer.status, answer.headers, await answer.text())


async def fetched(client, path):
    """The headers and the body of a page."""
    async with client.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return answer.headers, await answer.text()


async def refusals(client, requests):
    """Print what is answered to those who may not, or ask for what there can not be."""
    for method, path, body, headers in requests:
        async with client.request(method, path, json=body, headers=headers) as answer:
            assert answer.status >= 400, (method, path)
            assert answer.content_type == "application/problem+json" or not path.startswith("/v1")
            print(answer.status, answer.headers, await answer.text())


async def connected(address, key, canary):
    """Look through the client at what it shows of its key, and of those that open nothing."""
    async with Workspace.connect(address, api_key=key) as workspace:
        print(repr(workspace), workspace.targets(), [repr(job) async for job in workspace.list_jobs()])
    for wrong in (canary["client_key"], None):  # without one, that in the environment
        try:
            async with Workspace.connect(address, api_key=wrong):
                pass
        except KyaniteError as error:
            print(repr(error))
    password = canary["endpoint_password"]
    for url in (
        f"http://me:{password}@127.0.0.1:1",
        f"http://me:{password}@host:99999",
        f"http://me:{password}/x@host",
        f"http://me: {password}@host",
        f"http://host?sig={password}",
    ):
        try:
            print(endpoint_of(url))
        except KyaniteError as error:
            print(repr(error))
